"""The data integrity manual's vocabulary, as the product loads it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).resolve().parents[1] / "manual"


@cache
def _load(name: str) -> Any:
    return yaml.safe_load((_FOLDER / f"{name}.yml").read_text(encoding="utf-8"))


def kinds() -> dict[str, str]:
    """The nine kinds of validation rule, with their meaning."""
    return dict(_load("validity_rules")["kinds"])


def dimensions() -> dict[str, str]:
    """The five dimensions of integrity, with their meaning."""
    return dict(_load("dimensions")["dimensions"])


def limitations() -> dict[str, str]:
    """Code and meaning of each way in which data loses integrity."""
    return {
        code: entry["is"] for group in _load("limitations")["limitations"].values() for code, entry in group.items()
    }


def importance_of(scores: dict[str, int]) -> str:
    """The class that the impact questionnaire's scores give: the highest score decides."""
    return str(_load("importance")["classes"][max(scores.values())])


def questions() -> list[str]:
    """Ids of the impact questionnaire's questions."""
    return [str(question["id"]) for question in _load("importance")["questions"]]
