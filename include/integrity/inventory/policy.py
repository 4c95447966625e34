"""What an importance class calls for, and which limits hold for a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from integrity.findings import Rule, Severity
from integrity.inventory import manual
from integrity.inventory.problems import Problem, from_validation, misconfigured, not_yaml
from integrity.inventory.yaml_files import read_yaml
from integrity.thresholds import Limit, Share, Thresholds, shown_share

ANY = "any"
"""Stands for every kind of rule that is not named beside it."""

NO_ROW = Limit(count=0)


def _known_kind(value: str) -> str:
    if value not in manual.kinds():
        raise ValueError(f"'{value}' is no kind of rule; the kinds are {', '.join(manual.kinds())}")
    return value


def _known_kind_or_any(value: str) -> str:
    return value if value == ANY else _known_kind(value)


Kind = Annotated[str, AfterValidator(_known_kind)]
KindOrAny = Annotated[str, AfterValidator(_known_kind_or_any)]


class _Strict(BaseModel):
    """Unknown keys are refused: a misspelt key must not silently switch a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerDays(_Strict):
    """Days in which an owner answers an issue, by its impact."""

    high: int = Field(ge=0)
    medium: int = Field(ge=0)
    low: int = Field(ge=0)

    def __getitem__(self, impact: str) -> int:
        return int(getattr(self, impact))


class Profiling(_Strict):
    """Whether accepted submissions are held against their own history, and what comes of what stands out."""

    enabled: bool
    severity: Literal["block", "warn", "note"]


class ToldWhere(_Strict):
    """Who is told of an issue, by its impact."""

    high: Literal["channel", "owner"]
    medium: Literal["channel", "owner", "nobody"]
    low: Literal["channel", "owner", "nobody"]

    def __getitem__(self, impact: str) -> str:
        return str(getattr(self, impact))


class Escalation(_Strict):
    """Working days after an answer was due upon which the owner is reminded, and deputy and sponsor are asked."""

    owner: int = Field(ge=1)
    deputy: int = Field(ge=1)
    sponsor: int = Field(ge=1)

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if not self.owner < self.deputy < self.sponsor:
            raise ValueError("escalation climbs: owner before deputy before sponsor")
        return self


class RulePolicy(_Strict):
    """What is said of one rule by its name."""

    severity: Severity | None = None
    thresholds: Thresholds | None = None


class Policy(_Strict):
    """What holds for a dependency: its class's entry in ``policy.yml``, whose head explains each, and its departures.

    Attributes:
        departed: By the rule's name, what the dependency's departures say of it; never in ``policy.yml``.
    """

    required_kinds: tuple[Kind, ...]
    requires: tuple[Literal["readme", "examples"], ...]
    severities: dict[KindOrAny, Severity]
    thresholds: dict[Literal["block", "quarantine", "warn"], dict[KindOrAny, Thresholds]]
    rules: dict[str, RulePolicy]
    quarantine_share: Share
    missing_supplier: Literal["block", "warn"]
    coverage_wanted: Annotated[Share | None, BeforeValidator(lambda value: None if value == "none" else value)]
    answer_days: AnswerDays
    told: ToldWhere
    escalation: Escalation
    profiling: Profiling
    waived_by: Literal["owner", "owner and sponsor"]
    wait_hours: int = Field(ge=0)
    controls_assessed_every_months: int = Field(ge=1)
    departed: dict[str, RulePolicy] = {}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if ANY not in self.severities:
            raise ValueError(f"severities: say what holds for '{ANY}' kind of rule")
        for severity, kinds in self.thresholds.items():
            for kind, thresholds in kinds.items():
                if why := thresholds.unfit_for(severity):
                    raise ValueError(f"thresholds.{severity}.{kind}: {why}")
        return self

    def settled(self, rule: Rule, *, states_severity: bool = True, is_engines: bool = False) -> Rule:
        """A rule as this dependency has it: severity and thresholds with what class and departures say of it.

        Args:
            states_severity: Whether its author gave it a severity; without, the class has one for its kind.
            is_engines: Whether it is a rule that every schema has; of such the class may speak by name.

        Raises:
            ValueError: It cannot have such thresholds.
        """
        severity = rule.severity if states_severity else self.severities.get(rule.kind, self.severities[ANY])
        thresholds = rule.thresholds
        by_class = self.rules.get(rule.name) if is_engines else None
        if by_class:
            severity = by_class.severity or severity
            thresholds = thresholds or by_class.thresholds
        departed = self.departed.get(rule.name)
        if departed and departed.severity:
            severity = departed.severity
        for stated in (thresholds, departed.thresholds if departed else None):
            if stated and (why := stated.unfit_for(severity)):
                raise ValueError(f"rule '{rule.name}': {why}")
        return replace(rule, severity=severity, thresholds=thresholds)

    def bounds(self, rule: Rule) -> Bounds:
        """The limits that hold for a rule, with who states each.

        A departure's limit stands in place of all others. Without one, the class's limit and the rule's own both
        hold for blocking: a rule may be stricter than its class by itself, and laxer only by a departure.
        """
        kinds = {} if rule.severity == "note" else self.thresholds.get(rule.severity, {})
        of_class = kinds.get(rule.kind) or kinds.get(ANY) or Thresholds()
        own, departed = rule.thresholds or Thresholds(), Thresholds()
        if said := self.departed.get(rule.name):
            departed = said.thresholds or departed
        warn = next(
            (
                Stated(stated.warn, by)
                for stated, by in ((departed, "departure"), (own, "rule"), (of_class, "class"))
                if stated.warn
            ),
            None,
        )
        if departed.block:
            return Bounds(warn, (Stated(departed.block, "departure"),), None)
        block = [Stated(of_class.block, "class")] if of_class.block else []
        block += [Stated(own.block, "rule")] if own.block else []
        if rule.severity == "block" and not of_class.block:
            block.append(Stated(NO_ROW, "class"))
        return Bounds(warn, tuple(block), self.quarantine_share if rule.severity == "quarantine" else None)


