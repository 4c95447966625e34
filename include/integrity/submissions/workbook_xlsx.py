"""How the sheets of an xlsx workbook look, from their XML; the values are calamine's business."""

from __future__ import annotations

from xml.parsers import expat

from integrity.errors import Rejected
from integrity.submissions.cell_texts import is_per_cent, width_of_noughts
from integrity.submissions.workbook_looks import DAMAGED, Looks, column_number
from integrity.submissions.workbook_parts import Formats, Parts, local, whole

_WORKBOOK = "xl/workbook.xml"
_STYLES = "xl/styles.xml"
_PER_CENT_BUILT_IN = {9, 10}
_TRUE = {"1", "true"}


def sheet_parts(parts: Parts) -> dict[str, str]:
    """Name of each sheet's part, by the sheet's name."""
    targets = parts.targets(_WORKBOOK)
    found = {}
    for element, attributes in parts.elements(_WORKBOOK):
        if element == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            if relation in targets:
                found[attributes.get("name", "")] = targets[relation]
    return found


def formats(parts: Parts) -> Formats:
    """What the workbook's styles say about numbers."""
    found = Formats()
    if _STYLES not in parts.names:
        return found
    codes: dict[int, str] = {}
    index, is_within = 0, False
    for element, attributes in parts.elements(_STYLES):
        if element == "numFmt":
            codes[whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif element in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            is_within = element == "cellXfs"
        elif element == "xf" and is_within:
            number = whole(attributes.get("numFmtId"))
            code = codes.get(number, "")
            if width := width_of_noughts(code):
                found.noughts[index] = width
            if number in _PER_CENT_BUILT_IN or is_per_cent(code):
                found.per_cent.add(index)
            index += 1
    return found


def looks(parts: Parts, part: str, styles: Formats) -> Looks:
    """Read one sheet's part in a single pass, in memory that does not grow with the number of cells.

    Raises:
        Rejected: It is damaged, or built to do harm.
    """
    return _SheetPass(styles).run(parts, part)


class _SheetPass:
    """Handlers of one pass. A cell is looked at when the next one begins: its children have been seen by then."""

    def __init__(self, styles: Formats) -> None:
        self.looks = Looks()
        self.row = self.column = 0
        self.noughts = {str(index): width for index, width in styles.noughts.items()}
        self.special = {str(index) for index in styles.per_cent} | set(self.noughts)
        self.row_text = ""
        self.columns: dict[str, int] = {}
        self.cell_type: str | None = None
        self.style: str | None = None
        self.is_formula = self.is_open = False
        self.text: list[str] = []
        self.locals: dict[str, str] = {}
        self.handlers = {
            "c": self._cell,
            "v": self._value,
            "is": self._value,
            "f": self._formula,
            "row": self._row,
            "col": self._col,
            "mergeCell": self._merged,
        }

    def run(self, parts: Parts, part: str) -> Looks:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        parts.parse(part, self.parser)
        self._finish()
        return self.looks

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        handler = self.handlers.get(name)
        if handler is None:
            if ":" not in name:
                return
            handler = self.handlers.get(local(name))
            if handler is None:
                return
        handler(attributes)

    def _row(self, attributes: dict[str, str]) -> None:
        self._finish()
        self.row = whole(attributes.get("r"), self.row + 1)
        self.row_text = str(self.row)
        self.column = 0
        if attributes.get("hidden") in _TRUE:
            self.looks.hidden_rows.append(self.row)

    def _cell(self, attributes: dict[str, str]) -> None:
        if self.is_open:
            self._finish()
        reference = attributes.get("r")
        if reference is None:
            self.column += 1
        else:
            column = self.columns.get(reference.removesuffix(self.row_text))
            self.column = self._place(reference) if column is None else column
        self.cell_type = attributes.get("t")
        self.style = attributes.get("s")
        self.is_open = self.cell_type == "e"

    def _place(self, reference: str) -> int:
        """The column of a cell whose letters are new, or which is not in the row that it lies under."""
        letters = reference.rstrip("0123456789")
        self.row_text = reference[len(letters) :]
        self.row = whole(self.row_text)
        column = column_number(letters)
        if column:
            self.columns[letters] = column
        return column

    def _formula(self, _: dict[str, str]) -> None:
        self.is_formula = self.is_open = True

    def _value(self, _: dict[str, str]) -> None:
        looks, row, column = self.looks, self.row, self.column
        if not (row == looks.rows and column <= looks.columns and column):
            looks.fill(row, column)
        if self.style in self.special and self.cell_type in {None, "n"}:
            if self.style in self.noughts:
                looks.noughts[row, column] = self.noughts[self.style]
            else:
                looks.per_cent_columns.add(column)
        if self.is_open:
            self.parser.CharacterDataHandler = self.text.append

    def _finish(self) -> None:
        """Close the cell whose text was wanted: an error's own text, or whether a formula has a result."""
        if not self.is_open:
            return
        self.parser.CharacterDataHandler = None
        text = "".join(self.text).strip()
        if self.cell_type == "e" and text:
            self.looks.errors[self.row, self.column] = text
        elif self.is_formula and not text and self.cell_type != "str":
            self.looks.uncached.append(self.row)
        self.text.clear()
        self.is_formula = self.is_open = False

    def _col(self, attributes: dict[str, str]) -> None:
        if attributes.get("hidden") in _TRUE:
            self.looks.hide_columns(whole(attributes.get("min")), whole(attributes.get("max")))

    def _merged(self, attributes: dict[str, str]) -> None:
        first, _, last = attributes.get("ref", "").partition(":")
        corners = [_corner(corner) for corner in (first, last or first)]
        self.looks.merged.append((*corners[0], *corners[1]))


def _corner(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    row, column = whole(reference[len(letters) :]), column_number(letters)
    if not row or not column:
        raise Rejected(DAMAGED.format("a merged range has no place"))
    return row, column


def has_macros(parts: Parts) -> bool:
    """Whether the workbook carries a program."""
    return any(name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/") for name in parts.names)
