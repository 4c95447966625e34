"""An issue's life: what may follow upon what, who did it and when; and what the log of it says the state must be.

Every move is one event of the audit trail, written with the change that it tells of. The issue's own row repeats what
the log adds up to, so that it can be asked quickly; ``state_by_log`` adds it up anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.register import audit
from integrity.warehouse.connection import lock
from integrity.warehouse.models import AuditEvent, Issue, Occurrence

OPEN, ACKNOWLEDGED, INVESTIGATING, RESOLVED, CLOSED = "open", "acknowledged", "investigating", "resolved", "closed"
STATUSES = (OPEN, ACKNOWLEDGED, INVESTIGATING, RESOLVED, CLOSED)
"""In the order in which an issue goes through them; it may leave some out, and be reopened."""

CAUSES = {
    "capture": "the figure was captured wrongly where it arose",
    "export": "the supplier's export or spreadsheet changed it",
    "late": "the supplier could not send in time",
    "definition": "a definition or classification changed, or is understood in different ways",
    "mapping": "our layout, dictionary or rule was wrong",
    "system": "a system failed on the way",
    "real": "the figure is right, and what it tells of was unusual",
    "other": "something else, as the text says",
}
"""Root causes, by the word that is typed for them."""

_WORK = (OPEN, ACKNOWLEDGED, INVESTIGATING)
_MOVES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "acknowledged": ((OPEN,), ACKNOWLEDGED),
    "investigated": ((OPEN, ACKNOWLEDGED), INVESTIGATING),
    "resolved": (_WORK, RESOLVED),
    "closed": ((*_WORK, RESOLVED), CLOSED),
    "reopened": ((RESOLVED, CLOSED), OPEN),
    "merged": ((*_WORK, RESOLVED), CLOSED),
    "assigned": ((*_WORK, RESOLVED), None),
    "noted": (STATUSES, None),
    "linked": (STATUSES, None),
}
"""What may be done in which states, and the state after it; None where it stays."""


def may(issue: Issue, move: str) -> bool:
    """Whether the issue's state allows a move."""
    return move in moves(issue.status)


def moves(status: str) -> list[str]:
    """Every move that a state allows."""
    return [move for move, (allowed, _) in _MOVES.items() if status in allowed]


def is_worked_on(issue: Issue) -> bool:
    """Whether somebody still has to act."""
    return issue.status in _WORK


def needs_cause(issue: Issue) -> bool:
    """Whether it cannot be closed before somebody has said what its root cause is."""
    return issue.impact == "high" and issue.root_cause is None


def move(session: Session, issue: Issue, what: str, *, by: str = "", period: date | None = None, **told: Any) -> None:
    """Make a move, and put it on record.

    Args:
        by: The person who made it, where that is not the user whose process this is.
        told: What else is told of it: texts of those who work on it, counts and names, never a cell's value.

    Raises:
        Rejected: The issue's state does not allow it.
    """
    allowed, after = _MOVES[what]
    if issue.status not in allowed and issue.status == after:
        raise Rejected(f"{issue.reference} is {issue.status} already.")
    if issue.status not in allowed:
        raise Rejected(
            f"{issue.reference} is {issue.status}; it can be {what} while it is {' or '.join(allowed)}."
            + (" Reopen it first." if issue.status in (RESOLVED, CLOSED) else "")
        )
    was, issue.status = issue.status, after or issue.status
    record(session, issue, what, by=by, period=period, was=was, now=issue.status, **told)


def record(session: Session, issue: Issue, what: str, *, by: str = "", period: date | None = None, **told: Any) -> None:
    """Put on record what happened to an issue, without a move of its own."""
    if by:
        told["by"] = by
    audit.note(
        session,
        f"issue {what}",
        dependency=issue.dependency,
        period=period,
        issue_id=issue.id,
        reference=issue.reference,
        **told,
    )


def find(session: Session, reference: str) -> Issue:
    """One issue by the reference that people quote.

    Raises:
        Rejected: There is none.
    """
    digits = reference.upper().removeprefix("IG-")
    issue = session.get(Issue, int(digits)) if digits.isdigit() and len(digits) < 19 else None
    if issue is None:
        raise Rejected(f"There is no issue {reference}. 'integrity issues list' shows those there are.")
    return issue


def held(session: Session, reference: str) -> Issue:
    """The same, kept for this transaction alone until it ends.

    Raises:
        Rejected: There is none.
    """
    issue = find(session, reference)
    # As a run that records: neither takes the other's change for its own.
    lock(session, "issues", issue.dependency)
    session.refresh(issue, with_for_update=True)
    return issue


def open_occurrences(session: Session, issue: Issue) -> list[Occurrence]:
    """Periods that still show the problem, the earliest first."""
    query = select(Occurrence).where(Occurrence.issue_id == issue.id, Occurrence.closed_at.is_(None))
    return list(session.scalars(query.order_by(Occurrence.period)))


def close(session: Session, issue: Issue, *, by: str, cause: str | None, resolution: str | None, by_hand: bool) -> None:
    """Close an issue for good, unless it comes back.

    Args:
        cause: Word of ``CAUSES``, or that and a text after a colon.
        by_hand: Whether nothing but a person's word ends its problem, so that what is still shown is closed with it.

    Raises:
        Rejected: Something is missing for it; the text says what.
    """
    left = open_occurrences(session, issue)
    if left and not by_hand:
        periods = [str(each.period) for each in left if each.period]
        when = f" for {', '.join(periods[:3])}{' and more' if len(periods) > 3 else ''}" if periods else ""
        raise Rejected(
            f"{issue.reference} still fails{when}. Have it corrected and run again; or let it pass: "
            f"integrity issues waive {issue.reference}."
        )
    issue.root_cause = stated_cause(cause) if cause else issue.root_cause
    issue.resolution = resolution or issue.resolution
    if needs_cause(issue):
        raise Rejected(
            f"{issue.reference} has high impact, and is closed with its root cause: --cause {'|'.join(CAUSES)}, "
            "and a text after a colon where that says more."
        )
    if not issue.resolution:
        raise Rejected(f"{issue.reference} is closed with its resolution: --resolution 'what was done'.")
    for each in left:
        cure(session, issue, each)
    issue.closed_on = datetime.now(UTC)
    move(session, issue, "closed", by=by, resolution=issue.resolution, root_cause=issue.root_cause)


