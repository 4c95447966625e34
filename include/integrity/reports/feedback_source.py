"""What feedback is made of: a submission, its verdict, and each rule's outcome, from the gate or from the register."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from integrity.findings import Finding, Severity
from integrity.gates.rules import READABLE
from integrity.inventory.calendars import day_in_words
from integrity.reports.received import Received
from integrity.verdicts import Verdict, worst
from integrity.warehouse.models import FindingRow


@dataclass(frozen=True, kw_only=True)
class RuleOutcome:
    """One rule's outcome on the submission, whether it comes from the gate or from the register.

    Attributes:
        column: As findings name it: ``encounters.patient`` where the submission is several tables.
    """

    rule: str
    severity: Severity
    verdict: Verdict
    evaluated: int
    failed: int
    message: str
    mend: str
    column: str | None = None
    rows: tuple[int, ...] = ()
    not_judged: str = ""

    def within(self, received: Mapping[str, Received]) -> tuple[str, RuleOutcome]:
        """The table that it is about, and the outcome with the column's own name there; '' where there is only one."""
        table, _, own = (self.column or "").partition(".")
        return (table, replace(self, column=own or None)) if table in received else ("", self)

    @property
    def is_note(self) -> bool:
        """Whether nothing hangs on it for this file."""
        return self.severity in ("warn", "note") and self.verdict is Verdict.WARN

    @classmethod
    def of(cls, finding: Finding) -> RuleOutcome:
        return cls(
            rule=finding.rule.name,
            severity=finding.rule.severity,
            verdict=finding.verdict,
            evaluated=finding.evaluated,
            failed=finding.failed,
            message=finding.message,
            mend=finding.rule.mend,
            column=finding.column,
            rows=finding.rows,
            not_judged=finding.not_judged,
        )

    @classmethod
    def left_for_later(cls, rule: str, why: str) -> RuleOutcome:
        """A rule that cannot be asked of one file alone."""
        return cls(
            rule=rule,
            severity="block",
            verdict=Verdict.PASS,
            evaluated=0,
            failed=0,
            message="",
            mend="",
            not_judged=why,
        )

    @classmethod
    def of_row(cls, row: FindingRow) -> RuleOutcome:
        return cls(
            rule=row.rule,
            severity=cast(Severity, row.severity),
            verdict=Verdict(row.verdict),
            evaluated=row.evaluated,
            failed=row.failed,
            message=row.message,
            mend=row.mend,
            column=row.column,
            rows=tuple(row.rows),
            not_judged=row.not_judged,
        )


def merged(outcomes: Iterable[RuleOutcome]) -> tuple[RuleOutcome, ...]:
    """Outcomes of a file's parts as outcomes of the whole: one for each rule and column."""
    found: dict[tuple[str, str | None], RuleOutcome] = {}
    for outcome in outcomes:
        key = (outcome.rule, outcome.column)
        known = found.get(key)
        if known is None:
            found[key] = outcome
            continue
        worse = outcome if worst([outcome.verdict, known.verdict]) is outcome.verdict else known
        found[key] = replace(
            worse,
            evaluated=known.evaluated + outcome.evaluated,
            failed=known.failed + outcome.failed,
            rows=tuple(sorted({*known.rows, *outcome.rows})),
            not_judged=known.not_judged and outcome.not_judged,
        )
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class FeedbackSource:
    """All that feedback is made of.

    Attributes:
        contact: E-mail address of the owner's desk, for questions.
        period: None where it cannot be told.
        revision: 1 for the first file of a period; 0 for a file that was only checked and not sent.
        until: Last period of a file that is for several; then ``period`` is the first.
        in_words: How a period is written for people.
        respond_by: Day until which a corrected file is awaited; None where there is no such day.
        read: Reads the file's tables again in the supplier's terms, '' being the only one; asked only if something
            failed. None where there is nothing to read: the file is refused.
    """

    dependency: str
    title: str
    supplier: str
    supplier_name: str
    contact: str
    file_name: str
    sha256: str
    period: date | None
    revision: int
    verdict: Verdict
    rows: int
    accepted: int
    quarantined: int
    outcomes: tuple[RuleOutcome, ...]
    until: date | None = None
    in_words: Callable[[date], str] = day_in_words
    respond_by: date | None = None
    read: Callable[[], Mapping[str, Received]] | None = None

    @property
    def failing(self) -> list[RuleOutcome]:
        return [outcome for outcome in self.outcomes if outcome.verdict is not Verdict.PASS]

    @property
    def is_refused(self) -> bool:
        """Whether no row of the file could be read."""
        return any(outcome.rule == READABLE.name and outcome.column is None for outcome in self.failing)

    @property
    def was_sent(self) -> bool:
        return self.revision > 0

    @property
    def period_in_words(self) -> str | None:
        named = [self.in_words(period) for period in (self.period, self.until) if period]
        return " to ".join(dict.fromkeys(named)) or None

    @property
    def stem(self) -> str:
        """Name of the pack's files, without ending."""
        if self.period is None:
            return f"unplaced.{self.sha256[:12]}"
        return f"{self.period}.r{self.revision}"
