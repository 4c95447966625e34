"""Delivering the outbox: in order, once each as the reader sees it, and never at the cost of a verdict."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Select, func, or_, select, text, update
from sqlalchemy.orm import Session

from integrity.alerts.channels import Channels
from integrity.alerts.conversations import begin_conversations
from integrity.alerts.message import Content, Message, News, links_of
from integrity.errors import Undeliverable
from integrity.register.life import open_occurrences
from integrity.register.waivers import waived_until, waivers_in_force
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Conversation, Issue, OutboxMessage, ToldIn

log = logging.getLogger("integrity.alerts")

_LONGEST = timedelta(hours=1)
_KEY = "hashtextextended('conversation/' || CAST(:conversation AS text), 0)"
_UNSAID: Content = {
    "since": None,
    "explained_by": None,
    "outcome": "",
    "downstream": [],
    "run": "",
    "waived_until": None,
    "timezone": "UTC",
}
"""What a message says that was written before there was more to say."""


def deliver(
    engine: Engine,
    channels: Channels,
    *,
    limit: int = 200,
    moment: datetime | None = None,
    ahead: timedelta = timedelta(),
) -> int:
    """Hand over what waits; what a channel does not take stays, with the reason, for a later delivery.

    All that waits in one conversation is one message. That it is tried is on record before it is: who finds a message
    that was tried, and not delivered, has it looked up.

    Args:
        limit: Most messages that are tried.
        moment: By which it is told whose time has come, and from which the next try is counted; by default now.
        ahead: What is held, or waits for its next try, for no longer than this is handed over as well.

    Returns:
        News handed over.
    """
    delivered = 0
    now = moment or datetime.now(UTC)
    due = now + ahead
    begin_conversations(engine, due)
    stuck: set[int] = set()
    left_in_peace: set[str] = set()
    for _ in range(limit):
        with transaction(engine) as session:
            waiting = _waiting(due).where(Conversation.id.not_in(stuck), Conversation.route.not_in(left_in_peace))
            conversation = session.scalar(waiting.limit(1))
        if conversation is None:
            break
        stuck.add(conversation)
        with _holding(engine, conversation) as is_ours:
            try:
                delivered += _deliver(engine, channels, conversation, now, due) if is_ours else 0
            except Undeliverable as error:
                if error.retry_after:
                    # Whoever asks for peace asks for it for all that goes the same way, and of whoever delivers next.
                    same_way = _same_way(engine, conversation)
                    left_in_peace |= same_way
                    _leave_in_peace(engine, same_way, now + timedelta(seconds=error.retry_after))
    return delivered


@dataclass(frozen=True)
class Waiting:
    """News that has not been delivered."""

    reference: str
    kind: str
    route: str
    attempts: int
    until: str
    why: str

    def to_json(self) -> dict[str, Any]:
        return vars(self) | {"until": self.until or None, "why": self.why or None}


def waiting(engine: Engine) -> list[Waiting]:
    """All news that has not been delivered, in order."""
    query = select(OutboxMessage).where(OutboxMessage.delivered_at.is_(None)).order_by(OutboxMessage.id)
    with transaction(engine) as session:
        return [
            Waiting(
                reference=each.content["reference"],
                kind=each.kind,
                route=each.route,
                attempts=each.attempts,
                until=each.next_try_at.astimezone(UTC).isoformat(timespec="minutes") if each.next_try_at else "",
                why=each.last_error or "",
            )
            for each in session.scalars(query)
        ]


def _news_of(conversation: int) -> Select[OutboxMessage]:
    """What waits in a conversation, in order."""
    return (
        select(OutboxMessage)
        .join(ToldIn, (ToldIn.issue_id == OutboxMessage.issue_id) & (ToldIn.route == OutboxMessage.route))
        .where(ToldIn.conversation_id == conversation, OutboxMessage.delivered_at.is_(None))
        .order_by(OutboxMessage.id)
    )


def _waiting(due: datetime) -> Select[int]:
    """Conversations of which the first that waits is to be tried, the longest waiting first."""
    first = (
        select(ToldIn.conversation_id, func.min(OutboxMessage.id).label("id"))
        .join(OutboxMessage, (ToldIn.issue_id == OutboxMessage.issue_id) & (ToldIn.route == OutboxMessage.route))
        .where(OutboxMessage.delivered_at.is_(None))
        .group_by(ToldIn.conversation_id)
        .subquery()
    )
    is_due = or_(OutboxMessage.next_try_at.is_(None), OutboxMessage.next_try_at <= due)
    query = select(Conversation.id).join(first, first.c.conversation_id == Conversation.id)
    return query.join(OutboxMessage, OutboxMessage.id == first.c.id).where(is_due).order_by(OutboxMessage.id)


def _same_way(engine: Engine, conversation: int) -> set[str]:
    with transaction(engine) as session:
        how = session.get_one(Conversation, conversation).route.partition(":")[0]
        routes = select(Conversation.route).where(Conversation.route.startswith(f"{how}:")).distinct()
        return set(session.scalars(routes))


def _leave_in_peace(engine: Engine, routes: set[str], until: datetime) -> None:
    """Have all that waits on these routes wait until then."""
    waits = OutboxMessage.delivered_at.is_(None) & OutboxMessage.route.in_(routes)
    is_sooner = or_(OutboxMessage.next_try_at.is_(None), OutboxMessage.next_try_at < until)
    with transaction(engine) as session:
        session.execute(update(OutboxMessage).where(waits, is_sooner).values(next_try_at=until))


@contextmanager
def _holding(engine: Engine, conversation: int) -> Iterator[bool]:
    """Whether this process alone delivers a conversation meanwhile; it ends with this process at the latest."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"conversation": conversation}
        is_ours = bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_KEY})"), key))
        try:
            yield is_ours
        finally:
            if is_ours:
                connection.execute(text(f"SELECT pg_advisory_unlock({_KEY})"), key)


