"""How quickly issues are answered, from their log: reopening begins a new spell and forgets none before it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.register.life import CLOSED, RESOLVED
from integrity.warehouse.models import AuditEvent, Issue

By = Literal["dependency", "supplier", "dimension"]
_BEGINS = ("opened", "reopened")
_ANSWERS = ("acknowledged", "investigated", "assigned", "resolved", "closed")
_ENDS = ("resolved", "closed", "merged")


@dataclass
class Spell:
    """The time from an issue's opening, or reopening, to its end.

    Attributes:
        answered_at: When a person first did something about it; None where nobody has.
    """

    began_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass
class Measured:
    """What the log tells of some issues.

    Attributes:
        reopened: Spells that were not an issue's first.
        overdue: Issues that should have been resolved by now.
        to_answer, to_resolve: Time of each spell that was answered, or ended.
    """

    issues: int = 0
    unresolved: int = 0
    reopened: int = 0
    overdue: int = 0
    to_answer: list[timedelta] = field(default_factory=list)
    to_resolve: list[timedelta] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "issues": self.issues,
            "unresolved": self.unresolved,
            "overdue": self.overdue,
            "reopened": self.reopened,
            "answered": len(self.to_answer),
            "median_hours_to_answer": _median_hours(self.to_answer),
            "resolved": len(self.to_resolve),
            "median_hours_to_resolve": _median_hours(self.to_resolve),
        }


def _median_hours(times: Iterable[timedelta]) -> float | None:
    hours = [time.total_seconds() / 3600 for time in times]
    return round(statistics.median(hours), 2) if hours else None


def spells(events: Iterable[AuditEvent]) -> list[Spell]:
    """An issue's spells, from its events in order."""
    found: list[Spell] = []
    for event in events:
        what = event.event.removeprefix("issue ")
        if what in _BEGINS:
            found.append(Spell(event.at))
        if not found:
            continue
        # A gate that closes what it finds cured is nobody's answer.
        is_a_person = bool(event.details.get("by")) and not str(event.details["by"]).startswith("gate,")
        if what in _ANSWERS and is_a_person and found[-1].answered_at is None:
            found[-1].answered_at = event.at
        if what in _ENDS and found[-1].ended_at is None:
            found[-1].ended_at = event.at
    return found


def measured(session: Session, by: By, today: date) -> dict[str, Measured]:
    """Measures of all issues, by one of their properties."""
    events = session.scalars(
        select(AuditEvent).where(AuditEvent.issue_id.is_not(None)).order_by(AuditEvent.issue_id, AuditEvent.id)
    )
    logs = {number: list(log) for number, log in groupby(events, key=lambda event: event.issue_id)}
    found: dict[str, Measured] = {}
    for issue in session.scalars(select(Issue).order_by(Issue.id)):
        told, log = found.setdefault(getattr(issue, by) or "-", Measured()), spells(logs.get(issue.id, []))
        is_over = issue.status in (RESOLVED, CLOSED)
        told.issues += 1
        told.unresolved += not is_over
        told.overdue += not is_over and issue.due_on < today
        told.reopened += max(len(log) - 1, 0)
        told.to_answer += [spell.answered_at - spell.began_at for spell in log if spell.answered_at]
        told.to_resolve += [spell.ended_at - spell.began_at for spell in log if spell.ended_at]
    return dict(sorted(found.items()))
