"""Who and what came for a period, as the coverage gate asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import sql
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integrity.gates.coverage import not_missed_yet, population
from integrity.gates.units import Units
from integrity.inventory.dependency import Registered
from integrity.pipeline.office import Office
from integrity.register.judgements import structure_judgements, subject_hash
from integrity.register.receipts import latest_submissions
from integrity.warehouse.landing import ensure_tables, raw
from integrity.warehouse.models import Release, Submission

_PERIODS_WEIGHED = 7
"""Periods before, of what a unit usually brings."""


@dataclass(frozen=True)
class Responses:
    """What came for a period; its fields are arguments of the coverage gate, which explains them."""

    units: Units
    received: Mapping[str, datetime]
    usual_weights: Mapping[str, float] | None
    rows_of_units: Mapping[str, Mapping[str, int]] | None


def responses(session: Session, office: Office, period: date) -> Responses:
    """What the register and the warehouse know of a period's submissions."""
    latest = latest_submissions(session, office.name, period)
    judgements = structure_judgements(session, office.name, period)
    judged = {supplier: judgements.get(submission.id) for supplier, submission in latest.items()}
    units = {
        supplier: frozenset(judgement.units) if judgement and judgement.units is not None else None
        for supplier, judgement in judged.items()
    }
    landings = {supplier: j.landing_id for supplier, j in judged.items() if j and j.landing_id is not None}
    return Responses(
        units,
        first_received(session, office.name, period),
        _usual_weights(session, office, period, units),
        _rows_of_units(session, office, landings),
    )


def coverage_subject(session: Session, office: Office, period: date, moment: datetime) -> str:
    """Hash of what the coverage of a period rests on: the rules, what came, and whom it is too early to miss."""
    latest = latest_submissions(session, office.name, period)
    awaited = sorted(
        supplier for supplier in _awaited_suppliers(office.registered, period, moment) if supplier not in latest
    )
    return subject_hash(office.fingerprint, sorted(s.id for s in latest.values()), *([awaited] if awaited else []))


def _awaited_suppliers(registered: Registered, period: date, moment: datetime) -> list[str]:
    """Suppliers whose submission for a period is not missing at this moment, whether or not it has come."""
    declared = registered.dependency
    expected = [supplier for supplier in declared.suppliers if supplier.reports_for(period)]
    return [s.code for s in expected if not_missed_yet(declared.reporting, s, period, moment)]


def first_received(session: Session, dependency: str, period: date) -> dict[str, datetime]:
    """When each supplier's first submission for a period came."""
    query = (
        select(Submission.supplier, func.min(Submission.received_at))
        .where(Submission.dependency == dependency, Submission.period == period)
        .group_by(Submission.supplier)
    )
    return {supplier: received for supplier, received in session.execute(query).all()}


def _usual_weights(session: Session, office: Office, period: date, units: Units) -> dict[str, float] | None:
    """Rows that each unit had in the last periods before; asked only where one is missing and no list has weights."""
    stated = office.registered.dependency.population
    if stated is None or stated.weight_column:
        return None
    came = frozenset().union(*(named for named in units.values() if named))
    if came >= population(office.registered).keys():
        return None
    before = select(Release.period).where(
        Release.dependency == office.name, Release.period < period, Release.superseded_at.is_(None)
    )
    periods = before.distinct().order_by(Release.period.desc()).limit(_PERIODS_WEIGHED)
    landings = select(Release.landing_id).where(
        Release.dependency == office.name, Release.superseded_at.is_(None), Release.period.in_(periods)
    )
    counted = _counts(session, office, stated.column, list(session.scalars(landings)))
    weights: dict[str, float] = {}
    for _, unit, count in counted:
        weights[unit] = weights.get(unit, 0) + count
    return weights


def _rows_of_units(session: Session, office: Office, landings: Mapping[str, int]) -> dict[str, dict[str, int]] | None:
    """By supplier, rows of each unit, those set aside among them; asked only where a unit may have one."""
    stated = office.registered.dependency.population
    if stated is None or stated.rows != "one":
        return None
    suppliers = {landing: supplier for supplier, landing in landings.items()}
    found: dict[str, dict[str, int]] = {supplier: {} for supplier in landings}
    set_aside = raw(session).execute(
        "SELECT _landing, record ->> %s, count(*) FROM landing.quarantined "
        "WHERE _landing = ANY(%s) AND record ->> %s IS NOT NULL GROUP BY 1, 2",
        (stated.column, list(suppliers), stated.column),
    )
    for landing, unit, count in [*_counts(session, office, stated.column, list(suppliers)), *set_aside.fetchall()]:
        rows = found[suppliers[landing]]
        rows[unit] = rows.get(unit, 0) + count
    return found


def _counts(session: Session, office: Office, column: str, landings: list[int]) -> list[tuple[int, str, int]]:
    """Accepted rows by landing and unit."""
    if not landings:
        return []
    ensure_tables(session, office.tables)
    query = sql.SQL(
        "SELECT _landing, {unit}, count(*) FROM {table} WHERE _landing = ANY(%s) AND {unit} IS NOT NULL GROUP BY 1, 2"
    ).format(unit=sql.Identifier(column), table=sql.Identifier("landing", office.name))
    return [(int(landing), str(unit), int(count)) for landing, unit, count in raw(session).execute(query, (landings,))]
