"""What people assessed: how important the data is, and whether the controls over it work."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Assessment(_Strict):
    """Answers to every question of the impact questionnaire; the highest score gives the importance class."""

    assessed_on: date
    assessed_by: str = Field(min_length=1)
    scores: dict[str, Annotated[int, Field(ge=0, le=3)]] = Field(min_length=1)


class ControlsAssessed(_Strict):
    """The last assessment of whether the controls work, by somebody other than the owner (phase 4 of the manual)."""

    assessed_on: date
    assessed_by: str = Field(min_length=1)
