"""Every cell as received, every row with its place in the file, every refusal with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from integrity.errors import Rejected
from integrity.submissions.reading import ROW, Reading, read_submission


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
    assert reading.bad_rows == (
        (3, "1 cells where the header has 2"),
        (4, "3 cells where the header has 2"),
    )


def test_short_and_long_rows_that_balance_are_still_seen(tmp_path: Path) -> None:
    reading = read(tmp_path, b"a,b,c\n1,2\n3,4,5,6\n")
    assert [number for number, _ in reading.bad_rows] == [2, 3]


def test_an_unclosed_quotation_mark_loses_no_row_in_silence(tmp_path: Path) -> None:
    reading = read(tmp_path, b'a,b\n1,2\n"3,4\n5,6\n')
    assert reading.frame.rows() == [(2, "1", "2")]
    assert [number for number, _ in reading.bad_rows] == [3]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \r\n\n", "empty", id="blank"),
        pytest.param(b"\xef\xbb\xbf", "empty", id="byte-order-mark-only"),
        pytest.param(b"a,b\n1,2\n3,\x00\n", "Line 3 holds a null byte", id="null-byte"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), "UTF-16", id="utf-16"),
        pytest.param(b"a,b\n1,\xe8\n", "Line 2 is not UTF-8", id="windows-1252"),
        pytest.param(b"PK\x03\x04rest", "Excel workbook", id="excel"),
        pytest.param(b"\xd0\xcf\x11\xe0rest", "old Excel", id="old-excel"),
        pytest.param(b"%PDF-1.7", "PDF", id="pdf"),
        pytest.param(b"a,a\n1,2\n", "Two columns have the heading of column 2", id="duplicate-heading"),
        pytest.param(b"a,\n1,2\n", "heading of column 2 is blank", id="blank-heading"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read(tmp_path, data)
