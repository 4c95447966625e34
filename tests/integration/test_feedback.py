"""Feedback from inbox to outbox: each supplier gets its own file's reasons and cells, and nobody gets another's."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

REGIONAL, SPEND = "regional_hospital_activity", "trust_spend"
CROYDON_CANARY, WHITTINGTON_CANARY = "Canary Croydonensis 4711", "Canary Whittingtonensis 0815"
CROYDON = ["Supplier", "Department family", "Date", "Expense area", "Expense type", "Transaction Number", "Amount"]
WHITTINGTON = ["Date", "Expense Type", "Expense Area", "Supplier", "Transaction Number", "Amount"]


def text_of(*rows: list[str]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def croydon(amount: str = "30,000", payee: str = "Example Supplies Ltd") -> bytes:
    good = ["Example Supplies Ltd", "Theatres", "02/04/2020", "Main", "Equipment", "1001", "48,200"]
    return text_of(CROYDON, good, [payee, "Theatres", "03/04/2020", "Main", "Equipment", "1002", amount])


def whittington(amount: str = "30,000", payee: str = "Example Supplies Ltd") -> bytes:
    return text_of(WHITTINGTON, ["03/04/2020", "Equipment", "Main", payee, "2002", amount])


@pytest.fixture
def outbox(house: Any) -> Callable[..., dict[str, Path]]:
    """What lies in a supplier's outbox, by name."""

    def look(dependency: str, supplier: str) -> dict[str, Path]:
        return {path.name: path for path in sorted((house.settings.outbox / dependency / supplier).iterdir())}

    return look


def all_text(paths: Any) -> str:
    """Everything that stands in these files, also inside workbooks."""
    found = []
    for path in paths:
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as packed:
                found += [packed.read(name).decode("utf-8", "replace") for name in packed.namelist()]
        else:
            found.append(path.read_text(encoding="utf-8"))
    return "\n".join(found)


def test_a_bad_file_comes_back_as_page_json_and_marked_workbook(house: Any, real: Any, outbox: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, 28).change("03", terapia_intensiva=1))
    house.run(REGIONAL)
    pack = outbox(REGIONAL, "protezione_civile")
    assert list(pack) == ["2020-04-28.r1.html", "2020-04-28.r1.json", "2020-04-28.r1.marked.xlsx"]
    told = json.loads(pack["2020-04-28.r1.json"].read_text())
    finding = next(entry for entry in told["findings"] if entry["rule"] == "hospitalised_total")
    assert [column["letter"] for column in finding["columns"]] == ["I", "G", "H"]
    assert [cell["value"] for cell in finding["examples"][0]["cells"]][2] == "1"
    assert told["respond_by"] is not None
    row = int(finding["rows"])
    sheet = load_workbook(pack["2020-04-28.r1.marked.xlsx"]).worksheets[0]
    assert [sheet[f"{letter}{row}"].fill.fill_type for letter in "GHI"] == ["solid"] * 3
    assert sheet.cell(row, 8).value == "1"
    assert "People in hospital must equal" in sheet.cell(row, sheet.max_column).value


def test_recording_again_gives_the_same_bytes(house: Any, real: Any, outbox: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, 28).change("03", terapia_intensiva=1))
    house.run(REGIONAL)
    first = {name: path.read_bytes() for name, path in outbox(REGIONAL, "protezione_civile").items()}
    house.run(REGIONAL)
    assert {name: path.read_bytes() for name, path in outbox(REGIONAL, "protezione_civile").items()} == first


def test_a_corrected_file_has_a_short_pack_and_the_earlier_one_stays(house: Any, real: Any, outbox: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, 28).change("03", terapia_intensiva=1))
    house.run(REGIONAL)
    house.send(REGIONAL, real(REGIONAL, 28))
    house.run(REGIONAL)
    pack = outbox(REGIONAL, "protezione_civile")
    assert [name for name in pack if ".r1." in name] == [f"2020-04-28.r1.{e}" for e in ("html", "json", "marked.xlsx")]
    assert not json.loads(pack["2020-04-28.r2.json"].read_text())["verdict"] == "FAIL"
    assert "hospitalised_total" not in pack["2020-04-28.r2.html"].read_text()


