"""Releasing: a row that points at a landing. The rows themselves never move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.gates.units import POPULATION_COMPLETE
from integrity.register import audit
from integrity.verdicts import Verdict
from integrity.warehouse.models import FindingRow, Judgement, Landing, Release


@dataclass(frozen=True)
class Statement:
    """What a release says of itself.

    Attributes:
        landing: The rows that it publishes.
        verdict: The worst of the gates that it passed.
        waivers: References of those without which it would have been blocked.
    """

    landing: int
    verdict: Verdict
    waivers: tuple[str, ...] = ()


def current_releases(session: Session, dependency: str, period: date) -> dict[str, Release]:
    """The release in force of each supplier for a period."""
    query = select(Release).where(
        Release.dependency == dependency, Release.period == period, Release.superseded_at.is_(None)
    )
    return {release.supplier: release for release in session.scalars(query)}


def release_landings(
    session: Session, statements: Mapping[str, Statement], *, dependency: str, period: date, run: str
) -> list[str]:
    """Make these landings the published ones of their suppliers and period.

    What is in force already stays as it is, with what it said on its day, so that a repeat changes nothing.

    Args:
        statements: By supplier.

    Returns:
        Suppliers whose release changed.
    """
    current = current_releases(session, dependency, period)
    changed = []
    now = datetime.now(UTC)
    for supplier, statement in statements.items():
        old = current.get(supplier)
        if old and old.landing_id == statement.landing:
            continue
        landing = session.get_one(Landing, statement.landing)
        lacking = _lacking(session, dependency, period, landing.id)
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
                landing_id=landing.id,
                verdict=str(statement.verdict),
                rows=landing.accepted,
                quarantined=landing.quarantined,
                run=run,
                released_at=now,
                waivers=list(statement.waivers),
                **lacking,
            )
        )
        stated = lacking | ({"waivers": list(statement.waivers)} if statement.waivers else {})
        audit.note(
            session,
            "released",
            dependency=dependency,
            period=period,
            submission=landing.submission_id,
            verdict=str(statement.verdict),
            rows=landing.accepted,
            quarantined=landing.quarantined,
            run=run,
            **stated,
        )
        changed.append(supplier)
    return changed


def _lacking(session: Session, dependency: str, period: date, landing: int) -> dict[str, Any]:
    """Which reporting units and cells are lacking, as the gates counted them: unit and item non-response."""
    units = session.scalar(
        select(FindingRow)
        .join(Judgement, FindingRow.judgement_id == Judgement.id)
        .where(
            Judgement.dependency == dependency,
            Judgement.period == period,
            Judgement.gate == "coverage",
            FindingRow.rule == POPULATION_COMPLETE.name,
            FindingRow.not_judged == "",
        )
    )
    blanks = session.scalar(select(Judgement.blanks).where(Judgement.landing_id == landing))
    return {
        "units_expected": units.evaluated if units else None,
        "units_missing": units.failed if units else None,
        "weight_missing": units.weight if units else None,
        "blanks": {column: count for column, count in blanks.items() if count} if blanks is not None else None,
    }
