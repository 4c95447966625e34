"""Numbers and moments as suppliers write them: read as declared, or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from integrity.inventory.dependency import Layout, Numbers
from integrity.inventory.formats import EXCEL_SERIAL, described
from integrity.submissions.notations import (
    MOMENT_NOTATIONS,
    NUMBER_NOTATIONS,
    fitting,
    moment,
    named,
    number,
    shown,
    typed,
)
from pydantic import ValidationError

NO_BREAK, THIN, NARROW = "\u00a0", "\u2009", "\u202f"


def read(cell: str, dtype: pl.DataType | None = None, **notation: Any) -> float | None:
    frame = pl.DataFrame({"cell": [cell]})
    return frame.select(number(pl.col("cell"), dtype or pl.Float64(), Numbers(**notation))).item()  # type: ignore[no-any-return]


ENGLISH: dict[str, Any] = {"thousands": [","]}
GERMAN: dict[str, Any] = {"decimal": ",", "thousands": ["."]}
SPACED: dict[str, Any] = {"decimal": ",", "thousands": [" "]}
MONEY: dict[str, Any] = {
    "thousands": [","],
    "currency": ["£", "GBP", "Rs."],
    "negative": ["brackets", "trailing", "CR"],
}


@pytest.mark.parametrize(
    ("cell", "notation", "value"),
    [
        ("1234.5", {}, 1234.5),
        ("1.234", {}, 1.234),
        ("-12", {}, -12),
        ("1,234", ENGLISH, 1234),
        ("1,234,567.89", ENGLISH, 1234567.89),
        ("1234567.89", ENGLISH, 1234567.89),
        ("-1,234.50", ENGLISH, -1234.5),
        ("+1,234.50", ENGLISH, 1234.5),
        ("- £1,234.50", MONEY, -1234.5),
        (f"{NO_BREAK}1,234.50{NO_BREAK}", ENGLISH, 1234.5),
        ("1.234,50 kr.", GERMAN | {"currency": ["kr."]}, 1234.5),
        (" 1,234.50 ", ENGLISH, 1234.5),
        (".5", ENGLISH, 0.5),
        ("1.234,50", GERMAN, 1234.5),
        ("12,5", GERMAN, 12.5),
        ("1.234", GERMAN, 1234),
        ("1 234,50", SPACED, 1234.5),
        (f"1{NO_BREAK}234{NO_BREAK}567,50", SPACED, 1234567.5),
        (f"1{THIN}234", SPACED, 1234),
        (f"1{NARROW}234", SPACED, 1234),
        ("1'234.50", {"thousands": ["'"]}, 1234.5),
        ("1’234.50", {"thousands": ["'"]}, 1234.5),
        ("£1,234.50", MONEY, 1234.5),
        ("-£1,234.50", MONEY, -1234.5),
        ("£-1,234.50", MONEY, -1234.5),
        ("£ 1,234.50", MONEY, 1234.5),
        ("1,234.50 GBP", MONEY, 1234.5),
        ("gbp 1,234.50", MONEY, 1234.5),
        ("Rs.5", MONEY, 5),
        ("(1,234.50)", MONEY, -1234.5),
        ("£(1,234.50)", MONEY, -1234.5),
        ("(£1,234.50)", MONEY, -1234.5),
        ("1,234.50-", MONEY, -1234.5),
        ("1,234.50 CR", MONEY, -1234.5),
        ("1,234.50cr", MONEY, -1234.5),
        ("12.5%", {"percent": "number"}, 12.5),
        ("12.5 %", {"percent": "fraction"}, 0.125),
        ("12.5", {"percent": "fraction"}, 12.5),
    ],
)
def test_a_number_as_declared(cell: str, notation: dict[str, Any], value: float) -> None:
    assert read(cell, **notation) == value


@pytest.mark.parametrize(
    ("cell", "notation"),
    [
        ("1,234", {}),
        ("inf", {}),
        ("12,34", ENGLISH),
        ("1,2345", ENGLISH),
        ("1234,567", ENGLISH),
        ("1,,234", ENGLISH),
        (",234", ENGLISH),
        ("1,234.", ENGLISH),
        ("1.234,50", ENGLISH),
        ("1e5", ENGLISH),
        ("--5", ENGLISH),
        ("(5)", ENGLISH),
        ("5-", ENGLISH),
        ("- 5", ENGLISH),
        ("-", ENGLISH),
        ("£5", ENGLISH),
        ("12.5%", ENGLISH),
        ("1,234\n5", ENGLISH),
        ("٥", ENGLISH),
        ("1.5", GERMAN),
        ("1234.5", GERMAN),
        ("1,234.50", GERMAN),
        ("1 23", SPACED),
        ("1\t234", SPACED),
        ("(-5)", MONEY),
        ("-(5)", MONEY),
        ("(5", MONEY),
        ("-5-", MONEY),
        ("-5 CR", MONEY),
        ("£5 GBP x", MONEY),
        ("€5", MONEY),
        ("£", MONEY),
        ("n.d.", MONEY),
    ],
)
def test_what_is_not_declared_is_no_number(cell: str, notation: dict[str, Any]) -> None:
    assert read(cell, **notation) is None


def test_a_whole_number_has_no_decimals() -> None:
    assert read("1,234", pl.Int64(), **ENGLISH) == 1234
    assert read("1,234.5", pl.Int64(), **ENGLISH) is None


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"decimal": ",", "thousands": [","]}, id="one-sign-for-both"),
        pytest.param({"thousands": ["1"]}, id="a-digit"),
        pytest.param({"thousands": [", "]}, id="two-signs-in-one"),
        pytest.param({"currency": ["-"]}, id="a-minus-for-a-currency"),
        pytest.param({"currency": [""]}, id="a-currency-of-nothing"),
    ],
)
def test_a_notation_that_would_give_two_values_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Numbers(**wrong)


def test_a_credit_that_is_written_positive_is_turned() -> None:
    layout = Layout(name="own", describes="", turn_sign=["amount"], numbers=Numbers(thousands=[","]))
    frame = pl.DataFrame({"amount": ["1,200.50", "-3", None], "fee": ["1", "2", "3"]})
    turned = frame.select(typed("amount", pl.Float64(), layout), typed("fee", pl.Float64(), layout))
    assert turned.to_dict(as_series=False) == {"amount": [-1200.5, 3.0, None], "fee": [1.0, 2.0, 3.0]}


def moment_of(cell: str, *notations: str) -> datetime | None:
    frame = pl.DataFrame({"cell": [cell]})
    return frame.select(moment(pl.col("cell"), notations)).item()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("cell", "notation", "value"),
    [
        ("1/2/2020", "%d/%m/%Y", "2020-02-01T00:00:00"),
        ("01/02/2020", "%m/%d/%Y", "2020-01-02T00:00:00"),
        ("1/22/20 17:00", "%m/%d/%y %H:%M", "2020-01-22T17:00:00"),
        ("2/1/69", "%m/%d/%y", "2069-02-01T00:00:00"),
        ("2/1/70", "%m/%d/%y", "1970-02-01T00:00:00"),
        ("2020-04-01T10:30:00", "%Y-%m-%dT%H:%M:%S", "2020-04-01T10:30:00"),
        ("01-APR-2020", "%d-%b-%Y", "2020-04-01T00:00:00"),
        ("1-sept-2020", "%d-%b-%Y", "2020-09-01T00:00:00"),
        ("1 Sept 2020", "%d %B %Y", "2020-09-01T00:00:00"),
        ("1 September 2020", "%d %B %Y", "2020-09-01T00:00:00"),
        ("Sept-20", "%b-%y", "2020-09-01T00:00:00"),
        ("20200401", "%Y%m%d", "2020-04-01T00:00:00"),
        ("4/1/2020 12:30 am", "%m/%d/%Y %I:%M %p", "2020-04-01T00:30:00"),
        ("43922", EXCEL_SERIAL, "2020-04-01T00:00:00"),
        ("43922.5", EXCEL_SERIAL, "2020-04-01T12:00:00"),
        ("43922.7291666667", EXCEL_SERIAL, "2020-04-01T17:30:00"),
        ("1", EXCEL_SERIAL, "1900-01-01T00:00:00"),
        ("59", EXCEL_SERIAL, "1900-02-28T00:00:00"),
        ("61", EXCEL_SERIAL, "1900-03-01T00:00:00"),
        ("2958465", EXCEL_SERIAL, "9999-12-31T00:00:00"),
    ],
)
def test_a_moment_as_declared(cell: str, notation: str, value: str) -> None:
    assert moment_of(cell, notation) == datetime.fromisoformat(value)


@pytest.mark.parametrize(
    ("cell", "notation"),
    [
        pytest.param("1/2/20", "%d/%m/%Y", id="a-year-of-two-digits-is-not-the-year-20"),
        pytest.param("20-02-01", "%Y-%m-%d", id="nor-when-it-comes-first"),
        pytest.param("1/2/2020", "%d/%m/%y", id="a-year-of-four-digits-is-not-two"),
        pytest.param("31/04/2020", "%d/%m/%Y", id="no-such-day"),
        pytest.param("13/13/2020", "%d/%m/%Y", id="no-such-month"),
        pytest.param("1/2/2020 10:00", "%d/%m/%Y", id="something-behind"),
        pytest.param("on 1/2/2020", "%d/%m/%Y", id="something-before"),
        pytest.param("1/ 2/2020", "%d/%m/%Y", id="a-blank-within"),
        pytest.param("1/2/+2020", "%d/%m/%Y", id="a-sign-within"),
        pytest.param("1/22/202017:00", "%m/%d/%Y %H:%M", id="a-blank-that-lacks"),
        pytest.param("2020041", "%Y%m%d", id="a-digit-that-lacks"),
        pytest.param("1-Avril-2020", "%d-%B-%Y", id="another-language"),
        pytest.param("1-Septe-2020", "%d-%B-%Y", id="half-a-month"),
        pytest.param("2020-04-01T10:30:00Z", "%Y-%m-%dT%H:%M:%S", id="a-zone"),
        pytest.param("60", EXCEL_SERIAL, id="the-day-that-never-was"),
        pytest.param("0", EXCEL_SERIAL, id="before-the-first-day"),
        pytest.param("2958466", EXCEL_SERIAL, id="after-the-last-day"),
        pytest.param("-5", EXCEL_SERIAL, id="below-nought"),
        pytest.param("20200401", EXCEL_SERIAL, id="a-date-in-digits"),
    ],
)
def test_what_is_not_declared_is_no_moment(cell: str, notation: str) -> None:
    assert moment_of(cell, notation) is None


def test_notations_are_tried_in_order() -> None:
    assert moment_of("43922", "%d/%m/%Y", EXCEL_SERIAL) == moment_of("1/4/2020", "%d/%m/%Y", EXCEL_SERIAL)


@pytest.mark.parametrize(
    ("notations", "what"),
    [
        (["%d/%m/%Y", "%m/%d/%Y"], "may read the same cell as different days"),
        (["%d-%b-%y", "%d/%m/%y", "%m/%d/%y"], "may read the same cell as different days"),
        (["%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"], "may read the same cell as different days"),
        (["%y%m%d", EXCEL_SERIAL], "may read the same cell as different days"),
        (["%d/%m/%Y", "%d/%m/%Y"], "may read the same cell"),
        (["TODO"], "names no month and year"),
        (["%d/%m"], "names no month and year"),
        (["%m/%Y %H:%M"], "names a time and no day"),
        (["%d/%m/%Q%Y"], "uses %Q"),
        ([], "at least 1"),
    ],
)
def test_notations_that_would_be_a_guess_are_refused(notations: list[str], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Layout(name="own", describes="", datetime_formats=notations)


@pytest.mark.parametrize(
    "notations",
    [
        ["%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%dT%H:%M:%S"],
        ["%d/%m/%Y", "%d-%b-%y", "%Y-%m-%d", EXCEL_SERIAL],
        ["%d/%m/%Y", "%d/%m/%y", "%d.%m.%Y", "%d %B %Y", "%d %b %Y"],
    ],
)
def test_notations_that_cannot_be_confused(notations: list[str]) -> None:
    assert Layout(name="own", describes="", datetime_formats=notations).datetime_formats == notations


def test_every_known_notation_is_one_that_a_layout_may_name() -> None:
    for notation in MOMENT_NOTATIONS:
        Layout(name="own", describes="", datetime_formats=[notation])


@pytest.mark.parametrize("notation", [n for n in MOMENT_NOTATIONS if n != EXCEL_SERIAL])
def test_every_known_notation_reads_what_it_writes(notation: str) -> None:
    written = datetime.fromisoformat("2020-09-23T17:05:06").strftime(notation.replace("%.f", ""))
    read_back = moment_of(written, notation)
    assert read_back is not None
    assert read_back.strftime(notation.replace("%.f", "")) == written


def test_fitting_finds_what_every_cell_follows() -> None:
    days = pl.Series("day", ["4/30/2020", None, "4/2/2020"])
    assert [named(notation) for notation, _ in fitting(days, pl.Datetime())] == ["MM/DD/YYYY"]
    either = pl.Series("day", ["4/3/2020", "4/2/2020"])
    assert {named(n) for n, _ in fitting(either, pl.Datetime())} == {"DD/MM/YYYY", "MM/DD/YYYY"}
    assert list(fitting(pl.Series("day", [None, None], dtype=pl.String), pl.Datetime())) == []
    amounts = pl.Series("amount", ["£1,234.50", "(£2.00)", "3"])
    found = next(notation for notation, _ in fitting(amounts, pl.Float64()))
    assert isinstance(found, Numbers)
    assert (found.decimal, found.thousands, "brackets" in found.negative, "£" in found.currency) == (
        ".",
        [","],
        True,
        True,
    )


def test_a_notation_is_told_in_words() -> None:
    assert described("%d-%b-%y %H:%M") == "DD-Mon-YY hh:mm"
    assert described(EXCEL_SERIAL) == "Excel's number of days"
    assert shown(Numbers(**GERMAN, currency=["€"])) == "1.234,50, with €"
    assert len({shown(notation) for notation in NUMBER_NOTATIONS}) == len(NUMBER_NOTATIONS)