def stated_cause(given: str) -> str:
    """A root cause as it is kept.

    Raises:
        Rejected: It is none of the list, or says nothing where the word alone says too little.
    """
    word, _, text = (part.strip() for part in given.partition(":"))
    if word not in CAUSES:
        known = "; ".join(f"{name} ({meaning})" for name, meaning in CAUSES.items())
        raise Rejected(f"'{word}' is no root cause. They are: {known}.", about="cause")
    if word == "other" and not text:
        raise Rejected("Say what it was, after the word and a colon: 'other: …'.", about="cause")
    return f"{word}: {text}" if text else word


def reopen(session: Session, issue: Issue, *, by: str, reason: str, due_on: date) -> None:
    """Take up an issue again, under its own reference; what was said when it was closed stays in its story.

    Raises:
        Rejected: It is being worked on.
    """
    move(session, issue, "reopened", by=by, reason=reason)
    issue.closed_on, issue.resolution, issue.root_cause, issue.due_on = None, None, None, due_on
    issue.escalated = 0


def merge(session: Session, issue: Issue, into: Issue, *, by: str) -> None:
    """Close an issue as part of another one, which from then on is told of both.

    Raises:
        Rejected: They are not of one dependency, or one of them is part of another or closed.
    """
    if into.id == issue.id or into.dependency != issue.dependency:
        raise Rejected(f"{issue.reference} can be merged into another issue of {issue.dependency} only.")
    if into.merged_into is not None or into.status == CLOSED:
        raise Rejected(f"{into.reference} is {into.status} or merged itself; name one that is being worked on.")
    for each in open_occurrences(session, issue):
        show(session, into, each.period, verdict=each.verdict, evaluated=each.evaluated, failed=each.failed)
        cure(session, issue, each, "handed on")
    issue.merged_into, issue.closed_on = into.id, datetime.now(UTC)
    issue.resolution = f"Merged into {into.reference}."
    move(session, issue, "merged", by=by, into=into.reference)
    record(session, into, "took in", by=by, other=issue.reference)


def show(session: Session, issue: Issue, period: date | None, *, verdict: str, evaluated: int, failed: int) -> bool:
    """Have a period show the issue's problem; True if it did not before."""
    same = select(Occurrence).where(Occurrence.issue_id == issue.id)
    occurrence = session.scalar(same.where(Occurrence.period == period if period else Occurrence.period.is_(None)))
    is_new = occurrence is None or occurrence.closed_at is not None
    if occurrence is None:
        occurrence = Occurrence(issue_id=issue.id, period=period, opened_at=datetime.now(UTC))
        session.add(occurrence)
    occurrence.verdict, occurrence.evaluated, occurrence.failed = verdict, evaluated, failed
    occurrence.closed_at = None
    if is_new:
        record(session, issue, "seen", period=period, verdict=verdict, evaluated=evaluated, failed=failed)
    session.flush()
    return is_new


def explain(session: Session, issue: Issue, cause: Issue | None) -> bool:
    """Put on record what an issue comes of; True if it came of another one until now, and comes of none any more."""
    number = cause.id if cause is not None else None
    if issue.explained_by == number:
        return False
    issue.explained_by = number
    record(
        session, issue, "explained" if cause is not None else "stands alone", cause=cause.reference if cause else None
    )
    session.flush()
    return cause is None


def cure(session: Session, issue: Issue, occurrence: Occurrence, what: str = "cured") -> None:
    """Have a period show the problem no longer: it was cured, or handed on to another issue."""
    occurrence.closed_at = datetime.now(UTC)
    record(session, issue, what, period=occurrence.period)
    session.flush()


@dataclass
class LoggedState:
    """What an issue's log adds up to.

    Attributes:
        shown_by: Periods that show its problem.
        is_taken_up: Whether a person has reopened it, and no gate has said anything of it since.
        is_whole: Whether the log goes back to the issue's beginning.
    """

    status: str = ""
    owner: str = ""
    shown_by: set[date | None] = field(default_factory=set)
    is_taken_up: bool = False
    is_whole: bool = False


def state_by_log(events: Iterable[AuditEvent]) -> LoggedState:
    """Add up an issue's events, in order."""
    state = LoggedState()
    for event in events:
        what = event.event.removeprefix("issue ")
        if what == "opened":
            state.status, state.owner = OPEN, event.details.get("owner", "")
            state.is_whole = "owner" in event.details
        elif what == "reopened":
            state.is_taken_up = True
        elif what == "seen":
            state.is_taken_up = False
            state.shown_by.add(event.period)
        elif what in ("cured", "handed on"):
            state.is_taken_up = False
            state.shown_by.discard(event.period)
        elif what == "assigned":
            state.owner = event.details["owner"]
        state.status = event.details.get("now", state.status)
    return state


def events_of(session: Session, issue: Issue) -> list[AuditEvent]:
    """Everything on record of an issue, in order."""
    return list(session.scalars(select(AuditEvent).where(AuditEvent.issue_id == issue.id).order_by(AuditEvent.id)))
