"""Reading JSON and JSON lines: digits as written, keys as columns, one bad record a finding and not a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl

from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.supplier_text import printable

ROW = "_row"
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MAY_BE_UNSTORABLE = re.compile(r"\\u(0000|[dD][89a-fA-F])|\0")
_MOST_PLACES = 60
_RESAVE = "Please export it again and send that."


@dataclass(frozen=True)
class Records:
    """What a file of records holds, as text.

    Attributes:
        headings: Names of the columns, in order of first appearance.
        frame: Shape (records, headings + 1): ``_row`` (Int64, the record's or line's number) and text; blanks null.
        bad_rows: Number and reason of each record that could not be taken; these are not in ``frame``.
        notes: What was decided on the way; never a value.
        header_row: Number of the record that holds the headings; 0 where they are keys.
    """

    headings: tuple[str, ...]
    frame: pl.DataFrame
    bad_rows: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    header_row: int = 0


class _Number(str):
    """A number as written; text that needs no quotation marks within JSON."""

    __slots__ = ()


class _Object(dict[str, Any]):
    """An object, with the first of its keys that occurs twice."""

    repeated: str | None = None


class _BadRecord(ValueError):
    """One record cannot be taken; the text says why."""


@dataclass
class _Table:
    """Records as they are gathered."""

    limits: Limits
    headings: dict[str, int] = field(default_factory=dict)
    cells: list[list[str | None]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    bad_rows: list[tuple[int, str]] = field(default_factory=list)
    nested: dict[str, None] = field(default_factory=dict)
    header_row: int = 0
    may_be_unstorable: bool = False

    def add(self, number: int, record: Any) -> None:
        """Take a record: an object, or a list below the list of headings."""
        try:
            if isinstance(record, list):
                self._add_list(number, record)
            else:
                self._add_object(number, record)
        except _BadRecord as reason:
            self.bad_rows.append((number, str(reason)))

    def _add_object(self, number: int, record: Any) -> None:
        if not isinstance(record, dict):
            raise _BadRecord("this is no record: neither an object nor a list")
        if self.header_row:
            raise _BadRecord("an object among lists")
        repeated = getattr(record, "repeated", None)
        if repeated is not None:
            raise _BadRecord(f"'{printable(repeated)}' occurs twice in the record")
        cells = {self._column(key): self._text(key, value) for key, value in record.items()}
        self._append(number, [cells.get(column) for column in range(len(self.headings))])

    def _add_list(self, number: int, record: list[Any]) -> None:
        if not self.header_row:
            if self.headings:
                raise _BadRecord("a list among objects")
            self.header_row = number
            for heading in record:
                self._column("" if heading is None else _text_of(heading))
            if len(self.headings) != len(record):
                raise Rejected("Two columns have the same heading. Please name each column once.")
            return
        if len(record) != len(self.headings):
            raise _BadRecord(f"{len(record)} values where there are {len(self.headings)} headings")
        self._append(number, [self._text(key, value) for key, value in zip(self.headings, record, strict=True)])

    def _append(self, number: int, cells: list[str | None]) -> None:
        if self.may_be_unstorable and any(cell and _UNSTORABLE.search(cell) for cell in cells):
            raise _BadRecord("a value holds a null character or half a character, which no text has")
        self.cells.append(cells)
        self.numbers.append(number)

    def _column(self, key: str) -> int:
        column = self.headings.get(key)
        if column is None:
            column = self.headings[key] = len(self.headings)
            self.limits.require("columns", column + 1, "columns")
        return column

    def _text(self, key: str, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, dict | list):
            self.nested[key] = None
        text = _text_of(value)
        if len(text) > self.limits.cell_characters:
            self.limits.require("cell_characters", len(text), "characters in one value")
        return text if text.strip() else None

    def records(self, notes: Iterable[str]) -> Records:
        """All that was gathered.

        Raises:
            Rejected: There is nothing, too much of it, or the headings will not do.
        """
        if not self.cells:
            if not self.bad_rows:
                raise Rejected("The file holds no records.")
            number, reason = self.bad_rows[0]
            raise Rejected(f"No record of the file can be taken; record {number}: {reason}. {_RESAVE}")
        self.limits.require("rows", len(self.cells), "records")
        headings = clean_headings(self.headings)
        width = len(headings)
        columns: list[list[str | None]] = [
            [row[column] if column < len(row) else None for row in self.cells] for column in range(width)
        ]
        frame = pl.DataFrame(
            {ROW: self.numbers, **dict(zip(headings, columns, strict=True))},
            schema={ROW: pl.Int64, **dict.fromkeys(headings, pl.String)},
        )
        told = list(notes)
        if self.nested:
            listed = ", ".join(f"'{printable(key)}'" for key in list(self.nested)[:10])
            told.append(f"values that are lists or objects were kept as JSON text, in: {listed}")
        return Records(headings, frame, tuple(self.bad_rows), tuple(told), self.header_row)


def clean_headings(keys: Iterable[str]) -> tuple[str, ...]:
    """Headings without outer and doubled blanks.

    Raises:
        Rejected: One is blank, two are the same, or one is a name of our own.
    """
    headings: dict[str, None] = {}
    for number, key in enumerate(keys, start=1):
        heading = " ".join(key.split())
        if not heading or _UNSTORABLE.search(heading):
            raise Rejected(f"The heading of column {number} is blank or broken; please name every column.")
        if heading in headings:
            raise Rejected(f"Two columns have the heading of column {number}; please name each column once.")
        if heading == ROW:
            raise Rejected(
                f"Column {number} is called '{ROW}', which is our own name for the number of a row; "
                "please give it another."
            )
        headings[heading] = None
    return tuple(headings)


def read_json(data: bytes, limits: Limits) -> Records:
    """Read a JSON document: a list of objects, such a list within an object, columns, or lists below their headings.

    Raises:
        Rejected: It is no JSON (with line and column), too deep, over a limit, or holds no one table.
    """
    text = _decoded(data)
    _refuse_deep(text, limits.depth)
    try:
        document = _decoder().decode(text)
    except json.JSONDecodeError as error:
        raise Rejected(
            f"Line {error.lineno}, column {error.colno} is where the file stops being JSON; it may have been cut off. "
            f"{_RESAVE}"
        ) from error
    except RecursionError as error:
        raise Rejected(f"The file nests objects and lists too deep (limit 'depth'). {_RESAVE}") from error
    records, notes = _table_within(document)
    table = _Table(limits, may_be_unstorable=_MAY_BE_UNSTORABLE.search(text) is not None)
    for number, record in enumerate(records, start=1):
        table.add(number, record)
    return table.records(["rows are counted as records, from 1", *notes])


def read_json_lines(data: bytes, limits: Limits) -> Records:
    """Read JSON lines: a record a line; a row's number is its line's, and a line that is broken fails alone.

    Raises:
        Rejected: No line can be read, or all of them together are over a limit.
    """
    text = _decoded(data)
    decoder = _decoder()
    table = _Table(limits, may_be_unstorable=_MAY_BE_UNSTORABLE.search(text) is not None)
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        try:
            _refuse_deep(line, limits.depth)
            record = decoder.decode(line.strip())
        except json.JSONDecodeError as error:
            table.bad_rows.append((number, f"the line is no JSON from its column {error.colno} on"))
        except (Rejected, RecursionError):
            table.bad_rows.append((number, f"objects and lists lie more than {limits.depth} deep (limit 'depth')"))
        else:
            table.add(number, record)
    if not table.cells and table.bad_rows:
        raise Rejected(f"No line of the file can be read; line {table.bad_rows[0][0]}: {table.bad_rows[0][1]}.")
    return table.records([])


def _lines(text: str) -> Iterator[str]:
    """Lines as editors count them; other characters that Python takes for line ends may stand within a value."""
    return (line for line in re.split(r"\r\n|\n|\r", text))


def _decoded(data: bytes) -> str:
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Rejected(f"Line {line} is not {encoding.upper()} text, as JSON has to be. {_RESAVE}") from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise Rejected("The file is empty.")
    return text


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object, parse_float=_number, parse_int=_Number, parse_constant=_Number, strict=False
    )


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        made.repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return made


def _number(written: str) -> _Number:
    """A number's digits as written; an exponent is written out unless that would be absurd."""
    if "e" in written or "E" in written:
        mantissa, exponent = re.split("[eE]", written)
        if len(exponent) <= 3 and abs(int(exponent)) + len(mantissa) <= _MOST_PLACES:  # noqa: PLR2004 - sign, two digits
            return _Number(format(Decimal(written), "f"))
    return _Number(written)


