"""Which news is told together: what comes of one cause, and what comes in such numbers that nobody reads it singly."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.models import Conversation, Issue, OutboxMessage, ToldIn

MOST_SINGLY = 3
"""More conversations than these, begun at one moment in one place, are one."""


def begin_conversations(engine: Engine, due: datetime) -> None:
    """Give each issue that is about to be told of its conversation, for each place where that is.

    An issue that comes of another one is told of where that is.

    Args:
        due: By which it is told whose time has come.
    """
    with transaction(engine) as session:
        lock(session, "conversations")
        by_route: dict[str, list[Issue]] = defaultdict(list)
        for route, issue in _untold(session, due):
            by_route[route].append(issue)
        for route, issues in by_route.items():
            _begin(session, route, issues)


def _begin(session: Session, route: str, issues: list[Issue]) -> None:
    clusters: dict[int, list[Issue]] = defaultdict(list)
    for issue in issues:
        clusters[issue.explained_by or issue.id].append(issue)
    new: list[list[Issue]] = []
    for cause, explained in clusters.items():
        known = session.get(ToldIn, (cause, route))
        if known is not None:
            _tell_in(session, known.conversation_id, route, explained)
        else:
            new.append(explained)
    if len(new) > MOST_SINGLY:
        new = [[issue for cluster in new for issue in cluster]]
    for cluster in new:
        conversation = Conversation(route=route)
        session.add(conversation)
        session.flush()
        _tell_in(session, conversation.id, route, cluster)


def _tell_in(session: Session, conversation: int, route: str, issues: list[Issue]) -> None:
    session.add_all(ToldIn(issue_id=issue.id, route=route, conversation_id=conversation) for issue in issues)
    session.flush()


def _untold(session: Session, due: datetime) -> list[tuple[str, Issue]]:
    """Issues with news whose time has come that have no conversation yet, with the route."""
    query = (
        select(OutboxMessage.route, Issue)
        .join(Issue, Issue.id == OutboxMessage.issue_id)
        .outerjoin(ToldIn, (ToldIn.issue_id == OutboxMessage.issue_id) & (ToldIn.route == OutboxMessage.route))
        .where(OutboxMessage.delivered_at.is_(None), ToldIn.issue_id.is_(None))
        .where(OutboxMessage.next_try_at.is_(None) | (OutboxMessage.next_try_at <= due))
        .order_by(OutboxMessage.id)
    )
    return list(dict.fromkeys((route, issue) for route, issue in session.execute(query).all()))
