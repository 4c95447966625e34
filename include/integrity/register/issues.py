"""The issues register: what is wrong now against what is open, as a set difference.

Open = problems without an open issue; close = open occurrences whose problem is gone. Computed in the
transaction that sees the findings, so that two runs cannot double or lose one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.inventory.dependency import Registered
from integrity.inventory.policy import Policy
from integrity.register import audit
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock
from integrity.warehouse.models import FindingRow, Issue, Occurrence, OutboxMessage


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
    """References of the issues that a recording opened, saw again, and closed."""

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
) -> Changes:
    """Bring the register in line with what is wrong with a period now.

    Args:
        period: None for what is wrong with the dependency itself.
        outcome: What was done with the data, in a sentence for the owner.
        resolution: What cured an issue that closes now.
        downstream: What depends on the data, with owners, for the alert.
        cures: Where there is no period: the rules that ``problems`` tells everything of, so that what it does not name
            is cured. Of a period it always does.
    """
    dependency = registered.dependency
    lock(session, "issues", dependency.name)
    facts = {"title": dependency.title, "outcome": outcome, "downstream": downstream, "run": run}
    opened, refreshed = [], []
    for problem in problems:
        issue = open_issue(session, dependency.name, problem)
        is_new = issue is None
        if issue is None:
            issue = _raise_issue(session, registered, problem, policy, run)
            opened.append(issue.reference)
        else:
            refreshed.append(issue.reference)
        recurs = _show_occurrence(session, issue, period, problem)
        if is_new or (recurs and problem.verdict.blocks):
            _tell(session, issue, "opened" if is_new else "recurred", period, problem=problem, **facts)
    closed = _close_cured(session, dependency.name, period, {p.key for p in problems}, resolution, facts, cures)
    return Changes(tuple(opened), tuple(refreshed), tuple(closed))


def open_issue(session: Session, dependency: str, problem: Problem) -> Issue | None:
    """The issue in which somebody answers for a problem now."""
    return session.scalar(
        select(Issue).where(
            Issue.dependency == dependency,
            Issue.rule == problem.rule,
            Issue.supplier == problem.supplier,
            Issue.status == "open",
        )
    )


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
        status="open",
        owner=f"{dependency.owner.name}, {dependency.owner.title}",
        description=problem.message,
        raised_on=now,
        raised_by=f"gate, run {run}",
        due_on=dependency.reporting.today(now) + timedelta(days=policy.answer_days[impact]),
        slack_channel=dependency.alerts.slack_channel,
    )
    session.add(issue)
    session.flush()
    audit.note(
        session,
        "issue opened",
        dependency=dependency.name,
        reference=issue.reference,
        rule=problem.rule,
        supplier=problem.supplier,
        impact=impact,
    )
    return issue


def impact_of(importance: str, verdict: Verdict) -> str:
    """Trouble if it is not resolved: the class, one step less where nothing is blocked."""
    ladder = ["low", "medium", "high"]
    step = {"high": 2, "moderate": 1, "low": 0}[importance] - (0 if verdict.blocks else 1)
    return ladder[max(step, 0)]


def _show_occurrence(session: Session, issue: Issue, period: date | None, problem: Problem) -> bool:
    """Keep the occurrence of this period; True if it was not open before."""
    same = select(Occurrence).where(Occurrence.issue_id == issue.id)
    occurrence = session.scalar(same.where(Occurrence.period == period if period else Occurrence.period.is_(None)))
    is_new = occurrence is None or occurrence.closed_at is not None
    if occurrence is None:
        occurrence = Occurrence(issue_id=issue.id, period=period, opened_at=datetime.now(UTC))
        session.add(occurrence)
    occurrence.verdict, occurrence.evaluated, occurrence.failed = (
        str(problem.verdict),
        problem.evaluated,
        problem.failed,
    )
    occurrence.closed_at = None
    session.flush()
    return is_new


def _close_cured(
    session: Session,
    dependency: str,
    period: date | None,
    still_wrong: set[tuple[str, str]],
    resolution: str,
    facts: dict[str, Any],
    cures: frozenset[str],
) -> list[str]:
    """Close the period's occurrences whose problem is gone, and each issue that has none left."""
    told = Occurrence.period == period if period else Occurrence.period.is_(None) & Issue.rule.in_(cures)
    query = (
        select(Issue, Occurrence)
        .join(Occurrence, Occurrence.issue_id == Issue.id)
        .where(Issue.dependency == dependency, told, Occurrence.closed_at.is_(None))
    )
    closed = []
    for issue, occurrence in session.execute(query).all():
        if (issue.rule, issue.supplier) in still_wrong:
            continue
        occurrence.closed_at = datetime.now(UTC)
        session.flush()
        left = select(Occurrence.id).where(Occurrence.issue_id == issue.id, Occurrence.closed_at.is_(None)).limit(1)
        if session.scalar(left) is None:
            issue.status, issue.closed_on, issue.resolution = "closed", datetime.now(UTC), resolution
            audit.note(
                session,
                "issue closed",
                dependency=dependency,
                period=period,
                reference=issue.reference,
                resolution=resolution,
            )
            _tell(session, issue, "resolved", period, problem=None, resolution=resolution, **facts)
            closed.append(issue.reference)
    return closed


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
            "closed_on": issue.closed_on.isoformat() if issue.closed_on else None,
        }


def list_issues(session: Session, *, dependency: str | None = None, status: str | None = None) -> list[IssueView]:
    """Issues, open ones first, then the latest."""
    query = select(Issue).order_by((Issue.status != "open"), Issue.id.desc())
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
    digits = reference.upper().removeprefix("IG-")
    issue = session.get(Issue, int(digits)) if digits.isdigit() else None
    if issue is None:
        raise Rejected(f"There is no issue {reference}. 'integrity issues list' shows those there are.")
    return _view(session, issue)


def _view(session: Session, issue: Issue) -> IssueView:
    query = select(Occurrence).where(Occurrence.issue_id == issue.id).order_by(Occurrence.period)
    return IssueView(issue, tuple(session.scalars(query)))
