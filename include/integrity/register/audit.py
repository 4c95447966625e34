"""The audit trail: who did what, when. Written in the transaction of what it tells of."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity import __version__
from integrity.warehouse.models import AuditEvent


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
    query = select(AuditEvent.details).where(AuditEvent.dependency == dependency, AuditEvent.event == "configured")
    if session.scalar(query.order_by(AuditEvent.id.desc()).limit(1)) != told:
        note(session, "configured", dependency=dependency, **told)


def actor() -> str:
    """The operating-system user that this process runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
