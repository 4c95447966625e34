"""Whether register, log and findings agree: each is written with the others, so that a difference is our own fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from integrity.pipeline.office import Office
from integrity.pipeline.recording import judgements_in_force
from integrity.register.issues import issue_of
from integrity.register.life import CLOSED, RESOLVED, open_occurrences, state_by_log
from integrity.register.problems import problems_from
from integrity.register.receipts import latest_submissions
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import AuditEvent, Issue, Occurrence

_PATIENCE = timedelta(hours=1)
"""So long after it was judged a period may wait to be recorded."""
_LOOKED_BACK = timedelta(days=7)
"""So long what was closed is looked at still."""


def disagreements(office: Office, moment: datetime | None = None) -> list[str]:
    """A sentence for each difference between an issue's row, its log, and what the gates say now.

    What was closed long ago, and has been looked at since, is left out: it would cost more with every year.

    Args:
        moment: By which it is told what may still be on its way; by default now.
    """
    now = moment or datetime.now(UTC)
    with transaction(office.engine) as session:
        is_looked_at = or_(Issue.status != CLOSED, Issue.closed_on.is_(None), Issue.closed_on > now - _LOOKED_BACK)
        query = select(Issue).where(Issue.dependency == office.name, is_looked_at)
        issues = session.scalars(query.order_by(Issue.id)).all()
        logs = _logs(session, [issue.id for issue in issues])
        found = [each for issue in issues for each in _with_its_log(session, issue, logs[issue.id])]
        for period in _periods(session, office.name, now - _LOOKED_BACK):
            found += _with_findings(session, office, period, now - _PATIENCE)
        return found


def _logs(session: Session, issues: list[int]) -> dict[int, list[AuditEvent]]:
    """By issue, its events in order."""
    logs: dict[int, list[AuditEvent]] = {number: [] for number in issues}
    query = select(AuditEvent).where(AuditEvent.issue_id.in_(issues)).order_by(AuditEvent.id)
    for event in session.scalars(query):
        logs[event.issue_id or 0].append(event)
    return logs


def _with_its_log(session: Session, issue: Issue, log: list[AuditEvent]) -> Iterator[str]:
    state = state_by_log(log)
    if not state.is_whole:
        return  # It was raised before there was a log.
    if state.status != issue.status:
        yield f"{issue.reference} is {issue.status}, and {state.status} by its log."
    if state.owner != issue.owner:
        yield f"{issue.reference} has another owner than by its log."
    shown = {each.period for each in open_occurrences(session, issue)}
    if state.shown_by != shown:
        yield f"{issue.reference} is shown by {len(shown)} periods, and by {len(state.shown_by)} by its log."
    # Who reopens what has passed says that it is not over, whatever the gates find.
    if not shown and issue.status not in (RESOLVED, CLOSED) and not state.is_taken_up:
        yield f"{issue.reference} is {issue.status}, and no period shows it."


def _periods(session: Session, dependency: str, since: datetime) -> list[date]:
    """Periods that an issue speaks of, or has spoken of since."""
    query = select(Occurrence.period).join(Issue, Issue.id == Occurrence.issue_id)
    lately = or_(Occurrence.closed_at.is_(None), Occurrence.closed_at > since)
    periods = session.scalars(
        query.where(Issue.dependency == dependency, Occurrence.period.is_not(None), lately).distinct()
    )
    return sorted(period for period in periods if period)


def _with_findings(session: Session, office: Office, period: date, until: datetime) -> Iterator[str]:
    latest = latest_submissions(session, office.name, period)
    judgements = judgements_in_force(session, office, period, latest)
    if any(judgement.judged_at > until for judgement, _ in judgements):
        return
    suppliers = {submission.id: supplier for supplier, submission in latest.items()}
    problems = problems_from(
        (row, suppliers.get(judgement.submission_id or 0)) for judgement, rows in judgements for row in rows
    )
    told = {issue.id: problem for problem in problems if (issue := issue_of(session, office.name, problem))}
    query = select(Issue.id).join(Occurrence, Occurrence.issue_id == Issue.id)
    shown = set(
        session.scalars(
            query.where(Issue.dependency == office.name, Occurrence.period == period, Occurrence.closed_at.is_(None))
        )
    )
    for problem in problems:
        if issue_of(session, office.name, problem) is None:
            yield f"{period} fails by '{problem.rule}', and no issue says so."
    for number in sorted(told.keys() - shown):
        yield f"{period} fails by '{told[number].rule}', and IG-{number:05d} does not say so."
    for number in sorted(shown - told.keys()):
        yield f"IG-{number:05d} is shown by {period}, which no longer fails by it."
