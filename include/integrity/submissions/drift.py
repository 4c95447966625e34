"""How a supplier's file differs from the last one that was accepted: its shape, kept without any text of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from integrity.inventory.dependency import Layout
from integrity.inventory.formats import described
from integrity.inventory.headings import bare
from integrity.submissions.layouts import LayoutFit
from integrity.submissions.notations import is_number, moment, number, shown
from integrity.submissions.reading import Reading

SAMPLE_CELLS = 1000
"""So many cells tell how a column is written; enough for words to people, and it costs nothing on large files."""

_NAMES = {
    **{"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "blank"},
    **{"utf-8": "UTF-8", "utf-8-sig": "UTF-8 with byte-order mark", "utf-16": "UTF-16", "cp1252": "Windows-1252"},
    **{"latin-1": "Latin-1", "iso-8859-1": "Latin-1"},
}
_KIND_SHARE = 0.95


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a file looks like: names of our own dictionary, places and notations; no heading and no cell.

    Attributes:
        columns: Dictionary column at each place of the header; None where the layout does not know the heading,
            '' where it is known and ignored.
        places: Physical column number of each, from 1.
        wording: Hash of the headings that were taken in, by which another spelling of them is noticed.
        notations: How each typed column is written, in words for people.
        kinds: What each text column holds: ``number``, ``moment``, ``text``, ``mixed`` or ``blank``.
        below_nought: Share of negative values, 0 to 1, in each column of amounts.
        tables: Shape of each table of a file that is several; it has no other itself.
    """

    columns: tuple[str | None, ...]
    places: tuple[int, ...]
    wording: str
    notations: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    below_nought: dict[str, float] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    format: str | None = None
    tables: dict[str, Shape] = field(default_factory=dict)

    @classmethod
    def of_tables(cls, tables: Mapping[str, Shape]) -> Shape:
        return cls(columns=(), places=(), wording="", tables=dict(tables))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Shape:
        lists = {name: tuple(stored[name]) for name in ("columns", "places")}
        tables = {name: cls.from_json(shape) for name, shape in stored.get("tables", {}).items()}
        return cls(**{**stored, **lists, "tables": tables})

    def place_of(self, column: str) -> int | None:
        """Physical number of the column; None where the file lacks it."""
        return self.places[self.columns.index(column)] if column in self.columns else None


def header_of(reading: Reading, fit: LayoutFit) -> Shape:
    """As much of a file's shape as its header tells."""
    columns_of = {heading: column for column, heading in fit.brought.items()}
    wording = "\n".join(f"{column}={fit.brought[column]}" for column in sorted(fit.brought))
    return Shape(
        columns=tuple(columns_of.get(h, None if h in fit.unknown else "") for h in reading.headings),
        places=reading.columns,
        wording=hashlib.sha256(wording.encode()).hexdigest()[:16],
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        format=reading.format,
    )


def shape_of(
    reading: Reading, fit: LayoutFit, dtypes: Mapping[str, pl.DataType], *, text: pl.DataFrame, cast: pl.DataFrame
) -> Shape:
    """The shape of a file that was read.

    Args:
        dtypes: Columns of the dictionary with their types. Amounts are those of type Float64, and those whose sign
            the layout turns.
        text: The submission in the dictionary's terms, as received; ``cast`` is the same, typed.
    """
    layout = fit.layout
    notations: dict[str, str] = {}
    kinds: dict[str, str] = {}
    below_nought: dict[str, float] = {}
    for column in fit.brought:
        if is_number(dtypes[column]):
            notations[column] = shown(layout.numbers)
        elif isinstance(dtypes[column], pl.Datetime):
            notations[column] = _moments_of(sample(text[column]), layout)
        else:
            kinds[column] = kind_of(sample(text[column]), layout)
        if dtypes[column] == pl.Float64() or column in layout.turn_sign:
            below_nought[column] = round(int((cast[column] < 0).sum()) / max(cast.height, 1), 4)
    return replace(header_of(reading, fit), notations=notations, kinds=kinds, below_nought=below_nought)


def sample(cells: pl.Series) -> pl.Series:
    """The first filled cells of a column."""
    return cells.head(SAMPLE_CELLS * 10).drop_nulls().head(SAMPLE_CELLS)


def kind_of(cells: pl.Series, layout: Layout) -> str:
    """What filled cells hold by the layout's notations: ``number``, ``moment``, ``text``, ``mixed`` or ``blank``."""
    if cells.is_empty():
        return "blank"
    cell = pl.col(cells.name)
    number_share, moment_share = (
        cells.to_frame()
        .select(
            number=number(cell, pl.Float64(), layout.numbers).is_not_null().mean(),
            moment=moment(cell, layout.datetime_formats).is_not_null().mean(),
        )
        .row(0)
    )
    if moment_share >= _KIND_SHARE:
        return "moment"
    if number_share >= _KIND_SHARE:
        return "number"
    # Between codes of digits and names lie codes of both kinds, whose share comes and goes: that is no change.
    return "text" if max(number_share, moment_share) <= 1 - _KIND_SHARE else "mixed"


