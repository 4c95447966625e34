"""Every cell as received, every row with its place in the file, every refusal with its reason."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions import lines
from integrity.submissions.isolation import Reader, read_submission
from integrity.submissions.limits import Limits
from integrity.submissions.opening import open_submission
from integrity.submissions.reading import ROW, Reading


def read(tmp_path: Path, data: bytes) -> Reading:
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    return read_submission(path)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"a,b\n1,2\n3,4\n", [(2, "1", "2"), (3, "3", "4")], id="plain"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", [(2, "1", "2")], id="byte-order-mark"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n", [(2, "1", "2"), (3, "3", "4")], id="crlf"),
        pytest.param(b"a;b\n1,5;2\n", [(2, "1,5", "2")], id="semicolon"),
        pytest.param(b"a\tb\n1\t2\n", [(2, "1", "2")], id="tab"),
        pytest.param(b"a,b\n1,2", [(2, "1", "2")], id="no-newline-at-the-end"),
        pytest.param(b"a,b\n 1 ,\n", [(2, "1", None)], id="outer-blanks-and-a-blank-cell"),
        pytest.param(b"a,b\n007,1e3\n", [(2, "007", "1e3")], id="text-stays-text"),
        pytest.param(b'a,b\n"x\ny",2\n3,4\n', [(2, "x\ny", "2"), (4, "3", "4")], id="quoted-newline-counts-as-a-line"),
        pytest.param(
            b'a,b\n"p","q"\n"x,\ny,1\nz",2\n"3","4"\n',
            [(2, "p", "q"), (3, "x,\ny,1\nz", "2"), (6, "3", "4")],
            id="a-line-in-quotes-is-no-row",
        ),
        pytest.param(b"a,b\n1,2\n\n3,4\n", [(2, "1", "2"), (4, "3", "4")], id="blank-line-counts-as-a-line"),
        pytest.param(b"\n\na,b\n1,2\n", [(4, "1", "2")], id="blank-lines-before-the-header"),
        pytest.param("a,b\nValle d’Aosta,é\n".encode(), [(2, "Valle d’Aosta", "é")], id="not-ascii"),
        pytest.param(b"a,b\n", [], id="header-only"),
    ],
)
def test_what_is_read(tmp_path: Path, data: bytes, rows: list[tuple[object, ...]]) -> None:
    reading = read(tmp_path, data)
    assert reading.headings == ("a", "b")
    assert reading.frame.columns == [ROW, "a", "b"]
    assert reading.frame.rows() == rows
    assert reading.bad_rows == ()


def test_ragged_rows_are_named_and_the_others_kept(tmp_path: Path) -> None:
    reading = read(tmp_path, b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert reading.frame.rows() == [(2, "1", "2"), (5, "7", "8")]
    assert [(bad.number, bad.reason) for bad in reading.bad_rows] == [
        (3, "1 cells where the table has 2 columns"),
        (4, "3 cells where the table has 2 columns"),
    ]


def test_short_and_long_rows_that_balance_are_still_seen(tmp_path: Path) -> None:
    reading = read(tmp_path, b"a,b,c\n1,2\n3,4,5,6\n7,8,9\n1,1,1\n")
    assert [bad.number for bad in reading.bad_rows] == [2, 3]


def test_an_unclosed_quotation_mark_swallows_no_other_row(tmp_path: Path) -> None:
    reading = read(tmp_path, b'a,b,c\n1,2,x\n"3,4,y\n5,6,z\n7,8,"w"\n')
    assert reading.frame.rows() == [(2, "1", "2", "x"), (4, "5", "6", "z"), (5, "7", "8", "w")]
    assert [bad.number for bad in reading.bad_rows] == [3]


PAYMENTS = [["Paid", "Payee", "Sum"], ["01/04/2020", "Example Ltd", "1,200.50"], ["02/04/2020", "Other, Inc", "-3.10"]]


def payments(delimiter: str = ",", quote: str = '"', eol: str = "\n") -> str:
    lines = [
        [f"{quote}{c}{quote}" if quote and delimiter in c else c for c in row] for row in [*PAYMENTS, *PAYMENTS[1:]]
    ]
    return "".join(delimiter.join(line) + eol for line in lines)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(payments(";").encode(), {"delimiter": ";"}, id="semicolons"),
        pytest.param(payments("|").encode(), {"delimiter": "|"}, id="bars"),
        pytest.param(payments(quote="'").encode(), {"quote": "'"}, id="apostrophes-as-quotes"),
        pytest.param(payments(eol="\r").encode(), {"line_ends": "CR"}, id="old-mac-line-ends"),
        pytest.param(payments().replace("\n", "\r\n", 2).encode(), {"line_ends": "LF and CRLF mixed"}, id="mixed-ends"),
        pytest.param(payments().encode("utf-16"), {"encoding": "utf-16"}, id="utf-16-with-mark"),
        pytest.param(payments().encode("utf-16-le"), {"encoding": "utf-16-le"}, id="utf-16-without-mark"),
        pytest.param(("Report\nof April\n\n" + payments()).encode(), {"header_rows": (4,)}, id="lines-above"),
        pytest.param((payments() + "\nTotal,,2394.80\n").encode(), {"header_rows": (1,)}, id="a-total-below"),
        pytest.param(payments().replace("\n", ",,\n").encode(), {"columns": (1, 2, 3)}, id="blank-columns"),
    ],
)
def test_any_dialect_gives_the_same_table(tmp_path: Path, data: bytes, said: dict[str, object]) -> None:
    reading = read(tmp_path, data)
    assert reading.headings == ("Paid", "Payee", "Sum")
    assert [list(row[1:]) for row in reading.frame.rows()] == [*PAYMENTS[1:], *PAYMENTS[1:]]
    assert reading.bad_rows == ()
    assert {name: getattr(reading, name) for name in said} == said


def test_windows_text_is_read_as_such(tmp_path: Path) -> None:
    text = "naam,bedrag\nCafé “De Ånd”,£5\nBjörk – zoon,€7\n"
    reading = read(tmp_path, text.encode("cp1252"))
    assert reading.encoding == "cp1252"
    assert reading.frame.rows() == [(2, "Café “De Ånd”", "£5"), (3, "Björk – zoon", "€7")]


def test_garbled_text_is_not_passed_on(tmp_path: Path) -> None:
    """UTF-8 that somebody took for Windows-1252 and saved again."""
    garbled = "Café".encode().decode("cp1252")
    reading = read(tmp_path, f"a,b,c\n1,2,{garbled}\n3,4,Café\n5,6,\ufffd\n".encode())
    assert reading.frame.rows() == [(3, "3", "4", "Café")]
    assert [(bad.number, bad.mended) for bad in reading.bad_rows] == [(2, ("1", "2", "Café")), (4, None)]
    assert all("garbled" in bad.reason for bad in reading.bad_rows)


def test_a_row_that_is_not_well_formed_gets_its_likeliest_reading_and_stays_aside(tmp_path: Path) -> None:
    rows = "".join(f"0{n}/04/2020,AB-10{n},Example Ltd,5{n}.00\n" for n in range(1, 9))
    reading = read(tmp_path, f"Paid,Code,Payee,Sum\n{rows}09/04/2020,AB-109,Smith, Jones and Co,59.00\n".encode())
    assert reading.frame.height == 8
    [bad] = reading.bad_rows
    assert (bad.number, bad.mended) == (10, ("09/04/2020", "AB-109", "Smith, Jones and Co", "59.00"))
    assert reading.understood().height == 9


def test_headings_over_two_rows_are_joined(tmp_path: Path) -> None:
    reading = read(tmp_path, b"Date,Amount\nof payment,in pounds\n01/04/2020,5\n02/04/2020,7\n")
    assert reading.headings == ("Date of payment", "Amount in pounds")
    assert reading.header_rows == (1, 2)


def test_a_file_without_header_has_none(tmp_path: Path) -> None:
    reading = read(tmp_path, b"01/04/2020,AB-101,5\n02/04/2020,AB-102,7\n03/04/2020,AB-103,9\n")
    assert (reading.header, reading.headings) == ((), ("column 1", "column 2", "column 3"))
    assert reading.frame.height == 3


def test_headings_that_come_again_and_a_second_table_are_told(tmp_path: Path) -> None:
    first = "Paid,Payee,Sum\n01/04/2020,X,1\n02/04/2020,Y,2\n"
    second = "Code,Meaning\nX,Example\nY,Other\n"
    reading = read(tmp_path, (first + first + second).encode())
    assert reading.frame.height == 4
    assert [(skip.first, skip.why) for skip in reading.skipped] == [(4, "the headings again")]
    assert [bad.number for bad in reading.bad_rows] == [7, 8, 9]
    assert all("another table, which begins in row 7" in bad.reason for bad in reading.bad_rows)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"a,a\n1,2\n", "columns 1 and 2 have the same heading", id="duplicate-heading"),
        pytest.param(b"a,b\n1,2,3\n4,5,6\n7,8,9\n", "2 names for 3 columns", id="a-name-missing"),
        pytest.param(b"a,b,c\n1,2\n1\n1,2,3\n", "2 of 3 rows are not well formed", id="mostly-bad"),
    ],
)
def test_a_table_that_cannot_be_trusted_says_why(tmp_path: Path, data: bytes, problem: str) -> None:
    assert problem in read(tmp_path, data).problem


def test_a_blank_heading_over_cells_is_named_by_its_place(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,\n1,2\n").headings == ("a", "column 2")


@pytest.mark.parametrize(
    ("hints", "headings"),
    [
        pytest.param({"header_row": 2}, ("1", "2"), id="header-row"),
        pytest.param({"header_row": 0, "headings": ["x", "y"]}, ("x", "y"), id="no-header"),
        pytest.param({"delimiter": ";"}, ("a,b",), id="delimiter"),
    ],
)
def test_the_layout_can_tell_otherwise(tmp_path: Path, hints: dict[str, object], headings: tuple[str, ...]) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n1,2\n3,4\n")
    assert read_submission(path, hints=ReadingHints.model_validate(hints)).headings == headings


def test_the_layout_can_tell_where_the_table_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n1,2\nEnd of list,2\n3,4\n")
    reading = read_submission(path, hints=ReadingHints(ends_before="^End"))
    assert reading.frame.rows() == [(2, "1", "2")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \r\n\n", "nothing but blank lines", id="blank"),
        pytest.param(b"\xef\xbb\xbf", "blank lines", id="byte-order-mark-only"),
        pytest.param(b"a,b\n1,2\n3,\x00\n", "Line 3 holds a null byte", id="null-byte"),
        pytest.param("a,b\n1,2\n".encode("utf-16")[:-1], "UTF-16", id="utf-16-cut-off"),
        pytest.param(b"PK\x03\x04rest", "damaged", id="broken-zip"),
        pytest.param(b"%PDF-1.7", "PDF", id="pdf"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read(tmp_path, data)


def test_blocks_of_a_large_file_are_joined_where_they_were_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quoted cell over several lines, wherever the block ends."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", 64)
    path = tmp_path / "file.csv"
    rows = [(f"{n}", f"text\n{n}, more" if n % 3 else "x", f"{n * 2}") for n in range(200)]
    path.write_text("a,b,c\n" + "".join(f'{a},"{b}",{c}\n' for a, b, c in rows), encoding="utf-8")
    with TemporaryDirectory() as scratch:
        reading = open_submission(path, path.name, ReadingHints(), Limits(), Path(scratch))
    assert [row[1:] for row in reading.frame.rows()] == rows
    assert reading.bad_rows == ()


def zipped(tmp_path: Path, **members: str) -> Path:
    path = tmp_path / "april.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return path


def test_members_of_an_archive_that_are_one_table_are_read_as_one(tmp_path: Path) -> None:
    path = zipped(tmp_path, a="Paid,Sum\n01/04/2020,5\n", b="paid,sum\n02/04/2020,7\n03/04/2020\n04/04/2020,9\n")
    reading = read_submission(path)
    assert reading.frame.rows() == [(2, "01/04/2020", "5"), (4, "02/04/2020", "7"), (6, "04/04/2020", "9")]
    assert [bad.number for bad in reading.bad_rows] == [5]
    assert "'b.csv': row 1 is counted as row 3" in reading.notes


def test_members_that_are_not_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"'b\.csv' are not those of 'a\.csv'"):
        read_submission(zipped(tmp_path, a="Paid,Sum\n01/04/2020,5\n", b="Code,Name\nX,Example\n"))


@pytest.mark.parametrize("limit", ["file_bytes", "rows", "columns", "cell_characters"])
def test_a_refusal_names_the_limit(tmp_path: Path, limit: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b,c\n" + "1,2,xxx\n" * 20, encoding="utf-8")
    with Reader(Limits(**{limit: 2})) as reader, pytest.raises(Rejected, match=f"limit '{limit}'"):
        reader.read(path)


@pytest.mark.parametrize(
    ("end", "bad", "below"),
    [
        pytest.param("2020-04", [42], [], id="within-the-first-cell"),
        pytest.param("2020-04-05", [42], [], id="after-the-first-cell"),
        pytest.param("2020-04-05,Ac", [42], [], id="within-the-second-cell"),
        pytest.param("Source: our ledger", [], [42], id="a-remark-without-an-end"),
        pytest.param("Total", [], [42], id="a-total-without-an-end"),
        pytest.param("2020-04-05\n", [], [42], id="a-day-below-the-table-with-an-end"),
    ],
)
def test_a_last_line_that_was_cut_off_is_a_row_and_no_remark(
    tmp_path: Path, end: str, bad: list[int], below: list[int]
) -> None:
    rows = "".join(f"2020-04-{1 + n % 28:02},Acme,{n}.50,paid\n" for n in range(40))
    reading = read(tmp_path, f"Paid,Payee,Sum,State\n{rows}{end}".encode())
    assert [row.number for row in reading.bad_rows] == bad
    assert [skip.first for skip in reading.skipped] == below
    assert reading.rows.height == 40


def test_a_cell_is_as_long_as_its_characters_are_many(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("a,b,c\n1,2,ééé\n", encoding="utf-8")
    with Reader(Limits(cell_characters=3)) as reader:
        assert reader.read(path).rows.height == 1


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{day}, "Example, Ltd", {amount}', id="a-blank-before-quotes"),
        pytest.param('{day},"He said \\"yes\\", twice",{amount}', id="backslashes-before-quotes"),
    ],
)
def test_a_well_formed_row_is_kept_whatever_its_cells_hold(tmp_path: Path, line: str) -> None:
    """A cell unlike its column's others is the rules' business, and no fault of the row's form."""
    amounts = ["N/A" if n == 50 else f"{n}.50" for n in range(1, 91)]
    rows = [line.format(day=f"{1 + n % 28:02}/04/2020", amount=amount) for n, amount in enumerate(amounts)]
    reading = read(tmp_path, ("Paid,Payee,Sum\n" + "\n".join(rows) + "\n1,2\n").encode())
    assert reading.frame["Sum"].to_list() == amounts
    assert [bad.number for bad in reading.bad_rows] == [92]
