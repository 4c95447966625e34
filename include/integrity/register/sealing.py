"""The chain over the audit trail: each seal's hash holds the one before it, so that nothing is changed or cut unseen.

Events are written with what they tell of, by many at once, and sealed shortly after, by one at a time. A seal is the
hash of the seal before it and of all that its event says; what is published of the last one holds the whole chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from integrity.errors import Misconfigured
from integrity.warehouse.connection import transaction
from integrity.warehouse.landing import raw

LOCK = 7_143_502
"""Advisory lock that whoever writes an event shares, and that whoever seals holds alone: then no event is half written
whose number is lower than that of one which is sealed."""

_FIRST = bytes(32)
_BATCH = 5_000
_SHOWN = 20
_SAYS = """jsonb_build_array(e.id, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.actor, e.event,
    e.dependency, e.period, e.submission_id, e.issue_id, e.details)::text"""
"""All that an event says, in one way of writing it."""

_FAULTS = f"""
    WITH chain AS (
        SELECT s.position, s.event_id, s.hash, e.id IS NULL AS is_gone, {_SAYS} AS says,
            lag(s.hash, 1, decode(repeat('00', 32), 'hex')) OVER places AS hash_before,
            lag(s.position, 1, 0::bigint) OVER places AS position_before,
            lag(s.event_id, 1, 0::bigint) OVER places AS event_before
        FROM register.audit_seal s LEFT JOIN register.audit_event e ON e.id = s.event_id
        WINDOW places AS (ORDER BY s.position)
    ),
    judged AS (
        SELECT position, event_id, CASE
            WHEN position <> position_before + 1 THEN 'seals are missing before it'
            WHEN is_gone THEN 'its event is gone'
            WHEN event_id <= event_before THEN 'its event stands in another place'
            WHEN hash <> sha256(hash_before || convert_to(says, 'UTF8')) THEN 'it or its event was changed'
        END AS what
        FROM chain
    )
    SELECT position, event_id, what FROM judged WHERE what IS NOT NULL ORDER BY position LIMIT {_SHOWN}"""  # noqa: S608
_UNSEALED = f"""
    SELECT e.id FROM register.audit_event e
    WHERE e.id < (SELECT max(event_id) FROM register.audit_seal)
        AND NOT EXISTS (SELECT 1 FROM register.audit_seal s WHERE s.event_id = e.id)
    ORDER BY e.id LIMIT {_SHOWN}"""  # noqa: S608


@dataclass(frozen=True)
class Head:
    """The last seal of the chain at some moment; whoever keeps it can tell whether the chain still holds it.

    Attributes:
        position: How many events are sealed.
    """

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position} {self.hash}"


@dataclass(frozen=True)
class Fault:
    """A place at which the trail is not what it was when it was sealed."""

    position: int | None
    event: int | None
    what: str

    def __str__(self) -> str:
        place = f"seal {self.position}" if self.position is not None else "the trail"
        return f"{place}{f', event {self.event}' if self.event is not None else ''}: {self.what}"


@dataclass(frozen=True)
class Verified:
    """What came of looking at the whole chain.

    Attributes:
        faults: The first of them.
        waiting: Events that were written since the last seal.
        heads: Published heads that it was held against.
    """

    head: Head | None
    faults: tuple[Fault, ...]
    waiting: int
    heads: int

    @property
    def is_whole(self) -> bool:
        return not self.faults


def seal(engine: Engine) -> Head | None:
    """Seal the events that were written since; where somebody is just writing one, the next call does.

    Returns:
        The last seal; None where there is none.
    """
    while True:
        with transaction(engine) as session:
            free: bool = session.execute(text(f"SELECT pg_try_advisory_xact_lock({LOCK})")).scalar_one()
            head, event = _last(session)
            if not free or not _seal_batch(session, head, event):
                return head


def _last(session: Session) -> tuple[Head | None, int]:
    query = text("SELECT position, hash, event_id FROM register.audit_seal ORDER BY position DESC LIMIT 1")
    found = session.execute(query).one_or_none()
    return (Head(found.position, found.hash.hex()), found.event_id) if found else (None, 0)


def _seal_batch(session: Session, head: Head | None, event: int) -> bool:
    query = f"SELECT e.id, {_SAYS} FROM register.audit_event e WHERE e.id > %s ORDER BY e.id LIMIT %s"  # noqa: S608
    rows = raw(session).execute(query, (event, _BATCH)).fetchall()
    before, position = (bytes.fromhex(head.hash), head.position) if head else (_FIRST, 0)
    with raw(session).copy("COPY register.audit_seal (position, event_id, hash) FROM STDIN") as copy:
        for number, says in rows:
            position, before = position + 1, hashlib.sha256(before + says.encode()).digest()
            copy.write_row((position, number, before))
    return bool(rows)


def verify(engine: Engine, heads: Iterable[Head] = ()) -> Verified:
    """Look at the whole chain, and whether it holds what was published of it."""
    with transaction(engine) as session:
        head, event = _last(session)
        rows = raw(session).execute(_FAULTS).fetchall()
        faults = [Fault(position, number, what) for position, number, what in rows]
        faults += [Fault(None, number, "it was written behind the seals") for number in _numbers(session, _UNSEALED)]
        waiting = text("SELECT count(*) FROM register.audit_event WHERE id > :event")
        published = list(heads)
        faults += _not_held(session, published)
        return Verified(
            head, tuple(faults[:_SHOWN]), session.execute(waiting, {"event": event}).scalar_one(), len(published)
        )


def has_releases(engine: Engine) -> bool:
    """Whether anything was released, with which a head is published."""
    with transaction(engine) as session:
        return bool(session.scalar(text("SELECT EXISTS (SELECT 1 FROM register.release)")))


def _numbers(session: Session, query: str) -> list[int]:
    return list(session.execute(text(query)).scalars())


def _not_held(session: Session, heads: list[Head]) -> Iterator[Fault]:
    known: dict[int, Any] = {}
    if heads:
        query = text("SELECT position, hash FROM register.audit_seal WHERE position = ANY(:positions)")
        rows = session.execute(query, {"positions": [head.position for head in heads]}).all()
        known = {row.position: row.hash.hex() for row in rows}
    for head in heads:
        if head.position not in known:
            yield Fault(head.position, None, "it was published, and is gone: the trail was cut off")
        elif known[head.position] != head.hash:
            yield Fault(head.position, None, "another one was published: the trail was written anew")


def publish(path: Path, head: Head, of: str) -> None:
    """Note a head outside the database, so that the last events cannot be cut off unseen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {head} {of}\n")


def published(path: Path) -> list[Head]:
    """Every head that was noted there.

    Raises:
        Misconfigured: A line is none; the text says which.
    """
    heads = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        parts = line.split(maxsplit=3)
        if len(parts) < 3 or not parts[1].isdecimal() or len(parts[2]) != 64:
            what = "this is no head of the audit trail"
            raise Misconfigured(f"{path}:{number}: {what}. Take the line out, and ask who wrote it.")
        heads.append(Head(int(parts[1]), parts[2]))
    return heads
