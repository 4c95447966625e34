"""What gates said of a file or a period, from a check or from the register, and what of it is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from integrity.findings import Finding
from integrity.gates import rules
from integrity.pipeline.checking import Checked
from integrity.verdicts import Verdict, worst
from integrity.warehouse.models import FindingRow, Judgement

GATES = ("receipt", "structure", "layout", "coverage", "profiling", "relations")
"""In the order in which they are asked; gates that come after them are told under their own names."""

_LAYOUT = {rule.name for rule in (*rules.DRIFT_RULES, rules.COLUMNS_PRESENT, rules.COLUMNS_KNOWN)}


@dataclass(frozen=True)
class Seen:
    """A finding that is no pass.

    Attributes:
        gate: Which gate it is of; those rules of the structure gate that hold a file against its layout are apart.
        is_note: It is told, and is nobody's issue.
    """

    gate: str
    rule: str
    kind: str
    verdict: str
    failed: int
    column: str | None = None
    supplier: str | None = None
    rows: tuple[int, ...] = ()
    is_note: bool = False

    @property
    def subject(self) -> tuple[str, str | None, str | None]:
        return self.rule, self.column, self.supplier

    @property
    def blocks(self) -> bool:
        return Verdict(self.verdict).blocks


def seen_by_check(checked: Checked) -> list[Seen]:
    """What ``check`` said of a file."""
    about_files = [("structure", f) for file in checked.files for f in file.judged.result.failures]
    about_period = [("coverage", f) for result in checked.coverage for f in result.failures]
    return [_of_finding(gate, finding) for gate, finding in [*about_files, *about_period]]


def seen_in_register(
    session: Session, dependency: str, periods: Iterable[date], submissions: Sequence[int]
) -> list[Seen]:
    """What the register holds of submissions, and of these periods as a whole."""
    subjects: list[ColumnElement[bool]] = [Judgement.period.in_(list(periods)) & Judgement.submission_id.is_(None)]
    subjects += [Judgement.submission_id.in_(submissions)] if submissions else []
    query = (
        select(Judgement.gate, FindingRow)
        .join(FindingRow, FindingRow.judgement_id == Judgement.id)
        .where(Judgement.dependency == dependency, or_(*subjects), FindingRow.verdict != str(Verdict.PASS))
        .order_by(FindingRow.id)
    )
    return [_of_row(gate, row) for gate, row in session.execute(query).all()]


def _of_finding(gate: str, finding: Finding) -> Seen:
    rule = finding.rule
    return Seen(
        gate=_gate(gate, rule.name),
        rule=rule.name,
        kind=rule.kind,
        verdict=str(finding.verdict),
        failed=finding.failed,
        column=finding.column,
        supplier=finding.supplier,
        rows=finding.rows,
        is_note=rule.severity == "note",
    )


def _of_row(gate: str, row: FindingRow) -> Seen:
    return Seen(
        gate=_gate(gate, row.rule),
        rule=row.rule,
        kind=row.kind,
        verdict=row.verdict,
        failed=row.failed,
        column=row.column,
        supplier=row.supplier,
        rows=tuple(row.rows),
        is_note=row.severity == "note",
    )


def _gate(gate: str, rule: str) -> str:
    if rule == rules.IDENTIFIED.name:
        return "receipt"
    return "layout" if gate == "structure" and rule in _LAYOUT else gate


def new_in(now: Iterable[Seen], before: Iterable[Seen]) -> list[Seen]:
    """What is said now and was not said before: other rules, other columns, more rows, or a worse verdict."""
    known: dict[tuple[str, str | None, str | None], Seen] = {}
    for seen in before:
        known[seen.subject] = max(known.get(seen.subject, seen), seen, key=lambda each: each.failed)
    return sorted((seen for seen in now if _is_new(seen, known.get(seen.subject))), key=_order)


def _is_new(seen: Seen, known: Seen | None) -> bool:
    if known is None or seen.failed > known.failed:
        return True
    return worst([seen.verdict, known.verdict]) != known.verdict


def _order(seen: Seen) -> tuple[bool, int, int, str, str]:
    gate = GATES.index(seen.gate) if seen.gate in GATES else len(GATES)
    badness = -[*Verdict].index(Verdict(seen.verdict))
    return seen.is_note, gate, badness, seen.rule, seen.column or ""
