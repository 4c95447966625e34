"""Rules that what was released so far speaks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.suggesting import Suggestion, suggest
from integrity.inventory.dependency import qualified
from integrity.pipeline.office import Office
from integrity.pipeline.profiling import profiles_of
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Release


def suggest_rules(office: Office, since: date | None = None, supplier: str | None = None) -> list[Suggestion]:
    """Propose rules from the profiles of what is released now.

    Args:
        since: First period that is looked at.
        supplier: Only this one's; sums are compared from one submission to the next, so that they need it.
    """
    with transaction(office.engine) as session:
        profiles = list(_profiles(session, office, since, supplier))
    found = [
        replace(each, column=qualified(table.name, each.column) or "")
        for table in office.tables
        for each in suggest([(period, profile.of(table.name)) for period, profile in profiles], table.schema)
    ]
    return [replace(each, how=each.how.replace("<dependency>", office.name)) for each in found]


def _profiles(
    session: Session, office: Office, since: date | None, supplier: str | None
) -> Iterator[tuple[date, Profile]]:
    query = select(Release).where(Release.dependency == office.name, Release.superseded_at.is_(None))
    if since:
        query = query.where(Release.period >= since)
    if supplier:
        query = query.where(Release.supplier == supplier)
    releases = session.scalars(query.order_by(Release.period, Release.supplier)).all()
    for release in releases:
        yield release.period, profiles_of(session, office, [release.landing_id])[release.landing_id]
