"""What a problem comes of, as far as the gates can tell: its owner is to hear of the cause and not of each effect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.gates.rules import COLUMNS_PRESENT, HAS_ROWS, READABLE
from integrity.pipeline.office import Office
from integrity.register.problems import Key, Problem
from integrity.register.releases import current_releases
from integrity.verdicts import Verdict
from integrity.warehouse.models import Issue, Occurrence

_SPOIL_THE_FILE = (READABLE.name, COLUMNS_PRESENT.name, HAS_ROWS.name)
"""Where one of these fails, what other rules say of that supplier's file comes of it; the first that fails counts."""


def causes_of(session: Session, office: Office, period: date, problems: list[Problem]) -> dict[Key, Key | int]:
    """By problem, another of these problems or the issue of another dependency that it comes of."""
    found: dict[Key, Key | int] = dict(_of_the_same_file(problems))
    upstream = dict(_of_what_it_leans_on(session, office, period))
    found |= {problem.key: upstream[problem.rule] for problem in problems if problem.rule in upstream}
    return found


def _of_the_same_file(problems: list[Problem]) -> Iterator[tuple[Key, Key]]:
    for supplier in {problem.supplier for problem in problems if problem.supplier}:
        of_supplier = {problem.rule: problem for problem in problems if problem.supplier == supplier}
        spoilt = next((rule for rule in _SPOIL_THE_FILE if rule in of_supplier), None)
        if spoilt and of_supplier[spoilt].verdict.blocks:
            yield from ((other.key, (spoilt, supplier)) for rule, other in of_supplier.items() if rule != spoilt)


def _of_what_it_leans_on(session: Session, office: Office, period: date) -> Iterator[tuple[str, int]]:
    """Rules that nothing can be said of, since what they lean on is not released, with the issue that holds it back."""
    for relation in office.registered.relations:
        for neighbour in relation.neighbours:
            their_period = neighbour.period_for(period, office.registered.dependency.reporting)
            if not neighbour.required or neighbour.dependency == office.name:
                continue
            if current_releases(session, neighbour.dependency, their_period):
                continue
            issue = _what_holds_back(session, neighbour.dependency, their_period)
            if issue is not None:
                yield relation.rule.name, issue
                break


def _what_holds_back(session: Session, dependency: str, period: date) -> int | None:
    """The first issue of those that keep a period from being released."""
    query = (
        select(Issue.id)
        .join(Occurrence, Occurrence.issue_id == Issue.id)
        .where(Issue.dependency == dependency, Occurrence.period == period, Occurrence.closed_at.is_(None))
        .where(Occurrence.verdict.in_([verdict for verdict in Verdict if verdict.blocks]))
        .order_by(Issue.explained_by.is_not(None), Issue.id)
    )
    return session.scalar(query.limit(1))
