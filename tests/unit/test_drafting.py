"""A new supplier's layout, drafted by machine: what it proposes, why, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from integrity.inventory.dependency import Layout, Numbers, ReadingHints
from integrity.settings import PROJECT_ROOT
from integrity.submissions.drafting import Draft, draft_layout
from integrity.submissions.limits import Limits
from integrity.submissions.opening import open_submission
from pydantic import ValidationError

CSSE = PROJECT_ROOT / "tests" / "data" / "csse"


@dataclass(frozen=True)
class Entry:
    name: str
    dtype: pl.DataType
    description: str = ""


REPORTS = [
    Entry("province", pl.String(), "Province or state"),
    Entry("country", pl.String(), "Country or region"),
    Entry("last_update", pl.Datetime(), "Time of the figure"),
    Entry("confirmed", pl.Int64(), "People, running total"),
    Entry("deaths", pl.Int64(), "People, running total"),
    Entry("recovered", pl.Int64(), "People, running total"),
    Entry("latitude", pl.Float64(), "Degrees WGS84"),
    Entry("longitude", pl.Float64(), "Degrees WGS84"),
]
PAYMENTS = [
    Entry("department", pl.String(), "Department family"),
    Entry("date", pl.Datetime(), "Day of the payment"),
    Entry("payee", pl.String(), "Paid firm or body, the supplier"),
    Entry("transaction_id", pl.String(), "Number of the payment or invoice"),
    Entry("amount", pl.Float64(), "Pounds sterling"),
    Entry("vat_registration", pl.String(), "The payee's VAT number"),
]


def draft_of(path: Path, columns: list[Entry], scratch: Path, supplier: str = "NEW") -> Draft:
    reading = open_submission(path, path.name, ReadingHints(), Limits(), scratch)
    return draft_layout(reading, columns, supplier)


def loaded(draft: Draft) -> Layout:
    return Layout.model_validate(yaml.safe_load(draft.text))


def reason(draft: Draft, text: str) -> str:
    """The comment of the line that begins so."""
    (line,) = [line for line in draft.text.splitlines() if line.strip().startswith(text)]
    return line.partition("  # ")[2]


@pytest.fixture
def drafted(tmp_path: Path) -> Any:
    def drafted(*lines: str) -> Draft:
        path = tmp_path / "list.csv"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return draft_of(path, PAYMENTS, tmp_path)

    return drafted


def test_the_reports_of_march_2020(tmp_path: Path) -> None:
    draft = draft_of(CSSE / "03-01-2020.csv", REPORTS, tmp_path, "csse")
    layout = loaded(draft)
    assert layout.rename == {
        "Province/State": "province",
        "Country/Region": "country",
        "Last Update": "last_update",
        "Confirmed": "confirmed",
        "Deaths": "deaths",
        "Recovered": "recovered",
        "Latitude": "latitude",
        "Longitude": "longitude",
    }
    assert (layout.name, layout.suppliers, layout.datetime_formats) == ("csse", ["csse"], ["%Y-%m-%dT%H:%M:%S"])
    assert (layout.may_lack, layout.ignore, layout.numbers) == ([], [], Numbers())
    assert (draft.undecided, draft.lacking) == ((), ())
    assert reason(draft, '"Last Update"') == "column 3: same words, 100% dates"
    assert reason(draft, '"Confirmed"') == "column 4: same words, 100% numbers"


def test_the_reports_of_january_2020(tmp_path: Path) -> None:
    draft = draft_of(CSSE / "01-22-2020.csv", REPORTS, tmp_path, "csse")
    assert loaded(draft).datetime_formats == ["%m/%d/%Y %H:%M"]
    assert loaded(draft).may_lack == ["latitude", "longitude"]
    undecided = draft_of(CSSE / "02-01-2020.csv", REPORTS, tmp_path, "csse")
    assert undecided.undecided == (), "31 January stands in it, so the month comes first"


LIST = (
    "Dept Family,Date Paid,Supplier Name,Transaction Number,Amount,Financial Year",
    '"Health",30/04/2020,Firm A,100,"£1,200.50",2021',
    '"Health",02/04/2020,Firm B,101,"(300.00)",2021',
    '"Health",05/04/2020,Firm C,102,"25,000",2021',
)


def test_a_list_of_payments(drafted: Any) -> None:
    draft = drafted(*LIST)
    layout = loaded(draft)
    assert layout.rename == {
        "Dept Family": "department",
        "Date Paid": "date",
        "Supplier Name": "payee",
        "Transaction Number": "transaction_id",
        "Amount": "amount",
    }
    assert layout.ignore == ["Financial Year"]
    assert (layout.may_lack, draft.lacking) == (["vat_registration"], ("vat_registration",))
    assert reason(draft, '"Supplier Name"') == "column 3: words of its description, text"
    assert layout.datetime_formats == ["%d/%m/%Y"]
    assert layout.numbers == Numbers(thousands=[","], currency=["£"], negative=["brackets"])
    assert reason(draft, '"Date Paid"') == "column 2: similar words, 100% dates"
    assert reason(draft, '- "Financial Year"') == "column 6: numbers; nothing in the dictionary is like it"
    assert reason(draft, "- vat_registration") == "The payee's VAT number"
    assert "# amount: 33.3% of the values are below nought." in draft.text


def test_a_day_that_may_be_the_month_is_left_to_a_person(drafted: Any) -> None:
    draft = drafted("Date,Amount", "03/04/2020,1", "05/04/2020,2")
    assert draft.undecided == ("whether the day or the month comes first",)
    told = reason(draft, "datetime_formats: [TODO]")
    assert told == ('every cell can be read as DD/MM/YYYY and as MM/DD/YYYY: write ["%d/%m/%Y"] or ["%m/%d/%Y"]')
    with pytest.raises(ValidationError, match="'TODO' names no month and year"):
        loaded(draft)


def test_a_sign_that_may_be_the_decimal_one_is_left_to_a_person(drafted: Any) -> None:
    draft = drafted("Date,Amount", '30/04/2020,"29,632"', '30/04/2020,"77,041"')
    assert draft.undecided == ("which sign is the decimal one",)
    assert 'write {"thousands": [","]} or {"decimal": ","}' in reason(draft, "numbers: TODO")
    with pytest.raises(ValidationError, match="numbers"):
        loaded(draft)
    assert loaded(drafted("Date,Amount", '30/04/2020,"29,632"', '30/04/2020,"1,077,041"')).numbers.thousands == [","]


def test_two_notations_in_one_column_are_both_named(drafted: Any) -> None:
    draft = drafted("Date,Amount", "30/04/2020,1", "29/04/2020,2", "28-Apr-20,3")
    assert loaded(draft).datetime_formats == ["%d/%m/%Y", "%d-%b-%y"]


@pytest.mark.parametrize(
    ("lines", "undecided"),
    [
        pytest.param(
            ["Date,Amount", *(f"{day}/04/2020,1" for day in range(13, 30)), "soon,2"],
            "the notation of dates",
            id="a-date-that-is-none",
        ),
        pytest.param(
            ["Date,Amount", *(f"30/04/2020,{n}.5" for n in range(20)), "30/04/2020,n.d."],
            "the notation of numbers",
            id="a-number-that-is-none",
        ),
        pytest.param(["Date,Amount", ",1", ",2"], "the notation of dates, since no date is filled", id="no-date"),
    ],
)
def test_what_is_not_sure_is_said_and_does_not_load(drafted: Any, lines: list[str], undecided: str) -> None:
    draft = drafted(*lines)
    assert draft.undecided == (undecided,)
    with pytest.raises(ValidationError):
        loaded(draft)


def test_credits_are_asked_after(drafted: Any) -> None:
    negative = drafted("Date,Amount", "30/04/2020,-1", "29/04/2020,-2", "28/04/2020,3")
    assert "If these are ordinary amounts and not credits: turn_sign: [amount]" in negative.text
    assert "Ask the supplier how credits are written." in drafted("Date,Amount", "30/04/2020,1").text


def test_content_speaks_against_words(drafted: Any) -> None:
    draft = drafted("Date,Amount,Amount paid", "30/04/2020,in full,12.5", "29/04/2020,in part,13.5")
    assert loaded(draft).rename == {"Date": "date", "Amount paid": "amount"}


def test_no_cell_is_told_and_headings_do_no_harm(drafted: Any) -> None:
    hostile = '"Amount\n: {canary}  # x"'
    draft = drafted(f'Date,{hostile},"a: b #c"', "30/04/2020,87654.32,secretive", "29/04/2020,1,private")
    for cell in ("87654", "secretive", "private", "30/04"):
        assert cell not in draft.text
    layout = loaded(draft)
    assert list(layout.rename.values()) == ["date", "amount"]
    assert layout.ignore == ["a: b #c"]
