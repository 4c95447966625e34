"""A key data dependency as its folder declares it. Light to import: Dag parsing reads it every few seconds."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from integrity.findings import Rule
from integrity.inventory import manual
from integrity.inventory.formats import refuse_formats
from integrity.inventory.sources import Source

_NAME = r"^[a-z][a-z0-9_]{0,40}$"
"""A dependency names a table, a Dag and a folder; PostgreSQL cuts identifiers at 63 bytes."""
_CODE = r"^[A-Za-z][A-Za-z0-9_]{0,40}$"
"""A supplier names a folder."""


def _known_timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"'{value}' is not a time zone of the IANA database, such as Europe/Rome")
    return value


def _compiling_pattern(value: str) -> str:
    if "period" not in re.compile(_pattern(value)).groupindex:
        raise ValueError("the pattern needs a group named period: (?P<period>…)")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"the pattern does not compile: {error}") from error
    return value


def _readable_formats(value: list[str]) -> list[str]:
    refuse_formats(value)
    return value


class _Strict(BaseModel):
    """Unknown keys are refused: a misspelt key must not silently switch a control off."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Strict):
    name: str
    title: str
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    slack: str | None = Field(default=None, description="Slack member id, mentioned when they must act")


class Assessment(_Strict):
    """Answers to the impact questionnaire; the highest score gives the importance class."""

    assessed_on: date
    scores: dict[str, Annotated[int, Field(ge=0, le=3)]] = Field(min_length=1)


class Supplier(_Strict):
    code: str = Field(pattern=_CODE)
    name: str
    contact: str
    reports_from: date | None = None
    reports_until: date | None = None

    def reports_for(self, period: date) -> bool:
        """Whether a submission for this period is expected of them."""
        started = self.reports_from is None or self.reports_from <= period
        return started and (self.reports_until is None or period <= self.reports_until)


class StatedPeriod(_Strict):
    """Cells in which a file states each row's reporting period itself.

    For suppliers whose dates do not tell it: dates of invoices, or books that close later than the month does.

    Attributes:
        layouts: Names of the layouts whose files state it so.
        headings: The supplier's own headings; what stands under them is read together, with one blank between.
        format: Notation (strptime), such as ``%b-%y``, or ``%Y %m`` for a financial year and its numbered month.
        months_later: How many months after what is written the period lies; 3 for a financial year that begins in
            April and is named by its first calendar year, -9 where it is named by its second.
    """

    layouts: list[str] = Field(min_length=1)
    headings: list[str] = Field(min_length=1)
    format: str
    months_later: int = Field(default=0, ge=-24, le=24)

    def read(self, cell: str) -> date | None:
        """The first day of the month that is meant; None where the cell is not in this notation."""
        try:
            written = datetime.strptime(cell, self.format).date()  # noqa: DTZ007 - a month has no zone
        except ValueError:
            return None
        return _months_after(written.replace(day=1), self.months_later)


def _months_after(first_day: date, months: int) -> date:
    year, month = divmod(first_day.year * 12 + first_day.month - 1 + months, 12)
    return first_day.replace(year=year, month=month + 1)


