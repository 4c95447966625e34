"""How the sheets of an xlsb workbook look, from its binary records; the values are calamine's business.

A record is a type (one or two bytes), a length (one to four bytes) and its content; see MS-XLSB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from integrity.errors import Rejected
from integrity.submissions.cell_texts import is_per_cent, width_of_noughts
from integrity.submissions.workbook_looks import DAMAGED, ERRORS, Looks
from integrity.submissions.workbook_parts import Formats, Parts

_WORKBOOK = "xl/workbook.bin"
_STYLES = "xl/styles.bin"
_BUNDLE_SHEET, _FORMAT, _XF, _BEGIN_CELL_XFS, _END_CELL_XFS = 156, 44, 47, 617, 618
_ROW, _COLUMNS, _MERGED = 0, 60, 176
_CELLS = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 62}
_NUMBERS = {2, 5, 9}
_ERRORS = {3, 11}
_HIDDEN_ROW = 0x10
_PER_CENT_BUILT_IN = {9, 10}
_LONGEST_RECORD = 64 << 20


def sheet_parts(parts: Parts) -> dict[str, str]:
    """Name of each sheet's part, by the sheet's name."""
    targets = parts.targets(_WORKBOOK)
    found = {}
    for kind, content in _records(parts, _WORKBOOK):
        if kind == _BUNDLE_SHEET:
            relation, after = _string(content, 8)
            name, _ = _string(content, after)
            if relation in targets:
                found[name] = targets[relation]
    return found


def formats(parts: Parts) -> Formats:
    """What the workbook's styles say about numbers."""
    found = Formats()
    if _STYLES not in parts.names:
        return found
    codes: dict[int, str] = {}
    index, is_within = 0, False
    for kind, content in _records(parts, _STYLES):
        if kind == _FORMAT:
            codes[int.from_bytes(content[:2], "little")] = _string(content, 2)[0]
        elif kind in {_BEGIN_CELL_XFS, _END_CELL_XFS}:
            is_within = kind == _BEGIN_CELL_XFS
        elif kind == _XF and is_within:
            number = int.from_bytes(content[2:4], "little")
            code = codes.get(number, "")
            if width := width_of_noughts(code):
                found.noughts[index] = width
            if number in _PER_CENT_BUILT_IN or is_per_cent(code):
                found.per_cent.add(index)
            index += 1
    return found


def looks(parts: Parts, part: str, styles: Formats) -> Looks:
    """Read one sheet's part in a single pass.

    Raises:
        Rejected: It is damaged, or built to do harm.
    """
    found = Looks()
    row = 0
    for kind, content in _records(parts, part):
        if kind in _CELLS:
            _look_at_cell(found, styles, row, kind, content)
        elif kind == _ROW:
            row = int.from_bytes(content[:4], "little") + 1
            if content[11:12] and content[11] & _HIDDEN_ROW:
                found.hidden_rows.append(row)
        elif kind == _COLUMNS and len(content) >= 18:  # noqa: PLR2004 - four numbers and the flags
            first, last, _, _, flags = struct.unpack_from("<IIIIH", content)
            if flags & 1:
                found.hide_columns(first + 1, last + 1)
        elif kind == _MERGED and len(content) >= 16:  # noqa: PLR2004 - four numbers
            first, last, left, right = struct.unpack_from("<IIII", content)
            found.merged.append((first + 1, left + 1, last + 1, right + 1))
    return found


def _look_at_cell(found: Looks, styles: Formats, row: int, kind: int, content: bytes) -> None:
    column = int.from_bytes(content[:4], "little") + 1
    style = int.from_bytes(content[4:7], "little")
    found.fill(row, column)
    if kind in _ERRORS:
        found.errors[row, column] = ERRORS.get(content[8] if content[8:9] else 0, "#ERROR")
    elif kind in _NUMBERS and style in styles.noughts:
        found.noughts[row, column] = styles.noughts[style]
    elif kind in _NUMBERS and style in styles.per_cent:
        found.per_cent_columns.add(column)


def _string(content: bytes, offset: int) -> tuple[str, int]:
    """A text with its length before it, and where it ends."""
    begins = offset + 4
    ends = begins + 2 * int.from_bytes(content[offset:begins], "little")
    if ends > len(content):
        raise Rejected(DAMAGED.format("a record is too short"))
    return content[begins:ends].decode("utf-16-le", "replace"), ends


def _records(parts: Parts, name: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each record of a part."""
    buffer, position = b"", 0
    for chunk in parts.stream(name):
        buffer, position = buffer[position:] + chunk, 0
        while (header := _header(buffer, position)) and header[2] <= len(buffer):
            kind, begins, position = header
            yield kind, buffer[begins:position]
        if len(buffer) - position > _LONGEST_RECORD:
            raise Rejected(DAMAGED.format("a record is too long"))
    if position < len(buffer):
        raise Rejected(DAMAGED.format("its records break off"))


def _header(buffer: bytes, position: int) -> tuple[int, int, int] | None:
    """Type of the record at this position, where its content begins and where it ends; None if more is needed."""
    try:
        kind = buffer[position]
        position += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (buffer[position] << 7)
            position += 1
        length = 0
        for shift in (0, 7, 14, 21):
            byte = buffer[position]
            position += 1
            length |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
    except IndexError:
        return None
    return kind, position, position + length
