"""Stored counts under the rules as they now stand: what was said then, and what would be said now.

Nothing is run and nothing is stored: a verdict is a function of counts, which the register has, and of severities and
thresholds, which the dependency has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from integrity.findings import Rule, Severity
from integrity.gates.coverage import SUPPLIER_REPORTED
from integrity.gates.profiling.judging import GATE as PROFILING
from integrity.gates.rules import verdict_of
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict, worst
from integrity.warehouse.models import FindingRow, Judgement, Submission


@dataclass(frozen=True)
class Rejudged:
    """One stored outcome of a rule, with its verdict then and now."""

    rule: str
    column: str | None
    supplier: str | None
    failed: int
    evaluated: int
    then: Verdict
    now: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "column": self.column,
            "supplier": self.supplier,
            "failed": self.failed,
            "evaluated": self.evaluated,
            "then": str(self.then),
            "now": str(self.now),
        }


@dataclass(frozen=True)
class RejudgedGate:
    """One gate's stored answer, on a submission (structure) or a period.

    Attributes:
        revision: Of the submission; None where the answer is about the period.
        outcomes: Of every rule that was asked.
    """

    period: date
    gate: str
    supplier: str | None
    revision: int | None
    then: Verdict
    now: Verdict
    outcomes: tuple[Rejudged, ...]

    @property
    def has_changed(self) -> bool:
        return self.then != self.now or any(outcome.then != outcome.now for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        return {
            "period": self.period.isoformat(),
            "gate": self.gate,
            "supplier": self.supplier,
            "revision": self.revision,
            "then": str(self.then),
            "now": str(self.now),
            "rules": [outcome.to_json() for outcome in self.outcomes],
        }


def rejudge(
    session: Session,
    dependency: str,
    rule_of: Callable[[str, str | None], Rule | None],
    policy: Policy,
    since: date | None = None,
) -> list[RejudgedGate]:
    """Every stored answer of a dependency's gates under the present policy, by period.

    Args:
        rule_of: The dependency's rule as it now stands, by name and column; None where it is gone, and then what was
            stored with its outcome counts.
        since: The first period to look at.
    """
    query = (
        select(FindingRow, Judgement, Submission)
        .join(Judgement, FindingRow.judgement_id == Judgement.id)
        .outerjoin(Submission, Judgement.submission_id == Submission.id)
        .where(Judgement.dependency == dependency)
        .options(defer(FindingRow.rows), defer(Judgement.units), defer(Judgement.shape))
        .order_by(Judgement.period, Judgement.id, FindingRow.id)
    )
    if since is not None:
        query = query.where(Judgement.period >= since)
    told = []
    for _, group in groupby(session.execute(query).all(), key=lambda found: found[1].id):
        found = list(group)
        _, judgement, submission = found[0]
        told.append(_gate(judgement, submission, [row for row, _, _ in found], rule_of, policy))
    return told


def _gate(
    judgement: Judgement,
    submission: Submission | None,
    rows: list[FindingRow],
    rule_of: Callable[[str, str | None], Rule | None],
    policy: Policy,
) -> RejudgedGate:
    nobody_sent = sum(row.failed for row in rows if row.rule == SUPPLIER_REPORTED.name) >= max(
        (row.evaluated for row in rows if row.rule == SUPPLIER_REPORTED.name), default=0
    )
    outcomes = []
    for row in rows:
        stated = rule_of(row.rule, row.column) or _as_stored(row)
        if row.rule == SUPPLIER_REPORTED.name:
            # Where nobody at all has sent there is nothing to release, whatever the class.
            stated = replace(stated, severity="block" if nobody_sent else policy.missing_supplier)
        outcomes.append(_outcome(row, judgement, submission, stated, policy))
    return RejudgedGate(
        period=judgement.period,
        gate=judgement.gate,
        supplier=submission.supplier if submission else None,
        revision=submission.revision if submission else None,
        then=worst([judgement.verdict]),
        now=_worst_of(judgement, rows, outcomes),
        outcomes=tuple(outcomes),
    )


def _outcome(
    row: FindingRow, judgement: Judgement, submission: Submission | None, stated: Rule, policy: Policy
) -> Rejudged:
    then = worst([row.verdict])
    now = then
    # What could not be evaluated has no counts, and what was not asked has none either: no threshold changes that.
    if then is Verdict.ERROR or row.not_judged:
        pass
    elif judgement.gate == PROFILING:
        # Its counts tell how far something departs from history, and are no failing rows.
        told = Verdict.FAIL if stated.severity == "block" else Verdict.WARN
        now = then if then is Verdict.PASS else told
    else:
        rows = judgement.rows if judgement.rows is not None else row.evaluated
        now = verdict_of(stated, failed=row.failed, evaluated=row.evaluated, rows=rows, policy=policy)
    supplier = row.supplier or (submission.supplier if submission else None)
    return Rejudged(row.rule, row.column, supplier, row.failed, row.evaluated, then, now)


def _worst_of(judgement: Judgement, rows: Iterable[FindingRow], outcomes: Iterable[Rejudged]) -> Verdict:
    judged = [outcome.now for row, outcome in zip(rows, outcomes, strict=True) if not row.not_judged]
    # A gate may pass on record with nothing that could be asked (the first period has no day before).
    return worst(judged) if judged else worst([judgement.verdict])


def _as_stored(row: FindingRow) -> Rule:
    return Rule(
        name=row.rule,
        kind=row.kind,
        dimension=row.dimension,
        limitations=tuple(row.limitations),
        severity=cast(Severity, row.severity),
        message=row.message,
        mend=row.mend,
    )