def _moments_of(cells: pl.Series, layout: Layout) -> str:
    """Those of the layout's notations that the cells follow."""
    unread, used = cells, []
    for notation in layout.datetime_formats:
        value = unread.to_frame().select(moment(pl.col(unread.name), [notation])).to_series()
        if len(value) > value.null_count():
            used.append(described(notation))
        unread = unread.filter(value.is_null())
    return " or ".join(used)


def changes(before: Shape | None, now: Shape) -> list[str]:
    """What changed since the last accepted file, in sentences for people; nothing where there was none."""
    if before is None:
        return []
    return [*columns_changed(before, now), *_writing_changed(before, now), *_file_changed(before, now)]


def columns_changed(before: Shape, now: Shape) -> list[str]:
    """What changed in the header since the last accepted file."""
    had, has = [c for c in before.columns if c], [c for c in now.columns if c]
    told = [f"'{c}' was column {before.place_of(c)} and is not there any more." for c in had if c not in has]
    told += [f"'{c}' is new, in column {now.place_of(c)}." for c in has if c not in had]
    if [c for c in had if c in has] != [c for c in has if c in had]:
        told.append(f"The columns stand in another order: {', '.join(has)}.")
    unknown, knew_not = now.columns.count(None), before.columns.count(None)
    if unknown > knew_not:
        more = unknown - knew_not
        told.append(f"There {'is 1 unknown column' if more == 1 else f'are {more} unknown columns'} more.")
    elif unknown < knew_not:
        told.append(f"There are {knew_not - unknown} unknown columns fewer.")
    if set(had) == set(has) and before.wording != now.wording:
        told.append("Headings are written with another case, blanks or punctuation, or another known wording.")
    return told


def _writing_changed(before: Shape, now: Shape) -> list[str]:
    told = [
        f"'{column}' was written {before.notations[column]} and is now written {notation}."
        for column, notation in now.notations.items()
        if notation and before.notations.get(column, notation) not in ("", notation)
    ]
    told += [
        f"'{column}' held {_KINDS[before.kinds[column]]} and now holds {_KINDS[kind]}."
        for column, kind in now.kinds.items()
        if kind in _KINDS and before.kinds.get(column, kind) in _KINDS.keys() - {kind}
    ]
    return told


_KINDS = {"number": "numbers", "moment": "dates", "text": "text"}


def _file_changed(before: Shape, now: Shape) -> list[str]:
    told = []
    for what, was, is_now in (
        ("kind of file", before.format, now.format),
        ("encoding", before.encoding, now.encoding),
        ("separator", before.delimiter, now.delimiter),
    ):
        if was is not None and is_now is not None and was != is_now:
            told.append(f"The {what} was {_named(was)} and is now {_named(is_now)}.")
    return told


def _named(value: object) -> str:
    return _NAMES.get(str(value), str(value))


def swapped_texts(before: Shape | None, now: Shape) -> list[tuple[str, str]]:
    """Pairs of text columns that each hold what the other held: names for codes, and codes for names."""
    if before is None:
        return []
    changed = [c for c, kind in now.kinds.items() if kind in _KINDS and before.kinds.get(c, kind) != kind]
    return [
        (one, other)
        for index, one in enumerate(changed)
        for other in changed[index + 1 :]
        if now.kinds[one] == before.kinds[other] and now.kinds[other] == before.kinds[one]
    ]


_AMOUNTS_AT_LEAST = 30
_NEARLY_ALL = 0.95


def turned_signs(before: Shape | None, now: Shape, rows: int) -> list[str]:
    """Columns of amounts in which nearly every value has the other sign than in the last accepted file.

    Args:
        rows: Rows of the file; a short list may well hold credits only.
    """
    if before is None or rows < _AMOUNTS_AT_LEAST:
        return []
    told = []
    for column, share in now.below_nought.items():
        was = before.below_nought.get(column)
        if was is not None and abs(was - share) >= _NEARLY_ALL and {was < 0.5, share < 0.5} == {True, False}:
            told.append(column)
    return told


def likeness(heading: str, name: str) -> float:
    """How alike a heading and a name are, from 0 to 1: by their words, or else by their letters."""
    one, other = words(heading), words(name)
    if not one or not other:
        return 0.0
    letters = SequenceMatcher(None, " ".join(one), " ".join(other), autojunk=False).ratio()
    sorted_letters = SequenceMatcher(None, " ".join(sorted(one)), " ".join(sorted(other)), autojunk=False).ratio()
    shared = len(set(one) & set(other)) / min(len(set(one)), len(set(other)))
    # Words in common say most, but one word of many says less than all of them.
    return max(letters, sorted_letters, shared * (0.7 + 0.3 * min(len(one), len(other)) / max(len(one), len(other))))


def words(text: str) -> list[str]:
    """The words of a heading or a sentence, without case and punctuation."""
    return "".join(letter if letter.isalnum() else " " for letter in bare(text)).split()
