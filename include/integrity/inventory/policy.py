"""What an importance class calls for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrity.errors import Misconfigured


class Policy(BaseModel):
    """Defaults of one class; see the head of ``policy.yml`` for meaning and units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantine_share: float = Field(ge=0, le=1)
    missing_supplier: Literal["block", "warn"]
    answer_days: dict[str, int]


def load_policy(path: Path, importance: str) -> Policy:
    """The policy of a class.

    Raises:
        Misconfigured: The file is unreadable or lacks the class.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))[importance])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
        raise Misconfigured(f"{path.name}: class '{importance}' cannot be read: {error}") from error
