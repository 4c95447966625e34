"""What the register knows of a dependency's controls: that they were at work, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integrity.register.assessments import latest_assessment
from integrity.warehouse.models import AssessmentRow, AuditEvent, Issue, Judgement, Submission


@dataclass(frozen=True)
class Recorded:
    """Counts from the register.

    Attributes:
        judged, judged_at: Verdicts on record, and when the last was reached.
        archived: Submissions that are archived under their hash.
        opened, closed: Issues ever opened, and closed.
        events: Entries of the audit trail.
        assessment: The last that came to a result.
    """

    judged: int
    judged_at: datetime | None
    archived: int
    opened: int
    closed: int
    events: int
    assessment: AssessmentRow | None


def recorded_evidence(session: Session, dependency: str) -> Recorded:
    """What is on record of one dependency."""
    judged, judged_at = session.execute(
        select(func.count(Judgement.id), func.max(Judgement.judged_at)).where(Judgement.dependency == dependency)
    ).one()
    opened, closed = session.execute(
        select(func.count(Issue.id), func.count(Issue.id).filter(Issue.status == "closed")).where(
            Issue.dependency == dependency
        )
    ).one()

    def count(model: type[Submission | AuditEvent]) -> int:
        return session.scalar(select(func.count(model.id)).where(model.dependency == dependency)) or 0

    return Recorded(
        judged=judged,
        judged_at=judged_at,
        archived=count(Submission),
        opened=opened,
        closed=closed,
        events=count(AuditEvent),
        assessment=latest_assessment(session, dependency),
    )
