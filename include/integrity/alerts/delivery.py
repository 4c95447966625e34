"""Delivering the outbox: in order per issue, once each as the reader sees it, and never at the cost of a verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, Select, func, or_, select, text
from sqlalchemy.orm import Session

from integrity.alerts.channels import Channel
from integrity.errors import Undeliverable
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Issue, OutboxMessage

log = logging.getLogger("integrity.alerts")

_LONGEST = timedelta(hours=1)
_KEY = "hashtextextended('outbox/' || CAST(:issue AS text), 0)"


def deliver(engine: Engine, channel: Channel, *, limit: int = 200, moment: datetime | None = None) -> int:
    """Hand over what waits; what a channel does not take stays, with the reason, for a later delivery.

    That it is tried is on record before it is: who finds a message that was tried, and not delivered, has it looked up.

    Args:
        moment: By which it is told whose time has come; by default now.

    Returns:
        Messages handed over.
    """
    delivered = 0
    stuck: set[int] = set()
    for _ in range(limit):
        now = moment or datetime.now(UTC)
        with transaction(engine) as session:
            issue = session.scalar(_waiting(now).where(OutboxMessage.issue_id.not_in(stuck)).limit(1))
        if issue is None:
            break
        with _holding(engine, issue) as is_ours:
            try:
                if is_ours and _deliver_first(engine, channel, issue, now):
                    delivered += 1
                else:
                    stuck.add(issue)
            except Undeliverable as error:
                stuck.add(issue)
                if error.retry_after:
                    break  # Whoever asks for peace asks for it from all of us.
    return delivered


def _waiting(now: datetime) -> Select[int]:
    """Issues of which the first message that waits is to be tried, the longest waiting first."""
    first = (
        select(OutboxMessage.issue_id, func.min(OutboxMessage.id).label("id"))
        .where(OutboxMessage.delivered_at.is_(None))
        .group_by(OutboxMessage.issue_id)
        .subquery()
    )
    is_due = or_(OutboxMessage.next_try_at.is_(None), OutboxMessage.next_try_at <= now)
    query = select(OutboxMessage.issue_id).join(first, first.c.id == OutboxMessage.id)
    return query.where(is_due).order_by(OutboxMessage.id)


@contextmanager
def _holding(engine: Engine, issue: int) -> Iterator[bool]:
    """Whether this process alone delivers an issue's messages meanwhile; it ends with this process at the latest."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_ours = bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_KEY})"), {"issue": issue}))
        try:
            yield is_ours
        finally:
            if is_ours:
                connection.execute(text(f"SELECT pg_advisory_unlock({_KEY})"), {"issue": issue})


def _deliver_first(engine: Engine, channel: Channel, issue: int, now: datetime) -> bool:
    """Hand over the first message that waits of an issue; false where another process has done it meanwhile.

    Raises:
        Undeliverable: It was not taken, which is on record with when it is tried again.
    """
    with transaction(engine) as session:
        message = _first(session, issue)
        if message is None:
            return False
        was_tried = message.attempts > 0
        message.attempts += 1
        told = session.get_one(Issue, issue)
        number, kind, content, attempts = message.id, message.kind, message.content, message.attempts
        reference, thread = told.reference, told.slack_thread
    try:
        sent = channel.send(kind, content, thread, key=f"{reference}/{number}", was_tried=was_tried)
    except Undeliverable as error:
        with transaction(engine) as session:
            message = session.get_one(OutboxMessage, number)
            message.last_error = str(error)
            message.next_try_at = now + max(_pause(attempts), timedelta(seconds=error.retry_after))
        log.warning("alert for %s not delivered, kept for later: %s", reference, error)
        raise
    with transaction(engine) as session:
        message = session.get_one(OutboxMessage, number)
        message.delivered_at, message.last_error, message.next_try_at = datetime.now(UTC), None, None
        told = session.get_one(Issue, issue, with_for_update=True)
        told.slack_thread = told.slack_thread or sent
    return True


def _first(session: Session, issue: int) -> OutboxMessage | None:
    waiting = select(OutboxMessage).where(OutboxMessage.issue_id == issue, OutboxMessage.delivered_at.is_(None))
    return session.scalar(waiting.order_by(OutboxMessage.id).limit(1).with_for_update())


def _pause(attempts: int) -> timedelta:
    """None after the first time, then twice as long each time: 1, 2, 4 minutes and at most an hour."""
    return min(timedelta(minutes=2 ** min(attempts - 2, 10)), _LONGEST) if attempts > 1 else timedelta()
