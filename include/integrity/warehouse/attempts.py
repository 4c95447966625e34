"""Attempts at a large landing, whose rows are written before anything is recorded about them.

Rows of an attempt that was never registered are nobody's: no landing has their id, so nothing shows them. They are
swept by the next attempt of the same dependency, and only they can be deleted at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from integrity.errors import Transient
from integrity.warehouse.connection import transaction

_GIVEN_UP = "The landing was given up while it was written, since nobody seemed to be at it any more."
_KEY = "hashtextextended('landing/' || CAST(:submission AS text), 0)"


@contextmanager
def holding_submission(engine: Engine, submission: int) -> Iterator[None]:
    """Hold the right to land a submission, waiting for whoever has it; it ends with this process at the latest."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({_KEY})"), {"submission": submission})
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({_KEY})"), {"submission": submission})


def begin_attempt(session: Session, dependency: str, submission: int) -> int:
    """Reserve a landing's id for a submission that this process holds."""
    reserved = text("SELECT nextval(pg_get_serial_sequence('register.landing', 'id'))")
    landing = int(session.execute(reserved).scalar_one())
    session.execute(
        text(
            "INSERT INTO register.landing_attempt (id, dependency, submission_id, started_at, abandoned) "
            "VALUES (:id, :dependency, :submission, now(), false)"
        ),
        {"id": landing, "dependency": dependency, "submission": submission},
    )
    return landing


def join_attempt(session: Session, landing: int) -> None:
    """Have an attempt outlast this transaction: it can neither be registered nor swept before its end.

    Raises:
        Transient: It was given up meanwhile.
    """
    query = text("SELECT id FROM register.landing_attempt WHERE id = :id AND NOT abandoned FOR SHARE")
    if session.execute(query, {"id": landing}).scalar() is None:
        raise Transient(_GIVEN_UP)


def withdraw_rows(session: Session, dependency: str, landing: int, numbers: Sequence[int]) -> None:
    """Delete some of the accepted rows of an attempt that is still this process's.

    Args:
        numbers: Their physical row numbers.

    Raises:
        Transient: It was given up meanwhile.
    """
    mark = text("UPDATE register.landing_attempt SET abandoned = :to WHERE id = :id AND abandoned <> :to RETURNING id")
    # The database lets nobody delete rows but those of an attempt that was given up; nobody sees that this one was.
    if session.execute(mark, {"id": landing, "to": True}).scalar() is None:
        raise Transient(_GIVEN_UP)
    statement = sql.SQL("DELETE FROM {} WHERE _landing = {} AND _row = ANY({})").format(
        sql.Identifier("landing", dependency), sql.Literal(landing), sql.Literal(list(numbers))
    )
    session.connection().exec_driver_sql(statement.as_string())
    session.execute(mark, {"id": landing, "to": False})


def register_attempt(session: Session, landing: int, *, fingerprint: str, accepted: int, quarantined: int) -> None:
    """Make an attempt the landing of its submission.

    Raises:
        Transient: It was given up meanwhile, and its rows may be gone.
    """
    ended = text("DELETE FROM register.landing_attempt WHERE id = :id AND NOT abandoned RETURNING submission_id")
    submission = session.execute(ended, {"id": landing}).scalar()
    if submission is None:
        raise Transient(_GIVEN_UP)
    session.execute(
        text(
            "INSERT INTO register.landing (id, submission_id, fingerprint, accepted, quarantined, landed_at) "
            "OVERRIDING SYSTEM VALUE VALUES (:id, :submission, :fingerprint, :accepted, :quarantined, now())"
        ),
        {
            "id": landing,
            "submission": submission,
            "fingerprint": fingerprint,
            "accepted": accepted,
            "quarantined": quarantined,
        },
    )


def end_attempt(session: Session, landing: int) -> None:
    """Forget an attempt of this process, of which nothing is left to be swept."""
    session.execute(text("DELETE FROM register.landing_attempt WHERE id = :id"), {"id": landing})


def sweep_attempts(engine: Engine, dependency: str) -> None:
    """Delete what the attempts of processes that are no more have left of a dependency's rows."""
    query = text("SELECT id, submission_id FROM register.landing_attempt WHERE dependency = :dependency")
    with transaction(engine) as session:
        attempts = session.execute(query, {"dependency": dependency}).all()
    for landing, submission in attempts:
        with transaction(engine) as session:
            free = text(f"SELECT pg_try_advisory_xact_lock({_KEY})")
            if session.execute(free, {"submission": submission}).scalar_one():
                _sweep(session, dependency, landing)


def _sweep(session: Session, dependency: str, landing: int) -> None:
    # Waits for a COPY of the dead process that the server has not noticed yet; then nobody can join or register it.
    session.execute(text("UPDATE register.landing_attempt SET abandoned = true WHERE id = :id"), {"id": landing})
    for table in (dependency, "quarantined"):
        statement = sql.SQL("DELETE FROM {} WHERE _landing = {}").format(
            sql.Identifier("landing", table), sql.Literal(landing)
        )
        session.connection().exec_driver_sql(statement.as_string())
    end_attempt(session, landing)
