"""The reporting calendar of a dependency: which periods there are, and when each is due."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from integrity.inventory.calendars import (
    NO_GRACE,
    Due,
    Grace,
    Place,
    Strict,
    TimeZone,
    day_in_words,
    is_open,
    moment_in,
    months_after,
)

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_FISCAL = re.compile(r"(\d{4})/(\d{2}) M(\d{2})")
_WEEK_NUMBER = re.compile(r"%[VUW]")
_DIGITS = re.compile(r"\d+")
_WEEKDAY = re.compile(r"%[uwaA]")
_SOME_DAY = date(2020, 4, 20)
_CRON = {"daily": "0 0 * * *", "business_days": "0 0 * * 1-5", "weekly": "0 0 * * 1", "monthly": "0 0 1 * *"}


class PeriodNotation(Strict):
    """How a supplier writes a reporting period, in a file's name or in cells.

    Attributes:
        format: Notation (strptime) of a day in the period, such as ``%Y%m%d``, ``%b-%y``, ``%G-W%V`` for a week of
            ISO 8601, or ``%Y %m`` for a financial year and its numbered month.
        months_later: How many months after what is written the period lies; 3 for a financial year that begins in
            April and is named by its first calendar year, -9 where it is named by its second.
    """

    format: str
    months_later: int = Field(default=0, ge=-24, le=24)

    @model_validator(mode="after")
    def _tells_a_period(self) -> Self:
        try:
            told = self._written(f"{_SOME_DAY:{self.format}}")
        except ValueError as error:
            raise ValueError(f"'{self.format}' is no notation of a period ({error})") from None
        if told.year != _SOME_DAY.year:
            raise ValueError(f"'{self.format}' is no notation of a period: it does not tell the year")
        return self

    def read(self, text: str) -> date | None:
        """A day in the period that is meant; None where the text is not in this notation."""
        try:
            written = self._written(text)
        except ValueError:
            return None
        return months_after(written.replace(day=1), self.months_later) if self.months_later else written

    def write(self, period: date) -> str:
        """The period as the supplier would write it."""
        return f"{months_after(period, -self.months_later):{self.format}}"

    def _written(self, text: str) -> date:
        if not _WEEK_NUMBER.search(self.format) or _WEEKDAY.search(self.format):
            return datetime.strptime(text, self.format).date()  # noqa: DTZ007 - a period has no zone
        # Python refuses a week without a day of it, or takes it for the first of January.
        monday = datetime.strptime(f"{text} 1", f"{self.format} %u").date()  # noqa: DTZ007 - as above
        # And the 53rd of a year that has 52 for one of the next.
        if [*map(int, _DIGITS.findall(f"{monday:{self.format}}"))] != [*map(int, _DIGITS.findall(text))]:
            raise ValueError("the year has no such week")
        return monday


class StatedPeriod(PeriodNotation):
    """Cells in which a file states each row's reporting period itself.

    For suppliers whose dates do not tell it: dates of invoices, or books that close later than the month does.

    Attributes:
        layouts: Names of the layouts whose files state it so.
        headings: The supplier's own headings; what stands under them is read together, with one blank between.
    """

    layouts: list[str] = Field(min_length=1)
    headings: list[str] = Field(min_length=1)


class Reporting(Strict):
    """The calendar: which periods there are, and by when each is reported.

    A period is a day, a day on which offices are open, a week under the name of its Monday, or a month under the name
    of its first day. It is judged as the next one begins in ``timezone``.

    Attributes:
        holidays: The place whose public holidays are no business days, such as ``IT`` or ``DE-BY``.
        closed_on: Further days that are no business days; or all of them, where no place is named.
        fiscal_year_begins: The month, 1 to 12, with which the year of the books begins. Months are then labelled by
            that year and their number in it.
        due: By when a submission is expected; where not stated, by the period's end.
        grace: For how long after that it is not missed.
        nil_returns: Whether a file with all headings and no rows says that there is nothing to report. Otherwise, and
            where headings are missing, nothing was judged, which blocks.
        watched_periods: How many periods back ``watch`` looks for what is missing: from now, and from the last one
            that can have been missed.
    """

    frequency: Literal["daily", "business_days", "weekly", "monthly"]
    timezone: TimeZone
    reports_from: date
    reports_until: date | None = None
    holidays: Place | None = None
    closed_on: list[date] = []
    fiscal_year_begins: int | None = Field(default=None, ge=1, le=12)
    due: Due | None = None
    grace: Grace = NO_GRACE
    nil_returns: bool = False
    watched_periods: int = Field(default=7, ge=1, le=100)
    stated: list[StatedPeriod] = []

    @model_validator(mode="after")
    def _says_nothing_in_vain(self) -> Self:
        if self.fiscal_year_begins is not None and self.frequency != "monthly":
            raise ValueError("fiscal_year_begins labels months, and this calendar has none")
        if self.grace != NO_GRACE and self.due is None:
            raise ValueError("grace begins when a submission is due: state 'due' as well")
        counts_open_days = self.frequency == "business_days" or (self.due and self.due.business_days is not None)
        if (self.holidays or self.closed_on) and not counts_open_days:
            raise ValueError("holidays and closed_on matter to business days only, and nothing here counts them")
        return self

    @property
    def every(self) -> str:
        """The length of a period as polars writes it, to which a day is rounded down."""
        return {"weekly": "1w", "monthly": "1mo"}.get(self.frequency, "1d")

    def is_period(self, period: date) -> bool:
        within = self.period_of(self.reports_from) <= period
        within = within and (self.reports_until is None or period <= self.reports_until)
        return within and period == self.period_of(period) and self._is_reported(period)

    def period_of(self, day: date) -> date:
        """The period in which this day lies; of a day on which nobody reports, the day itself, which is no period."""
        if self.frequency == "weekly":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.frequency == "monthly" else day

    def next_period(self, period: date) -> date:
        """The period after this one; its first midnight is when this one is judged."""
        if self.frequency == "monthly":
            return months_after(period, 1)
        following = period + timedelta(days=7 if self.frequency == "weekly" else 1)
        while not self._is_reported(following):
            following += timedelta(days=1)
        return following

    def period_before(self, period: date) -> date:
        """The period before this one."""
        earlier = self.period_of(period - timedelta(days=1))
        while not self._is_reported(earlier):
            earlier -= timedelta(days=1)
        return earlier

    def shifted(self, period: date, by: int) -> date:
        """The period so many later in the calendar; earlier where ``by`` is negative."""
        step = self.period_before if by < 0 else self.next_period
        for _ in range(abs(by)):
            period = step(period)
        return period

    def last_day(self, period: date) -> date:
        """The last day that belongs to the period."""
        if self.frequency in ("daily", "business_days"):
            return period
        return self.next_period(period) - timedelta(days=1)

    def periods_before(self, day: date) -> list[date]:
        """The last ``watched_periods`` of the calendar that had begun on this day, the earliest first.

        Those before ``reports_from`` and after ``reports_until`` are counted, and left out.
        """
        earliest = self.period_of(self.reports_from)
        found: list[date] = []
        looked, counted = day, 0
        while counted < self.watched_periods and looked >= earliest:
            period = self.period_of(looked)
            if self._is_reported(period):
                counted += 1
                if self.is_period(period):
                    found.append(period)
            looked = period - timedelta(days=1)
        return found[::-1]

    def due_at(self, period: date, timezone: str | None = None) -> datetime | None:
        """When a submission for the period is due, in UTC; None where nothing says so.

        Args:
            timezone: The supplier's, where it has one of its own.
        """
        if self.due is None:
            return None
        day = self.last_day(period)
        if self.due.days is not None:
            day += timedelta(days=self.due.days)
        for _ in range(self.due.business_days or 0):
            day = self._open_day_after(day)
        return moment_in(day, self.due.at, timezone or self.timezone)

    def missed_after(self, period: date, timezone: str | None = None) -> datetime | None:
        """The last moment, in UTC, at which a submission for the period is in time; None where nothing says so."""
        due = self.due_at(period, timezone)
        return due + self.grace.length if due else None

    def label(self, period: date) -> str:
        """The period as people write it: 2020-04-23, 2020-W17, 2020-04; 2020/21 M01 by the books' year."""
        if self.frequency == "weekly":
            return f"{period:%G-W%V}"
        if self.frequency != "monthly":
            return period.isoformat()
        if self.fiscal_year_begins is None:
            return f"{period:%Y-%m}"
        first = months_after(period, 1 - self.fiscal_year_begins)
        return f"{first.year}/{(first.year + 1) % 100:02d} M{first.month:02d}"

    def in_words(self, period: date) -> str:
        """The period as a letter would name it: 23 April 2020, the week from 20 April 2020, April 2020."""
        if self.frequency == "weekly":
            return f"the week from {day_in_words(period)} ({self.label(period)})"
        if self.frequency != "monthly":
            return day_in_words(period)
        return f"{period:%B %Y}" + (f" ({self.label(period)})" if self.fiscal_year_begins else "")

    def parse_period(self, text: str) -> date:
        """Read a period as people write it: as its label, a month also as 2020-04, any by its first day.

        Raises:
            ValueError: It is none; the text says how to write one.
        """
        try:
            period = self._read(text)
        except ValueError:
            period = None
        known = () if period is None else (self.label(period), period.isoformat(), self._in_short(period))
        if period is None or period != self.period_of(period) or text not in known:
            example = self.label(self.period_of(self.reports_from))
            raise ValueError(f"'{text}' is no reporting period. Write it as {example}.")
        return period

    def _read(self, text: str) -> date:
        if self.frequency == "weekly" and (week := _WEEK.fullmatch(text)):
            return date.fromisocalendar(int(week[1]), int(week[2]), 1)
        if self.fiscal_year_begins and (month := _FISCAL.fullmatch(text)):
            return months_after(date(int(month[1]), int(month[3]), 1), self.fiscal_year_begins - 1)
        return date.fromisoformat(f"{text}-01" if self.frequency == "monthly" and len(text) == 7 else text)

    def _in_short(self, period: date) -> str:
        return f"{period:%Y-%m}" if self.frequency == "monthly" else period.isoformat()

    @property
    def cron(self) -> str:
        """When a period is over, in ``timezone``: each midnight, or that before a business day, a Monday, a first.

        A holiday cannot be written so: a run whose key is one has no period, and nothing to do.
        """
        return _CRON[self.frequency]

    @property
    def first_midnight(self) -> datetime:
        """When the first period begins."""
        first = self.period_of(self.reports_from)
        return self._midnight(first if self._is_reported(first) else self.next_period(first))

    @property
    def last_midnight(self) -> datetime | None:
        """When the last period is over and judged; None where no end is known."""
        if self.reports_until is None:
            return None
        return self._midnight(self.next_period(self.period_of(self.reports_until)))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, ZoneInfo(self.timezone))

    def _is_reported(self, period: date) -> bool:
        return self.frequency != "business_days" or is_open(period, self.holidays, self.closed_on)

    def _open_day_after(self, day: date) -> date:
        day += timedelta(days=1)
        while not is_open(day, self.holidays, self.closed_on):
            day += timedelta(days=1)
        return day

    def stated_by(self, layout: str) -> StatedPeriod | None:
        """How files of this layout state their period; None where their dates tell it."""
        return next((stated for stated in self.stated if layout in stated.layouts), None)

    def today(self, moment: datetime) -> date:
        """The calendar day at this moment where the dependency reports."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()
