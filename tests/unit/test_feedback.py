"""Feedback on small files made for the purpose: words, places, marks, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from integrity.errors import Rejected
from integrity.inventory.loading import load_inventory
from integrity.reports import marked as marked_module
from integrity.reports.cells import column_letter, csv_text, starts_formula, visible_text, workbook_text
from integrity.reports.feedback import write_pack, write_unplaced
from integrity.reports.feedback_content import content_of
from integrity.reports.feedback_source import FeedbackSource, RuleOutcome, merged
from integrity.reports.marks import marks_on
from integrity.reports.received import OwnColumn, Received
from integrity.settings import Settings
from integrity.submissions.reading import ROW, Rows
from integrity.verdicts import Verdict
from integrity.warehouse.models import Unidentified
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font

CANARY = "Zebra-Canary-77"


def received_of(
    cells: list[list[str | None]], path: Path, *, first_row: int = 4, numbers: tuple[int, ...] = (2, 3, 6), **other: Any
) -> Received:
    """A file of three columns with gaps between them, whose headings are in the row before the first."""
    headings = ["Date Paid", "Payee", "Amount (£)"]
    names = ["date", "payee", "amount"]
    frame = pl.DataFrame(
        {ROW: [first_row + i for i in range(len(cells))]}
        | {str(i): pl.Series([row[i] for row in cells], dtype=pl.String) for i in range(3)},
        schema_overrides={ROW: pl.Int64},
    )
    rows = Rows((frame,), {heading: str(i) for i, heading in enumerate(headings)}, frame.height)
    columns = tuple(OwnColumn(n, h, p) for n, h, p in zip(names, headings, numbers, strict=True))
    given: dict[str, Any] = {
        "path": path,
        "format": "csv",
        "rows": rows,
        "columns": columns,
        "header_row": first_row - 1,
        "reasons": pl.DataFrame(schema={ROW: pl.Int64, "rules": pl.List(pl.String)}),
        "delimiter": ",",
    }
    return Received(**(given | other))


def outcome(
    rule: str = "number", rows: tuple[int, ...] = (5,), column: str | None = "amount", **other: Any
) -> RuleOutcome:
    given: dict[str, Any] = {
        "rule": rule,
        "severity": "quarantine",
        "verdict": Verdict.FAIL,
        "evaluated": 3,
        "failed": len(rows),
        "message": "The cell does not hold a number.",
        "mend": "Write it as 1234.50.",
        "column": column,
        "rows": rows,
    }
    return RuleOutcome(**(given | other))


PASSED = outcome("required", (), "date", verdict=Verdict.PASS)


def tables(received: Received | None) -> dict[str, Received]:
    """A file of one table, or nothing that could be read."""
    return {"": received} if received else {}


def source_of(received: Received | None, *outcomes: RuleOutcome, **other: Any) -> FeedbackSource:
    def read() -> dict[str, Received]:
        return tables(received)

    given: dict[str, Any] = {
        "dependency": "trust_spend",
        "title": "Trust spend",
        "supplier": "AAAA",
        "supplier_name": "A Trust",
        "contact": "desk@example.org",
        "file_name": "April.csv",
        "sha256": "0123456789abcdef" * 4,
        "period": date(2020, 4, 1),
        "revision": 1,
        "verdict": Verdict.FAIL,
        "rows": 3,
        "accepted": 2,
        "quarantined": 1,
        "outcomes": outcomes,
        "respond_by": date(2020, 5, 4),
        "read": read if received else None,
    }
    return FeedbackSource(**(given | other))


@pytest.fixture
def file(tmp_path: Path) -> Received:
    cells: list[list[str | None]] = [
        ["01/04/2020", "Acme", "30000"],
        ["02/04/2020", CANARY, "thirty"],
        ["03/04/2020", "Beta", None],
    ]
    return received_of(cells, tmp_path / "as-received")


# --- words and places


def test_content_speaks_of_the_suppliers_own_columns_rows_and_values(file: Received) -> None:
    told = content_of(source_of(file, outcome(), PASSED), tables(file))
    (finding,) = told["findings"]
    assert finding["columns"] == [{"name": "amount", "heading": "Amount (£)", "number": 6, "letter": "F"}]
    assert (finding["rows"], finding["failed"], finding["column"]) == ("5", 1, "amount")
    assert finding["examples"] == [{"row": 5, "cells": [{"cell": "F5", "heading": "Amount (£)", "value": "thirty"}]}]
    assert (told["rules_passed"], told["respond_by"], told["header_row"]) == (1, "2020-05-04", 3)
    assert "by 4 May 2020" in told["next"]


def test_a_rule_over_several_columns_names_and_shows_all_of_them(file: Received) -> None:
    joint = replace(file, read_by={"later": ("amount", "date")})
    (finding,) = content_of(source_of(joint, outcome("later")), tables(joint))["findings"]
    assert [column["letter"] for column in finding["columns"]] == ["F", "B"]
    assert [cell["value"] for cell in finding["examples"][0]["cells"]] == ["thirty", "02/04/2020"]


def test_missing_and_unknown_columns_are_told_by_the_suppliers_headings(file: Received) -> None:
    odd = replace(file, missing=("Invoice No",), unknown=(file.columns[1],))
    missing = outcome("columns_present", (), "invoice", severity="block", message="Columns are missing.")
    unknown = outcome("columns_known", (), None, severity="warn", verdict=Verdict.WARN)
    told = content_of(source_of(odd, unknown, missing), tables(odd))["findings"]
    assert [entry["rule"] for entry in told] == ["columns_present", "columns_known"]
    assert told[0]["missing"] == ["Invoice No"]
    assert [column["letter"] for column in told[1]["columns"]] == ["C"]


def test_rows_beyond_the_findings_cap_are_told_where_they_are_known(file: Received) -> None:
    aside = pl.DataFrame(
        {ROW: [4, 5, 6], "rules": [["number"]] * 3}, schema={ROW: pl.Int64, "rules": pl.List(pl.String)}
    )
    many = replace(file, reasons=aside)
    capped = outcome(rows=(4,), failed=3)
    assert content_of(source_of(many, capped), tables(many))["findings"][0]["rows"] == "4-6"
    # Without the rows themselves the page must not look as if those listed were all.
    (bare,) = content_of(source_of(None, capped), {})["findings"]
    assert (bare["rows"], bare["rows_left_off"]) == ("4", True)


@pytest.mark.parametrize(
    ("verdict", "sent", "words"),
    [
        ("PASS", True, "Nothing is needed from you."),
        ("WARN", True, "1 row was set aside and left out of the figures"),
        ("FAIL", True, "Send the whole file again under the same name by 4 May 2020."),
        ("ERROR", True, "until one passes, the last good figures stay in force"),
        ("PASS", False, "You can send it."),
        ("WARN", False, "you can send the file as it is"),
        ("FAIL", False, "then send it"),
    ],
)
def test_what_happens_next_is_said_for_every_verdict(verdict: str, sent: bool, words: str) -> None:
    told = content_of(source_of(None, verdict=Verdict(verdict), revision=int(sent)), {})
    assert words in told["next"]
    assert (told["respond_by"] is not None) == (verdict in ("FAIL", "ERROR"))


# --- the pack


def test_a_pack_is_page_json_and_marked_file_and_the_same_bytes_again(file: Received, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        page = write_pack(folder, source_of(file, outcome(), PASSED))
        assert page.name == "2020-04-01.r1.html"
    names = sorted(path.name for path in first.iterdir())
    assert names == ["2020-04-01.r1.html", "2020-04-01.r1.json", "2020-04-01.r1.marked.xlsx"]
    with zipfile.ZipFile(first / names[2]) as packed:
        assert b"dcterms:" not in packed.read("docProps/core.xml")
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert json.loads((first / names[1]).read_text())["marked"] == names[2]
    assert 'href="2020-04-01.r1.marked.xlsx"' in (first / names[0]).read_text()


def test_a_file_that_passed_is_not_read_again_and_sheds_an_earlier_marked_file(file: Received, tmp_path: Path) -> None:
    write_pack(tmp_path / "out", source_of(file, outcome()))

    def read() -> dict[str, Received]:
        raise AssertionError("nothing failed, so there is nothing to read again")

    write_pack(tmp_path / "out", source_of(file, PASSED, verdict=Verdict.PASS, read=read))
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".html", ".json"]


def test_a_refused_file_gives_the_reason_and_no_marked_file(file: Received, tmp_path: Path) -> None:
    refused = outcome("readable", (), None, verdict=Verdict.ERROR, severity="block", message="The file is empty.")
    page = write_pack(tmp_path / "out", source_of(file, refused, verdict=Verdict.ERROR))
    assert "The file is empty." in page.read_text()
    assert sorted(p.suffix for p in page.parent.iterdir()) == [".html", ".json"]


def test_a_file_that_can_no_longer_be_read_still_gets_its_reasons(file: Received, tmp_path: Path) -> None:
    def read() -> dict[str, Received]:
        raise Rejected("The reader has learnt better.")

    page = write_pack(tmp_path / "out", source_of(file, outcome(), read=read))
    assert "does not hold a number" in page.read_text()


def test_a_file_that_nobody_can_place_has_a_pack_of_its_own_name(tmp_path: Path) -> None:
    page = write_pack(tmp_path, source_of(None, outcome("identified", (), None), period=None))
    assert page.name == "unplaced.0123456789ab.html"


def test_a_supplier_is_told_of_a_file_that_nobody_can_place(settings: Settings, tmp_path: Path) -> None:
    registered = load_inventory(settings).get("trust_spend")
    file = Unidentified(supplier="CROY", sha256="ab" * 32, file_name="list.csv", reason="Its dates do not tell.")
    page = write_unplaced(tmp_path, registered, file)
    assert page == tmp_path / "trust_spend" / "CROY" / "unplaced.abababababab.html"
    assert "Its dates do not tell." in page.read_text() and "could not be told" in page.read_text()
    file.supplier = "../elsewhere"
    assert write_unplaced(tmp_path, registered, file) is None


def test_outcomes_of_a_files_parts_become_one_for_each_rule_and_column() -> None:
    parts = [outcome(rows=(5,)), outcome(rows=(2, 9)), outcome(rows=(), verdict=Verdict.PASS), PASSED]
    whole = merged(parts)
    assert [(o.rule, o.rows, o.failed, o.evaluated, o.verdict) for o in whole] == [
        ("number", (2, 5, 9), 3, 9, Verdict.FAIL),
        ("required", (), 0, 3, Verdict.PASS),
    ]


def test_the_page_runs_nothing_fetches_nothing_and_shows_a_cell_as_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\u202e\x07"
    file = received_of([["x", "y", hostile]], tmp_path / "f")
    page = write_pack(tmp_path, source_of(file, outcome(rows=(4,)), file_name="<img src=x>.csv")).read_text()
    assert "<script" not in page and "<img" not in page
    assert "&lt;script&gt;" in page and "\u202e" not in page and "\x07" not in page
    assert "http" not in page.replace("mailto:", "")


# --- marks


def cells_of(path: Path) -> Any:
    return load_workbook(path).worksheets[0]


def test_marked_workbook_keeps_rows_and_columns_and_adds_the_reasons(file: Received, tmp_path: Path) -> None:
    write_pack(tmp_path, source_of(file, outcome()))
    sheet = cells_of(tmp_path / "2020-04-01.r1.marked.xlsx")
    assert [sheet[at].value for at in ("B3", "C3", "F3", "G3")] == [
        "Date Paid",
        "Payee",
        "Amount (£)",
        "Please correct",
    ]
    assert [sheet[f"F{row}"].value for row in (4, 5, 6)] == ["30000", "thirty", None]
    assert sheet["F5"].fill.start_color.rgb == "FFFFC7CE"
    assert sheet["F5"].comment.text == "The cell does not hold a number. Write it as 1234.50."
    assert sheet["G5"].value.startswith("Amount (£) (column F): The cell does not hold a number.")
    untouched = [sheet[at] for at in ("B5", "F4", "F6")]
    assert all(cell.comment is None and cell.fill.fill_type is None for cell in untouched)
    assert sheet["G4"].value is None


def test_rows_that_could_not_be_parsed_come_back_with_their_reason(file: Received, tmp_path: Path) -> None:
    bad = replace(file, bad_rows={7: "4 cells where the header has 3", 8: "odd"}, mended={8: ("04/04/2020", "C", "1")})
    write_pack(tmp_path, source_of(bad, outcome("row_shape", (7, 8), None, message="The row cannot be parsed.")))
    sheet = cells_of(tmp_path / "2020-04-01.r1.marked.xlsx")
    assert "4 cells where the header has 3" in sheet["G7"].value
    assert [sheet["B7"].value, sheet["B8"].value] == [None, "04/04/2020"]


def test_notes_are_yellow_and_say_that_they_are_notes(file: Received, tmp_path: Path) -> None:
    noted = outcome(severity="warn", verdict=Verdict.WARN)
    write_pack(tmp_path, source_of(file, noted, verdict=Verdict.WARN))
    sheet = cells_of(tmp_path / "2020-04-01.r1.marked.xlsx")
    assert sheet["F5"].fill.start_color.rgb == "FFFFEB9C"
    assert "Only noted" in sheet["G5"].value


def test_beyond_the_cap_a_cell_is_marked_only_where_its_column_is_certain(file: Received) -> None:
    aside = pl.DataFrame({ROW: [4, 5], "rules": [["number"]] * 2}, schema={ROW: pl.Int64, "rules": pl.List(pl.String)})
    many = replace(file, reasons=aside)
    assert (4, 2) in marks_on(many, [outcome(rows=(5,), failed=2)]).cells
    shared = marks_on(many, [outcome(rows=(5,), failed=2), outcome(rows=(5,), failed=2, column="date")])
    assert set(shared.cells) == {(5, 2), (5, 0)}
    assert "number" in shared.reason(4)


def test_a_format_without_header_gets_one_and_the_records_own_numbers(tmp_path: Path) -> None:
    file = received_of(
        [["a", "b", "c"]], tmp_path / "f", first_row=1, numbers=(0, 0, 0), format="jsonl", delimiter=None
    )
    write_pack(tmp_path, source_of(file, outcome(rows=(1,))))
    rows = list(cells_of(tmp_path / "2020-04-01.r1.marked.xlsx").iter_rows(values_only=True))
    assert rows[0] == ("Date Paid", "Payee", "Amount (£)", "Row in your file", "Please correct")
    assert rows[1][:4] == ("a", "b", "c", "1")


HOSTILE = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1",
    " =1+1",
    "＝1+1",
    '=HYPERLINK("http://x")',
    "_x0041_",
    "a\x00b\x1f",
]


def test_no_cell_of_a_new_workbook_is_a_formula(tmp_path: Path) -> None:
    file = received_of([[cell, "x", "thirty"] for cell in HOSTILE], tmp_path / "f")
    write_pack(tmp_path, source_of(file, outcome(rows=tuple(range(4, 4 + len(HOSTILE))))))
    path = tmp_path / "2020-04-01.r1.marked.xlsx"
    sheet = cells_of(path)
    for row, given in enumerate(HOSTILE, start=4):
        cell = sheet.cell(row, 2)
        assert cell.data_type != "f"
        assert bool(cell.quotePrefix) == starts_formula(given)
    with zipfile.ZipFile(path) as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
        assert b"_x005F_x0041_" in packed.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("given", "written"),
    [("=1+1", "'=1+1"), ("-12.50", "-12.50"), ("+1,234", "+1,234"), ("-1+1", "'-1+1"), ("@x", "'@x"), ("a-b", "a-b")]
    + [("-", "'-"), ("\t=1", "'\t=1"), ("", ""), (" =1", "' =1")],
)
def test_a_csv_cell_that_may_be_a_formula_has_an_apostrophe(given: str, written: str) -> None:
    assert csv_text(given) == written


def test_small_words() -> None:
    assert [column_letter(n) for n in (1, 26, 27, 702, 703)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert len(workbook_text("x" * 40_000)) == 32_767
    assert visible_text("a\u202eb" + "c" * 99, 5) == "a�bcc…"


def test_a_file_too_large_for_a_sheet_gives_its_failing_rows_as_csv(
    file: Received, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked_module, "MOST_ROWS", 2)
    hostile = received_of([["=x", "y", "thirty"]] * 3, tmp_path / "f", delimiter=";")
    write_pack(tmp_path, source_of(hostile, outcome(rows=(5,))))
    text = (tmp_path / "2020-04-01.r1.marked.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert rows[0] == ["Row in your file", "Date Paid", "Payee", "Amount (£)", "Please correct"]
    assert [row[:4] for row in rows[1:]] == [["5", "'=x", "y", "thirty"]]


# --- a workbook marked in place


@pytest.fixture
def original(tmp_path: Path) -> Callable[..., Received]:
    """A supplier's workbook with a look of its own, and what may lurk in one."""

    def make(**other: Any) -> Received:
        book = Workbook()
        sheet: Any = book.active
        sheet.title = "Payments"
        sheet["A1"] = "Spend over £25,000"
        sheet["A1"].font = Font(bold=True, size=18)
        sheet.merge_cells("A1:F1")
        for at, heading in (("B3", "Date Paid"), ("C3", "Payee"), ("F3", "Amount (£)")):
            sheet[at] = heading
        sheet["B5"], sheet["C5"], sheet["F5"] = date(2020, 4, 2), CANARY, "thirty"
        sheet["F6"] = '=WEBSERVICE("http://example.org")'
        sheet["C6"] = "=1+1"
        sheet["C6"].data_type = "s"
        sheet["B6"] = "a link"
        sheet["B6"].hyperlink = "http://example.org"
        sheet["C7"].comment = Comment("my own remark", "clerk")
        book.create_sheet("Notes")["A1"] = "kept"
        path = tmp_path / "original"  # As in the archive, without an ending.
        book.save(path)
        given = {"format": "xlsx", "sheet": "Payments", "delimiter": None} | other
        return received_of([["01/04/2020", "Acme", "1"], ["02/04/2020", CANARY, "thirty"]], path, **given)

    return make


