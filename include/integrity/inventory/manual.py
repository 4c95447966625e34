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


def classes() -> list[str]:
    """The importance classes, highest first; what scores nought everywhere is in none."""
    return [str(name) for score, name in sorted(_load("importance")["classes"].items(), reverse=True) if score > 0]


def questions() -> dict[str, str]:
    """Id and name of each question of the impact questionnaire."""
    return {str(question["id"]): str(question["name"]) for question in _load("importance")["questions"]}


def scores() -> dict[int, str]:
    """What each score of the impact questionnaire means."""
    return {int(score): str(word) for score, word in _load("importance")["scores"].items()}


def reassess_every_months() -> int:
    """How long an assessment of importance holds."""
    return _months(_load("importance")["reassess"]["every"])


def controls() -> list[dict[str, Any]]:
    """The controls of a dependency, in order: id, group, name, and the initials of the classes that need it."""
    return list(_load("controls")["dependency"])


def controls_assessed_every_months(importance: str) -> int:
    """How long an assessment of a dependency's controls (phase 4) holds at most, by its class."""
    return _months(str(_load("controls")["assessment"][importance[0].upper()]).removeprefix("every "))


_NUMBERS = {"": 1, "a": 1, "one": 1, "two": 2, "three": 3}


def _months(words: str) -> int:
    """Months of an interval as the manual writes it: ``1 year``, ``two years``, ``year``."""
    *number, unit = words.split()
    count = "".join(number)
    return (int(count) if count.isdigit() else _NUMBERS[count]) * {"year": 12, "month": 1}[unit.removesuffix("s")]
