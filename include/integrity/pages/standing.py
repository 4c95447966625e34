"""One dependency: how its last periods stand, who delivered what, how its rules fare, who answers for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from markdown_it import MarkdownIt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.pages.deliveries import Deliveries, deliveries
from integrity.pages.strips import MOST_CELLS, PERIODS, Mark, RuleTrend, last_periods, nights, rule_trends
from integrity.register import life
from integrity.warehouse.models import Issue

_FEWEST_PERIODS = 7
_SUPPLIERS_SHOWN = 60
_BELOW = 2
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Standing:
    """What the page of a dependency tells.

    Attributes:
        nights: A mark for each of its last periods: the worst verdict of all gates, and what was released.
        suppliers: At most 60 lines of the grid; ``unshown`` suppliers have no line.
        unclosed, overdue: Issues.
    """

    labels: dict[date, str]
    nights: tuple[Mark, ...]
    suppliers: tuple[Deliveries, ...]
    unshown: int
    trends: tuple[RuleTrend, ...]
    unclosed: int
    overdue: int


def standing_of(session: Session, registered: Registered, moment: datetime) -> Standing:
    """How a dependency stands at a moment."""
    dependency = registered.dependency
    most = min(PERIODS, max(_FEWEST_PERIODS, MOST_CELLS // len(dependency.suppliers)))
    labels = last_periods(session, registered, most)
    lines = deliveries(session, registered, labels, moment)
    unclosed, overdue = open_issues(session, registered, dependency.reporting.today(moment))
    return Standing(
        labels=labels,
        nights=nights(session, registered.name, labels),
        suppliers=tuple(lines[:_SUPPLIERS_SHOWN]),
        unshown=max(0, len(lines) - _SUPPLIERS_SHOWN),
        trends=tuple(rule_trends(session, registered.name, labels)),
        unclosed=unclosed,
        overdue=overdue,
    )


def open_issues(session: Session, registered: Registered, today: date) -> tuple[int, int]:
    """How many issues of a dependency are not closed, and how many of them are overdue."""
    is_late = (Issue.due_on < today) & Issue.status.not_in((life.RESOLVED, life.CLOSED))
    query = select(func.count(), func.count().filter(is_late)).where(
        Issue.dependency == registered.name, Issue.status != life.CLOSED
    )
    unclosed, overdue = session.execute(query).one()
    return unclosed, overdue


def as_page(markdown: str) -> str:
    """Markdown as HTML, its headings below the page's own; tags that stand in it are shown as text."""
    tokens = _MARKDOWN.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _BELOW, 6)}"
        if token.type == "th_open":
            token.attrSet("scope", "col")
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))
