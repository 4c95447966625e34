"""The audit trail: who did what, when. Written in the transaction of what it tells of."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity import __version__
from integrity.warehouse.models import AuditEvent


@dataclass(frozen=True)
class Way:
    """How somebody's word came to us, where they did not type it here.

    Attributes:
        account: Under which they gave it, such as ``slack:U0123ABC``.
        key: Tells this word from all others, so that what is delivered twice is done once.
    """

    account: str
    key: str

    @property
    def told(self) -> dict[str, Any]:
        """As it stands in an event's details."""
        return {"account": self.account, "key": self.key}


def note(
    session: Session,
    event: str,
    *,
    dependency: str,
    period: date | None = None,
    submission: int | None = None,
    issue_id: int | None = None,
    **details: Any,
) -> AuditEvent:
    """Append an event, and give it; details are counts, names and hashes, never cell values."""
    noted = AuditEvent(
        at=datetime.now(UTC),
        actor=actor(),
        event=event,
        dependency=dependency,
        period=period,
        submission_id=submission,
        issue_id=issue_id,
        details=details,
    )
    session.add(noted)
    return noted


def note_rules(session: Session, dependency: str, fingerprint: str) -> None:
    """Note that a dependency's rules, or the product that judges by them, have changed since this was last noted."""
    told: dict[str, Any] = {"fingerprint": fingerprint, "version": __version__}
    last = last_event(session, dependency, "configured")
    if last is None or last.details != told:
        note(session, "configured", dependency=dependency, **told)


def last_event(session: Session, dependency: str, event: str) -> AuditEvent | None:
    """The last event of that name; None where there was none."""
    query = select(AuditEvent).where(AuditEvent.dependency == dependency, AuditEvent.event == event)
    return session.scalar(query.order_by(AuditEvent.id.desc()).limit(1))


def has_come(session: Session, issue_id: int, way: Way) -> bool:
    """Whether an issue's events tell of this very word already. Ask it while the issue is held."""
    same = select(AuditEvent.id).where(AuditEvent.issue_id == issue_id, AuditEvent.details["key"].astext == way.key)
    return session.scalar(same.limit(1)) is not None


def actor() -> str:
    """The operating-system user that this process runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
