"""News of issues, written into the outbox with what it tells of; delivering it is another matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.inventory.people import Person
from integrity.register import life
from integrity.register.problems import Problem
from integrity.warehouse.models import Issue, Occurrence, OutboxMessage

_QUIET = timedelta(hours=20)
"""Less than from one night to the next."""
_LONGEST_HOLD = timedelta(hours=6)
"""A backfill that goes on for longer is told of all the same."""


def tell(
    session: Session,
    registered: Registered,
    issue: Issue,
    kind: str,
    period: date | None = None,
    *,
    problem: Problem | None = None,
    beside: Iterable[str] = (),
    hold: timedelta = timedelta(),
    is_awaited: bool = False,
    **facts: Any,
) -> None:
    """Write a message for each place where news of an issue goes.

    Args:
        beside: Routes to people who get it as well.
        hold: For how long it waits for more of its kind, to be told with it.
        is_awaited: Whether a run waits for the owner's word: then a backfill's news of the issue waits no longer.
        facts: What else it tells: texts, counts and names, never a cell's value.
    """
    dependency = registered.dependency
    routes = dependency.alerts.routes(dependency.owner, registered.policy.told[issue.impact])
    content = _content(session, registered, issue, period, problem) | facts
    now = datetime.now(UTC)
    earliest = max(now + hold, _quiet_until(registered, issue, now) or now)
    for route in dict.fromkeys([*routes, *beside]):
        session.add(
            OutboxMessage(
                issue_id=issue.id,
                route=route,
                kind=kind,
                content=content,
                created_at=now,
                next_try_at=earliest if earliest > now else None,
            )
        )
    session.flush()
    if hold:
        _hold_all(session, issue.dependency, earliest, now)
    elif is_awaited and earliest <= now:
        _release(session, issue)


def tell_move(
    session: Session, issue: Issue, kind: str, registered: Registered, said: str, *, called: Person | None = None
) -> None:
    """Have those who follow an issue hear of a move that a person made.

    Args:
        called: Who is to act from now on: they are mentioned, and hear of it where a message reaches them alone.
    """
    if called is None:
        tell(session, registered, issue, kind, said=said)
        return
    mentions = [called.slack] if called.slack else []
    tell(session, registered, issue, kind, beside=[called.route], said=said, mentions=mentions)


def who_acts(registered: Registered, issue: Issue) -> Person:
    """Whom the issue names as who is to act, if the dependency names them; else its owner, who answers for the data."""
    owner, deputy = registered.dependency.owner, registered.dependency.deputy
    return deputy if deputy and issue.owner in (deputy.full_name, deputy.name) else owner


def was_told_lately(session: Session, issue: Issue) -> bool:
    """Whether the owner has just been told that it fails: one more period is seen in the issue, and no news of its own.

    So a backfill of many nights is told once, and what fails night after night is told every night.
    """
    told = select(func.max(OutboxMessage.created_at)).where(
        OutboxMessage.issue_id == issue.id, OutboxMessage.kind.in_(("opened", "recurred"))
    )
    last = session.scalar(told)
    return last is not None and last > datetime.now(UTC) - _QUIET


def _content(
    session: Session, registered: Registered, issue: Issue, period: date | None, problem: Problem | None
) -> dict[str, Any]:
    acting, reporting = who_acts(registered, issue), registered.dependency.reporting
    shown_since, shown_by = session.execute(
        select(func.min(Occurrence.period), func.count()).where(
            Occurrence.issue_id == issue.id, Occurrence.closed_at.is_(None)
        )
    ).one()
    content: dict[str, Any] = {
        "reference": issue.reference,
        "dependency": issue.dependency,
        "title": registered.dependency.title,
        "rule": issue.rule,
        "supplier": issue.supplier,
        "impact": issue.impact,
        "owner": issue.owner,
        "due_on": issue.due_on.isoformat(),
        "status": issue.status,
        "shown_by": shown_by,
        "since": reporting.label(shown_since) if shown_since else None,
        "period": period.isoformat() if period else None,
        "period_label": reporting.label(period) if period else None,
        "timezone": reporting.timezone,
        "explained_by": f"IG-{issue.explained_by:05d}" if issue.explained_by else None,
    }
    if problem:
        content |= {
            "message": problem.message,
            "mend": problem.mend,
            "evaluated": problem.evaluated,
            "failed": problem.failed,
            "columns": list(problem.columns),
            "verdict": str(problem.verdict),
        }
        # Only who must act is mentioned: nobody has to for a warning, or for what comes of another issue.
        if acting.slack and problem.verdict.blocks and issue.explained_by is None and life.is_worked_on(issue):
            content["mentions"] = [acting.slack]
    return content


def _quiet_until(registered: Registered, issue: Issue, now: datetime) -> datetime | None:
    """When the owner may be disturbed again; None where they may be now."""
    quiet, owner = registered.dependency.alerts.quiet_hours, registered.dependency.owner
    if quiet is None or issue.impact == "high":
        return None
    return quiet.end(now, owner.timezone or registered.dependency.reporting.timezone)


def _release(session: Session, issue: Issue) -> None:
    """Have what waits for more of its kind go at once; what was not taken is tried again in its own time."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.issue_id == issue.id, OutboxMessage.delivered_at.is_(None), OutboxMessage.attempts == 0)
        .values(next_try_at=None)
    )


def _hold_all(session: Session, dependency: str, until: datetime, now: datetime) -> None:
    """Have what waits already of a backfill wait for what has just come."""
    session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.issue_id.in_(select(Issue.id).where(Issue.dependency == dependency)),
            OutboxMessage.delivered_at.is_(None),
            OutboxMessage.attempts == 0,
            OutboxMessage.next_try_at < until,
            OutboxMessage.next_try_at > now,
            OutboxMessage.created_at > now - _LONGEST_HOLD,
        )
        .values(next_try_at=until)
    )
