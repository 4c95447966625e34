"""Days and months as reporting periods, and telling which of them a file and each of its rows speak of."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency, Layout, Reporting, StatedPeriod
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from integrity.submissions.identifying import (
    identify_periods,
    periods_covered,
    periods_of_rows,
    reading_of_period,
    rows_of_period,
)
from integrity.submissions.reading import ROW, BadRow, Reading, Rows
from pydantic import ValidationError

LONDON = ZoneInfo("Europe/London")
DAILY = Reporting(frequency="daily", timezone="Europe/London", reports_from=date(2020, 2, 24))
MONTHLY = Reporting(
    frequency="monthly", timezone="Europe/London", reports_from=date(2019, 11, 1), reports_until=date(2020, 9, 30)
)
APRIL, MAY, JUNE, JULY = (date(2020, month, 1) for month in (4, 5, 6, 7))


@pytest.mark.parametrize(
    ("text", "period"),
    [("2020-04", APRIL), ("2020-04-01", APRIL), ("2019-12", date(2019, 12, 1))],
)
def test_a_month_is_written_with_or_without_its_first_day(text: str, period: date) -> None:
    assert MONTHLY.parse_period(text) == period


@pytest.mark.parametrize("text", ["2020-04-15", "2020-4", "04/2020", "20200401", "2020-W14-3", "2020-13", "april", ""])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no reporting period\. Write it as 2019-11\."):
        MONTHLY.parse_period(text)


@pytest.mark.parametrize("text", ["2020-04", "20200423", "2020-4-23", "2020-W17-4", "23/04/2020"])
def test_what_is_no_day(text: str) -> None:
    assert DAILY.parse_period("2020-04-23") == date(2020, 4, 23)
    with pytest.raises(ValueError, match=r"Write it as 2020-02-24\."):
        DAILY.parse_period(text)


def test_the_months_of_the_calendar() -> None:
    assert MONTHLY.is_period(date(2019, 11, 1))
    assert MONTHLY.is_period(date(2020, 9, 1)), "the month in which it ends"
    assert not MONTHLY.is_period(date(2019, 10, 1))
    assert not MONTHLY.is_period(date(2020, 10, 1))
    assert not MONTHLY.is_period(date(2020, 4, 15)), "a day within a month is no month"
    assert DAILY.is_period(date(2020, 4, 15))


def test_a_calendar_that_begins_within_a_month_has_that_month() -> None:
    late = MONTHLY.model_copy(update={"reports_from": date(2019, 11, 20)})
    assert late.is_period(date(2019, 11, 1))
    assert late.first_midnight == datetime(2019, 11, 1, tzinfo=LONDON)


def test_a_month_from_its_first_day_to_its_last() -> None:
    assert MONTHLY.period_of(date(2020, 2, 29)) == date(2020, 2, 1)
    assert MONTHLY.last_day(date(2020, 2, 1)) == date(2020, 2, 29)
    assert MONTHLY.next_period(date(2019, 12, 1)) == date(2020, 1, 1)
    assert (MONTHLY.label(APRIL), DAILY.label(APRIL)) == ("2020-04", "2020-04-01")
    day = date(2020, 2, 29)
    assert (DAILY.period_of(day), DAILY.last_day(day), DAILY.next_period(day)) == (day, day, date(2020, 3, 1))


def test_a_period_is_judged_when_it_is_over() -> None:
    assert (DAILY.cron, MONTHLY.cron) == ("0 0 * * *", "0 0 1 * *")
    assert MONTHLY.first_midnight == datetime(2019, 11, 1, tzinfo=LONDON)
    assert MONTHLY.last_midnight == datetime(2020, 10, 1, tzinfo=LONDON)
    assert DAILY.last_midnight is None
    ended = DAILY.model_copy(update={"reports_until": date(2020, 4, 30)})
    assert ended.last_midnight == datetime(2020, 5, 1, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("notation", "months_later", "cell", "period"),
    [
        pytest.param("%b-%y", 0, "Jun-20", JUNE, id="a-month"),
        pytest.param("%Y %m", -9, "2021 1", APRIL, id="year-named-by-its-end"),
        pytest.param("%Y %m", -9, "2021 12", date(2021, 3, 1), id="its-last-period"),
        pytest.param("%Y %m", 3, "2020 1", APRIL, id="year-named-by-its-beginning"),
        pytest.param("%Y %m", 3, "2020 12", date(2021, 3, 1), id="its-last-period-too"),
        pytest.param("%Y%m", 3, "202001", APRIL, id="in-one-cell"),
        pytest.param("%Y %m", 3, "2020 13", None, id="a-thirteenth-period-is-no-month"),
        pytest.param("%b-%y", 0, "June", None, id="another-notation"),
    ],
)
def test_a_stated_period(notation: str, months_later: int, cell: str, period: date | None) -> None:
    stated = StatedPeriod(layouts=["x"], headings=["Period"], format=notation, months_later=months_later)
    assert stated.read(cell) == period


def test_a_stated_period_needs_headings_and_layouts() -> None:
    with pytest.raises(ValidationError, match="headings"):
        StatedPeriod(layouts=["x"], headings=[], format="%Y")
    with pytest.raises(ValidationError, match="layouts"):
        StatedPeriod(layouts=[], headings=["Period"], format="%Y")


@pytest.fixture(scope="module")
def trust_spend() -> Dependency:
    return load_inventory(Settings.from_environment({})).get("trust_spend").dependency


def with_layout(dependency: Dependency, **told: object) -> tuple[Dependency, Layout]:
    """The dependency with one layout of the test's own, ``own``, that states no period unless told so."""
    stated = told.pop("stated", None)
    layout = Layout.model_validate(
        {"name": "own", "describes": "x", "rename": {"Date Paid": "date"}, "datetime_formats": ["%d/%m/%Y"], **told}
    )
    reporting = dependency.reporting.model_copy(update={"stated": [stated] if stated else []})
    return dependency.model_copy(update={"layouts": [layout], "reporting": reporting}), layout


