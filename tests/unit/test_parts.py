"""One part of what was submitted: a file of an archive, or a sheet of a workbook, by its name's pattern."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.isolation import read_submission

PEOPLE = b"id,name\n1,A\n2,B\n"
VISITS = b"id,person\n7,1\n"


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "."), content)
    return path


def test_the_file_of_that_name_is_read_and_other_data_beside_it_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", people__csv=PEOPLE, visits__csv=VISITS, readme__pdf=b"%PDF-1.4")
    reading = read_submission(path, hints=ReadingHints(part=r"^visits\."))
    assert reading.headings == ("id", "person")
    assert reading.rows.height == 1
    assert reading.beside == ("people.csv",)
    assert reading.containers == ("zip: visits.csv",)


def test_what_nobody_asked_for_is_not_even_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", people__csv=PEOPLE, visits__csv=VISITS)
    content = path.read_bytes()
    path.write_bytes(content.replace(PEOPLE, b"X" * len(PEOPLE), 1))  # Its checksum no longer holds.
    assert read_submission(path, hints=ReadingHints(part="visits")).rows.height == 1
    with pytest.raises(Rejected, match="damaged"):
        read_submission(path, hints=ReadingHints(part="people"))


def test_a_part_may_be_packed_once_more(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", people__csv=PEOPLE, visits__csv__gz=gzip.compress(VISITS))
    assert read_submission(path, hints=ReadingHints(part=r"^visits\.csv$")).headings == ("id", "person")


def test_files_that_share_the_name_are_one_table(tmp_path: Path) -> None:
    path = zipped(tmp_path / "all.zip", visits_1__csv=VISITS, visits_2__csv=VISITS, people__csv=PEOPLE)
    reading = read_submission(path, hints=ReadingHints(part=r"^visits_\d"))
    assert (reading.rows.height, reading.beside) == (2, ("people.csv",))


@pytest.mark.parametrize("members", [{"people__csv": PEOPLE}, {"readme__pdf": b"%PDF-1.4"}])
def test_where_there_is_no_such_file_the_pattern_is_told(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = zipped(tmp_path / "all.zip", **members)
    with pytest.raises(Rejected, match=r"no file of the name that is expected \(pattern visits\)"):
        read_submission(path, hints=ReadingHints(part="visits"))


def workbook(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    for name, content in (("people", PEOPLE), ("visits", VISITS)):
        sheet = book.create_sheet(name)
        for line in io.StringIO(content.decode()):
            sheet.append(line.strip().split(","))
    del book["Sheet"]
    book.save(tmp_path / "all.xlsx")
    return tmp_path / "all.xlsx"


def test_a_sheet_of_that_name_is_read(tmp_path: Path) -> None:
    reading = read_submission(workbook(tmp_path), hints=ReadingHints(part="^visits$"))
    assert (reading.headings, reading.sheet, reading.beside) == (("id", "person"), "visits", ("people",))


def test_where_there_is_no_such_sheet_those_that_there_are_are_told(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"0 sheets of the name that is expected .* it has 2: 'people', 'visits'"):
        read_submission(workbook(tmp_path), hints=ReadingHints(part="^claims$"))
