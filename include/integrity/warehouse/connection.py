"""The way to the warehouse, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from integrity.errors import Misconfigured, Transient
from integrity.settings import Settings

OLDEST_SERVER = 14


def database_url(settings: Settings) -> str:
    """The warehouse's address; starts the embedded server if that is what the settings mean."""
    if settings.database_url:
        return settings.database_url
    from integrity.warehouse import embedded

    return embedded.url(embedded.start(settings.home), embedded.WAREHOUSE)


@cache
def open_engine(settings: Settings) -> Engine:
    """A pool of connections to the warehouse, one for each process.

    Raises:
        Transient: The server cannot be reached.
        Misconfigured: It is older than PostgreSQL 14.
    """
    url = make_url(database_url(settings)).set(drivername="postgresql+psycopg")
    # What a statement carries may be a cell: neither its log nor its error says it.
    engine = create_engine(url, pool_size=2, hide_parameters=True)
    try:
        with engine.connect() as connection:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise Transient(f"The warehouse cannot be reached: {reason}. Check INTEGRITY_DATABASE_URL.") from error
    if version < OLDEST_SERVER:
        raise Misconfigured(f"The warehouse runs PostgreSQL {version}; version {OLDEST_SERVER} or later is needed.")
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction: committed as a whole at the end, or not at all."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def lock(session: Session, *subject: object) -> None:
    """Wait for and hold the lock on this subject until the transaction ends."""
    name = "/".join(str(part) for part in subject)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
