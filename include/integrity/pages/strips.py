"""Strips of periods: a mark for each of the last ones, to be looked at rather than read; and grids of such strips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.verdicts import worst

PERIODS = 30
MOST_CELLS = 800
"""Suppliers times periods: with more of the ones fewer of the others are looked at, so that a page is quick."""


@dataclass(frozen=True)
class Mark:
    """One period in a strip.

    Attributes:
        label: The period as people write it.
        kind: Its look: a verdict, or a word of the strip's own.
        said: What it shows, for those who point at it or have it read to them.
    """

    label: str
    kind: str
    said: str


def last_periods(session: Session, registered: Registered, most: int = PERIODS) -> dict[date, str]:
    """The last periods of which anything is on record, as people write them; the earliest first.

    The run of a holiday has a record, too, and is no period: nobody is missing on it. What was sent for is shown even
    where the calendar has changed since.
    """
    reporting = registered.dependency.reporting
    query = text(
        """
        SELECT period, bool_or(came) AS came FROM (
            (SELECT DISTINCT period, false AS came FROM register.judgement WHERE dependency = :dependency
             ORDER BY period DESC LIMIT :most)
            UNION ALL
            (SELECT DISTINCT period, true FROM register.submission WHERE dependency = :dependency
             ORDER BY period DESC LIMIT :most)
        ) either GROUP BY period ORDER BY period DESC LIMIT :most
        """
    )
    # Few days of a calendar are holidays: of twice as many, enough are periods.
    found = session.execute(query, {"dependency": registered.name, "most": 2 * most})
    periods = [row.period for row in found if row.came or reporting.is_period(row.period)][:most]
    return {period: reporting.label(period) for period in reversed(periods)}


def nights(session: Session, dependency: str, labels: Mapping[date, str]) -> tuple[Mark, ...]:
    """The worst verdict of a period's gates; of a supplier's revisions the latest counts."""
    query = text(
        """
        WITH latest AS (
            SELECT DISTINCT ON (supplier, period) id FROM register.submission
            WHERE dependency = :dependency AND period = ANY(:periods) ORDER BY supplier, period, revision DESC
        )
        SELECT j.period, array_agg(DISTINCT j.verdict) AS verdicts,
               EXISTS (SELECT FROM register.release r WHERE r.dependency = :dependency AND r.period = j.period
                       AND r.superseded_at IS NULL) AS is_released
        FROM register.judgement j
        WHERE j.dependency = :dependency AND j.period = ANY(:periods)
          AND (j.submission_id IS NULL OR j.submission_id IN (SELECT id FROM latest))
        GROUP BY j.period
        """
    )
    found = {row.period: row for row in session.execute(query, {"dependency": dependency, "periods": list(labels)})}
    marks = []
    for period, label in labels.items():
        row = found.get(period)
        if row is None:
            marks.append(Mark(label, "none", "not judged"))
        else:
            verdict = str(worst(row.verdicts))
            marks.append(Mark(label, verdict, f"{verdict}, {'released' if row.is_released else 'not released'}"))
    return tuple(marks)


@dataclass(frozen=True)
class RuleTrend:
    """How a rule came out over the last periods.

    Attributes:
        failing: In how many of them it did not hold.
        last: Failed and evaluated, the last time that it was asked.
    """

    rule: str
    kind: str
    dimension: str
    severity: str
    message: str
    marks: tuple[Mark, ...]
    failing: int
    last: tuple[int, int] | None


def rule_trends(session: Session, dependency: str, labels: Mapping[date, str]) -> list[RuleTrend]:
    """Every rule that was asked in these periods; those that fail most often first.

    Args:
        labels: The periods as people write them, the earliest first.
    """
    query = text(
        """
        WITH latest AS (
            SELECT DISTINCT ON (supplier, period) id FROM register.submission
            WHERE dependency = :dependency AND period = ANY(:periods) ORDER BY supplier, period, revision DESC
        )
        SELECT f.rule, j.period, max(f.kind) AS kind, max(f.dimension) AS dimension, max(f.severity) AS severity,
               max(f.message) AS message, array_agg(DISTINCT f.verdict) AS verdicts,
               bool_and(f.not_judged <> '') AS unasked,
               sum(f.failed)::bigint AS failed, sum(f.evaluated)::bigint AS evaluated
        FROM register.judgement j JOIN register.finding f ON f.judgement_id = j.id
        WHERE j.dependency = :dependency AND j.period = ANY(:periods)
          AND (j.submission_id IS NULL OR j.submission_id IN (SELECT id FROM latest))
        GROUP BY f.rule, j.period
        """
    )
    found: dict[str, dict[date, Any]] = {}
    for row in session.execute(query, {"dependency": dependency, "periods": list(labels)}):
        found.setdefault(row.rule, {})[row.period] = row
    trends = [_trend(rule, by_period, labels) for rule, by_period in found.items()]
    return sorted(trends, key=lambda trend: (-trend.failing, trend.rule))


def _trend(rule: str, by_period: dict[date, Any], labels: Mapping[date, str]) -> RuleTrend:
    marks = [_mark(label, by_period.get(period)) for period, label in labels.items()]
    asked = [by_period[period] for period in sorted(by_period) if not by_period[period].unasked]
    latest = by_period[max(by_period)]
    return RuleTrend(
        rule=rule,
        kind=latest.kind,
        dimension=latest.dimension,
        severity=latest.severity,
        message=latest.message,
        marks=tuple(marks),
        failing=sum(mark.kind in ("WARN", "FAIL", "ERROR") for mark in marks),
        last=(asked[-1].failed, asked[-1].evaluated) if asked else None,
    )


def _mark(label: str, row: Any) -> Mark:
    if row is None:
        return Mark(label, "none", "not asked")
    if row.unasked:
        return Mark(label, "none", "could not be asked")
    verdict = str(worst(row.verdicts))
    return Mark(label, verdict, f"{verdict}, {row.failed:,} of {row.evaluated:,}" if row.failed else verdict)


def summed_up(marks: Iterable[Mark]) -> str:
    """A strip in words: how many periods look how."""
    counts: dict[str, int] = {}
    for mark in marks:
        counts[mark.kind] = counts.get(mark.kind, 0) + 1
    return ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "no period yet"
