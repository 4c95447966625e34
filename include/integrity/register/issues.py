"""The issues register: what is wrong now against what is open, as a set difference.

Open = problems without an open issue; close = open occurrences whose problem is gone. Computed in the
transaction that sees the findings, so that two runs cannot double or lose one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.inventory.policy import Policy
from integrity.register import life
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock
from integrity.warehouse.models import FindingRow, Issue, Occurrence, OutboxMessage

_QUIET = timedelta(hours=20)
"""Less than from one night to the next."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a period now, one for each rule and supplier ('' where it is the period's own)."""

    rule: str
    supplier: str
    dimension: str
    verdict: Verdict
    evaluated: int
    failed: int
    columns: tuple[str, ...]
    message: str
    mend: str

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.supplier


@dataclass(frozen=True)
class Changes:
    """References of the issues that a recording opened, saw again, and resolved or closed.

    Attributes:
        refreshed: Those among them that had been resolved or closed are open again.
    """

    opened: tuple[str, ...]
    refreshed: tuple[str, ...]
    closed: tuple[str, ...]


def problems_from(findings: Iterable[tuple[FindingRow, str | None]]) -> list[Problem]:
    """One problem for each rule and supplier, over all columns that show it.

    Args:
        findings: Outcomes with the supplier whose submission they are about, if any; notes are nobody's problem.
    """
    found: dict[tuple[str, str], Problem] = {}
    for row, supplier in findings:
        if row.verdict == Verdict.PASS or row.severity == "note":
            continue
        new = Problem(
            rule=row.rule,
            supplier=row.supplier or supplier or "",
            dimension=row.dimension,
            verdict=worst([row.verdict]),
            evaluated=row.evaluated,
            failed=row.failed,
            columns=(row.column,) if row.column else (),
            message=row.message,
            mend=row.mend,
        )
        old = found.get(new.key)
        found[new.key] = _merged(old, new) if old else new
    return list(found.values())


def _merged(old: Problem, new: Problem) -> Problem:
    return Problem(
        rule=old.rule,
        supplier=old.supplier,
        dimension=old.dimension,
        verdict=worst([old.verdict, new.verdict]),
        evaluated=max(old.evaluated, new.evaluated),
        failed=old.failed + new.failed,
        columns=tuple(dict.fromkeys(old.columns + new.columns)),
        message=old.message if new.message in old.message else f"{old.message} {new.message}",
        mend=old.mend,
    )


def refresh_issues(
    session: Session,
    registered: Registered,
    period: date | None,
    problems: list[Problem],
    *,
    policy: Policy,
    outcome: str,
    resolution: str,
    run: str,
    downstream: list[str],
    cures: frozenset[str] = frozenset(),
    is_awaited: bool = False,
) -> Changes:
    """Bring the register in line with what is wrong with a period now.

    Args:
        period: None for what is wrong with the dependency itself.
        outcome: What was done with the data, in a sentence for the owner.
        resolution: What cured an issue that closes now.
        downstream: What depends on the data, with owners, for the alert.
        cures: Where there is no period: the rules that ``problems`` tells everything of, so that what it does not name
            is cured. Of a period it always does.
        is_awaited: A run waits for the owner's word, who hears of it however lately anything else was told.
    """
    dependency = registered.dependency
    lock(session, "issues", dependency.name)
    facts = {"title": dependency.title, "outcome": outcome, "downstream": downstream, "run": run}
    opened, refreshed = [], []
    for problem in problems:
        issue = issue_of(session, dependency.name, problem)
        is_new = issue is None
        if issue is None:
            issue = _raise_issue(session, registered, problem, policy, run)
            opened.append(issue.reference)
        else:
            refreshed.append(issue.reference)
        comes_back = issue.status in (life.RESOLVED, life.CLOSED)
        if comes_back:
            answer_by = due_on(registered, policy, issue.impact)
            life.reopen(session, issue, by=f"gate, run {run}", reason="The problem is there again.", due_on=answer_by)
        verdict = str(problem.verdict)
        recurs = life.show(session, issue, period, verdict=verdict, evaluated=problem.evaluated, failed=problem.failed)
        is_news = recurs and problem.verdict.blocks and (is_awaited or not _was_told_lately(session, issue))
        if is_new or comes_back or is_news:
            _tell(session, issue, "opened" if is_new else "recurred", period, problem=problem, **facts)
    closed = _close_cured(session, dependency.name, period, {p.key for p in problems}, resolution, facts, cures)
    return Changes(tuple(opened), tuple(refreshed), tuple(closed))


