"""Issues as they are listed and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.register import life
from integrity.warehouse.models import Issue, Occurrence


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
            "explained_by": f"IG-{issue.explained_by:05d}" if issue.explained_by else None,
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
