"""Sheets of an OpenDocument workbook, values and looks in one pass over its XML.

The file states each value exactly (``office:value``), so nothing has to be guessed from the text that is shown; and
repeated cells are counted before they are made, as a few bytes may stand for a full sheet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from xml.parsers import expat

from integrity.errors import Rejected
from integrity.submissions.cell_texts import text_of, text_of_number
from integrity.submissions.limits import Limits
from integrity.submissions.workbook_looks import DAMAGED, MOST_COLUMNS, MOST_ROWS, PROTECTED, Looks
from integrity.submissions.workbook_parts import Parts, local, whole

_CONTENT = "content.xml"
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")
_NUMERIC = {"float", "percentage", "currency"}
_LEADING_NOUGHTS = re.compile(r"-?0\d+")
_LONGEST_NUMBER = 400


@dataclass
class OdsSheet:
    """One sheet: its rows from the first on, and how it looks."""

    name: str
    is_visible: bool = True
    rows: list[list[str]] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)


def read_sheets(parts: Parts, limits: Limits) -> list[OdsSheet]:
    """All sheets of the workbook.

    Raises:
        Rejected: It is damaged, protected by a password, over a limit, or built to do harm.
    """
    for element, _ in parts.elements("META-INF/manifest.xml") if "meta-inf/manifest.xml" in parts.names else []:
        if element == "encryption-data":
            raise Rejected(PROTECTED)
    return _ContentPass(limits).run(parts)


class _ContentPass:
    """Handlers of the pass. Tables within cells, comments and tracked changes are no cells of the sheet."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sheets: list[OdsSheet] = []
        self.hidden_styles: set[str] = set()
        self.style = ""
        self.cells = 0
        self.aside = 0
        self.row: list[str] | None = None
        self.row_number = self.row_repeats = self.blank_rows = self.column = self.blank_cells = self.column_number = 0
        self.is_hidden = False
        self.cell: dict[str, str] | None = None
        self.paragraphs: list[list[str]] = []
        self.begins = {
            "style": self._style,
            "table-properties": self._table_properties,
            "table": self._table,
            "table-column": self._table_column,
            "table-row": self._table_row,
            "table-cell": self._cell,
            "covered-table-cell": self._cell,
            "p": self._paragraph,
            "s": self._blanks,
            "tab": self._tab,
            "line-break": self._line_break,
        }
        self.ends = {
            "table": self._end_table,
            "table-row": self._end_row,
            "table-cell": self._end_cell,
            "covered-table-cell": self._end_cell,
        }
        self.asides = {"annotation", "tracked-changes", "shapes", "frame", "dde-links"}

    def run(self, parts: Parts) -> list[OdsSheet]:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parts.parse(_CONTENT, parser)
        return self.sheets

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = local(name)
        if self.aside or name in self.asides:
            self.aside += 1
        elif handler := self.begins.get(name):
            handler({local(key): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        if self.aside:
            self.aside -= 1
        elif handler := self.ends.get(local(name)):
            handler()

    def _text(self, text: str) -> None:
        if self.cell is not None and self.paragraphs and not self.aside:
            self.paragraphs[-1].append(text)

    def _style(self, attributes: dict[str, str]) -> None:
        self.style = attributes.get("name", "")

    def _table_properties(self, attributes: dict[str, str]) -> None:
        if attributes.get("display") == "false":
            self.hidden_styles.add(self.style)

    def _table(self, attributes: dict[str, str]) -> None:
        if self.cell is not None:
            self.aside += 1
            return
        visible = attributes.get("style-name", "") not in self.hidden_styles
        self.sheets.append(OdsSheet(attributes.get("name", ""), visible))
        self.row_number = self.blank_rows = self.column_number = 0

    def _end_table(self) -> None:
        self.row = None

    def _table_column(self, attributes: dict[str, str]) -> None:
        repeats = _repeats(attributes, "number-columns-repeated", MOST_COLUMNS)
        if self.sheets and attributes.get("visibility", "visible") != "visible":
            self.sheets[-1].looks.hide_columns(self.column_number + 1, self.column_number + repeats)
        self.column_number += repeats

    def _table_row(self, attributes: dict[str, str]) -> None:
        if not self.sheets:
            raise Rejected(DAMAGED.format("a row lies outside of any sheet"))
        self.row = []
        self.row_repeats = _repeats(attributes, "number-rows-repeated", MOST_ROWS)
        self.column = self.blank_cells = 0
        self.is_hidden = attributes.get("visibility", "visible") != "visible"

    def _end_row(self) -> None:
        row, sheet = self.row, self.sheets[-1]
        first, self.row_number = self.row_number + 1, self.row_number + self.row_repeats
        self.row = None
        if not row:
            self.blank_rows += self.row_repeats
            return
        self._count((self.blank_rows + self.row_repeats) * max(len(row), 1))
        sheet.looks.fill(self.row_number, len(row))
        sheet.rows.extend([] for _ in range(self.blank_rows))
        sheet.rows.extend(list(row) for _ in range(self.row_repeats))
        self.blank_rows = 0
        if self.is_hidden:
            sheet.looks.hidden_rows.extend(range(first, self.row_number + 1))

    def _cell(self, attributes: dict[str, str]) -> None:
        self.cell = attributes
        self.paragraphs = []

    def _end_cell(self) -> None:
        attributes, self.cell = self.cell, None
        if attributes is None or self.row is None:
            return
        repeats = _repeats(attributes, "number-columns-repeated", MOST_COLUMNS)
        text = self._value(attributes, "\n".join("".join(paragraph) for paragraph in self.paragraphs))
        self.column += repeats
        if text:
            self._count(self.blank_cells + repeats)
            self.row.extend([""] * self.blank_cells + [text] * repeats)
            self.blank_cells = 0
        else:
            self.blank_cells += repeats
        self._note(attributes, text)

    def _note(self, attributes: dict[str, str], text: str) -> None:
        """What the cell looks like: merged, as per cent, a formula without a result."""
        looks, row = self.sheets[-1].looks, self.row_number + 1
        spans = whole(attributes.get("number-columns-spanned"), 1), whole(attributes.get("number-rows-spanned"), 1)
        if spans != (1, 1):
            looks.merged.append((row, self.column, row + spans[1] - 1, self.column + spans[0] - 1))
        if text and attributes.get("value-type") == "percentage":
            looks.per_cent_columns.add(self.column)
        if "formula" in attributes and "value-type" not in attributes and not text:
            looks.uncached.append(row)

    def _value(self, attributes: dict[str, str], shown: str) -> str:
        kind = attributes.get("value-type")
        if kind in _NUMERIC:
            return _number(attributes.get("value", ""), shown)
        if kind == "date":
            return _moment(attributes.get("date-value", ""))
        if kind == "time":
            return _duration(attributes.get("time-value", ""))
        if kind == "boolean":
            return attributes.get("boolean-value", shown).upper()
        return shown or attributes.get("string-value", "")

    def _paragraph(self, _: dict[str, str]) -> None:
        self.paragraphs.append([])

    def _blanks(self, attributes: dict[str, str]) -> None:
        self._text(" " * min(whole(attributes.get("c"), 1), self.limits.cell_characters))

    def _tab(self, _: dict[str, str]) -> None:
        self._text("\t")

    def _line_break(self, _: dict[str, str]) -> None:
        self._text("\n")

    def _count(self, cells: int) -> None:
        self.cells += cells
        self.limits.require("cells", self.cells, "cells, blank ones between them included")


def _repeats(attributes: dict[str, str], name: str, most: int) -> int:
    return min(max(whole(attributes.get(name), 1), 1), most)


def _number(stated: str, shown: str) -> str:
    """A number as stated; as shown where its format gives it leading noughts."""
    if len(stated) > _LONGEST_NUMBER:
        return shown
    try:
        number = Decimal(stated)
    except InvalidOperation:
        return shown
    shown = shown.strip()
    if _LEADING_NOUGHTS.fullmatch(shown) and number == Decimal(shown):
        return shown
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST_NUMBER:
        return shown or stated
    return text_of_number(float(number)) if abs(number) < Decimal("1e15") else format(number, "f")


def _moment(stated: str) -> str:
    """``2020-04-01T00:00:00`` is a day; fractions of a second that are nought go."""
    day, _, clock = stated.partition("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return day if clock in {"", "00:00:00", "00:00"} else f"{day}T{clock}"


def _duration(stated: str) -> str:
    match = _DURATION.fullmatch(stated)
    if not match or any(len(part or "") > 9 for part in match.groups()):  # noqa: PLR2004 - more is no time of day
        return stated
    sign, days, hours, minutes, seconds = match.groups()
    length = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=float((seconds or "0").replace(",", ".")),
    )
    return sign + text_of(length)
