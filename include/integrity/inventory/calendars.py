"""Days on which nobody reports, and the moment at which a report is due."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SATURDAY = 5
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class Strict(BaseModel):
    """Unknown keys are refused: a misspelt key must not silently switch a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"'{value}' is not a time zone of the IANA database, such as Europe/Rome")
    return value


def _hour(value: Any) -> time:
    if isinstance(value, time):
        return value
    # YAML 1.1 takes an unquoted 09:00 for the number 540, which would pass for nine minutes past midnight.
    if not isinstance(value, str) or not _HOUR.fullmatch(value):
        raise ValueError('an hour is written in quotes, such as "09:00"')
    return time.fromisoformat(value)


def _known_place(value: str) -> str:
    if not _PLACE.fullmatch(value):
        raise ValueError(f"'{value}' is no place: write a country such as IT, or a part of one such as DE-BY")
    holidays_of(value, 2020)
    return value


TimeZone = Annotated[str, AfterValidator(_known_timezone)]
Hour = Annotated[time, BeforeValidator(_hour)]
Place = Annotated[str, AfterValidator(_known_place)]


@cache
def holidays_of(place: str, year: int) -> frozenset[date]:
    """The public holidays of a country, or of a part of one (``DE-BY``), in a year.

    They come from the library ``holidays``, loaded only where a place is named: Dags are parsed often.

    Raises:
        ValueError: The library does not know the place.
    """
    country, _, part = place.partition("-")
    from holidays import country_holidays

    try:
        known = country_holidays(country, subdiv=part or None, years=year)
    except NotImplementedError:
        raise ValueError(f"the library 'holidays' does not know '{place}'; list the days under closed_on") from None
    return frozenset(known)


def is_open(day: date, place: str | None, closed_on: Iterable[date]) -> bool:
    """Whether offices are open: no Saturday, no Sunday, no holiday of the place, no day that is listed as closed."""
    if day.weekday() >= _SATURDAY or day in closed_on:
        return False
    return place is None or day not in holidays_of(place, day.year)


class Due(Strict):
    """By when a submission is expected.

    Attributes:
        days: Calendar days after the period's last day; 0 is that day itself.
        business_days: In place of ``days``: days on which offices are open.
        at: Time of day, by the supplier's clocks.
    """

    days: int | None = Field(default=None, ge=0, le=366)
    business_days: int | None = Field(default=None, ge=0, le=260)
    at: Hour

    @model_validator(mode="after")
    def _says_which_days(self) -> Self:
        if (self.days is None) == (self.business_days is None):
            raise ValueError("due states either 'days' or 'business_days'")
        return self


class Grace(Strict):
    """For how long after it was due a submission still counts as in time."""

    days: int = Field(default=0, ge=0, le=366)
    hours: int = Field(default=0, ge=0)
    minutes: int = Field(default=0, ge=0)

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


NO_GRACE = Grace()


def moment_in(day: date, at: time, timezone: str) -> datetime:
    """That time of that day by the clocks of a time zone, in UTC.

    In UTC, since two moments of one zone are compared by Python as their clocks show them, which is an hour wrong when
    these are changed in between. An hour that the clocks leap over is taken as if they had not.
    """
    return datetime.combine(day, at, ZoneInfo(timezone)).astimezone(UTC)


def day_in_words(day: date) -> str:
    """A day as people write it: 4 May 2020."""
    return f"{day.day} {day:%B %Y}"


def months_after(day: date, months: int) -> date:
    """The same day so many months later; the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