def test_a_refused_file_comes_back_with_the_reason_only(house: Any, outbox: Any) -> None:
    house.send(REGIONAL, b"")
    house.run(REGIONAL)
    pack = outbox(REGIONAL, "protezione_civile")
    assert list(pack) == ["2020-04-28.r1.html", "2020-04-28.r1.json"]
    assert "The file is empty." in pack["2020-04-28.r1.html"].read_text()


def test_a_suppliers_cells_are_in_its_own_pack_and_nowhere_else(house: Any, outbox: Any) -> None:
    house.send(SPEND, croydon(f"x {CROYDON_CANARY}"), name="CROY 01 - April.csv", supplier="CROY")
    house.send(SPEND, whittington(f"y {WHITTINGTON_CANARY}"), name="WHIT 01 - April.csv", supplier="WHIT")
    house.run(SPEND, 1)
    own, other = (outbox(SPEND, supplier) for supplier in ("CROY", "WHIT"))
    assert "2020-04-01.r1.marked.xlsx" in own and "2020-04-01.r1.marked.xlsx" in other
    assert CROYDON_CANARY in all_text(own.values()) and WHITTINGTON_CANARY in all_text(other.values())
    assert WHITTINGTON_CANARY not in all_text(own.values()) and CROYDON_CANARY not in all_text(other.values())

    register = house.query(
        "SELECT coalesce(string_agg(x::text, ' '), '') AS said FROM ("
        "SELECT to_jsonb(f) AS x FROM register.finding f UNION ALL SELECT to_jsonb(i) FROM register.issue i "
        "UNION ALL SELECT to_jsonb(o) FROM register.outbox o UNION ALL SELECT to_jsonb(a) FROM register.audit_event a"
        ") AS everything"
    )[0]["said"]
    alerts = json.dumps(house.channels.sent, default=str)
    outside = [house.settings.archive, house.settings.outbox, house.settings.inbox]
    lineage = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in house.settings.home.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in outside)
    )
    for said in (register, alerts, lineage):
        assert said and "Canary" not in said


def test_the_suppliers_own_headings_and_layout_are_spoken(house: Any, outbox: Any) -> None:
    house.send(SPEND, croydon("thirty thousand"), name="CROY 01 - April.csv", supplier="CROY")
    house.run(SPEND, 1)
    told = json.loads(outbox(SPEND, "CROY")["2020-04-01.r1.json"].read_text())
    finding = next(entry for entry in told["findings"] if entry["rule"] == "number")
    assert finding["columns"] == [{"name": "amount", "heading": "Amount", "number": 7, "letter": "G"}]
    assert finding["examples"] == [
        {"row": 3, "cells": [{"cell": "G3", "heading": "Amount", "value": "thirty thousand"}]}
    ]
    assert (told["period_in_words"], told["supplier_name"]) == ("April 2020", "Croydon Health Services NHS Trust")


def test_an_excel_file_is_marked_in_its_own_workbook(house: Any, outbox: Any, tmp_path: Path) -> None:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "Spend"
    for row in csv.reader(io.StringIO(croydon("thirty").decode())):
        sheet.append(row)
    sheet["A1"].style = "Title"
    book.create_sheet("Remarks")["A1"] = "kept"
    book.save(tmp_path / "a.xlsx")
    house.send(SPEND, (tmp_path / "a.xlsx").read_bytes(), name="CROY 01 - April.xlsx", supplier="CROY")
    house.run(SPEND, 1)
    marked = load_workbook(outbox(SPEND, "CROY")["2020-04-01.r1.marked.xlsx"])
    assert marked.sheetnames == ["Spend", "Remarks"]
    assert marked["Spend"]["A1"].style == "Title"
    assert marked["Spend"]["G3"].comment and marked["Spend"]["H1"].value == "Please correct"


def test_the_archive_is_left_as_it_was(house: Any, real: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, 28).change("03", terapia_intensiva=1))
    house.run(REGIONAL)
    archived = [path for path in house.settings.archive.rglob("*") if path.is_file()]
    assert len(archived) == 1 and archived[0].stat().st_mode & 0o222 == 0