def _refuse_deep(text: str, most: int) -> None:
    """Measure depth before anything recurses into it."""
    if text.count("{") + text.count("[") <= most:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        mark = found[0]
        if mark in {"{", "["}:
            depth += 1
            if depth > most:
                raise Rejected(
                    f"The file nests objects and lists more than {most} deep, and that is the most that is taken in "
                    f"(limit 'depth'). {_RESAVE}"
                )
        elif mark in {"}", "]"}:
            depth -= 1


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return _compact(value)


def _compact(value: Any) -> str:
    """A nested value as JSON without blanks, its numbers as written."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(str(key))}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _table_within(document: Any) -> tuple[list[Any], list[str]]:
    """The records of a document, and how they were found."""
    if isinstance(document, list):
        return document, []
    if not isinstance(document, dict):
        raise Rejected("The file is JSON, but neither a list of records nor an object that has one.")
    repeated = getattr(document, "repeated", None)
    if repeated is not None:
        raise Rejected(f"'{printable(repeated)}' occurs twice at the top of the file. {_RESAVE}")
    if _is_list_of(document.get("columns"), str) and _is_list_of(document.get("data"), list):
        return _from_split(document["columns"], document["data"]), [
            "headings are under 'columns', records under 'data'"
        ]
    lists = [key for key, value in document.items() if _is_list_of(value, dict)]
    if len(lists) > 1:
        listed = ", ".join(f"'{printable(key)}'" for key in lists[:10])
        raise Rejected(f"The file holds {len(lists)} lists of records ({listed}). Please send each as its own file.")
    if lists:
        left = ", ".join(f"'{printable(key)}'" for key in list(document) if key != lists[0])
        return document[lists[0]], [f"records are under '{printable(lists[0])}'" + (f"; left: {left}" if left else "")]
    if document and all(isinstance(value, list) for value in document.values()):
        return _from_columns(document), ["the file holds columns"]
    if document and all(isinstance(value, dict) for value in document.values()):
        return _from_keyed_columns(document), ["the file holds columns with a key for each record"]
    return [document], ["the file holds a single record"]


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, kind) for item in value)


def _from_columns(columns: dict[str, list[Any]]) -> list[Any]:
    if len({len(column) for column in columns.values()}) > 1:
        raise Rejected(f"The columns of the file differ in length, so its records cannot be told. {_RESAVE}")
    return [dict(zip(columns, record, strict=True)) for record in zip(*columns.values(), strict=True)]


def _from_keyed_columns(columns: dict[str, dict[str, Any]]) -> list[Any]:
    keys = list(next(iter(columns.values())))
    if any(list(column) != keys for column in columns.values()):
        raise Rejected(f"The columns of the file differ in their keys, so its records cannot be told. {_RESAVE}")
    return [{name: column[key] for name, column in columns.items()} for key in keys]


def _from_split(headings: list[str], records: list[list[Any]]) -> list[Any]:
    """Records by name; one of another length stays a list, which the table refuses as a record."""
    return [dict(zip(headings, record, strict=True)) if len(record) == len(headings) else record for record in records]
