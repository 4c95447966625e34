"""Keeping an assessment: on record as evidence; what it found wanting is an issue until a later one meets it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.assessment.catalogue import CORRUPTIONS
from integrity.assessment.holdings import EXAMPLES
from integrity.assessment.results import Assessment
from integrity.errors import Rejected
from integrity.inventory.calendars import months_after
from integrity.pipeline.office import Office
from integrity.pipeline.recording import refresh_standing
from integrity.register.assessments import keep_assessment, latest_assessment
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import AssessmentRow, Release

_MONTHS_AHEAD = 1
"""So long before an assessment ends to hold the next is due, so that one that fails leaves time to try again."""


def keep(office: Office, assessment: Assessment, run: str, channels: Channels) -> AssessmentRow:
    """Put an assessment on record and bring the issue about it in line; the owner hears of one that is new or closed.

    Raises:
        Rejected: Only some kinds of error were planted, or none in a real submission: that is evidence of nothing.
    """
    if assessment.origin == EXAMPLES:
        raise Rejected(f"Only an assessment of real submissions is kept, and this was made of {EXAMPLES}.")
    planted = {trial.corruption for trial in assessment.trials}
    if missing := {corruption.name for corruption in CORRUPTIONS} - planted:
        raise Rejected(f"Only an assessment with every kind of error is kept; {len(missing)} kinds were left out.")
    with transaction(office.engine) as session:
        kept = keep_assessment(session, assessment.to_json(), run)
        refresh_standing(session, office, run)
    deliver(office.engine, channels)
    return kept


def has_released(office: Office) -> bool:
    """Whether there is a real submission, let pass by the gates, in which errors could be planted."""
    with transaction(office.engine) as session:
        query = select(Release.id).where(Release.dependency == office.name, Release.superseded_at.is_(None))
        return session.scalar(query.limit(1)) is not None


def is_due(office: Office, now: datetime | None = None) -> bool:
    """Whether the last assessment on record holds for less than another month."""
    today = office.registered.dependency.reporting.today(now or datetime.now(UTC))
    with transaction(office.engine) as session:
        last = latest_assessment(session, office.name)
        if last is None:
            return True
        assessed_on = office.registered.dependency.reporting.today(last.assessed_at)
    months = max(office.policy.controls_assessed_every_months - _MONTHS_AHEAD, 0)
    return today > months_after(assessed_on, months)
