"""Releasing: a row that points at a landing. The rows themselves never move."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.register import audit
from integrity.verdicts import Verdict
from integrity.warehouse.models import Landing, Release


def current_releases(session: Session, dependency: str, period: date) -> dict[str, Release]:
    """The release in force of each supplier for a period."""
    query = select(Release).where(
        Release.dependency == dependency, Release.period == period, Release.superseded_at.is_(None)
    )
    return {release.supplier: release for release in session.scalars(query)}


def release_landings(
    session: Session, landings: dict[str, int], *, dependency: str, period: date, verdict: Verdict, run: str
) -> list[str]:
    """Make these landings the published ones of their suppliers and period.

    What is in force already stays as it is, so that a repeat changes nothing.

    Returns:
        Suppliers whose release changed.
    """
    current = current_releases(session, dependency, period)
    changed = []
    now = datetime.now(UTC)
    for supplier, landing_id in landings.items():
        old = current.get(supplier)
        if old and old.landing_id == landing_id:
            continue
        landing = session.get_one(Landing, landing_id)
        if old:
            old.superseded_at = now
            audit.note(session, "superseded", dependency=dependency, period=period, submission=old.submission_id)
            session.flush()
        session.add(
            Release(
                dependency=dependency,
                supplier=supplier,
                period=period,
                submission_id=landing.submission_id,
                landing_id=landing_id,
                verdict=str(verdict),
                rows=landing.accepted,
                quarantined=landing.quarantined,
                run=run,
                released_at=now,
            )
        )
        audit.note(
            session,
            "released",
            dependency=dependency,
            period=period,
            submission=landing.submission_id,
            verdict=str(verdict),
            rows=landing.accepted,
            quarantined=landing.quarantined,
            run=run,
        )
        changed.append(supplier)
    return changed
