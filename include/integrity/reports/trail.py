"""The audit trail told: events in order, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from integrity.warehouse.models import AuditEvent

MOST = 10_000
_HASHES = ("sha256", "subject", "fingerprint")
_SAID = (
    *("text", "reason", "resolution", "root_cause", "owner", "to", "into", "other", "expires_on", "verdict", "gate"),
    *("outcome", "rule", "revision", "version", "supplier"),
    *_HASHES,
)
"""What of an event's details is told in a table, in this order; JSON tells all."""
_SHORTENED = 60
_OF_A_HASH = 12


def events(
    session: Session,
    *,
    issue: int | None = None,
    submissions: Sequence[int] = (),
    dependency: str | None = None,
    person: str | None = None,
    most: int = MOST,
) -> list[AuditEvent]:
    """Events in the order in which they were written: the last ones, where there are more.

    Args:
        submissions: Any of these.
        person: Name, address or user who did it, or a part of that.
    """
    query = select(AuditEvent)
    if issue is not None:
        query = query.where(AuditEvent.issue_id == issue)
    if submissions:
        query = query.where(AuditEvent.submission_id.in_(submissions))
    if dependency:
        query = query.where(AuditEvent.dependency == dependency)
    if person:
        who = f"%{person.replace('%', '').replace('_', '')}%"
        details = AuditEvent.details
        query = query.where(
            or_(
                AuditEvent.actor.ilike(who),
                details["by"].astext.ilike(who),
                cast(details["waived_by"], Text).ilike(who),
            )
        )
    found = session.scalars(query.order_by(AuditEvent.id.desc()).limit(most)).all()
    return list(reversed(found))


def to_json(event: AuditEvent) -> dict[str, Any]:
    """An event, whole."""
    return {
        "event_number": event.id,
        "at": event.at.isoformat(),
        "by": event.details.get("by") or event.actor,
        "user": event.actor,
        "what": event.event,
        "dependency": event.dependency,
        "period": event.period.isoformat() if event.period else None,
        "submission": event.submission_id,
        "issue": f"IG-{event.issue_id:05d}" if event.issue_id else None,
        "details": event.details,
    }


def said(event: AuditEvent) -> str:
    """What an event tells beyond its name, in a few words."""
    details = event.details
    told = [str(details[name])[: _OF_A_HASH if name in _HASHES else _SHORTENED] for name in _SAID if details.get(name)]
    if details.get("rows") is not None:
        told.append(f"{details['rows']:,} rows")
    failed = details.get("failed")
    if isinstance(failed, dict):
        told += [f"{rule}: {count:,}" for rule, count in failed.items()]
    elif failed is not None:
        told.append(f"{failed:,} of {details['evaluated']:,}")
    return "; ".join(told)
