"""A key data dependency as its folder declares it. Light to import: Dag parsing reads it every few seconds."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from integrity.findings import Rule
from integrity.inventory import manual
from integrity.inventory.assessed import Assessment, ControlsAssessed
from integrity.inventory.calendars import Strict, TimeZone
from integrity.inventory.departing import Departed, Departure
from integrity.inventory.formats import refuse_formats
from integrity.inventory.people import Alerts, Person
from integrity.inventory.policy import Policy
from integrity.inventory.release_policy import ALL, ReleasePolicy
from integrity.inventory.reporting import PeriodNotation
from integrity.inventory.reporting import Reporting as Reporting
from integrity.inventory.reporting import StatedPeriod as StatedPeriod
from integrity.inventory.sources import Outbox, Source

_NAME = r"^[a-z][a-z0-9_]{0,40}$"
"""A dependency names a table, a Dag and a folder; PostgreSQL cuts identifiers at 63 bytes."""
_CODE = r"^[A-Za-z][A-Za-z0-9_]{0,40}$"
"""A supplier names a folder."""
_IDENTIFIER_BYTES = 63
_BETWEEN = "__"
"""Stands between a dependency and one of its tables."""


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


class Supplier(Strict):
    """Who reports.

    Attributes:
        reports_from, reports_until: First and last period for which a submission is expected; always where not stated.
        timezone: By whose clocks its submissions are due; the dependency's where not stated.
    """

    code: str = Field(pattern=_CODE)
    name: str
    contact: str
    reports_from: date | None = None
    reports_until: date | None = None
    timezone: TimeZone | None = None

    def reports_for(self, period: date) -> bool:
        """Whether a submission for this period is expected of them."""
        started = self.reports_from is None or self.reports_from <= period
        return started and (self.reports_until is None or period <= self.reports_until)


class PeriodFromName(PeriodNotation):
    """What in a file's name tells its period: the group ``period`` of the pattern, in a notation."""

    pattern: Annotated[str, AfterValidator(_compiling_pattern)]


class FileIdentity(Strict):
    """How a file tells its reporting period: by its name, or else by its own dates."""

    period_from_name: PeriodFromName | None = None
    period_from_column: str | None = None


class Recode(Strict):
    """Where all of ``when`` holds, ``set`` replaces; for codes that changed their meaning between layouts."""

    when: dict[str, str] = Field(min_length=1)
    set: dict[str, str] = Field(min_length=1)


class ReadingHints(Strict):
    """What a layout tells the reader where the reader would otherwise decide for itself.

    Attributes:
        encoding: Name of the text's encoding, such as ``cp1252``.
        delimiter: What stands between two cells.
        quote: What encloses a cell; '' if nothing does.
        sheet: Name of the worksheet that holds the table.
        part: Pattern of the name of that file of an archive, or of that worksheet, that holds the table; where it is
            not stated, all files of an archive are one table, and the fullest sheet is taken.
        header_row: Physical number of the (last) row of headings; 0 where there is none.
        header_rows: How many rows the headings take.
        headings: Names of the columns, in order, where the file has no header.
        ends_before: Pattern of the first filled cell of the row at which the table has ended, such as ``^Total``.
    """

    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=2)
    quote: str | None = Field(default=None, max_length=1)
    sheet: str | None = None
    part: Annotated[str, AfterValidator(_pattern)] | None = None
    header_row: int | None = Field(default=None, ge=0)
    header_rows: int = Field(default=1, ge=1, le=5)
    headings: list[str] = []
    ends_before: Annotated[str, AfterValidator(_pattern)] | None = None


class Numbers(Strict):
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


class Layout(Strict):
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


class Population(Strict):
    """The reporting units that must occur within the submissions, from a list in the folder.

    Attributes:
        reference: The list, a CSV file.
        column, name_column: Its columns with each unit's code and name; the code's is the data dictionary's as well.
        weight_column: Its column that says how much each unit weighs where one is missing, such as its beds; where not
            stated, the unit's usual share of the rows tells it.
        rows: How many rows a unit has in a period: with ``one``, a second one is a unit that is counted twice.
        others: Whether a unit that is not in the list is over-coverage; ``allowed`` where the schema says so by itself.
        holds_from, holds_until: First and last period for which the list is known to be right; where neither is stated,
            nobody asks. Units come and go: a list that nobody looks at any more says that nobody is missing.
    """

    reference: str
    column: str
    name_column: str
    weight_column: str | None = None
    rows: Literal["one", "several"] = "several"
    others: Literal["allowed", "refused"] = "allowed"
    holds_from: date | None = None
    holds_until: date | None = None

    @model_validator(mode="after")
    def _holds_for_some_time(self) -> Self:
        if self.holds_from and self.holds_until and self.holds_until < self.holds_from:
            raise ValueError("the list's holds_until is before its holds_from")
        return self

    @property
    def states_when_it_holds(self) -> bool:
        return self.holds_from is not None or self.holds_until is not None

    def holds_for(self, period: date) -> bool:
        """Whether the list is known to be right for a period."""
        begun = self.holds_from is None or self.holds_from <= period
        return begun and (self.holds_until is None or period <= self.holds_until)