def test_a_workbook_is_marked_in_place_and_keeps_its_look(original: Any, tmp_path: Path) -> None:
    write_pack(tmp_path, source_of(original(), outcome()))
    path = tmp_path / "2020-04-01.r1.marked.xlsx"
    book = load_workbook(path)
    sheet = book["Payments"]
    assert book.sheetnames == ["Payments", "Notes"]
    assert (sheet["A1"].value, sheet["A1"].font.size) == ("Spend over £25,000", 18)
    assert sheet["B5"].is_date
    assert sheet["F5"].fill.start_color.rgb == "FFFFC7CE" and sheet["F5"].comment
    assert (sheet["G3"].value, sheet["G5"].value[:6]) == ("Please correct", "Amount")
    assert sheet["C7"].comment.text == "my own remark"
    first = path.read_bytes()
    write_pack(tmp_path, source_of(original(), outcome()))
    assert path.read_bytes() == first


def test_nothing_in_a_marked_workbook_acts(original: Any, tmp_path: Path) -> None:
    write_pack(tmp_path, source_of(original(), outcome()))
    path = tmp_path / "2020-04-01.r1.marked.xlsx"
    sheet = load_workbook(path)["Payments"]
    assert all(cell.data_type != "f" and not cell.hyperlink for row in sheet.iter_rows() for cell in row)
    assert (sheet["C6"].value, sheet["C6"].quotePrefix) == ("=1+1", True)
    with zipfile.ZipFile(path) as packed:
        assert not [name for name in packed.namelist() if "vba" in name.lower() or "external" in name.lower()]
        assert b"example.org" not in b"".join(packed.read(name) for name in packed.namelist())


