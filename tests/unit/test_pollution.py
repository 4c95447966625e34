"""One table, polluted in every way that suppliers' programs and people pollute CSV files, one way at a time.

In the manner of the public benchmark Pollock (Vitagliano et al., PVLDB 16(8), 2023), on a table of our own: what the
reader takes for sound must be right, and what it is not sure of must be told.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.limits import Limits
from integrity.submissions.opening import open_submission
from integrity.submissions.reading import ROW, Reading

HEADER = ["DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments"]
TYPES = [
    *["Men's Hiking Boots", "Light-Up Jacket", "Throw Pillow, Wooden Paddles", "Sofa", 'Round Table, 48"', "Kids' Hat"],
    *['Boxer, 5" Inseam', "Women's  Fly Rod 8 Wt.", "Linen Shirt, Slightly Fitted"],
]
WORDS = "these rugged boots are warm, soft and light: made for men's trails and won't let you down; cozy merino-wool"
Edit = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Polluted:
    """A file, and the rows that a person would read in it."""

    name: str
    text: str
    header: list[str] | None
    rows: list[list[str]]


def source() -> list[list[str]]:
    chance = random.Random(7)  # noqa: S311 - data, not secrets
    rows = []
    for i in range(83):
        code = f"{chance.choice(['MG', 'RI', 'CC'])}-{chance.randint(1000, 9999)}"
        text = " ".join(chance.choice(WORDS.split()) for _ in range(chance.randint(9, 20))).capitalize()
        rows.append(
            [
                *[f"{chance.randint(13, 28)}/0{1 + i % 9}/2018", f"{i // 4:02d}:{i % 4 * 15:02d}"],
                *[str(chance.choice([0, 1, 2, 3, 12])), code, chance.choice(["$72", f"${chance.uniform(9, 99):.2f}"])],
                *[TYPES[i % len(TYPES)], text, f"https://example.com/{code}.html", ""],
            ]
        )
    return rows


def render(
    rows: list[list[str]], delimiter: str = ",", quote: str = '"', escape: str = '"', end: str = "\r\n", **edits: Edit
) -> str:
    """Rows as text; ``edits`` change the pieces (cells and delimiters) of the row with that number."""
    lines = []
    for number, row in enumerate(rows):
        pieces: list[str] = []
        for column, cell in enumerate(row):
            written = cell.replace('"', escape + '"') if quote == '"' else cell
            quoted = column in (6, 7) or "," in cell
            pieces += [delimiter] * bool(column) + [f"{quote}{written}{quote}" if quoted else written]
        lines.append("".join(edits.get(f"row{number}", lambda p: p)(pieces)) + end)
    return "".join(lines)


def as_csv(rows: list[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def whole_files(rows: list[list[str]]) -> Iterator[Polluted]:
    table = [HEADER, *rows]
    yield Polluted("source", render(table), HEADER, rows)
    yield Polluted("no_trailing_newline", render(table)[:-2], HEADER, rows)
    yield Polluted("double_trailing_newline", render(table) + "\r\n", HEADER, rows)
    yield Polluted("no_header", render(rows), None, rows)
    for times in (2, 3):
        text = render([HEADER]) * (times - 1) + render(table)
        yield Polluted(f"header_multirow_{times}", text, [" ".join([name] * times) for name in HEADER], rows)
    yield Polluted("preamble", "PREAMBLE,,,,,,,,\r\n,,,,,,,,\r\n" + render(table), HEADER, rows)
    yield Polluted("multitable_less", render(table) + as_csv([row[:8] for row in table]), HEADER, rows)
    more = [[*row, "" if number else "col1"] for number, row in enumerate(table)]
    yield Polluted("multitable_more", render(table) + as_csv(more), HEADER, rows)
    yield Polluted("header_only", render([HEADER]), HEADER, [])
    yield Polluted("one_data_row", render(table[:2]), HEADER, rows[:1])
    yield Polluted("lf", render(table, end="\n"), HEADER, rows)
    yield Polluted("cr", render(table, end="\r"), HEADER, rows)
    for name, delimiter in {"semicolon": ";", "tab": "\t", "comma_blank": ", "}.items():
        yield Polluted(name, render(table, delimiter), HEADER, rows)
    yield Polluted("quote_apostrophe", render(table, quote="'"), HEADER, rows)
    yield Polluted("escape_backslash", render(table, escape="\\"), HEADER, rows)
    yield Polluted("escape_missing", render(table, escape=""), HEADER, rows)


def single_rows(rows: list[list[str]]) -> Iterator[Polluted]:
    table = [HEADER, *rows]
    for number in (1, 2, 5, 13, 40, 83):
        others = [row for i, row in enumerate(rows, start=1) if i != number]
        edits: dict[str, Edit] = {"blanks": lambda pieces: [" " if piece == "," else piece for piece in pieces]}
        for column in range(len(HEADER)):
            at = 2 * column
            edits[f"more_{column}"] = lambda pieces, at=at: [*pieces[:at], ",", *pieces[at:]]  # type: ignore[misc]
            edits[f"quote_{column}"] = (
                lambda pieces, at=at: [  # type: ignore[misc]
                    *pieces[:at],
                    f'"{pieces[at]}',
                    *pieces[at + 1 :],
                ]
            )
            if column:
                edits[f"less_{column}"] = lambda pieces, at=at: [*pieces[: at - 1], *pieces[at:]]  # type: ignore[misc]
        for name, edit in edits.items():
            yield Polluted(f"row{number}_{name}", render(table, **{f"row{number}": edit}), HEADER, others)


def read(polluted: Polluted, tmp_path: Path) -> Reading:
    path = tmp_path / "file.csv"
    path.write_bytes(polluted.text.encode())
    return open_submission(path, path.name, ReadingHints(), Limits(), tmp_path)


def sound_rows(reading: Reading) -> list[tuple[str, ...]]:
    return [tuple(cell or "" for cell in row) for row in reading.frame.drop(ROW).rows()]


@pytest.mark.parametrize("polluted", [*whole_files(source())], ids=lambda p: p.name)
def test_a_polluted_file_is_read_as_its_clean_form(polluted: Polluted, tmp_path: Path) -> None:
    reading = read(polluted, tmp_path)
    assert list(reading.header) == (polluted.header or [])
    assert sound_rows(reading) == [tuple(row) for row in polluted.rows]


@pytest.mark.parametrize("polluted", [*single_rows(source())], ids=lambda p: p.name)
def test_a_polluted_row_costs_no_other_and_is_never_misread_in_silence(polluted: Polluted, tmp_path: Path) -> None:
    reading = read(polluted, tmp_path)
    assert list(reading.header) == polluted.header
    wrong = Counter(sound_rows(reading)) - Counter(map(tuple, source()))
    lost = Counter(map(tuple, polluted.rows)) - Counter(sound_rows(reading))
    assert (wrong, lost) == (Counter(), Counter())


def test_most_polluted_rows_get_the_right_reading_proposed(tmp_path: Path) -> None:
    files = [each for each in single_rows(source()) if "quote" not in each.name]
    known = set(map(tuple, source()))
    proposed = [
        tuple(cell.strip() for cell in bad.mended or ()) for each in files for bad in read(each, tmp_path).bad_rows
    ]
    assert len(proposed) > 0.8 * len(files)
    assert sum(cells in known for cells in proposed) > 0.9 * len(proposed)


def test_fields_parted_by_blanks_are_told_apart_from_blanks_in_text(tmp_path: Path) -> None:
    """A third of the rows is ambiguous by its letters; what is proposed for them comes from the others' columns."""
    reading = read(Polluted("blanks", render([HEADER, *source()], " "), HEADER, source()), tmp_path)
    assert set(sound_rows(reading)) <= set(map(tuple, source()))
    understood = [tuple(cell or "" for cell in row) for row in reading.understood().drop(ROW).rows()]
    assert len(set(understood) & set(map(tuple, source()))) == len(source())
