"""How a dependency departs from its class: in writing, one setting at a time, each with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrity.inventory.policy import Kind, Policy, RulePolicy
from integrity.thresholds import Thresholds


class Departure(BaseModel):
    """Where a dependency does not keep to its class, and why.

    Attributes:
        setting: An entry of ``policy.yml``; or ``severity`` or ``thresholds`` of one rule.
        rule: The rule that it is about.
        kind: The kind of rule that the class requires and the dependency has none of.
        to: What holds instead; ``none`` where a kind of rule is not required.
        reason: For the owner, the sponsor and whoever assesses the controls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: str
    rule: str | None = None
    kind: Kind | None = None
    to: Any
    reason: str = Field(min_length=20)

    @property
    def about(self) -> str:
        """The setting with what it is about, such as ``thresholds of row_once``."""
        subject = self.rule or self.kind
        return f"{self.setting} of {subject}" if subject else self.setting


@dataclass(frozen=True)
class Departed:
    """A departure as people read it: what holds, instead of what, and why."""

    about: str
    to: str
    instead_of: str
    reason: str

    def __str__(self) -> str:
        return f"{self.about}: {self.to} instead of {self.instead_of}, because: {self.reason}"

    def to_json(self) -> dict[str, str]:
        return {"about": self.about, "to": self.to, "instead_of": self.instead_of, "reason": self.reason}


_OF_A_RULE = ("severity", "thresholds")
_CLOSED = {"departed", "rules", "severities", *_OF_A_RULE}
"""Entries of a policy from which a dependency does not depart as a whole."""


def depart(policy: Policy, departure: Departure) -> tuple[Policy, Departed]:
    """A policy with one departure applied, and the departure in words.

    Raises:
        ValueError: There is no such setting, it cannot have this value, or nothing would change.
    """
    if departure.setting in _OF_A_RULE:
        return _depart_of_rule(policy, departure)
    if departure.setting == "required_kinds":
        return _depart_from_kind(policy, departure)
    settings = [name for name in Policy.model_fields if name not in _CLOSED]
    if departure.setting not in settings:
        known = ", ".join([*_OF_A_RULE, *settings])
        raise ValueError(f"'{departure.setting}' is no setting; the settings are {known}")
    if departure.rule or departure.kind:
        raise ValueError(f"'{departure.setting}' holds for the dependency as a whole, not for a rule or a kind of rule")
    changed = _revised(policy, {departure.setting: departure.to})
    now, before = (getattr(each, departure.setting) for each in (changed, policy))
    if now == before:
        raise ValueError(f"this is what holds anyway: {_in_words(before)}")
    return changed, Departed(departure.about, _in_words(now), _in_words(before), departure.reason)


def _depart_from_kind(policy: Policy, departure: Departure) -> tuple[Policy, Departed]:
    if departure.kind is None or departure.to not in (None, "none"):
        raise ValueError("'required_kinds' names the kind of rule that is not needed, and says to: none")
    if departure.kind not in policy.required_kinds:
        raise ValueError(f"no rule of kind '{departure.kind}' is required anyway")
    left = [kind for kind in policy.required_kinds if kind != departure.kind]
    told = Departed(departure.about, "none", "at least one rule", departure.reason)
    return _revised(policy, {"required_kinds": left}), told


def _depart_of_rule(policy: Policy, departure: Departure) -> tuple[Policy, Departed]:
    if departure.rule is None or departure.kind is not None:
        raise ValueError(f"'{departure.setting}' names the rule that it is about")
    said = policy.departed.get(departure.rule, RulePolicy())
    if getattr(said, departure.setting) is not None:
        raise ValueError(f"{departure.about} stands twice in the departures")
    now = {"severity": said.severity, "thresholds": said.thresholds, departure.setting: departure.to}
    changed = _revised(policy, {"departed": {**policy.departed, departure.rule: now}})
    to = getattr(changed.departed[departure.rule], departure.setting)
    if to is None:
        raise ValueError(f"{departure.about} needs a value")
    return changed, Departed(departure.about, _in_words(to), "what rule and class say", departure.reason)


def _revised(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """A policy with other values, which are validated as if they stood in ``policy.yml``."""
    try:
        return Policy.model_validate({name: getattr(policy, name) for name in Policy.model_fields} | dict(changes))
    except ValidationError as error:
        raise ValueError(_first(error)) from error


def _first(error: ValidationError) -> str:
    details = error.errors()[0]
    where = ".".join(str(part) for part in details["loc"][1:])
    return (f"{where}: " if where else "") + details["msg"].removeprefix("Value error, ")


def _in_words(value: Any) -> str:
    if isinstance(value, Thresholds):
        said = [f"{name} at {limit}" for name in ("warn", "block") if (limit := getattr(value, name))]
        return ", ".join(said) or "none"
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json"))
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if value is None:
        return "none"
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)