class TableDeclared(Strict):
    """One of several linked tables that are submitted together, as one submission.

    Attributes:
        title: What its rows are, for people.
        file: Pattern of the name of the file, within the archive that is submitted, or of the worksheet that holds it.
        key: Its columns that tell one row from another.
        may_be_empty: Whether it may be without any row.
        layouts: How it is written, where that is not as the dependency's layouts say.
    """

    name: str = Field(pattern=_NAME)
    title: str
    file: Annotated[str, AfterValidator(_pattern)]
    key: list[str] = Field(min_length=1)
    may_be_empty: bool = False
    layouts: list[Layout] = []

    @property
    def model(self) -> str:
        """Name of its class in ``schema.py``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


class ControlTotals(Strict):
    """Totals that suppliers declare beside their data, in a file of the archive, or on a sheet, of its own.

    Attributes:
        file: Pattern of its name.
        required: Whether a submission without it cannot be judged.
    """

    file: Annotated[str, AfterValidator(_pattern)]
    required: bool = True


class NoRelations(Strict):
    """Said in writing by a dependency that nothing else can be held against."""

    none_because: str = Field(min_length=10)


class Dependency(Strict):
    """A key data dependency: registered data that the entity relies on (columns A to J of the inventory).

    Attributes:
        deputy: Who is asked where the owner does not answer.
        key: Columns that tell one row from another, where a submission is one table.
        tables: The tables of a submission, where it is several.
    """

    name: str = Field(pattern=_NAME)
    title: str
    business_unit: str
    objective: str
    measure: str
    business_process: str
    output: str
    system: str
    owner: Person
    deputy: Person | None = None
    assessment: Assessment
    controls: ControlsAssessed | None = None
    departures: list[Departure] = []
    suppliers: list[Supplier] = Field(min_length=1)
    reporting: Reporting
    file: FileIdentity
    key: list[str] = []
    tables: list[TableDeclared] = []
    layouts: list[Layout] = Field(min_length=1)
    sources: list[Source] = []
    outboxes: list[Outbox] = []
    population: Population | None = None
    control_totals: ControlTotals | None = None
    relations: NoRelations | None = None
    release: ReleasePolicy = ALL
    alerts: Alerts

    @field_validator("sources", "outboxes")
    @classmethod
    def _of_registered_suppliers(cls, places: list[Source] | list[Outbox], told: ValidationInfo) -> Any:
        codes = {supplier.code for supplier in told.data.get("suppliers", [])}
        for place in places:
            if codes and place.supplier not in codes:
                raise ValueError(f"'{place.supplier}' is none of the suppliers")
        return places

    @model_validator(mode="after")
    def _keep_feedback_apart(self) -> Self:
        """Feedback holds its supplier's own values, and must not come back as a submission."""
        for place in self.outboxes:
            if shared := next((o for o in self.outboxes if o.supplier != place.supplier and place.meets(o)), None):
                raise ValueError(
                    f"'{place.supplier}' and '{shared.supplier}' share an outbox, so that each finds the other's "
                    "feedback: give each a place of its own"
                )
            if any(place.meets(source) for source in self.sources):
                raise ValueError(
                    f"the outbox of '{place.supplier}' lies where files are fetched from, so that feedback would come "
                    "back as a submission: give it a place of its own"
                )
        return self

    @model_validator(mode="after")
    def _can_have_nil_returns(self) -> Self:
        if self.reporting.nil_returns and self.file.period_from_name is None:
            raise ValueError("a nil return has no rows that tell its period: state file.period_from_name")
        if self.reporting.nil_returns and self.population is not None:
            raise ValueError("nil_returns and population contradict each other: each unit of the list has to report")
        return self

    @model_validator(mode="after")
    def _is_one_table_or_several(self) -> Self:
        if bool(self.key) == bool(self.tables):
            raise ValueError("state either key, of a submission that is one table, or tables, each with its own key")
        if self.key and self.file.period_from_column is None:
            raise ValueError("state file.period_from_column, the column that tells a row's period")
        if self.tables:
            self._refuse_what_tables_lack()
        return self

    def _refuse_what_tables_lack(self) -> None:
        names = [table.name for table in self.tables]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"'{twice[0]}' stands twice in tables; give each a name of its own")
        longest = relation_of(self.name, max(names, key=len))
        if len(longest) > _IDENTIFIER_BYTES:
            raise ValueError(f"'{longest}' is too long a name for PostgreSQL; shorten the table's")
        if self.file.period_from_name is None or self.file.period_from_column is not None:
            raise ValueError("tables share no column that tells their period: state file.period_from_name only")
        if self.population is not None:
            raise ValueError("population is of a submission that is one table: tables share no column of units")
        if self.reporting.nil_returns:
            raise ValueError("nil_returns are of a submission that is one table")
        layouts = [*self.layouts, *(layout for table in self.tables for layout in table.layouts)]
        if told := [layout.name for layout in layouts if layout.periods == "several" or layout.reading.part]:
            raise ValueError(f"layout '{told[0]}' describes several tables: it can tell neither their part nor periods")

    def of_table(self, table: TableDeclared) -> Dependency:
        """This dependency as if the table were all that is submitted."""
        told = {"part": table.file}
        layouts = [
            layout.model_copy(update={"reading": layout.reading.model_copy(update=told)})
            for layout in table.layouts or self.layouts
        ]
        reporting = self.reporting.model_copy(update={"nil_returns": table.may_be_empty})
        changed = {"key": table.key, "tables": [], "layouts": layouts, "reporting": reporting}
        return self.model_copy(update=changed)

    @model_validator(mode="after")
    def _tells_totals_from_data(self) -> Self:
        if self.control_totals is None:
            return self
        if any(layout.periods == "several" for layout in self.layouts):
            raise ValueError("control_totals are of a file for one period, and a layout here is for several")
        if not self.tables and any(layout.reading.part is None for layout in self.layouts):
            raise ValueError("control_totals lie beside the data: each layout states reading.part, which is the data")
        return self

    @property
    def importance(self) -> str:
        return manual.importance_of(self.assessment.scores)

    def supplier(self, code: str) -> Supplier | None:
        return next((s for s in self.suppliers if s.code == code), None)