def _was_told_lately(session: Session, issue: Issue) -> bool:
    """Whether the owner has just been told that it fails: one more period is seen in the issue, and no news of its own.

    So a backfill of many nights is told once, and what fails night after night is told every night.
    """
    told = select(func.max(OutboxMessage.created_at)).where(
        OutboxMessage.issue_id == issue.id, OutboxMessage.kind.in_(("opened", "recurred"))
    )
    last = session.scalar(told)
    return last is not None and last > datetime.now(UTC) - _QUIET


def issue_of(session: Session, dependency: str, problem: Problem) -> Issue | None:
    """The issue of a problem, whatever its state; where it was merged, the one that it is part of.

    One problem is one issue: what comes back is the same one again, with its story.
    """
    query = select(Issue).where(
        Issue.dependency == dependency, Issue.rule == problem.rule, Issue.supplier == problem.supplier
    )
    found = session.scalar(query.order_by((Issue.status == life.CLOSED), Issue.id.desc()).limit(1))
    while found is not None and found.merged_into is not None:
        found = session.get_one(Issue, found.merged_into)
    return found


def closed_on(session: Session, dependency: str, rule: str) -> dict[str, datetime]:
    """By supplier, when its issue of a rule was closed, where it is."""
    query = select(Issue.supplier, Issue.closed_on).where(
        Issue.dependency == dependency, Issue.rule == rule, Issue.status == life.CLOSED
    )
    return {supplier: closed for supplier, closed in session.execute(query.order_by(Issue.id)).all() if closed}


def due_on(registered: Registered, policy: Policy, impact: str) -> date:
    """Until when an issue of this impact is to be answered that is raised, or taken up again, today."""
    today = registered.dependency.reporting.today(datetime.now(UTC))
    return today + timedelta(days=policy.answer_days[impact])


def _raise_issue(session: Session, registered: Registered, problem: Problem, policy: Policy, run: str) -> Issue:
    dependency = registered.dependency
    impact = impact_of(dependency.importance, problem.verdict)
    now = datetime.now(UTC)
    issue = Issue(
        dependency=dependency.name,
        rule=problem.rule,
        supplier=problem.supplier,
        dimension=problem.dimension,
        impact=impact,
        status=life.OPEN,
        owner=f"{dependency.owner.name}, {dependency.owner.title}",
        description=problem.message,
        raised_on=now,
        raised_by=f"gate, run {run}",
        due_on=due_on(registered, policy, impact),
        slack_channel=dependency.alerts.slack_channel,
    )
    session.add(issue)
    session.flush()
    life.record(
        session,
        issue,
        "opened",
        rule=problem.rule,
        supplier=problem.supplier,
        impact=impact,
        owner=issue.owner,
        due_on=issue.due_on.isoformat(),
    )
    return issue


def impact_of(importance: str, verdict: Verdict) -> str:
    """Trouble if it is not resolved: the class, one step less where nothing is blocked."""
    ladder = ["low", "medium", "high"]
    step = {"high": 2, "moderate": 1, "low": 0}[importance] - (0 if verdict.blocks else 1)
    return ladder[max(step, 0)]


