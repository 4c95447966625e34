"""Terms on which somebody would let a failure pass, and which wait for another's word: on record in its story only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.register import life
from integrity.register.waivers import Extent
from integrity.warehouse.models import AuditEvent, Issue, Waiver

_EVENT = "waiver proposed"


@dataclass(frozen=True)
class Proposal:
    """Terms on which somebody would let an issue's failure pass.

    Attributes:
        by: Who proposed it, as ``Name <address>``.
    """

    by: str
    reason: str
    expires_on: date
    extent: Extent


def note_proposal(session: Session, issue: Issue, proposal: Proposal, **told: Any) -> None:
    """Put on record what somebody would let pass."""
    extent = proposal.extent
    life.record(
        session,
        issue,
        _EVENT,
        by=proposal.by,
        reason=proposal.reason,
        expires_on=proposal.expires_on.isoformat(),
        rule=extent.rule,
        supplier=extent.supplier,
        periods_from=extent.first.isoformat(),
        periods_until=extent.last.isoformat(),
        **told,
    )


def proposals(session: Session, issue: Issue) -> list[Proposal]:
    """The last word of each who would let it pass, since it was opened or reopened, the latest last."""
    since = select(AuditEvent.id).where(AuditEvent.issue_id == issue.id, AuditEvent.event == "issue reopened")
    begun = session.scalar(since.order_by(AuditEvent.id.desc()).limit(1)) or 0
    query = select(AuditEvent).where(
        AuditEvent.issue_id == issue.id, AuditEvent.event == f"issue {_EVENT}", AuditEvent.id > begun
    )
    by_person: dict[str, Proposal] = {}
    for event in session.scalars(query.order_by(AuditEvent.id)):
        proposal = _read(event)
        by_person.pop(proposal.by, None)
        by_person[proposal.by] = proposal
    return list(by_person.values())


def awaiting(session: Session, issue: Issue, waivers: Iterable[Waiver], today: date) -> list[Proposal]:
    """Those that would let anything pass still, and that nobody has agreed to yet.

    Args:
        waivers: The issue's.
        today: Where the dependency reports.
    """
    agreed = {(waiver.reason, waiver.expires_on, Extent.of(waiver)) for waiver in waivers}
    found = proposals(session, issue)
    return [p for p in found if p.expires_on >= today and (p.reason, p.expires_on, p.extent) not in agreed]


def _read(event: AuditEvent) -> Proposal:
    told = event.details
    return Proposal(
        by=told["by"],
        reason=told["reason"],
        expires_on=date.fromisoformat(told["expires_on"]),
        extent=Extent(
            rule=told["rule"],
            supplier=told["supplier"],
            first=date.fromisoformat(told["periods_from"]),
            last=date.fromisoformat(told["periods_until"]),
        ),
    )