def test_a_workbook_that_cannot_be_opened_again_comes_back_as_a_new_one(original: Any, tmp_path: Path) -> None:
    file = original(sheet="No such sheet")
    write_pack(tmp_path, source_of(file, outcome()))
    sheet = cells_of(tmp_path / "2020-04-01.r1.marked.xlsx")
    assert (sheet.title, sheet["A1"].value, sheet["F5"].value) == ("No such sheet", None, "thirty")


def test_a_workbook_that_swells_is_given_up_and_comes_back_as_a_new_one(
    original: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = original()
    swollen = tmp_path / "swollen.xlsx"
    with zipfile.ZipFile(file.path) as given, zipfile.ZipFile(swollen, "w") as made:
        for name in given.namelist():
            # One merged range of 17 thousand million cells: openpyxl makes an object for each.
            made.writestr(name, given.read(name).replace(b'ref="A1:F1"', b'ref="A1:XFD1048576"'))
    monkeypatch.setattr(marked_module, "_IN_PLACE_SECONDS", 3)
    began = time.monotonic()
    write_pack(tmp_path, source_of(replace(file, path=swollen), outcome()))
    assert time.monotonic() - began < 20
    assert cells_of(tmp_path / "2020-04-01.r1.marked.xlsx")["F5"].value == "thirty"


def test_the_marking_program_tells_nothing_of_what_it_stumbles_over(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "integrity.reports.marking"], input=b"{}", capture_output=True, check=False
    )
    assert done.returncode != 0
    assert CANARY.encode() not in done.stderr
