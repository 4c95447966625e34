"""Suppliers' headings brought to the dictionary by a written mapping; the period told from name or dates."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT
from integrity.submissions.identifying import identify_period, period_from_content, period_from_name
from integrity.submissions.layouts import apply_layout, choose_layout
from integrity.submissions.reading import read_submission

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


def in_dictionary_terms(office: Office, path: Path) -> tuple[str, pl.DataFrame]:
    reading = read_submission(path)
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
    headings = tuple("Tamponi" if name == "tamponi" else name for name in regional.schema.names)
    fit = choose_layout(headings, layouts, regional.schema.names)
    assert fit.missing == ("tamponi",)
    assert fit.unknown == ("Tamponi",)


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


@pytest.mark.parametrize(
    ("moments", "period"),
    [
        pytest.param(["2020-04-23T17:00:00"] * 2 + ["2020-04-22T17:00:00"], date(2020, 4, 23), id="most-rows"),
        pytest.param(["2020-04-23T17:00:00", "2020-04-22T17:00:00"], date(2020, 4, 23), id="a-tie-goes-to-the-first"),
        pytest.param(["23/04/2020"], None, id="no-known-notation"),
        pytest.param([], None, id="no-rows"),
    ],
)
def test_period_from_the_dates(dependency: Dependency, tmp_path: Path, moments: list[str], period: date | None) -> None:
    assert period_from_content(dependency, dated(tmp_path, *moments)) == period


def test_the_name_goes_before_the_dates(dependency: Dependency, tmp_path: Path) -> None:
    assert identify_period(dependency, "f-20200424.csv", dated(tmp_path, "2020-04-23T17:00:00")) == date(2020, 4, 24)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        pytest.param("figures.csv", b"\x00", "Neither", id="neither-name-nor-dates"),
        pytest.param("f-20190423.csv", b"data\n", "no reporting period", id="before-the-calendar"),
    ],
)
def test_what_cannot_be_placed(dependency: Dependency, tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Rejected, match=reason):
        identify_period(dependency, name, path)
