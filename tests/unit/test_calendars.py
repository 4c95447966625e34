"""Weeks, business days and the books' months: which periods there are, what they are called, and when each is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integrity.inventory.dependency import Dependency, Neighbour, PeriodFromName, Reporting, StatedPeriod
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from integrity.submissions.identifying import period_from_name, periods_of_rows
from integrity.submissions.reading import ROW
from pydantic import ValidationError

ROME = ZoneInfo("Europe/Rome")


def calendar(frequency: str, **told: Any) -> Reporting:
    given = {"frequency": frequency, "timezone": "Europe/Rome", "reports_from": date(2019, 12, 2), **told}
    return Reporting.model_validate(given)


WEEKLY = calendar("weekly")
# Of Italy's holidays in April 2020, Easter Monday (13th) is a Monday, and Liberation Day (25th) a Saturday.
BUSINESS = calendar("business_days", holidays="IT", closed_on=[date(2020, 4, 24)])
BOOKS = calendar("monthly", fiscal_year_begins=4)
EVERY = [WEEKLY, BUSINESS, BOOKS, calendar("daily"), calendar("monthly")]


def days(first: date, number: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(number)]


def test_business_days_are_neither_weekends_nor_holidays_nor_days_that_are_closed() -> None:
    open_ = [day.day for day in days(date(2020, 4, 9), 20) if BUSINESS.is_period(day)]
    assert open_ == [9, 10, 14, 15, 16, 17, 20, 21, 22, 23, 27, 28]


@pytest.mark.parametrize(
    ("place", "day", "is_open"),
    [
        pytest.param("IT", date(2020, 6, 2), False, id="Republic Day"),
        pytest.param("GB", date(2020, 6, 2), True, id="which others do not keep"),
        pytest.param("DE-BY", date(2020, 6, 11), False, id="Corpus Christi in Bavaria"),
        pytest.param("DE-BE", date(2020, 6, 11), True, id="not in Berlin"),
        pytest.param("GB-ENG", date(2020, 5, 8), False, id="moved to VE Day in 2020 alone"),
        pytest.param("GB-ENG", date(2020, 5, 4), True, id="and so not on its usual Monday"),
    ],
)
def test_each_place_has_its_own_holidays(place: str, day: date, is_open: bool) -> None:
    assert calendar("business_days", holidays=place).is_period(day) is is_open


@pytest.mark.parametrize(("place", "says"), [("Italy", "is no place"), ("XX", "does not know"), ("DE-XX", "not know")])
def test_a_place_that_nobody_knows(place: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        calendar("business_days", holidays=place)


@pytest.mark.parametrize(
    ("frequency", "told", "says"),
    [
        ("weekly", {"fiscal_year_begins": 4}, "labels months, and this calendar has none"),
        ("daily", {"holidays": "IT"}, "nothing here counts them"),
        ("weekly", {"closed_on": [date(2020, 4, 24)]}, "nothing here counts them"),
        ("weekly", {"grace": {"days": 1}}, "state 'due' as well"),
        ("monthly", {"fiscal_year_begins": 13}, "less than or equal to 12"),
        ("weekly", {"due": {"at": "09:00"}}, "either 'days' or 'business_days'"),
        ("weekly", {"due": {"days": 1, "business_days": 1, "at": "09:00"}}, "either 'days' or 'business_days'"),
        ("weekly", {"due": {"days": 1, "at": 540}}, "in quotes"),
    ],
)
def test_what_says_nothing_is_refused(frequency: str, told: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        calendar(frequency, **told)


@pytest.mark.parametrize("reporting", EVERY, ids=lambda r: r.label(date(2020, 4, 1)))
@given(day=st.dates(date(2019, 12, 9), date(2031, 1, 1)))
def test_periods_follow_one_another_without_gap_or_overlap(reporting: Reporting, day: date) -> None:
    period = reporting.period_of(day)
    assert reporting.period_of(period) == period
    if not reporting.is_period(period):
        assert reporting.frequency == "business_days"
        return
    after = reporting.next_period(period)
    assert period <= day <= reporting.last_day(period) < after
    assert reporting.is_period(after)
    assert reporting.period_before(after) == period
    assert not any(reporting.is_period(between) for between in days(period, (after - period).days)[1:])
    assert reporting.shifted(reporting.shifted(period, 3), -3) == period
    assert reporting.shifted(period, 0) == period


@pytest.mark.parametrize("reporting", EVERY, ids=lambda r: r.label(date(2020, 4, 1)))
@given(day=st.dates(date(2019, 12, 9), date(2031, 1, 1)))
def test_each_label_is_one_periods_and_can_be_read(reporting: Reporting, day: date) -> None:
    period = reporting.period_of(day)
    assert reporting.parse_period(reporting.label(period)) == period
    assert reporting.parse_period(period.isoformat()) == period
    assert reporting.label(reporting.next_period(period)) != reporting.label(period)


@pytest.mark.parametrize(
    ("reporting", "period", "label", "words"),
    [
        (WEEKLY, date(2020, 4, 20), "2020-W17", "the week from 20 April 2020 (2020-W17)"),
        (WEEKLY, date(2019, 12, 30), "2020-W01", "the week from 30 December 2019 (2020-W01)"),
        (WEEKLY, date(2020, 12, 28), "2020-W53", "the week from 28 December 2020 (2020-W53)"),
        (BOOKS, date(2020, 4, 1), "2020/21 M01", "April 2020 (2020/21 M01)"),
        (BOOKS, date(2021, 3, 1), "2020/21 M12", "March 2021 (2020/21 M12)"),
        (calendar("monthly", fiscal_year_begins=1), date(2020, 12, 1), "2020/21 M12", "December 2020 (2020/21 M12)"),
        (calendar("monthly", fiscal_year_begins=10), date(2099, 10, 1), "2099/00 M01", "October 2099 (2099/00 M01)"),
        (BUSINESS, date(2020, 4, 23), "2020-04-23", "23 April 2020"),
        (calendar("monthly"), date(2020, 4, 1), "2020-04", "April 2020"),
    ],
)
def test_what_a_period_is_called(reporting: Reporting, period: date, label: str, words: str) -> None:
    assert (reporting.label(period), reporting.in_words(period)) == (label, words)
    assert reporting.parse_period(label) == period


def test_a_month_of_the_books_may_be_written_as_one_of_the_year() -> None:
    assert BOOKS.parse_period("2020-04") == date(2020, 4, 1)


@pytest.mark.parametrize(
    ("reporting", "text"),
    [
        *((WEEKLY, text) for text in ("2020-W54", "2021-W53", "2020-W17-1", "2020-04-22", "2020W17", "2020-04", "")),
        *((BOOKS, text) for text in ("2020/21 M13", "2020/21 M00", "2020/22 M01", "2020/21", "2020/21 M1", "M01")),
        (calendar("monthly"), "2020/21 M01"),
    ],
)
def test_what_is_no_period(reporting: Reporting, text: str) -> None:
    with pytest.raises(ValueError, match="is no reporting period"):
        reporting.parse_period(text)


def test_a_calendar_that_begins_within_a_week_has_that_week() -> None:
    late = calendar("weekly", reports_from=date(2020, 4, 23), reports_until=date(2020, 5, 6))
    assert [day for day in days(date(2020, 4, 13), 30) if late.is_period(day)] == days(date(2020, 4, 20), 15)[::7]
    assert late.first_midnight == datetime(2020, 4, 20, tzinfo=ROME)
    assert late.last_midnight == datetime(2020, 5, 11, tzinfo=ROME)


def test_a_calendar_of_business_days_that_begins_on_a_holiday_begins_after_it() -> None:
    easter = calendar("business_days", holidays="IT", reports_from=date(2020, 4, 11), reports_until=date(2020, 4, 12))
    assert not any(easter.is_period(day) for day in days(date(2020, 4, 1), 30))
    assert easter.first_midnight == datetime(2020, 4, 14, tzinfo=ROME)


def test_what_is_watched_is_counted_in_periods() -> None:
    watched = BUSINESS.model_copy(update={"watched_periods": 3}).periods_before(date(2020, 4, 14))
    assert watched == [date(2020, 4, 9), date(2020, 4, 10), date(2020, 4, 14)]
    weeks = WEEKLY.model_copy(update={"watched_periods": 2}).periods_before(date(2020, 4, 22))
    assert weeks == [date(2020, 4, 13), date(2020, 4, 20)]
    first = WEEKLY.model_copy(update={"watched_periods": 9}).periods_before(date(2019, 12, 9))
    assert first == [date(2019, 12, 2), date(2019, 12, 9)]


@pytest.mark.parametrize(
    ("frequency", "due", "period", "expected"),
    [
        # Rome is two hours ahead of UTC in summer, and one in winter.
        pytest.param(
            "weekly", {"days": 2, "at": "09:00"}, date(2020, 4, 20), "2020-04-28T07:00", id="after-its-Sunday"
        ),
        pytest.param("weekly", {"days": 0, "at": "09:00"}, date(2020, 3, 23), "2020-03-29T07:00", id="clocks-put-on"),
        pytest.param("weekly", {"days": 0, "at": "02:30"}, date(2020, 3, 23), "2020-03-29T01:30", id="a-lost-hour"),
        pytest.param("weekly", {"days": 0, "at": "09:00"}, date(2020, 10, 19), "2020-10-25T08:00", id="put-back"),
        pytest.param("monthly", {"days": 30, "at": "00:00"}, date(2020, 2, 1), "2020-03-29T22:00", id="a-short-month"),
        pytest.param("daily", {"business_days": 1, "at": "17:00"}, date(2020, 4, 9), "2020-04-10T15:00", id="Thursday"),
        pytest.param("daily", {"business_days": 1, "at": "17:00"}, date(2020, 4, 10), "2020-04-14T15:00", id="Easter"),
        pytest.param("daily", {"business_days": 1, "at": "17:00"}, date(2020, 4, 12), "2020-04-14T15:00", id="Sunday"),
        pytest.param("daily", {"business_days": 0, "at": "17:00"}, date(2020, 4, 12), "2020-04-12T15:00", id="itself"),
        pytest.param("monthly", {"business_days": 2, "at": "17:00"}, date(2020, 3, 1), "2020-04-02T15:00", id="month"),
    ],
)
def test_when_a_period_is_due(frequency: str, due: dict[str, Any], period: date, expected: str) -> None:
    counts = {"holidays": "IT"} if "business_days" in due else {}
    reporting = calendar(frequency, due=due, grace={"hours": 2, "minutes": 5}, **counts)
    moment = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert reporting.due_at(period) == moment
    assert reporting.missed_after(period) == moment + timedelta(hours=2, minutes=5)


def test_grace_is_as_long_when_the_clocks_are_changed() -> None:
    reporting = calendar("daily", due={"days": 0, "at": "23:30"}, grace={"hours": 4})
    assert reporting.missed_after(date(2020, 3, 28)) == datetime(2020, 3, 29, 2, 30, tzinfo=UTC)


def test_a_supplier_counts_by_its_own_clocks() -> None:
    reporting = calendar("weekly", due={"days": 0, "at": "09:00"})
    assert reporting.due_at(date(2020, 4, 20), "America/New_York") == datetime(2020, 4, 26, 13, tzinfo=UTC)
    assert WEEKLY.due_at(date(2020, 4, 20)) is None


@pytest.fixture(scope="module")
def regional() -> Dependency:
    return load_inventory(Settings.from_environment({})).get("regional_hospital_activity").dependency


def reporting_as(dependency: Dependency, reporting: Reporting, **name: Any) -> Dependency:
    changed: dict[str, Any] = {"reporting": reporting}
    if name:
        notation = PeriodFromName.model_validate(name)
        changed["file"] = dependency.file.model_copy(update={"period_from_name": notation})
    return dependency.model_copy(update=changed)


@pytest.mark.parametrize(
    ("reporting", "told", "name", "period"),
    [
        pytest.param(WEEKLY, {"format": "%G-W%V"}, "beds_2020-W17.csv", date(2020, 4, 20), id="ISO-week"),
        pytest.param(WEEKLY, {"format": "%G-W%V"}, "beds_2020-W53.csv", date(2020, 12, 28), id="the-53rd"),
        pytest.param(WEEKLY, {"format": "%G-W%V"}, "beds_2021-W53.csv", None, id="which-not-every-year-has"),
        pytest.param(WEEKLY, {"format": "%Y-W%W"}, "beds_2020-W16.csv", date(2020, 4, 20), id="weeks-of-the-year"),
        pytest.param(WEEKLY, {"format": "%Y-%m-%d"}, "beds_2020-04-26.csv", date(2020, 4, 20), id="its-Sunday"),
        pytest.param(
            BOOKS, {"format": "%Y-M%m", "months_later": 3}, "spend_2020-M01.csv", date(2020, 4, 1), id="books"
        ),
        pytest.param(BOOKS, {"format": "%Y-M%m", "months_later": 3}, "spend_2020-M12.csv", date(2021, 3, 1), id="last"),
        pytest.param(BOOKS, {"format": "%Y-M%m", "months_later": 3}, "spend_2020-M13.csv", None, id="no-13th"),
        pytest.param(BOOKS, {"format": "%Y-M%m"}, "spend_2020-M04.csv", date(2020, 4, 1), id="of-the-year"),
    ],
)
def test_a_files_name_tells_its_period(
    regional: Dependency, reporting: Reporting, told: dict[str, Any], name: str, period: date | None
) -> None:
    dependency = reporting_as(regional, reporting, pattern=r"_(?P<period>[\dWM-]+)\.csv$", **told)
    assert period_from_name(dependency, name) == period
    if period:
        assert dependency.file.period_from_name is not None
        written = dependency.file.period_from_name.write(period)
        assert period_from_name(dependency, f"x_{written}.csv") == period


@pytest.mark.parametrize(
    ("notation", "says"),
    [("%m%d", "does not tell the year"), ("%Q", "is no notation"), ("%Y-%m-", None), ("", "is no notation")],
)
def test_a_notation_that_tells_no_period_is_refused_when_it_is_loaded(notation: str, says: str | None) -> None:
    given = {"pattern": r"(?P<period>.*)\.csv$", "format": notation}
    if says is None:
        PeriodFromName.model_validate(given)
        return
    with pytest.raises(ValidationError, match=says):
        PeriodFromName.model_validate(given)


def carried(dependency: Dependency, cells: list[str | None], heading: str = "data") -> list[date | None]:
    frame = pl.DataFrame({ROW: range(2, len(cells) + 2), heading: cells}, schema_overrides={heading: pl.String})
    return periods_of_rows(frame, dependency, dependency.layouts[0]).to_list()


def test_each_row_carries_the_week_in_which_its_day_lies(regional: Dependency) -> None:
    cells = ["2020-04-19T17:00:00", "2020-04-20T00:00:00", "2020-04-26T23:59:59", "2020-04-27T00:00:00", None]
    weeks = [date(2020, 4, 13), date(2020, 4, 20), date(2020, 4, 20), date(2020, 4, 27), None]
    assert carried(reporting_as(regional, WEEKLY), cells) == weeks
    assert carried(reporting_as(regional, BOOKS), cells[:1]) == [date(2020, 4, 1)]
    assert carried(reporting_as(regional, BUSINESS), cells[:1]) == [date(2020, 4, 19)], "no period, and nobody's"


def test_a_week_that_the_rows_state_is_taken_at_its_word(regional: Dependency) -> None:
    stated = StatedPeriod(layouts=[regional.layouts[0].name], headings=["Week"], format="%G-W%V")
    dependency = reporting_as(regional, WEEKLY.model_copy(update={"stated": [stated]}))
    assert carried(dependency, ["2020-W17", "2021-W53", None], "Week") == [date(2020, 4, 20), None, None]


@pytest.mark.parametrize(
    ("reporting", "cron", "first"),
    [
        (WEEKLY, "0 0 * * 1", date(2019, 12, 2)),
        (BUSINESS, "0 0 * * 1-5", date(2019, 12, 2)),
        (BOOKS, "0 0 1 * *", date(2019, 12, 1)),
    ],
)
def test_a_period_is_judged_when_it_is_over(reporting: Reporting, cron: str, first: date) -> None:
    assert reporting.cron == cron
    assert reporting.first_midnight == datetime(first.year, first.month, first.day, tzinfo=ROME)


@pytest.mark.parametrize(
    ("reporting", "period", "before", "found", "lies"),
    [
        (WEEKLY, date(2020, 4, 20), 1, date(2020, 4, 13), "in the period before"),
        (BUSINESS, date(2020, 4, 14), 1, date(2020, 4, 10), "in the period before"),
        (BUSINESS, date(2020, 4, 27), 2, date(2020, 4, 22), "2 periods before"),
        (BOOKS, date(2020, 5, 1), 12, date(2019, 5, 1), "12 periods before"),
        (calendar("daily"), date(2020, 3, 1), 1, date(2020, 2, 29), "in the period before"),
        (calendar("daily"), date(2020, 3, 1), 0, date(2020, 3, 1), "in this period"),
    ],
)
def test_a_neighbour_lies_periods_before(
    reporting: Reporting, period: date, before: int, found: date, lies: str
) -> None:
    neighbour = Neighbour(dependency="beds", periods_before=before)
    assert neighbour.period_for(period, reporting) == found
    assert neighbour.judged_with(found, reporting) == period
    assert neighbour.lies == lies
