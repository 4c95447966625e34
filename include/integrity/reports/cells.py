"""Cells that we write into files which a spreadsheet program may open: never a formula, always legal."""

from __future__ import annotations

import re

_STARTS_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""Excel and LibreOffice take a cell that begins so for a formula; the wide ones are those of East Asian keyboards."""
_PLAIN_NUMBER = re.compile(r"[+-]?\d[\d.,]*")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_MOST_CHARACTERS = 32_767
"""Excel refuses a workbook with a longer cell."""


def column_letter(number: int) -> str:
    """A column as spreadsheet programs name it: 1 is A, 27 is AA."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def starts_formula(text: str) -> bool:
    """Whether a spreadsheet program could take this text for a formula, blanks before it or not."""
    return text.startswith(_STARTS_FORMULA) or text.lstrip().startswith(_STARTS_FORMULA)


def workbook_text(text: str) -> str:
    """Text as a workbook's XML can hold it; it is stored as text, so that a formula's sign does no harm."""
    legal = _NOT_IN_XML.sub("", text)
    # Excel reads _x0041_ as the letter A: what stands in the file would not be what the supplier sees.
    legal = _LOOKS_ESCAPED.sub("_x005F_", legal)
    return legal if len(legal) <= _MOST_CHARACTERS else legal[: _MOST_CHARACTERS - 1] + "…"


def csv_text(text: str) -> str:
    """Text for a CSV file: an apostrophe before whatever a spreadsheet program could take for a formula."""
    if starts_formula(text) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def visible_text(text: str, most: int) -> str:
    """Text as it may be shown to a person: cut, and nothing in it that is invisible or turns the line around."""
    shown = "".join(c if c.isprintable() else "�" for c in text[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "…"
