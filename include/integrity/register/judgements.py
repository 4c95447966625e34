"""Storing what a gate said; one row a gate and subject, so that judging again replaces and never adds."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from integrity.findings import Finding, GateResult
from integrity.register import audit
from integrity.warehouse.models import FindingRow, Judgement


def save_judgement(
    session: Session,
    result: GateResult,
    *,
    dependency: str,
    period: date,
    run: str,
    subject: str,
    submission: int | None = None,
    landing: int | None = None,
    rows: int | None = None,
    accepted: int | None = None,
    quarantined: int | None = None,
    units: frozenset[str] | None = None,
    shape: dict[str, Any] | None = None,
    blanks: dict[str, int] | None = None,
) -> None:
    """Store a gate's verdict and findings, replacing its earlier answer on the same subject.

    Args:
        subject: Hash of what was judged, so that it can be seen when the answer no longer fits.
        units: Reporting units that the submission names; of those that are in no list, what tells them apart.
        shape: What its file looked like, for the supplier's next one to be held against.
        blanks: Blank cells by column.
    """
    drop_judgement(session, dependency, period, result.gate, submission)
    judgement = Judgement(
        dependency=dependency,
        period=period,
        gate=result.gate,
        submission_id=submission,
        landing_id=landing,
        verdict=str(result.verdict),
        rows=rows,
        accepted=accepted,
        quarantined=quarantined,
        units=sorted(units) if units is not None else None,
        shape=shape,
        blanks=blanks,
        subject=subject,
        run=run,
        judged_at=datetime.now(UTC),
    )
    session.add(judgement)
    session.flush()
    if result.findings:
        session.execute(insert(FindingRow), [_row(judgement.id, finding) for finding in result.findings])
    audit.note(
        session,
        f"judged {result.gate}",
        dependency=dependency,
        period=period,
        submission=submission,
        verdict=str(result.verdict),
        failed={f.rule.name: f.failed for f in result.failures},
        run=run,
        subject=subject,
    )


def _row(judgement: int, finding: Finding) -> dict[str, Any]:
    rule = finding.rule
    return {
        "judgement_id": judgement,
        "rule": rule.name,
        "kind": rule.kind,
        "dimension": rule.dimension,
        "limitations": list(rule.limitations),
        "severity": rule.severity,
        "supplier": finding.supplier,
        "column": finding.column,
        "verdict": str(finding.verdict),
        "evaluated": finding.evaluated,
        "failed": finding.failed,
        "rows": list(finding.rows),
        "message": finding.message,
        "mend": rule.mend,
        "not_judged": finding.not_judged,
        "weight": finding.weight,
    }


def drop_judgement(session: Session, dependency: str, period: date, gate: str, submission: int | None = None) -> None:
    """Forget a gate's answer that no longer fits what came since; the audit trail keeps it."""
    session.execute(
        delete(Judgement).where(
            Judgement.dependency == dependency,
            Judgement.period == period,
            Judgement.gate == gate,
            Judgement.submission_id.is_(None) if submission is None else Judgement.submission_id == submission,
        )
    )


def judgement_of(
    session: Session, dependency: str, period: date, gate: str, submission: int | None = None
) -> Judgement | None:
    """The latest answer of a gate, if it has one."""
    return session.scalar(
        select(Judgement).where(
            Judgement.dependency == dependency,
            Judgement.period == period,
            Judgement.gate == gate,
            Judgement.submission_id.is_(None) if submission is None else Judgement.submission_id == submission,
        )
    )


def structure_judgements(session: Session, dependency: str, period: date) -> dict[int, Judgement]:
    """The structure gate's latest answers on a period's submissions, by submission."""
    query = select(Judgement).where(
        Judgement.dependency == dependency, Judgement.period == period, Judgement.gate == "structure"
    )
    return {judgement.submission_id: judgement for judgement in session.scalars(query) if judgement.submission_id}


def findings_of(session: Session, judgements: list[Judgement]) -> list[FindingRow]:
    """All outcomes of these judgements, in the order in which they were judged."""
    ids = [judgement.id for judgement in judgements]
    return list(session.scalars(select(FindingRow).where(FindingRow.judgement_id.in_(ids)).order_by(FindingRow.id)))


def subject_hash(*parts: object) -> str:
    """Hash of what a judgement rests on."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
