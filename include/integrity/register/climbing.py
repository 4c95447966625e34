"""Issues that nobody answers climb: their owner is reminded, then the deputy is asked, then the sponsor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.inventory.deciders import known_people
from integrity.inventory.dependency import Registered
from integrity.inventory.people import EMAIL, SLACK
from integrity.register import life
from integrity.register.telling import tell, who_acts
from integrity.warehouse.connection import lock
from integrity.warehouse.models import Issue


@dataclass(frozen=True)
class Step:
    """Somebody who is told that an issue is overdue.

    Attributes:
        after: Working days of the owner's after the answer was due.
        who: As people read it.
        route: Where a message reaches them alone; None where nobody has said.
        slack: Their member id, to be mentioned.
    """

    kind: str
    after: int
    who: str
    route: str | None
    slack: str | None


def steps(registered: Registered, sponsor: str | None, sponsor_slack: str | None = None) -> list[Step]:
    """The steps of a dependency's issues, in order; a deputy or sponsor whom nobody has named is passed over.

    Args:
        sponsor: The entity's, as ``Name <address>`` or either.
        sponsor_slack: Their member id.
    """
    owner, deputy = registered.dependency.owner, registered.dependency.deputy
    after = registered.policy.escalation
    # The owner is reminded where the issue is told of.
    found = [Step("reminded", after.owner, owner.name, None, owner.slack)]
    if deputy:
        found.append(Step("escalated", after.deputy, deputy.full_name, deputy.route, deputy.slack))
    if sponsor:
        last = known_people(owner, sponsor)[-1]
        route = f"{EMAIL}:{last.address}" if last.address else None
        route = f"{SLACK}:{sponsor_slack}" if sponsor_slack else route
        found.append(Step("escalated", after.sponsor, last.name or last.address, route, sponsor_slack))
    return found


def climb(
    session: Session,
    registered: Registered,
    sponsor: str | None,
    moment: datetime,
    sponsor_slack: str | None = None,
) -> list[str]:
    """Take every step whose time has come, each once.

    An issue climbs only until somebody acknowledges it; what comes of another issue waits for that one.

    Args:
        sponsor, sponsor_slack: As of ``steps``.
        moment: By which it is told how many working days have passed.

    Returns:
        References of the issues that have climbed.
    """
    dependency = registered.dependency
    today = moment.astimezone(ZoneInfo(dependency.owner.timezone or dependency.reporting.timezone)).date()
    lock(session, "issues", dependency.name)
    climbed = []
    ladder = steps(registered, sponsor, sponsor_slack)
    for issue in _overdue(session, registered, today):
        late = dependency.owner.working_days_between(issue.due_on, today)
        due = [step for step in ladder if step.after <= late]
        if len(due) <= issue.escalated:
            continue
        # A reader who was away for a week is told once, by the highest step that is due.
        _take(session, registered, issue, due[-1], late)
        issue.escalated = len(due)
        climbed.append(issue.reference)
    return climbed


def _overdue(session: Session, registered: Registered, today: date) -> Iterator[Issue]:
    query = select(Issue).where(
        Issue.dependency == registered.name,
        Issue.status == life.OPEN,
        Issue.due_on < today,
        Issue.explained_by.is_(None),
        Issue.merged_into.is_(None),
    )
    yield from session.scalars(query.order_by(Issue.id))


def _take(session: Session, registered: Registered, issue: Issue, step: Step, late: int) -> None:
    who, slack = step.who, step.slack
    if step.kind == "reminded":
        acting = who_acts(registered, issue)
        who, slack = acting.name, acting.slack
    days = f"{late} working day{'s' if late != 1 else ''}"
    said = f"It was due on {issue.due_on}, {days} ago, and nobody has said that they act. "
    said += f"{who}: acknowledge {issue.reference}, or name who will."
    life.record(session, issue, step.kind, to=who, due_on=issue.due_on.isoformat(), working_days_late=late)
    beside = [step.route] if step.route else []
    mentions = [slack] if slack else []
    tell(session, registered, issue, step.kind, beside=beside, said=said, mentions=mentions)
