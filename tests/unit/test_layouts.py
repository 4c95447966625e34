"""Suppliers' headings brought to the dictionary by a written mapping; the period told from name or dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from integrity.errors import Misconfigured, Rejected
from integrity.inventory.dependency import Dependency, Layout, ReadingHints
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT
from integrity.submissions.identifying import identify_periods, period_from_name
from integrity.submissions.layouts import apply_layout, choose_layout, headings_of
from integrity.submissions.limits import Limits
from integrity.submissions.opening import open_submission
from integrity.submissions.reading import Reading

FIRST_CAPTURES = [
    Path(__file__).parents[1] / "data" / "first_capture_regions",
    PROJECT_ROOT / "include" / "demonstration" / "first_capture_regions",
]


def first_capture(day: str) -> Path:
    (path,) = [p for folder in FIRST_CAPTURES for p in folder.glob(f"*{day}.csv")]
    return path


@pytest.fixture
def regional(settings: object) -> Office:
    return Office.open("regional_hospital_activity", settings)  # type: ignore[arg-type]


def read(path: Path) -> Reading:
    with TemporaryDirectory() as scratch:
        return open_submission(path, path.name, ReadingHints(), Limits(), Path(scratch))


def in_dictionary_terms(office: Office, path: Path) -> tuple[str, pl.DataFrame]:
    reading = read(path)
    fit = choose_layout(reading.headings, office.registered.dependency.layouts, office.schema.names)
    assert (fit.missing, fit.unknown) == ((), ())
    return fit.layout.name, apply_layout(reading, fit.layout, office.schema.names)


@pytest.mark.parametrize(
    ("day", "layout"),
    [
        pytest.param("20200310", "first_capture_march_2020", id="headings-of-march"),
        pytest.param("20200422", "first_capture", id="headings-of-april"),
        pytest.param("20200531", "first_capture", id="two-columns-more-in-may"),
    ],
)
def test_every_layout_of_the_first_captures(regional: Office, day: str, layout: str) -> None:
    name, frame = in_dictionary_terms(regional, first_capture(day))
    assert name == layout
    assert frame.columns == ["_row", *regional.schema.names]
    assert frame["totale_positivi"].null_count() == 0
    codes = dict(zip(frame["denominazione_regione"], frame["codice_regione"], strict=True))
    assert codes["Piemonte"] == "01", "leading noughts are kept, or given back"
    assert (codes["P.A. Bolzano"], codes["P.A. Trento"]) == ("21", "22"), "04 was both, until May 2020"
    assert "04" not in codes.values()
    assert "Emilia-Romagna" in codes


def test_the_publishers_file(regional: Office) -> None:
    name, frame = in_dictionary_terms(regional, regional.registered.folder / "examples" / "good.csv")
    assert name == "publisher"
    assert frame.height == 21


def test_headings_are_not_guessed(regional: Office) -> None:
    layouts = regional.registered.dependency.layouts
    headings = tuple("tampone" if name == "tamponi" else name for name in regional.schema.names)
    fit = choose_layout(headings, layouts, regional.schema.names)
    assert fit.missing == ("tamponi",)
    assert fit.unknown == ("tampone",)


DICTIONARY = ("date", "payee", "amount")


def layout_of(name: str = "own", **fields: Any) -> Layout:
    return Layout.model_validate({"name": name, "describes": "", **fields})


@pytest.mark.parametrize(
    "heading",
    [
        "Supplier Name",
        "SUPPLIER NAME",
        " supplier   name ",
        "Supplier Name:",
        "*Supplier Name*",
        "'Supplier Name'",
        "Supplier\nName",
        "\ufeffSupplier Name",
    ],
)
def test_case_blanks_and_punctuation_do_not_matter(heading: str) -> None:
    fit = choose_layout(("date", heading, "Amount"), [layout_of(rename={"Supplier Name": "payee"})], DICTIONARY)
    assert (fit.missing, fit.unknown) == ((), ())
    assert fit.brought == {"date": "date", "payee": heading, "amount": "Amount"}


@pytest.mark.parametrize(
    "heading", ["Suppliers Name", "SupplierName", "Supplier-Name", "Supplier Name £", "% Supplier Name"]
)
def test_anything_else_matters(heading: str) -> None:
    fit = choose_layout(("date", heading, "Amount"), [layout_of(rename={"Supplier Name": "payee"})], DICTIONARY)
    assert (fit.missing, fit.unknown) == (("payee",), (heading,))


@pytest.mark.parametrize(
    ("headings", "brought", "missing", "unknown"),
    [
        pytest.param(("Amount", "amount", "date", "payee"), "amount", (), ("Amount",), id="the-one-as-written"),
        pytest.param(("Amount", "AMOUNT", "date", "payee"), None, ("amount",), ("Amount", "AMOUNT"), id="neither"),
        pytest.param(("Sum", "Total", "date", "payee"), None, ("amount",), ("Sum", "Total"), id="both-as-written"),
    ],
)
def test_two_headings_for_one_column(
    headings: tuple[str, ...], brought: str | None, missing: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    layout = layout_of(rename={"Sum": "amount", "Total": "amount"})
    fit = choose_layout(headings, [layout], DICTIONARY)
    assert (fit.brought.get("amount"), fit.missing, fit.unknown) == (brought, missing, unknown)
    assert set(fit.doubled) == set(missing)


def test_a_suppliers_own_layout_goes_first() -> None:
    other = layout_of("other", suppliers=["B"], rename={"Sum": "amount"})
    everyones, own = layout_of("everyones"), layout_of("own", suppliers=["A"])
    assert choose_layout(DICTIONARY, [other, everyones, own], DICTIONARY, "A").layout is own
    assert choose_layout(("date", "payee", "Sum"), [other, everyones], DICTIONARY, "A").missing == ("amount",)
    assert choose_layout(("date", "payee", "Sum"), [other, everyones], DICTIONARY).layout is other, "supplier not known"
    with pytest.raises(Misconfigured, match="No layout describes the files of supplier 'C'"):
        choose_layout(DICTIONARY, [other], DICTIONARY, "C")


def test_what_a_layout_does_to_the_cells(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('Code,Sum,Note\n7,"1,234",x\n12,(5),y\n', encoding="utf-8")
    layout = layout_of(
        rename={"Code": "code", "Sum": "amount"},
        ignore=["note"],
        fixed={"trust": "Some Trust", "amount": "0"},
        may_lack=["area"],
        pad={"code": 3},
        recode=[{"when": {"code": "007"}, "set": {"area": "North"}}],
    )
    dictionary = ("trust", "code", "area", "amount")
    reading = read(path)
    assert choose_layout(reading.headings, [layout], dictionary).missing == ()
    assert apply_layout(reading, layout, dictionary).to_dicts() == [
        {"_row": 2, "trust": "Some Trust", "code": "007", "area": "North", "amount": "1,234"},
        {"_row": 3, "trust": "Some Trust", "code": "012", "area": None, "amount": "(5)"},
    ]
    assert headings_of(layout, reading.headings, dictionary) == {"code": "Code", "amount": "Sum"}


def dated(tmp_path: Path, *moments: str) -> Path:
    path = tmp_path / "figures.csv"
    path.write_text("data,stato\n" + "".join(f"{moment},ITA\n" for moment in moments), encoding="utf-8")
    return path


@pytest.fixture
def dependency(regional: Office) -> Dependency:
    return regional.registered.dependency


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("dpc-covid19-ita-regioni-20200423.csv", date(2020, 4, 23)),
        ("figures.csv", None),
        ("x-20201399.csv", None),
    ],
)
def test_period_from_the_name(dependency: Dependency, name: str, period: date | None) -> None:
    assert period_from_name(dependency, name) == period


def periods(dependency: Dependency, path: Path) -> tuple[date, ...]:
    return identify_periods(dependency, path.name, lambda: read(path), supplier="", dictionary=("data", "stato"))


@pytest.mark.parametrize(
    ("moments", "period"),
    [
        pytest.param(["2020-04-23T17:00:00"] * 2 + ["2020-04-22T17:00:00"], date(2020, 4, 23), id="most-rows"),
        pytest.param(["2020-04-23T17:00:00", "2020-04-22T17:00:00"], date(2020, 4, 23), id="a-tie-goes-to-the-first"),
    ],
)
def test_period_from_the_dates(dependency: Dependency, tmp_path: Path, moments: list[str], period: date) -> None:
    assert periods(dependency, dated(tmp_path, *moments)) == (period,)


def test_the_name_goes_before_the_dates(dependency: Dependency, tmp_path: Path) -> None:
    path = dated(tmp_path, "2020-04-23T17:00:00")
    assert periods(dependency, path.rename(tmp_path / "f-20200424.csv")) == (date(2020, 4, 24),)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        pytest.param("figures.csv", b"\x00", "Neither", id="neither-name-nor-dates"),
        pytest.param("figures.csv", b"data,stato\n23/04/2020,ITA\n", "Neither", id="no-known-notation"),
        pytest.param("figures.csv", b"data,stato\n", "Neither", id="no-rows"),
        pytest.param("f-20190423.csv", b"data\n", "no reporting period", id="before-the-calendar"),
    ],
)
def test_what_cannot_be_placed(dependency: Dependency, tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Rejected, match=reason):
        periods(dependency, path)
