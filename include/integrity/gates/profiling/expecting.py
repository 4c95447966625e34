"""What a series leads one to expect next: robust forecasts, each with the errors that it would have made so far.

Four plain ways to forecast stand side by side, since series differ: as last time, along the trend, as the same weekday
or month went, or around the usual value. The one with the smallest errors is believed. Only when the value before was a
departure itself all of them are asked, and one that fits is enough: so a lasting change is told once, and an outlier
has no echo. No distribution is assumed; how far off is too far follows from the errors themselves.

A decomposition (STL) would need several whole seasons and redraws its past with each new value; an epidemic's growth
has neither. The libraries that have one rest on numpy and scipy, which nothing else here needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

Point = tuple[date, float]
_STEPS = 7
_SEASONS = 4
_LEAST_SEASONS = 2
_LEAST_ERRORS = 3
_RARE_ERROR = 0.95
_WEEKLY_GAP_DAYS, _MONTHLY_GAP_DAYS = 4, (25, 35)


@dataclass(frozen=True)
class Forecast:
    """One way's forecast.

    Attributes:
        errors: Sizes of the errors that it would have made of the series so far.
    """

    value: float
    errors: tuple[float, ...]

    @property
    def usual_error(self) -> float:
        return median(self.errors)

    @property
    def rare_error(self) -> float:
        """The error that one in twenty exceeds."""
        ordered = sorted(self.errors)
        return ordered[math.ceil(_RARE_ERROR * len(ordered)) - 1]


@dataclass(frozen=True)
class Departure:
    """How far a value is from what was expected, and how far it might have been.

    Attributes:
        expected: The best forecast.
        size: Of the departure, with its sign.
        by: How many times what is allowed it is; above 1 it is told.
    """

    expected: float
    size: float
    by: float


def departure(
    series: Sequence[Point],
    period: date,
    value: float,
    *,
    floor: float,
    width: float,
    window: int,
    like_last: bool = False,
) -> Departure | None:
    """Hold a value against the series before it.

    Args:
        series: Oldest first; only its last `window` values are looked at.
        floor: No smaller departure is told, however regular the series.
        width: How many times the rare error is too much.
        like_last: Whether what is like the last value is never a departure, though the best forecast is another. So a
            series whose course turns is not told for turning; one with quiet weekends would not be told for another.

    Returns:
        None where the series is too short to know any error.
    """
    known = list(series[-window:])
    made = forecasts(known, period)
    found = _beside(made[:1], value, floor, width)
    if found is None or found.by <= 1:
        return found
    day, before = known[-1]
    last = _beside(forecasts(known[:-1], day)[:1], before, floor, width)
    if last is not None and last.by > 1:
        return _beside(made, value, floor, width)
    as_last = forecast(_last, known, period) if like_last else None
    return _beside([made[0], as_last], value, floor, width) if as_last else found


def _beside(made: Sequence[Forecast], value: float, floor: float, width: float) -> Departure | None:
    """The smallest of the departures from these forecasts, beside what is expected by the first."""
    sizes = [(value - each.value, abs(value - each.value) / max(floor, width * each.rare_error)) for each in made]
    return min((Departure(made[0].value, size, by) for size, by in sizes), key=lambda one: one.by, default=None)


def forecasts(series: Sequence[Point], period: date) -> list[Forecast]:
    """Every way's forecast, the best first."""
    made = (forecast(way, series, period) for way in _WAYS)
    return sorted((each for each in made if each is not None), key=lambda one: (one.usual_error, one.rare_error))


Way = Callable[[Sequence[Point], date], float | None]


def forecast(way: Way, series: Sequence[Point], period: date) -> Forecast | None:
    value = way(series, period)
    if value is None:
        return None
    known = ((way(series[:index], day), seen) for index, (day, seen) in enumerate(series) if index)
    errors = tuple(abs(seen - said) for said, seen in known if said is not None)
    return Forecast(value, errors) if len(errors) >= _LEAST_ERRORS else None


def _last(series: Sequence[Point], period: date) -> float | None:
    return series[-1][1] if series else None


def _trend(series: Sequence[Point], period: date) -> float | None:
    """The last values, each carried on by the usual step; three of them, so that a single outlier has no echo."""
    if len(series) < 2:
        return None
    values = [value for _, value in series[-_STEPS - 1 :]]
    step = median(after - before for before, after in zip(values, values[1:], strict=False))
    return median(value + back * step for back, value in enumerate(reversed(values[-3:]), start=1))


def _usual(series: Sequence[Point], period: date) -> float | None:
    return median(value for _, value in series[-_STEPS:]) if series else None


def _season(series: Sequence[Point], period: date) -> float | None:
    """Last value, with the step that usually leads to this weekday of a daily, or this month of a monthly series."""
    season = _season_of(series)
    if season is None:
        return None
    steps = [
        value - before
        for (_, before), (day, value) in zip(series, series[1:], strict=False)
        if season(day) == season(period)
    ]
    if len(steps) < _LEAST_SEASONS:
        return None
    return series[-1][1] + median(steps[-_SEASONS:])


def _season_of(series: Sequence[Point]) -> Callable[[date], int] | None:
    gaps = [(after - before).days for (before, _), (after, _) in zip(series, series[1:], strict=False)]
    if not gaps:
        return None
    gap = median(gaps)
    if gap < _WEEKLY_GAP_DAYS:
        return date.weekday
    return (lambda day: day.month) if _MONTHLY_GAP_DAYS[0] <= gap <= _MONTHLY_GAP_DAYS[1] else None


# Of equally good ones the first counts: the usual value, which no single outlier moves.
_WAYS: tuple[Way, ...] = (_usual, _trend, _season, _last)
