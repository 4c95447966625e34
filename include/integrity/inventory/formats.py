"""Notations of moments that a layout may name, and which may not stand side by side. Light: Dag parsing imports it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import permutations

EXCEL_SERIAL = "excel_serial"
"""Days since the end of 1899, as Excel stores a date: 43922 is 1 April 2020, and 43922.5 its noon."""

LAST_SERIAL = 2_958_465
"""31 December 9999, the last day that Excel knows."""

_DIRECTIVES = {
    "%d": ("DD", r"\d{1,2}"),
    "%m": ("MM", r"\d{1,2}"),
    "%y": ("YY", r"\d{2}"),
    "%Y": ("YYYY", r"\d{4}"),
    "%b": ("Mon", r"[A-Za-z]{3,4}"),
    "%B": ("Month", r"[A-Za-z]{3,9}"),
    "%H": ("hh", r"\d{1,2}"),
    "%I": ("hh", r"\d{1,2}"),
    "%M": ("mm", r"\d{1,2}"),
    "%S": ("ss", r"\d{1,2}"),
    "%.f": (".fff", r"(?:\.\d{1,9})?"),
    "%p": ("AM/PM", r"[AaPp][Mm]"),
    "%a": ("Day", r"[A-Za-z]{3}"),
    "%A": ("Weekday", r"[A-Za-z]{6,9}"),
}
_TOKEN = re.compile(r"%\.f|%.|[^%]")
_PROBES = (datetime(2011, 10, 12, 9, 8, 7), datetime(2001, 2, 3, 4, 5, 6), datetime(2012, 11, 10))  # noqa: DTZ001 - no zone


def described(notation: str) -> str:
    """A notation as people write it: ``%d/%m/%Y`` is DD/MM/YYYY."""
    if notation == EXCEL_SERIAL:
        return "Excel's number of days"
    return "".join(_DIRECTIVES.get(token, (token, ""))[0] for token in _TOKEN.findall(notation))


def pattern_of(notation: str) -> str:
    """Regular expression of a whole cell in this notation; leading noughts may lack where a sign stands between."""
    tokens = _TOKEN.findall(notation)
    parts = []
    for place, token in enumerate(tokens):
        beside = tokens[max(place - 1, 0) : place] + tokens[place + 1 : place + 2]
        pattern = _DIRECTIVES[token][1] if token in _DIRECTIVES else re.escape(token)
        if pattern == r"\d{1,2}" and any(_DIRECTIVES.get(t, ("", ""))[1].startswith(r"\d") for t in beside):
            pattern = r"\d{2}"
        parts.append(pattern)
    return f"^{''.join(parts)}$"


def is_unmistakable(notation: str) -> bool:
    """Whether parsing alone is strict: year first, a sign between all parts, no blank that a parser might pass over."""
    return bool(re.fullmatch(r"%Y-%m-%d(T%H:%M(:%S(%\.f)?)?Z?)?", notation))


def refuse_formats(notations: Sequence[str]) -> None:
    """Refuse notations that cannot be read, or that give one cell two meanings.

    Raises:
        ValueError: Which, and what to write instead.
    """
    for notation in notations:
        _refuse(notation)
    for one, other in permutations(notations, 2):
        if one == other or _may_be_confused(one, other):
            raise ValueError(
                f"'{one}' and '{other}' may read the same cell as different days, and nothing is ever guessed; "
                "keep the one that the supplier means"
            )


def _refuse(notation: str) -> None:
    if notation == EXCEL_SERIAL:
        return
    tokens = _TOKEN.findall(notation)
    unknown = [token for token in tokens if len(token) > 1 and token not in _DIRECTIVES]
    if unknown:
        raise ValueError(f"'{notation}' uses {unknown[0]}; the parts that can be read are {' '.join(_DIRECTIVES)}")
    if not {"%y", "%Y"} & set(tokens) or not {"%m", "%b", "%B"} & set(tokens):
        raise ValueError(f"'{notation}' names no month and year; write it like %d/%m/%Y, or {EXCEL_SERIAL}")
    if "%d" not in tokens and {"%H", "%I", "%M", "%S"} & set(tokens):
        raise ValueError(f"'{notation}' names a time and no day; write it like %d/%m/%Y %H:%M")


def _may_be_confused(one: str, other: str) -> bool:
    """Whether a cell written in the one notation can be read in the other as another moment."""
    if one == EXCEL_SERIAL:
        return False
    for probe in _PROBES:
        written = probe.strftime(one.replace("%.f", ""))
        meant = datetime.strptime(written, one.replace("%.f", ""))  # noqa: DTZ007 - moments here have no zone
        if other == EXCEL_SERIAL:
            if re.fullmatch(r"\d{1,7}(\.\d+)?", written) and float(written) <= LAST_SERIAL:
                return True
            continue
        try:
            read = datetime.strptime(written, other.replace("%.f", ""))  # noqa: DTZ007
        except ValueError:
            continue
        if read != meant:
            return True
    return False