@dataclass(frozen=True)
class Stated:
    """A limit, and whether ``class``, ``rule`` or ``departure`` states it."""

    limit: Limit
    by: str

    def __str__(self) -> str:
        return f"{self.limit} ({self.by})"

    def to_json(self) -> dict[str, Any]:
        return {**self.limit.model_dump(mode="json"), "by": self.by}


@dataclass(frozen=True)
class Bounds:
    """The limits that hold for one rule.

    Attributes:
        warn: Failing rows within it are taken for granted; None where any is told.
        block: Failing rows beyond any of these fail the submission; empty where none ever does.
        quarantine_share: The share of all rows of a submission beyond which it fails; None where the rule does not
            set rows aside, or a departure says otherwise.
    """

    warn: Stated | None
    block: tuple[Stated, ...]
    quarantine_share: Share | None

    @property
    def blocks(self) -> str:
        """When it fails a submission, in words; '' where it never does."""
        told = [str(stated) for stated in self.block]
        if self.quarantine_share is not None:
            share = (
                f"more than {shown_share(self.quarantine_share)} of all rows" if self.quarantine_share else "any row"
            )
            told.append(share)
        return "; ".join(told)

    @property
    def warns(self) -> str:
        """When it says anything at all, in words."""
        return str(self.warn) if self.warn else "any row"

    def to_json(self) -> dict[str, Any]:
        return {
            "warn": self.warn.to_json() if self.warn else None,
            "block": [stated.to_json() for stated in self.block],
            "quarantine_share": None if self.quarantine_share is None else float(self.quarantine_share),
        }


def read_policies(path: Path) -> tuple[dict[str, Policy], list[Problem]]:
    """The policy of every class, and every mistake in the file; the classes that can be read are given all the same."""
    try:
        file = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return {}, [not_yaml(path.name, error)]
    except OSError as error:
        return {}, [Problem(path.name, 1, f"it cannot be read: {error.strerror}", "Write it, or give the right to.")]
    policies: dict[str, Policy] = {}
    problems: list[Problem] = []
    for importance in manual.classes():
        if not isinstance(file.says, dict) or importance not in file.says:
            problems.append(Problem(path.name, 1, f"class '{importance}' is missing", "Say what it calls for."))
            continue
        try:
            policies[importance] = Policy.model_validate(file.says[importance])
        except ValidationError as error:
            problems += [from_validation(path.name, file, dict(e), (importance,)) for e in error.errors()]
        else:
            if policies[importance].departed:
                what = f"class '{importance}' has 'departed'"
                problems.append(Problem(path.name, 1, what, "Only a dependency departs: write it in its folder."))
    return policies, problems


def load_policy(path: Path, importance: str) -> Policy:
    """The policy of a class.

    Raises:
        Misconfigured: The file has mistakes; the text names each with its line and mend.
    """
    policies, problems = read_policies(path)
    if problems or importance not in policies:
        unknown = Problem(path.name, 1, f"there is no class '{importance}'", "Use one of the manual's classes.")
        raise misconfigured(problems or [unknown])
    return policies[importance]