class Reporting(_Strict):
    """The calendar: which periods there are.

    A period is a day, or a month under the name of its first day. It is judged as the next one begins in ``timezone``.
    """

    frequency: Literal["daily", "monthly"]
    timezone: Annotated[str, AfterValidator(_known_timezone)]
    reports_from: date
    reports_until: date | None = None
    stated: list[StatedPeriod] = []

    def is_period(self, period: date) -> bool:
        within = self.period_of(self.reports_from) <= period
        within = within and (self.reports_until is None or period <= self.reports_until)
        return within and period == self.period_of(period)

    def period_of(self, day: date) -> date:
        """The period in which this day lies."""
        return day.replace(day=1) if self.frequency == "monthly" else day

    def next_period(self, period: date) -> date:
        """The period after this one; its first midnight is when this one is over."""
        return _months_after(period, 1) if self.frequency == "monthly" else period + timedelta(days=1)

    def last_day(self, period: date) -> date:
        """The last day that belongs to the period."""
        return self.next_period(period) - timedelta(days=1)

    def label(self, period: date) -> str:
        """The period as people write it: 2020-04-23, or 2020-04 for a month."""
        return f"{period:%Y-%m}" if self.frequency == "monthly" else period.isoformat()

    def parse_period(self, text: str) -> date:
        """Read a period as people write it; a month also by its first day.

        Raises:
            ValueError: It is none; the text says how to write one.
        """
        try:
            period = date.fromisoformat(f"{text}-01" if self.frequency == "monthly" and len(text) == 7 else text)
        except ValueError:
            period = None
        if period is None or period != self.period_of(period) or text not in (self.label(period), str(period)):
            example = self.label(self.period_of(self.reports_from))
            raise ValueError(f"'{text}' is no reporting period. Write it as {example}.")
        return period

    @property
    def cron(self) -> str:
        """When a period is over, in ``timezone``: each midnight, or that before the first of a month."""
        return "0 0 1 * *" if self.frequency == "monthly" else "0 0 * * *"

    @property
    def first_midnight(self) -> datetime:
        """When the first period begins."""
        return datetime.combine(self.period_of(self.reports_from), time.min, ZoneInfo(self.timezone))

    @property
    def last_midnight(self) -> datetime | None:
        """When the last period is over and judged; None where no end is known."""
        if self.reports_until is None:
            return None
        over = self.next_period(self.period_of(self.reports_until))
        return datetime.combine(over, time.min, ZoneInfo(self.timezone))

    def stated_by(self, layout: str) -> StatedPeriod | None:
        """How files of this layout state their period; None where their dates tell it."""
        return next((stated for stated in self.stated if layout in stated.layouts), None)

    def today(self, moment: datetime) -> date:
        """The calendar day at this moment where the dependency reports."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()


class PeriodFromName(_Strict):
    pattern: Annotated[str, AfterValidator(_compiling_pattern)]
    format: str


class FileIdentity(_Strict):
    """How a file tells its reporting period: by its name, or else by its own dates."""

    period_from_name: PeriodFromName | None = None
    period_from_column: str


class Recode(_Strict):
    """Where all of ``when`` holds, ``set`` replaces; for codes that changed their meaning between layouts."""

    when: dict[str, str] = Field(min_length=1)
    set: dict[str, str] = Field(min_length=1)


class ReadingHints(_Strict):
    """What a layout tells the reader where the reader would otherwise decide for itself.

    Attributes:
        encoding: Name of the text's encoding, such as ``cp1252``.
        delimiter: What stands between two cells.
        quote: What encloses a cell; '' if nothing does.
        sheet: Name of the worksheet that holds the table.
        header_row: Physical number of the (last) row of headings; 0 where there is none.
        header_rows: How many rows the headings take.
        headings: Names of the columns, in order, where the file has no header.
        ends_before: Pattern of the first filled cell of the row at which the table has ended, such as ``^Total``.
    """

    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=2)
    quote: str | None = Field(default=None, max_length=1)
    sheet: str | None = None
    header_row: int | None = Field(default=None, ge=0)
    header_rows: int = Field(default=1, ge=1, le=5)
    headings: list[str] = []
    ends_before: Annotated[str, AfterValidator(_pattern)] | None = None


class Numbers(_Strict):
    """How a layout writes numbers. Whatever is not said here is not a number.

    Attributes:
        decimal: The decimal sign.
        thousands: Signs that may stand between groups of three digits; a blank stands for every kind of blank.
        currency: Signs or codes that may stand before or after the number.
        negative: Beside a leading minus: ``brackets`` for (1,234.50), ``trailing`` for 1,234.50-, ``CR`` for
            1,234.50 CR.
        percent: Whether 12.5% is the ``number`` 12.5 or the ``fraction`` 0.125; where not said, it is no number.
    """

    decimal: Literal[".", ","] = "."
    thousands: list[Annotated[str, Field(pattern=r"^[^\d+()%-]$")]] = []
    currency: list[Annotated[str, Field(pattern=r"^[^\d\s+()%-]+$", max_length=5)]] = []
    negative: list[Literal["brackets", "trailing", "CR"]] = []
    percent: Literal["number", "fraction"] | None = None

    @model_validator(mode="after")
    def _tell_decimals_from_thousands(self) -> Self:
        if self.decimal in self.thousands:
            raise ValueError(f"'{self.decimal}' is both the decimal and a thousands sign; a cell would have two values")
        return self


class Layout(_Strict):
    """One written mapping from a supplier's headings to the data dictionary.

    Headings are compared without regard to case, blanks and punctuation around them.

    Attributes:
        suppliers: Whose files it describes; all suppliers' where it names none.
        reading: What the reader is told instead of deciding for itself.
        rename: Dictionary name of each heading that differs from it.
        ignore: Headings that are known and not taken in.
        may_lack: Dictionary columns that files of this layout may be without; they arrive empty.
        fixed: Value of a dictionary column that the file need not state, such as the supplier's own name.
        pad: Width to which a code is filled with leading noughts, by dictionary column.
        recode: Replacements of codes, applied in order after padding.
        datetime_formats: Notations of moments, tried in order (strptime); ``excel_serial`` for Excel's dates as
            numbers. Two that read one cell as different days, such as ``%d/%m/%Y`` and ``%m/%d/%Y``, are refused.
        numbers: Notation of numbers.
        turn_sign: Number columns in which this supplier writes credits as positive; their sign is turned.
        periods: Whether a file is for one reporting period, or for every one that its rows speak of.
    """

    name: str = Field(pattern=_NAME)
    describes: str
    suppliers: list[str] = []
    reading: ReadingHints = ReadingHints()
    rename: dict[str, str] = {}
    ignore: list[str] = []
    may_lack: list[str] = []
    fixed: dict[str, str] = {}
    pad: dict[str, int] = {}
    recode: list[Recode] = []
    datetime_formats: Annotated[list[str], Field(min_length=1), AfterValidator(_readable_formats)] = [
        "%Y-%m-%dT%H:%M:%S"
    ]
    numbers: Numbers = Numbers()
    turn_sign: list[str] = []
    periods: Literal["one", "several"] = "one"


class Population(_Strict):
    """The reporting units that must occur within the submissions, from a list in the folder."""

    reference: str
    column: str
    name_column: str


class Alerts(_Strict):
    slack_channel: str = Field(pattern=r"^[#CDG].+")


class NoRelations(_Strict):
    """Said in writing by a dependency that nothing else can be held against."""

    none_because: str = Field(min_length=10)


class Dependency(_Strict):
    """A key data dependency: registered data that the entity relies on (columns A to J of the inventory)."""

    name: str = Field(pattern=_NAME)
    title: str
    business_unit: str
    objective: str
    measure: str
    business_process: str
    output: str
    system: str
    owner: Person
    assessment: Assessment
    suppliers: list[Supplier] = Field(min_length=1)
    reporting: Reporting
    file: FileIdentity
    key: list[str] = Field(min_length=1)
    layouts: list[Layout] = Field(min_length=1)
    sources: list[Source] = []
    population: Population | None = None
    relations: NoRelations | None = None
    alerts: Alerts

    @field_validator("sources")
    @classmethod
    def _of_registered_suppliers(cls, sources: list[Source], told: ValidationInfo) -> list[Source]:
        codes = {supplier.code for supplier in told.data.get("suppliers", [])}
        for source in sources:
            if codes and source.supplier not in codes:
                raise ValueError(f"'{source.supplier}' is none of the suppliers")
        return sources

    @property
    def importance(self) -> str:
        return manual.importance_of(self.assessment.scores)

    def supplier(self, code: str) -> Supplier | None:
        return next((s for s in self.suppliers if s.code == code), None)


class Neighbour(_Strict):
    """What a relation leans on: a dependency's release, ``days_before`` the period that is judged.

    A missing neighbour makes the rule "not judged" where ``required`` is false (the first night has no
    day before); where it is true the rule cannot be evaluated, which is ERROR and blocks.
    """

    dependency: str
    days_before: int = Field(default=0, ge=0)
    required: bool = False


class RelationRule(_Strict):
    """A rule that needs other days or other datasets: a dbt test on the candidate, by its name."""

    rule: Rule
    column: str | None = None
    neighbours: list[Neighbour] = Field(min_length=1)


class Registered(_Strict):
    """A loaded dependency: its declaration, where it stands, and its relations."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    dependency: Dependency
    folder: Path
    relations: tuple[RelationRule, ...]
    readme: str

    @property
    def name(self) -> str:
        return self.dependency.name