def _close_cured(
    session: Session,
    dependency: str,
    period: date | None,
    still_wrong: set[tuple[str, str]],
    resolution: str,
    facts: dict[str, Any],
    cures: frozenset[str],
) -> list[str]:
    """Close the period's occurrences whose problem is gone, and each issue that has none left.

    One whose root cause somebody has to state first is resolved by that, and closed by them.
    """
    told = Occurrence.period == period if period else Occurrence.period.is_(None) & Issue.rule.in_(cures)
    query = (
        select(Issue, Occurrence)
        .join(Occurrence, Occurrence.issue_id == Issue.id)
        .where(Issue.dependency == dependency, told, Occurrence.closed_at.is_(None))
    )
    closed = []
    for issue, occurrence in session.execute(query).all():
        if _keys_of(session, issue) & still_wrong:
            continue
        life.cure(session, issue, occurrence)
        if life.open_occurrences(session, issue) or issue.status == life.CLOSED:
            continue
        if issue.status != life.RESOLVED:
            issue.resolution = resolution
        if not life.needs_cause(issue):
            issue.closed_on = datetime.now(UTC)
            life.move(session, issue, "closed", period=period, resolution=issue.resolution)
        elif life.may(issue, "resolved"):
            life.move(session, issue, "resolved", period=period, resolution=resolution)
        _tell(session, issue, "resolved", period, problem=None, resolution=issue.resolution, **facts)
        closed.append(issue.reference)
    return closed


def _keys_of(session: Session, issue: Issue) -> set[tuple[str, str]]:
    """Problems that the issue is told of: its own, and those of issues that were merged into it."""
    found, waiting = set(), [issue]
    while waiting:
        one = waiting.pop()
        found.add((one.rule, one.supplier))
        waiting += session.scalars(select(Issue).where(Issue.merged_into == one.id)).all()
    return found


def tell_move(session: Session, issue: Issue, kind: str, registered: Registered, said: str) -> None:
    """Have those who follow an issue hear of a move that a person made."""
    _tell(session, issue, kind, None, problem=None, title=registered.dependency.title, said=said)


def _tell(
    session: Session, issue: Issue, kind: str, period: date | None, *, problem: Problem | None, **facts: Any
) -> None:
    content: dict[str, Any] = {
        "reference": issue.reference,
        "dependency": issue.dependency,
        "rule": issue.rule,
        "supplier": issue.supplier,
        "impact": issue.impact,
        "owner": issue.owner,
        "due_on": issue.due_on.isoformat(),
        "channel": issue.slack_channel,
        "status": issue.status,
        "shown_by": len(life.open_occurrences(session, issue)),
        "period": period.isoformat() if period else None,
        **facts,
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
    session.add(OutboxMessage(issue_id=issue.id, kind=kind, content=content, created_at=datetime.now(UTC)))


@dataclass(frozen=True)
class IssueView:
    """An issue with the periods that show it."""

    issue: Issue
    occurrences: tuple[Occurrence, ...]

    def to_json(self) -> dict[str, Any]:
        issue = self.issue
        return {
            "reference": issue.reference,
            "dependency": issue.dependency,
            "rule": issue.rule,
            "supplier": issue.supplier or None,
            "dimension": issue.dimension,
            "impact": issue.impact,
            "status": issue.status,
            "owner": issue.owner,
            "raised_on": issue.raised_on.isoformat(),
            "due_on": issue.due_on.isoformat(),
            "occurrences": [
                {
                    "period": o.period.isoformat() if o.period else None,
                    "verdict": o.verdict,
                    "evaluated": o.evaluated,
                    "failed": o.failed,
                    "opened_at": o.opened_at.isoformat(),
                    "closed_at": o.closed_at.isoformat() if o.closed_at else None,
                }
                for o in self.occurrences
            ],
            "root_cause": issue.root_cause,
            "resolution": issue.resolution,
            "merged_into": f"IG-{issue.merged_into:05d}" if issue.merged_into else None,
            "closed_on": issue.closed_on.isoformat() if issue.closed_on else None,
        }


def list_issues(session: Session, *, dependency: str | None = None, status: str | None = None) -> list[IssueView]:
    """Issues, closed ones last, then the latest."""
    query = select(Issue).order_by((Issue.status == life.CLOSED), Issue.id.desc())
    if dependency:
        query = query.where(Issue.dependency == dependency)
    if status:
        query = query.where(Issue.status == status)
    return [_view(session, issue) for issue in session.scalars(query)]


def show_issue(session: Session, reference: str) -> IssueView:
    """One issue by the reference that people quote.

    Raises:
        Rejected: There is none.
    """
    return _view(session, life.find(session, reference))


def _view(session: Session, issue: Issue) -> IssueView:
    query = select(Occurrence).where(Occurrence.issue_id == issue.id).order_by(Occurrence.period)
    return IssueView(issue, tuple(session.scalars(query)))
