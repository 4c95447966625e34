"""Rules that what was released so far speaks for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import polars as pl
from psycopg import sql
from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.gates.profiling.hashing import Key
from integrity.gates.profiling.measuring import profile_of
from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.suggesting import Suggestion, suggest
from integrity.gates.schema import Schema
from integrity.pipeline.office import Office
from integrity.submissions.reading import ROW
from integrity.warehouse.connection import transaction
from integrity.warehouse.landing import raw
from integrity.warehouse.models import Release

_BATCH_ROWS = 50_000


def suggest_rules(office: Office, since: date | None = None, supplier: str | None = None) -> list[Suggestion]:
    """Propose rules from the profiles of what is released now.

    Args:
        since: First period that is looked at.
        supplier: Only this one's; sums are compared from one submission to the next, so that they need it.
    """
    with transaction(office.engine) as session:
        profiles = list(_profiles(session, office, since, supplier))
    found = suggest(profiles, office.schema)
    return [replace(each, how=each.how.replace("<dependency>", office.name)) for each in found]


def _profiles(
    session: Session, office: Office, since: date | None, supplier: str | None
) -> Iterator[tuple[date, Profile]]:
    query = select(Release).where(Release.dependency == office.name, Release.superseded_at.is_(None))
    if since:
        query = query.where(Release.period >= since)
    if supplier:
        query = query.where(Release.supplier == supplier)
    columns = {column.name: column.dtype for column in office.schema.columns.values()}
    # Hashes are compared with each other only here, so that their key need not outlast this call.
    key = Key(secrets.token_bytes(16))
    for release in session.scalars(query.order_by(Release.period, Release.supplier)).all():
        rows = _rows(session, office.name, office.schema, release.landing_id)
        yield release.period, profile_of(rows, columns, key=key, identifying=office.registered.dependency.key)


def _rows(session: Session, name: str, schema: Schema, landing: int) -> Iterator[pl.DataFrame]:
    """Typed rows of a landing: ``_row``, then the dictionary's columns."""
    wanted = {ROW: pl.Int64(), **{column.name: column.dtype for column in schema.columns.values()}}
    statement = sql.SQL("SELECT {} FROM {} WHERE _landing = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, wanted)), sql.Identifier("landing", name)
    )
    cursor = raw(session)
    cursor.execute(statement, (landing,))
    while rows := cursor.fetchmany(_BATCH_ROWS):
        yield pl.DataFrame(rows, schema=wanted, orient="row")