def qualified(table: str, column: str | None) -> str | None:
    """A column as findings name it, or the table itself: ``encounters.patient``, ``encounters``.

    Args:
        table: '' is the only one of its dependency, whose columns have no other name than their own.
    """
    return ".".join(filter(None, (table, column))) or None


def relation_of(dependency: str, table: str) -> str:
    """What a table is called in ``landing``, ``published`` and in candidates; '' is the only one of its dependency."""
    return f"{dependency}{_BETWEEN}{table}" if table else dependency


class Neighbour(Strict):
    """What a relation leans on: a dependency's release, so many periods before the one that is judged.

    They are counted by the calendar of the dependency that is judged, the Friday before a Monday of business days, also
    where the neighbour is another dependency.

    A missing neighbour makes the rule "not judged" where ``required`` is false (the first night has no
    day before); where it is true the rule cannot be evaluated, which is ERROR and blocks. One that may be lacking
    (``may_lack``) is one of several: the rule is asked with those that there are, and says itself what it lacks.
    """

    dependency: str
    periods_before: int = Field(default=0, ge=0)
    required: bool = False
    may_lack: bool = False

    @model_validator(mode="after")
    def _is_required_or_may_lack(self) -> Self:
        if self.required and self.may_lack:
            raise ValueError("a neighbour that is required may not be lacking")
        return self

    def period_for(self, period: date, reporting: Reporting) -> date:
        """The neighbour's period, for one that is judged by the calendar ``reporting``."""
        return reporting.shifted(period, -self.periods_before)

    def judged_with(self, period: date, reporting: Reporting) -> date:
        """The period that is judged by the calendar ``reporting``, for the neighbour's."""
        return reporting.shifted(period, self.periods_before)

    @property
    def lies(self) -> str:
        """Where it lies, seen from the period that is judged."""
        if self.periods_before < 2:
            return "in the period before" if self.periods_before else "in this period"
        return f"{self.periods_before} periods before"

    def __str__(self) -> str:
        return f"{self.dependency}, {self.lies}"


class RelationRule(Strict):
    """A rule that needs other days, other datasets or several suppliers: a dbt test on the candidate, by its name.

    Attributes:
        column: As findings name it.
        table: Of whose rows it is a rule; '' where a submission is one table.
        neighbours: None where what was submitted is held against itself.
    """

    rule: Rule
    column: str | None = None
    table: str = ""
    neighbours: list[Neighbour]


class Registered(Strict):
    """A loaded dependency: its declaration, where it stands, its relations, and what holds for it.

    Attributes:
        policy: What its class calls for, with its departures applied.
        departures: Those departures in words, and the reason for having no relations.
        readme: What its owner does when it fails, with class and departures below.
        has_readme: Whether its folder holds one.
        examples: Names of its example files, without ending.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    dependency: Dependency
    folder: Path
    relations: tuple[RelationRule, ...]
    policy: Policy
    departures: tuple[Departed, ...] = ()
    readme: str
    has_readme: bool = True
    examples: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.dependency.name
