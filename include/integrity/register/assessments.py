"""Assessments on record: the evidence that a dependency's controls work, or the word that they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.register import audit
from integrity.verdicts import Verdict
from integrity.warehouse.models import AssessmentRow

_KEPT = (
    *("targets", "submissions", "total", "dimensions", "limitations", "corruptions", "false_alarms", "missed"),
    "not_yet_visible",
)


def keep_assessment(session: Session, told: Mapping[str, Any], run: str) -> AssessmentRow:
    """Put an assessment on record, and that it was made.

    Args:
        told: The assessment as one document: counts, shares, names and row numbers.
        run: Of which it is the result.
    """
    alarms = told["false_alarms"]
    row = AssessmentRow(
        dependency=told["dependency"],
        importance=told["importance"],
        verdict=told["verdict"],
        seed=told["seed"],
        per=told["per"],
        fingerprint=told["fingerprint"],
        origin=told["origin"],
        planted=told["total"]["planted"],
        caught=told["total"]["caught"],
        missed=sum(entry["times"] for entry in told["missed"]),
        controls=alarms["controls"],
        false_alarms=alarms["alarms"],
        shortfalls=list(_shortfalls(told)),
        report={name: told[name] for name in _KEPT},
        run=run,
        assessed_by=audit.actor(),
        assessed_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    audit.note(
        session,
        "controls assessed",
        dependency=row.dependency,
        reference=row.reference,
        verdict=row.verdict,
        planted=row.planted,
        caught=row.caught,
        false_alarms=row.false_alarms,
        fingerprint=row.fingerprint,
        run=run,
    )
    return row


def _shortfalls(told: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each target that is missed, and for what kept the assessment from being one."""
    targets, alarms = told["targets"], told["false_alarms"]
    wanted = targets["caught_at_least"]
    for entry in told["dimensions"]:
        if entry["holds"] is False:
            yield (
                f"Of {entry['planted']:,} planted errors against {entry['dimension']} {entry['caught']:,} were caught "
                f"({entry['share']:.1%}, and {wanted:.0%} are wanted)."
            )
    if alarms["share"] is not None and alarms["share"] >= targets["false_alarms_below"]:
        yield f"{alarms['alarms']:,} of {alarms['controls']:,} files in which nothing is wrong raised an alarm."
    if told["verdict"] == str(Verdict.ERROR):
        yield "The assessment could not be made: something broke, or too little could be planted."


def latest_assessment(session: Session, dependency: str) -> AssessmentRow | None:
    """The last one that came to a result."""
    query = select(AssessmentRow).where(
        AssessmentRow.dependency == dependency, AssessmentRow.verdict != str(Verdict.ERROR)
    )
    return session.scalar(query.order_by(AssessmentRow.id.desc()).limit(1))


def list_assessments(session: Session, dependency: str | None = None) -> list[AssessmentRow]:
    """Every assessment on record, the latest first."""
    query = select(AssessmentRow).order_by(AssessmentRow.id.desc())
    return list(session.scalars(query.where(AssessmentRow.dependency == dependency) if dependency else query))