def _deliver(engine: Engine, channels: Channels, conversation: int, now: datetime, due: datetime) -> int:
    """Hand over what waits in a conversation, as one message.

    Args:
        due: By which it is told whose time has come.

    Returns:
        How many news that were; 0 where another process has told them meanwhile.

    Raises:
        Undeliverable: It was not taken, which is on record with when it is tried again.
    """
    with transaction(engine) as session:
        told = _taken(session, conversation, due)
        if not told:
            return 0
        was_tried = told[0].attempts > 0
        told[0].attempts += 1
        numbers, attempts = [each.id for each in told], told[0].attempts
        talk = session.get_one(Conversation, conversation)
        links = partial(links_of, channels.airflow_url)
        news = tuple(News(each.kind, links(_UNSAID | each.content)) for each in told)
        message = Message(
            to=talk.route.partition(":")[2],
            key=f"{news[0].reference}/{numbers[0]}",
            news=news,
            standing=tuple(map(links, _standing(session, talk, now))),
            thread=talk.thread,
            was_tried=was_tried,
        )
    try:
        sent = channels.of(talk.route).send(message)
    except Undeliverable as error:
        with transaction(engine) as session:
            first = session.get_one(OutboxMessage, numbers[0])
            first.last_error = str(error)
            first.next_try_at = now + max(_pause(attempts), timedelta(seconds=error.retry_after))
        log.warning("alert for %s not delivered, kept for later: %s", message.key, error)
        raise
    with transaction(engine) as session:
        for number in numbers:
            each = session.get_one(OutboxMessage, number)
            each.delivered_at, each.last_error, each.next_try_at = datetime.now(UTC), None, None
        talk = session.get_one(Conversation, conversation, with_for_update=True)
        talk.thread = talk.thread or sent
    return len(numbers)


def _taken(session: Session, conversation: int, due: datetime) -> list[OutboxMessage]:
    """What is told in one message: the same as before where that was tried, else all whose time has come."""
    waiting = list(session.scalars(_news_of(conversation).with_for_update(of=OutboxMessage)))
    if not waiting:
        return []
    first = waiting[0]
    if first.told_as is not None:
        return [each for each in waiting if each.told_as == first.told_as]
    told = list(takewhile(lambda each: each.next_try_at is None or each.next_try_at <= due, waiting))
    for each in told:
        each.told_as = first.id
    return told


def _standing(session: Session, talk: Conversation, now: datetime) -> tuple[Content, ...]:
    """How each issue of a conversation stands: what was said of it last, with its present state."""
    issues = session.scalars(
        select(Issue).join(ToldIn, ToldIn.issue_id == Issue.id).where(ToldIn.conversation_id == talk.id)
    )
    return tuple(_as_it_stands(session, issue, talk.route, now) for issue in issues.all())


def _as_it_stands(session: Session, issue: Issue, route: str, moment: datetime) -> Content:
    said = select(OutboxMessage.content).where(OutboxMessage.issue_id == issue.id, OutboxMessage.route == route)
    tells_what_is_wrong = OutboxMessage.kind.in_(("opened", "recurred"))
    last = said.order_by(tells_what_is_wrong.desc(), OutboxMessage.id.desc()).limit(1)
    content = _UNSAID | session.scalars(last).one()
    shown, today = open_occurrences(session, issue), moment.astimezone(ZoneInfo(content["timezone"])).date()
    in_force = waivers_in_force(session, issue.dependency, today)
    until = waived_until(in_force, rule=issue.rule, supplier=issue.supplier or None, occurrences=shown, on=today)
    now = {
        "status": issue.status,
        "owner": issue.owner,
        "due_on": issue.due_on.isoformat(),
        "shown_by": len(shown),
        "waived_until": until.isoformat() if until else None,
        "explained_by": f"IG-{issue.explained_by:05d}" if issue.explained_by else None,
    }
    return content | now


def _pause(attempts: int) -> timedelta:
    """None after the first time, then twice as long each time: 1, 2, 4 minutes and at most an hour."""
    return min(timedelta(minutes=2 ** min(attempts - 2, 10)), _LONGEST) if attempts > 1 else timedelta()
