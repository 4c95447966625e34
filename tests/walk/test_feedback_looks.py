"""Feedback as a supplier sees it: printed from a browser, and its marked file opened in a spreadsheet program."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.pipeline.returning import feedback_on_check
from integrity.reports.feedback import write_pack
from integrity.settings import Settings
from openpyxl import Workbook

REGIONAL, SPEND = "regional_hospital_activity", "trust_spend"
PROGRAMS = {"chromium": "chromium", "soffice": "libreoffice-calc", "pdftotext": "poppler-utils"}
MARKED_RED = (255, 199, 206)
VERDICT_RED = (155, 28, 28)

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", autouse=True)
def programs(have_programs: Callable[[dict[str, str]], None]) -> None:
    """Browser, spreadsheet program and PDF tools."""
    have_programs(PROGRAMS)


def pack(settings: Settings, dependency: str, path: Path, folder: Path) -> Path:
    """The pack of a file as if it had been sent; gives the page."""
    office = Office.open(dependency, settings)
    source = feedback_on_check(office, check(office, [path]))
    return write_pack(folder, replace(source, revision=1, respond_by=date(2020, 5, 4)))


@pytest.fixture
def regional(settings: Settings, real: Any, tmp_path: Path) -> Path:
    """Page on a regional file with three mistakes."""
    path = tmp_path / "protezione_civile" / "dpc-covid19-ita-regioni-20200428.csv"
    path.parent.mkdir()
    bad = real(REGIONAL, 28).change("03", terapia_intensiva=1).change("05", tamponi="dodici").change("08", lat="")
    path.write_bytes(bad.to_bytes())
    return pack(settings, REGIONAL, path, tmp_path / "out")


@pytest.fixture
def trust(settings: Settings, tmp_path: Path) -> Path:
    """Page on a trust's workbook: an amount in words, another that a careless program would calculate."""
    rows = [["Supplier", "Department family", "Date", "Expense area", "Expense type", "Transaction Number", "Amount"]]
    rows += [["Example Ltd", "Theatres", "02/04/2020", "Main", "Equipment", str(1000 + i), "48,200"] for i in range(9)]
    rows[4][6], rows[5][6], rows[6][2] = "=1+1", "see note", "31/02/2020"
    book = Workbook()
    sheet: Any = book.active
    for number, row in enumerate(rows, start=1):
        for column, text in enumerate(row, start=1):
            sheet.cell(number, column).value = text
            sheet.cell(number, column).data_type = "s"
    path = tmp_path / "CROY" / "CROY 01 - April.xlsx"
    path.parent.mkdir()
    book.save(path)
    return pack(settings, SPEND, path, tmp_path / "out")


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "profile"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def printed(page: Path, profile: Path) -> Path:
    """The page as PDF, by a browser that can reach nothing."""
    target = page.with_suffix(".pdf")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", "--no-pdf-header-footer"]
    subprocess.run([*command, f"--print-to-pdf={target}", page.as_uri()], check=True, capture_output=True, timeout=120)
    return target


def converted(workbook: Path, kind: str, profile: Path) -> Path:
    """The workbook as the spreadsheet program understands it."""
    command = ["soffice", f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", kind]
    command += ["--outdir", str(workbook.parent), str(workbook)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    return workbook.with_suffix(f".{kind}")


def text_of(pdf: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True)
    return " ".join(done.stdout.split())


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(pdf: Path, colour: tuple[int, int, int]) -> int:
    """How many points of a colour its pages show."""
    count = 0
    subprocess.run(["pdftoppm", "-r", "60", pdf, pdf.with_suffix("")], check=True)
    for image in pdf.parent.glob("*.ppm"):
        data = image.read_bytes().split(b"\n", 3)[3]
        count += sum(data[i : i + 3] == bytes(colour) for i in range(0, len(data), 3))
        image.unlink()
    return count


def test_the_printed_page_tells_a_clerk_what_to_do(regional: Path, profile: Path) -> None:
    pdf = printed(regional, profile)
    told = text_of(pdf)
    for words in (
        "Your file is not used: please correct it and send it again.",
        "Send the whole file again under the same name by 4 May 2020.",
        "dpc-covid19-ita-regioni-20200428.csv",
        "People in hospital must equal those in ordinary wards plus those in intensive care.",
        "column S, “tamponi”",
        "dodici",
        "To correct (3)",
        "capacity-planning@example.org",
    ):
        assert words in told, words
    assert pixels(pdf, VERDICT_RED) > 200


def test_the_marked_file_opens_with_its_marks_and_its_reasons(regional: Path, profile: Path) -> None:
    workbook = regional.with_name(f"{regional.stem}.marked.xlsx")
    assert pixels(converted(workbook, "pdf", profile), MARKED_RED) > 20
    rows = records(converted(workbook, "csv", profile))
    reasons = {row["codice_regione"]: row["Please correct"] for row in rows if row["Please correct"]}
    assert set(reasons) == {"03", "05", "08"}
    assert reasons["05"].startswith("tamponi (column S): ")
    assert next(row for row in rows if row["codice_regione"] == "05")["tamponi"] == "dodici"


def test_nothing_in_the_marked_file_is_calculated(trust: Path, profile: Path) -> None:
    workbook = trust.with_name(f"{trust.stem}.marked.xlsx")
    rows = records(converted(workbook, "csv", profile))
    assert [rows[i]["Amount"] for i in (2, 3, 4)] == ["48,200", "=1+1", "see note"]
    assert [bool(row["Please correct"]) for row in rows] == [False] * 3 + [True] * 3 + [False] * 3
    assert "Amount (column G)" in rows[3]["Please correct"]
    assert pixels(converted(workbook, "pdf", profile), MARKED_RED) > 20
