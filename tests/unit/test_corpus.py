"""The corpus of hostile and odd files: each gives the right table or the right refusal, and says what it should."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from integrity.cli import app
from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.isolation import Reader
from integrity.submissions.limits import Limits
from integrity.submissions.reading import ROW, Reading
from typer.testing import CliRunner

from tests.corpus import ALL
from tests.corpus.__main__ import write
from tests.corpus.cases import Case
from tests.corpus.fates import rows_without_fate


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as one:
        yield one


def _parameters(cases: list[Case]) -> list[Any]:
    mark = pytest.mark.xfail
    return [pytest.param(c, id=c.name, marks=[mark(reason=c.wrong, strict=True)] if c.wrong else []) for c in cases]


def read(reader: Reader, case: Case, folder: Path) -> Reading:
    path = folder / "received"
    path.write_bytes(case.content)
    hints = ReadingHints(**case.hints)
    if case.limits:
        with Reader(Limits(**case.limits)) as strict:
            return strict.read(path, case.name, hints)
    return reader.read(path, case.name, hints)


def cells_of(reading: Reading) -> list[list[str]]:
    return [list(reading.headings), *([cell or "" for cell in row[1:]] for row in reading.frame.iter_rows())]


def all_said(reading: Reading) -> str:
    reasons = [bad.reason for bad in reading.bad_rows] + [skip.why for skip in reading.skipped]
    return "\n".join([*reading.notes, *reading.containers, reading.header_why, *reasons])


@pytest.mark.parametrize("case", _parameters([case for case in ALL if case.refused is None]))
def test_a_file_gives_its_table(reader: Reader, case: Case, tmp_path: Path) -> None:
    reading = read(reader, case, tmp_path)
    if case.table is not None:
        assert cells_of(reading) == case.cells
    if case.numbers is not None:
        assert tuple(reading.frame[ROW]) == case.numbers
    assert tuple(bad.number for bad in reading.bad_rows) == case.bad_rows
    assert [n for skip in reading.skipped for n in range(skip.first, skip.last + 1)] == list(case.skipped)
    assert {name: getattr(reading, name) for name in case.said} == dict(case.said)
    assert case.problem in reading.problem
    assert bool(reading.problem) == bool(case.problem)
    for phrase in case.told:
        assert phrase in all_said(reading)


@pytest.mark.parametrize("case", _parameters([case for case in ALL if case.refused is not None]))
def test_a_file_is_refused_for_its_reason(reader: Reader, case: Case, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refusal:
        read(reader, case, tmp_path)
    assert case.refused
    assert case.refused in str(refusal.value)
    assert str(refusal.value).isprintable()


_TEXTS = [
    case
    for case in ALL
    if case.refused is None and case.name.endswith((".csv", ".txt", ".tsv")) and not case.content.startswith(b"PK")
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _TEXTS])
def test_no_line_is_left_in_silence(reader: Reader, case: Case, tmp_path: Path) -> None:
    try:
        reading = read(reader, case, tmp_path)
    except Rejected:
        return
    if reading.encoding is not None:
        text = case.content.decode(reading.encoding, "replace").removeprefix("\ufeff")
        assert rows_without_fate(text, reading) == []


@pytest.mark.parametrize(
    ("content", "lost"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", [4]),
        ('a,b,c\n1,2,3\n4,5,"6\n7"\n8,9,0\n', [5]),
        # One cell ends, another begins on the same line, with quotes that are text in between.
        ('a,b,c\n1,2,3\n"4\n5",)b""2","b\n9"\n6,7,8\n', [6]),
    ],
)
def test_a_line_that_was_lost_is_found_out(reader: Reader, tmp_path: Path, content: str, lost: list[int]) -> None:
    """The checker itself: of a reading that stops after the second row."""
    path = tmp_path / "file.csv"
    path.write_text(content, encoding="utf-8")
    reading = reader.read(path)
    first = reading.rows.raw().head(2)
    short = replace(reading, rows=replace(reading.rows, parts=(first,), height=2), bad_rows=(), skipped=(), _frame=[])
    assert rows_without_fate(content, replace(short, quote='"')) == lost


def test_a_proposal_has_a_cell_for_each_column_that_is_kept(reader: Reader, tmp_path: Path) -> None:
    """Blank columns are left out of rows that are set aside, too."""
    path = tmp_path / "file.csv"
    path.write_bytes(b'Paid,,Payee,Sum,\n2020-04-01,,Acme,1.50,\n2020-04-02,,Beta,2.50,\n2020-04-03,,"Gamma,3.50,\n')
    reading = reader.read(path)
    assert reading.headings == ("Paid", "Payee", "Sum")
    assert [(bad.number, bad.mended and len(bad.mended)) for bad in reading.bad_rows] == [(4, 3)]
    assert reading.understood().height == 3


def test_every_file_has_a_name_of_its_own() -> None:
    assert len({case.name for case in ALL}) == len(ALL)
    assert all(case.about for case in ALL)
    assert len(ALL) >= 150


def test_a_right_table_that_is_read_wrong_would_be_seen(reader: Reader, tmp_path: Path) -> None:
    """The check of this file itself: one cell that differs is red."""
    wrong = Case(name="x.csv", data=b"a,b\n1,2\n", about="", table="a,b\n1,3\n")
    with pytest.raises(AssertionError):
        test_a_file_gives_its_table(reader, wrong, tmp_path)


_BY_NAME = {case.name: case for case in ALL}


@pytest.mark.parametrize("name", ["german_excel.csv", "preamble.csv", "macros.xlsm", "zipped.zip", "records.jsonl"])
def test_the_command_writes_the_table(name: str, tmp_path: Path) -> None:
    case = _BY_NAME[name]
    (tmp_path / name).write_bytes(case.content)
    plain = tmp_path / "plain.csv"
    ran = CliRunner().invoke(app, ["read", str(tmp_path / name), "--output", str(plain), "--json"])
    assert ran.exit_code == 0
    [told] = json.loads(ran.stdout)["files"]
    assert told["rows"] == len(case.cells) - 1
    assert list(csv.reader(io.StringIO(plain.read_text(encoding="utf-8"), newline=""))) == case.cells


@pytest.mark.parametrize("name", ["no_bytes.csv", "password.xlsx", "bomb.zip", "web_page.xls"])
def test_the_command_says_why_it_writes_nothing(name: str, tmp_path: Path) -> None:
    case = _BY_NAME[name]
    (tmp_path / name).write_bytes(case.content)
    plain = tmp_path / "plain.csv"
    ran = CliRunner().invoke(app, ["read", str(tmp_path / name), "--output", str(plain), "--json"])
    assert ran.exit_code == 2
    [told] = json.loads(ran.stdout)["files"]
    assert case.refused
    assert case.refused in told["reason"]
    assert not plain.exists()


def test_the_corpus_can_be_looked_at(tmp_path: Path) -> None:
    write(tmp_path)
    told = json.loads((tmp_path / "expectations.json").read_text(encoding="utf-8"))
    assert len(told) == len(ALL)
    assert {each["stored_as"] for each in told} | {"expectations.json"} == {path.name for path in tmp_path.iterdir()}