def reading(bad_rows: tuple[BadRow, ...] = (), parts: int = 1, **columns: list[str | None]) -> Reading:
    """A file as read, its rows numbered from 2."""
    height = len(next(iter(columns.values())))
    frame = pl.DataFrame(
        {ROW: range(2, height + 2), **{str(i): cells for i, cells in enumerate(columns.values())}},
        schema={ROW: pl.Int64, **{str(i): pl.String for i in range(len(columns))}},
    )
    size = max(1, -(-height // parts))
    headings = tuple(name.replace("_", " ") for name in columns)
    return Reading(
        rows=Rows(
            parts=tuple(frame.iter_slices(size)),
            columns={heading: str(i) for i, heading in enumerate(headings)},
            height=height,
        ),
        header=headings,
        headings=headings,
        columns=tuple(range(1, len(headings) + 1)),
        header_rows=(1,),
        header_why="",
        format="csv",
        bad_rows=bad_rows,
    )


def numbers(part: Reading) -> list[int]:
    return part.frame[ROW].to_list()


QUARTER = ["03/04/2020", "30/04/2020", "31/05/2020", "30/06/2020", "no date", None, "01/07/2021"]


@pytest.mark.parametrize("parts", [1, 3])
def test_a_file_for_one_period_is_for_the_month_of_most_rows(trust_spend: Dependency, parts: int) -> None:
    dependency, layout = with_layout(trust_spend)
    file = reading(Date_Paid=["01/05/2020", "03/04/2020", "30/04/2020", "x"], parts=parts)
    assert periods_covered(file, dependency, layout) == (APRIL,)
    assert numbers(reading_of_period(file, dependency, layout, APRIL, (APRIL,))) == [2, 3, 4, 5], "all rows are its own"


def test_of_equally_frequent_months_the_first(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend)
    assert periods_covered(reading(Date_Paid=["01/05/2020", "03/04/2020"]), dependency, layout) == (MAY,)


@pytest.mark.parametrize("cells", [[], [None], ["April"], ["2020-04-01"]])
def test_a_file_whose_dates_say_nothing(trust_spend: Dependency, cells: list[str | None]) -> None:
    dependency, _ = with_layout(trust_spend)
    with pytest.raises(Rejected, match="Neither"):
        identify_periods(dependency, "x.csv", lambda: reading(Date_Paid=cells), supplier="", dictionary=("date",))


def test_a_file_without_the_column_says_nothing(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend)
    assert periods_covered(reading(Amount=["1", "2"]), dependency, layout) == ()


def test_a_file_outside_the_calendar(trust_spend: Dependency) -> None:
    dependency, _ = with_layout(trust_spend)
    old = reading(Date_Paid=["03/04/2018"])
    with pytest.raises(Rejected, match="for 2018-04, which is no reporting period"):
        identify_periods(dependency, "x.csv", lambda: old, supplier="", dictionary=("date",))


def test_a_refused_file_cannot_be_placed(trust_spend: Dependency) -> None:
    def refuse() -> Reading:
        raise Rejected("It is a PDF.")

    with pytest.raises(Rejected, match="Neither"):
        identify_periods(trust_spend, "x.csv", refuse, supplier="BART", dictionary=("date",))


def test_a_file_for_several_periods_covers_those_its_rows_carry(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend, periods="several")
    ended = dependency.reporting.model_copy(update={"reports_until": date(2020, 12, 31)})
    dependency = dependency.model_copy(update={"reporting": ended})
    file = reading(Date_Paid=QUARTER)
    told = identify_periods(dependency, "x.csv", lambda: file, supplier="", dictionary=("date",))
    assert told == (APRIL, MAY, JUNE), "July 2021 is no period of this calendar"
    assert periods_covered(file, dependency, layout)[-1] == date(2021, 7, 1)


@pytest.mark.parametrize("parts", [1, 3])
def test_each_row_belongs_to_exactly_one_period(trust_spend: Dependency, parts: int) -> None:
    dependency, layout = with_layout(trust_spend, periods="several")
    covered = (APRIL, MAY, JUNE)
    bad = (BadRow(9, "3 cells where the header has 2"),)
    file = reading(Date_Paid=QUARTER, Amount=["1"] * len(QUARTER), bad_rows=bad, parts=parts)
    assert file.frame.height == len(QUARTER), "the whole was asked for before its parts"
    own = {period: reading_of_period(file, dependency, layout, period, covered) for period in covered}
    assert numbers(own[APRIL]) == [2, 3, 6, 7, 8], "with what carries no covered period"
    assert (numbers(own[MAY]), numbers(own[JUNE])) == ([4], [5])
    assert sorted(n for part in own.values() for n in numbers(part)) == numbers(file)
    assert [part.rows.height for part in own.values()] == [5, 1, 1]
    assert own[MAY].frame.columns == file.frame.columns
    assert [part.bad_rows for part in own.values()] == [bad, (), ()], "a row that cannot be parsed is counted once"


def test_a_mask_for_each_row(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend, periods="several")
    frame = reading(Date_Paid=["03/04/2020", "31/05/2020", None]).frame
    assert rows_of_period(frame, dependency, layout, APRIL, (APRIL, MAY)).to_list() == [True, False, True]
    assert rows_of_period(frame, dependency, layout, MAY, (APRIL, MAY)).to_list() == [False, True, False]
    assert rows_of_period(frame, dependency, layout, APRIL, (APRIL,)).to_list() == [True] * 3


STATED = StatedPeriod(layouts=["own"], headings=["Accounting year", "Period"], format="%Y %m", months_later=3)


def test_what_the_file_states_goes_before_its_dates(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend, periods="several", stated=STATED)
    file = reading(
        ACCOUNTING_YEAR=["2020", "2020 ", "2020", None],
        PERIOD=["3", "4", "13", "4"],
        Date_Paid=["03/07/2020", "01/07/2020", "02/07/2020", "02/07/2020"],
    )
    carried = periods_of_rows(file.frame, dependency, layout).to_list()
    assert carried == [JUNE, JULY, None, None], "a July payment of the June books is June's"


def test_dates_tell_where_the_file_does_not_state_it(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend, stated=STATED)
    assert periods_covered(reading(Period=["3"], Date_Paid=["01/07/2020"]), dependency, layout) == (JULY,)


def test_blanks_around_what_is_stated_do_not_matter(trust_spend: Dependency) -> None:
    monthly = StatedPeriod(layouts=["own"], headings=["Period"], format="%Y%m", months_later=3)
    dependency, layout = with_layout(trust_spend, stated=monthly)
    assert periods_covered(reading(Period=[" 202001 "], Date_Paid=[None]), dependency, layout) == (APRIL,)


def test_nothing_stated_in_any_row(trust_spend: Dependency) -> None:
    dependency, layout = with_layout(trust_spend, stated=STATED)
    file = reading(Accounting_year=[None], Period=[None], Date_Paid=["01/07/2020"])
    assert periods_covered(file, dependency, layout) == (), "two answers to one question would be a guess"


def test_a_layout_of_another_supplier_is_not_asked(trust_spend: Dependency) -> None:
    american, _ = with_layout(trust_spend, name="one", suppliers=["HOME"], datetime_formats=["%m/%d/%Y"])
    british, _ = with_layout(trust_spend, name="two", suppliers=["ROYF"])
    both = british.model_copy(update={"layouts": [*american.layouts, *british.layouts]})
    file = reading(Date_Paid=["04/05/2020"])
    told = {
        code: identify_periods(both, "x.csv", lambda: file, supplier=code, dictionary=("date",))
        for code in ("HOME", "ROYF")
    }
    assert told == {"HOME": (APRIL,), "ROYF": (MAY,)}
