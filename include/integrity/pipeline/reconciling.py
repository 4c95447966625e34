"""Whether register, log and findings agree: each is written with the others, so that a difference is our own fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.pipeline.office import Office
from integrity.pipeline.recording import judgements_in_force
from integrity.register.issues import issue_of, problems_from
from integrity.register.life import CLOSED, RESOLVED, events_of, open_occurrences, state_by_log
from integrity.register.receipts import latest_submissions
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Issue, Occurrence

_PATIENCE = timedelta(hours=1)
"""So long after it was judged a period may wait to be recorded."""


def disagreements(office: Office, moment: datetime | None = None) -> list[str]:
    """A sentence for each difference between an issue's row, its log, and what the gates say now.

    Args:
        moment: By which it is told what may still be on its way; by default now.
    """
    until = (moment or datetime.now(UTC)) - _PATIENCE
    with transaction(office.engine) as session:
        issues = session.scalars(select(Issue).where(Issue.dependency == office.name).order_by(Issue.id)).all()
        found = [each for issue in issues for each in _with_its_log(session, issue)]
        for period in _periods(session, office.name):
            found += _with_findings(session, office, period, until)
        return found


def _with_its_log(session: Session, issue: Issue) -> Iterator[str]:
    state = state_by_log(events_of(session, issue))
    if not state.is_whole:
        return  # It was raised before there was a log.
    if state.status != issue.status:
        yield f"{issue.reference} is {issue.status}, and {state.status} by its log."
    if state.owner != issue.owner:
        yield f"{issue.reference} has another owner than by its log."
    shown = {each.period for each in open_occurrences(session, issue)}
    if state.shown_by != shown:
        yield f"{issue.reference} is shown by {len(shown)} periods, and by {len(state.shown_by)} by its log."
    if not shown and issue.status not in (RESOLVED, CLOSED):
        yield f"{issue.reference} is {issue.status}, and no period shows it."


def _periods(session: Session, dependency: str) -> list[date]:
    """Periods that an issue speaks of, or has spoken of."""
    query = select(Occurrence.period).join(Issue, Issue.id == Occurrence.issue_id)
    periods = session.scalars(query.where(Issue.dependency == dependency, Occurrence.period.is_not(None)).distinct())
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
