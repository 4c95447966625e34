"""Any table in any dialect is read back cell for cell, or its rows are told as bad: never another table in silence.

A file of a row or two may be cut up in several ways with equal right, so the tables here are such as suppliers send:
headings that differ, at least four rows, a column of dates and a column of numbers beside the columns of free text.
"""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.limits import Limits
from integrity.submissions.opening import open_submission
from integrity.submissions.reading import Reading

from tests.corpus.fates import rows_without_fate

BOUNDED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADINGS = ("Paid", "Payee", "Sum", "Purpose", "Town", "Note", "Contract")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1")

WORDS = st.one_of(
    st.text(string.ascii_letters, min_size=1, max_size=8),
    st.sampled_from(["Café", "Müller", "Señor", "Straße", "naïve", "Björk", "Besançon", "à", "£5", "Ærø"]),
)
"""Accents stand in words that exist: in letters thrown together, no code page is likelier than another."""
SIGNS = st.sampled_from(
    [",", ";", "|", ".", "-", "&", "/", "(x)", "'s", "#", "=", "+", "@", "\\", "\t", '"', "'", "\n"]
)
PHRASES = st.lists(st.one_of(WORDS, WORDS, SIGNS), max_size=5).map(" ".join)
"""Free text with every sign that has a meaning somewhere; a sign stands between blanks, or at either end."""


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Headings, then rows: a date, a number and free text in an order of their own."""
    width = draw(st.integers(3, len(HEADINGS)))
    headings = list(HEADINGS[:width])
    rows = [
        [
            str(draw(st.dates(date(2019, 1, 1), date(2021, 12, 31)))),
            draw(PHRASES),
            f"{draw(st.integers(0, 10**7)) / 100:.2f}",
            *(draw(PHRASES) for _ in range(width - 3)),
        ]
        for _ in range(draw(st.integers(4, 12)))
    ]
    order = draw(st.permutations(range(width)))
    return [[row[i] for i in order] for row in [headings, *rows]]


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, object]:
    """A dialect as csv.writer takes it.

    Apostrophes, and quotes that are escaped by a backslash, enclose every cell or none: in a cell or two of a file they
    may as well stand for themselves.
    """
    escaped = draw(st.booleans())
    quote = draw(st.sampled_from('""\''))
    return {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "quotechar": quote,
        "doublequote": not escaped,
        "escapechar": "\\" if escaped else None,
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": csv.QUOTE_ALL
        if escaped or quote == "'"
        else draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    }


def written(table: list[list[str]], dialect: dict[str, object]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(table)  # type: ignore[arg-type]
    return text.getvalue()


@pytest.fixture
def numbered(tmp_path: Path) -> Iterator[Path]:
    """Folders, a fresh one each time."""
    return (tmp_path / str(number) for number in range(1_000_000))


def read(data: bytes, folder: Path) -> Reading | None:
    folder.mkdir()
    scratch = folder / "scratch"
    scratch.mkdir()
    path = folder / "file.csv"
    path.write_bytes(data)
    try:
        return open_submission(path, "file.csv", ReadingHints(), Limits(), scratch)
    except Rejected:
        return None


def as_read(cells: list[str]) -> list[str]:
    """Cells as the reader gives them: without outer blanks, and with one kind of line end."""
    return [cell.replace("\r\n", "\n").replace("\r", "\n").strip() for cell in cells]


def rows_of(reading: Reading) -> list[list[str]]:
    return [as_read([cell or "" for cell in row[1:]]) for row in reading.frame.iter_rows()]


def require_no_other_table(reading: Reading | None, table: list[list[str]]) -> None:
    """The table, or part of it where the rest is told; a table that is not this one must carry a problem."""
    if reading is None or reading.problem:
        event("refused or told as a problem")
        return
    headings, *rows = [as_read(row) for row in table]
    found = rows_of(reading)
    if not reading.bad_rows and not reading.skipped:
        event("the same")
        assert list(reading.headings) == headings
        assert found == rows
        return
    event("some rows told")
    assert list(reading.headings) == headings
    left = iter(rows)
    assert all(row in left for row in found), "a row that is not among those written, or out of order"
    assert len(found) + len(reading.bad_rows) + len(reading.skipped) >= len(rows)


@BOUNDED
@given(table=tables(), dialect=dialects(), encoding=st.sampled_from(ENCODINGS))
def test_a_table_is_read_back_or_told(
    numbered: Iterator[Path], table: list[list[str]], dialect: dict[str, object], encoding: str
) -> None:
    if dialect["escapechar"]:
        # Whether such a program doubles a backslash of the text's own cannot be seen: some do, some do not.
        table = [[cell.replace("\\", "/") for cell in row] for row in table]
    if dialect["lineterminator"] == "\r":
        # Python 3.11 puts no quotes around a cell for a line end that is not the file's own: that file is broken.
        table = [[cell.replace("\n", " ") for cell in row] for row in table]
    data = written(table, dialect).encode(encoding)
    require_no_other_table(read(data, next(numbered)), table)


@BOUNDED
@given(table=tables(), delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(ENCODINGS))
def test_a_table_in_the_standards_dialect_is_read_whole(
    numbered: Iterator[Path], table: list[list[str]], delimiter: str, encoding: str
) -> None:
    """RFC 4180 with any of the usual delimiters: here nothing may be told, all has to be there."""
    text = written(table, {"delimiter": delimiter, "lineterminator": "\r\n"})
    reading = read(text.encode(encoding), next(numbered))
    assert reading is not None
    headings, *rows = [as_read(row) for row in table]
    assert (list(reading.headings), rows_of(reading)) == (headings, rows)
    assert (reading.problem, reading.bad_rows, reading.skipped) == ("", (), ())


@BOUNDED
@given(
    table=tables(),
    damage=st.sampled_from(['"', ",", "\n", '",', "\x00", "\ufffd", "  ", "\r"]),
    place=st.floats(0, 1, exclude_max=True),
)
def test_no_line_of_a_damaged_file_is_left_in_silence(
    numbered: Iterator[Path], table: list[list[str]], damage: str, place: float
) -> None:
    text = written(table, {"lineterminator": "\n"})
    at = int(place * len(text))
    spoiled = text[:at] + damage + text[at:]
    reading = read(spoiled.encode(), next(numbered))
    if reading is not None:
        assert rows_without_fate(spoiled, reading) == []
