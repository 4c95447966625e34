"""The issues register: what is wrong now against what is open, as a set difference.

Open = problems without an open issue; close = open occurrences whose problem is gone. Computed in the
transaction that sees the findings, so that two runs cannot double or lose one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.inventory.policy import Policy
from integrity.register import life
from integrity.register.problems import Key, Problem
from integrity.register.telling import tell, was_told_lately
from integrity.verdicts import Verdict
from integrity.warehouse.connection import lock
from integrity.warehouse.models import Issue, Occurrence


@dataclass(frozen=True)
class Changes:
    """References of the issues that a recording opened, saw again, and resolved or closed.

    Attributes:
        refreshed: Those among them that had been resolved or closed are open again.
    """

    opened: tuple[str, ...]
    refreshed: tuple[str, ...]
    closed: tuple[str, ...]


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
    causes: Mapping[Key, Key | int] | None = None,
    cures: frozenset[str] = frozenset(),
    is_awaited: bool = False,
    hold: timedelta = timedelta(),
) -> Changes:
    """Bring the register in line with what is wrong with a period now.

    Args:
        period: None for what is wrong with the dependency itself.
        outcome: What was done with the data, in a sentence for the owner.
        resolution: What cured an issue that closes now.
        downstream: What depends on the data, with owners, for the alert.
        causes: By problem, what it comes of: another of these problems, or an issue.
        cures: Where there is no period: the rules that ``problems`` tells everything of, so that what it does not name
            is cured. Of a period it always does.
        is_awaited: A run waits for the owner's word, who hears of it however lately anything else was told.
        hold: For how long news waits for more of its kind.
    """
    dependency = registered.dependency
    lock(session, "issues", dependency.name)
    facts: dict[str, Any] = {"outcome": outcome, "downstream": downstream, "run": run, "hold": hold}
    opened, refreshed = [], []
    issues: dict[Key, Issue] = {}
    causes = causes or {}
    known = {problem.key: issue_of(session, dependency.name, problem) for problem in problems}
    # An issue that others were merged into comes of nothing as soon as one of its problems does.
    by_themselves = {issue.id for key, issue in known.items() if issue is not None and key not in causes}
    for problem in sorted(problems, key=lambda problem: problem.key in causes):
        issue = known[problem.key]
        is_new = issue is None
        if issue is None:
            issue = _raise_issue(session, registered, problem, policy, run)
            opened.append(issue.reference)
        else:
            refreshed.append(issue.reference)
        issues[problem.key] = issue
        comes_back = issue.status in (life.RESOLVED, life.CLOSED)
        gets_worse = not is_new and not comes_back and _gets_worse(session, registered, issue, problem, policy, period)
        if comes_back:
            issue.impact = impact_of(dependency.importance, problem.verdict)
            answer_by = due_on(registered, policy, issue.impact)
            life.reopen(session, issue, by=f"gate, run {run}", reason="The problem is there again.", due_on=answer_by)
        verdict = str(problem.verdict)
        recurs = life.show(session, issue, period, verdict=verdict, evaluated=problem.evaluated, failed=problem.failed)
        cause = None if issue.id in by_themselves else causes.get(problem.key)
        stands_alone = life.explain(session, issue, _cause(session, cause, issues, issue))
        is_news = problem.verdict.blocks and (
            stands_alone or gets_worse or (recurs and (is_awaited or not was_told_lately(session, issue)))
        )
        if is_new or comes_back or is_news:
            kind = "opened" if is_new else "recurred"
            tell(session, registered, issue, kind, period, problem=problem, is_awaited=is_awaited, **facts)
    closed = _close_cured(session, registered, period, {p.key for p in problems}, resolution, facts, cures)
    return Changes(tuple(opened), tuple(refreshed), tuple(closed))


def _cause(session: Session, cause: Key | int | None, issues: Mapping[Key, Issue], of: Issue) -> Issue | None:
    found = session.get(Issue, cause) if isinstance(cause, int) else issues.get(cause) if cause else None
    return found if found is not None and found.id != of.id else None


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
        owner=dependency.owner.full_name,
        description=problem.message,
        raised_on=now,
        raised_by=f"gate, run {run}",
        due_on=due_on(registered, policy, impact),
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


def _gets_worse(
    session: Session, registered: Registered, issue: Issue, problem: Problem, policy: Policy, period: date | None
) -> bool:
    """Whether what was noted until now blocks; then its impact rises, and it is to be answered earlier."""
    shown = life.open_occurrences(session, issue)
    if not shown or not problem.verdict.blocks or any(Verdict(each.verdict).blocks for each in shown):
        return False
    before, issue.impact = issue.impact, impact_of(registered.dependency.importance, problem.verdict)
    issue.due_on = min(issue.due_on, due_on(registered, policy, issue.impact))
    life.record(
        session,
        issue,
        "worsened",
        period=period,
        before=before,
        impact=issue.impact,
        due_on=issue.due_on.isoformat(),
        verdict=str(problem.verdict),
        evaluated=problem.evaluated,
        failed=problem.failed,
    )
    return True


def impact_of(importance: str, verdict: Verdict) -> str:
    """Trouble if it is not resolved: the class, one step less where nothing is blocked."""
    ladder = ["low", "medium", "high"]
    step = {"high": 2, "moderate": 1, "low": 0}[importance] - (0 if verdict.blocks else 1)
    return ladder[max(step, 0)]


def _close_cured(
    session: Session,
    registered: Registered,
    period: date | None,
    still_wrong: set[Key],
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
        .where(Issue.dependency == registered.name, told, Occurrence.closed_at.is_(None))
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
        tell(session, registered, issue, "resolved", period, resolution=issue.resolution, **facts)
        closed.append(issue.reference)
    return closed


def _keys_of(session: Session, issue: Issue) -> set[Key]:
    """Problems that the issue is told of: its own, and those of issues that were merged into it."""
    found, waiting = set(), [issue]
    while waiting:
        one = waiting.pop()
        found.add((one.rule, one.supplier))
        waiting += session.scalars(select(Issue).where(Issue.merged_into == one.id)).all()
    return found
