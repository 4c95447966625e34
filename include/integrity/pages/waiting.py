"""What needs somebody now: issues, the worst and most overdue first, as the address asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from integrity.inventory import manual
from integrity.pages.visitor import Charge
from integrity.register.life import CLOSED, RESOLVED, STATUSES
from integrity.warehouse.models import Issue, Occurrence

ON_A_PAGE = 50
MOST_PAGES = 100
"""Nobody turns to the hundredth; whoever looks for something asks for less."""
UNCLOSED = "not closed"
EVERY = "every"
_WHOSE = ("mine", "all")
_IMPACTS = ("high", "medium", "low")


@dataclass(frozen=True)
class Asked:
    """Which issues are to be shown, as the address says it; '' asks for any.

    Attributes:
        whose: ``mine`` or ``all``.
        status: A status, ``not closed`` or ``every``.
        overdue: ``yes`` for those only whose answer is overdue.
        page: From 1.
    """

    whose: str = "all"
    status: str = UNCLOSED
    impact: str = ""
    dependency: str = ""
    supplier: str = ""
    dimension: str = ""
    overdue: str = ""
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str], *, has_own: bool) -> Asked:
        """What an address asks for; what means nothing is left out, so that an old address still shows something.

        Args:
            has_own: Whether anything can be the visitor's, who then sees theirs where nothing else is asked.
        """
        choices = choices_of()
        asked = {name: query.get(name, "").strip() for name in (field.name for field in fields(cls))}
        kept: dict[str, Any] = {
            name: value for name, value in asked.items() if value and value in choices.get(name, (value,))
        }
        number = str(kept.pop("page", 1))
        kept["page"] = min(max(int(number[:7]), 1), MOST_PAGES) if number.isascii() and number.isdecimal() else 1
        return cls(**({"whose": "mine" if has_own else "all"} | kept))

    def address(self, **changed: Any) -> str:
        """The part of the address that asks for these, or for these with something changed."""
        asked = replace(self, **{"page": 1} | changed)
        told = {field.name: getattr(asked, field.name) for field in fields(asked)}
        return urlencode({name: value for name, value in told.items() if value not in ("", 1)})


def choices_of() -> dict[str, tuple[str, ...]]:
    """What may be chosen from, for those that are chosen from a list that never changes."""
    return {
        "whose": _WHOSE,
        "status": (UNCLOSED, *STATUSES, EVERY),
        "impact": _IMPACTS,
        "dimension": tuple(manual.dimensions()),
        "overdue": ("yes",),
    }


@dataclass(frozen=True)
class Shown:
    """An issue in the list.

    Attributes:
        periods: How many show it now; since which.
        days_overdue: 0 or less while there is time, or nobody has to answer any more.
    """

    issue: Issue
    periods: int
    since: date | None
    days_overdue: int


@dataclass(frozen=True)
class Waiting:
    """A page of issues, and how many there are on all pages.

    Attributes:
        overdue: Of those that are to be answered.
    """

    shown: tuple[Shown, ...]
    total: int
    to_answer: int
    overdue: int

    @property
    def pages(self) -> int:
        return max(1, min(-(-self.total // ON_A_PAGE), MOST_PAGES))


def issues_asked_for(
    session: Session, asked: Asked, charge: Charge, *, dependencies: list[str], today: Callable[[str], date]
) -> Waiting:
    """The issues that an address asks for.

    Args:
        dependencies: Those that the visitor may see.
        today: The day that it is where a dependency reports.
    """
    wanted = and_(*_conditions(asked, charge, dependencies))
    is_to_answer = Issue.status.not_in((RESOLVED, CLOSED))
    late = and_(is_to_answer, _is_overdue(dependencies, today))
    if asked.overdue:
        wanted = and_(wanted, late)
    counts = select(func.count(), func.count().filter(is_to_answer), func.count().filter(late)).where(wanted)
    total, to_answer, overdue = session.execute(counts).one()
    page = (
        select(Issue)
        .where(wanted)
        .order_by(Issue.place, Issue.due_on, Issue.id)
        .limit(ON_A_PAGE)
        .offset((asked.page - 1) * ON_A_PAGE)
    )
    issues = list(session.scalars(page))
    periods = _periods(session, issues)
    return Waiting(tuple(_shown(issue, periods, today) for issue in issues), total, to_answer, overdue)


def _shown(issue: Issue, periods: dict[int, tuple[int, date | None]], today: Callable[[str], date]) -> Shown:
    number, since = periods.get(issue.id, (0, None))
    is_over = issue.status in (RESOLVED, CLOSED)
    return Shown(issue, number, since, 0 if is_over else (today(issue.dependency) - issue.due_on).days)


def _is_overdue(dependencies: list[str], today: Callable[[str], date]) -> ColumnElement[bool]:
    """Whether the answer is overdue, by the day that it is where each dependency reports."""
    days: dict[date, list[str]] = {}
    for name in dependencies:
        days.setdefault(today(name), []).append(name)
    return or_(*(and_(Issue.due_on < day, Issue.dependency.in_(names)) for day, names in days.items()))


def _conditions(asked: Asked, charge: Charge, dependencies: list[str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Issue.dependency.in_(dependencies)]
    if asked.status == UNCLOSED:
        conditions.append(Issue.status != CLOSED)
    elif asked.status != EVERY:
        conditions.append(Issue.status == asked.status)
    if asked.whose == "mine":
        called = [and_(Issue.dependency == name, Issue.escalated >= step) for name, step in charge.called_upon.items()]
        conditions.append(or_(Issue.owner.in_(charge.names), *called))
    for name in ("impact", "dependency", "supplier", "dimension"):
        if value := getattr(asked, name):
            conditions.append(getattr(Issue, name) == value)
    return conditions


def _periods(session: Session, issues: list[Issue]) -> dict[int, tuple[int, date | None]]:
    """By issue, how many periods show it now, and the earliest of them."""
    query = (
        select(Occurrence.issue_id, func.count(), func.min(Occurrence.period))
        .where(Occurrence.issue_id.in_([issue.id for issue in issues]), Occurrence.closed_at.is_(None))
        .group_by(Occurrence.issue_id)
    )
    return {issue: (number, since) for issue, number, since in session.execute(query).all()}
