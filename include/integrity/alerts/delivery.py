"""Delivering the outbox: in order per issue, each message on its own, and never at the cost of a verdict."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from integrity.alerts.channels import Channel
from integrity.errors import Undeliverable
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Issue, OutboxMessage

log = logging.getLogger("integrity.alerts")


def deliver(engine: Engine, channel: Channel, *, limit: int = 200) -> int:
    """Hand over what waits; what a channel does not take stays, with the reason, for the next delivery.

    Returns:
        Messages handed over.
    """
    delivered = 0
    stuck: set[int] = set()
    for _ in range(limit):
        with transaction(engine) as session:
            query = (
                select(OutboxMessage)
                .where(OutboxMessage.delivered_at.is_(None), OutboxMessage.issue_id.not_in(stuck))
                .order_by(OutboxMessage.id)
                .limit(1)
            )
            first = session.scalar(query)
            if first is None:
                break
            # The issue's row is the lock: its messages go out one after another, whoever delivers.
            issue = session.scalars(select(Issue).where(Issue.id == first.issue_id).with_for_update()).one()
            message = session.scalar(query.where(OutboxMessage.issue_id == issue.id).with_for_update())
            if message is None:
                continue
            message.attempts += 1
            try:
                sent = channel.send(message.kind, message.content, issue.slack_thread)
            except Undeliverable as error:
                message.last_error = str(error)
                stuck.add(issue.id)
                log.warning("alert for %s not delivered, kept for later: %s", issue.reference, error)
                continue
            message.delivered_at, message.last_error = datetime.now(UTC), None
            issue.slack_thread = issue.slack_thread or sent
            delivered += 1
    return delivered
