"""Suppliers' notations of numbers and moments, read strictly: a cell that is not written as declared is not read.

Everything is an expression over a whole column. A cell stays as received in the text; what is
read from it here is its typed value, or null, which the type rules tell apart from a blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product

import polars as pl

from integrity.inventory.dependency import Layout, Numbers
from integrity.inventory.formats import EXCEL_SERIAL, LAST_SERIAL, described, is_unmistakable, pattern_of

_BLANKS = "[ \u00a0\u2009\u202f]"
"""Blank, no-break, thin and narrow no-break blank: programs write all four between thousands."""
_PLAIN = Numbers()
_MILLISECONDS_A_DAY = 86_400_000
_FIRST_YEAR = datetime(1000, 1, 1)  # noqa: DTZ001 - moments of submissions have no zone
_NUMBERS = (pl.Int64(), pl.Float64())


def is_number(dtype: pl.DataType) -> bool:
    return dtype in _NUMBERS


def typed(name: str, dtype: pl.DataType, layout: Layout) -> pl.Expr:
    """The column's typed value by its layout's notation; null where a cell is not written so."""
    cell = pl.col(name)
    if is_number(dtype):
        value = number(cell, dtype, layout.numbers)
        return (-value).alias(name) if name in layout.turn_sign else value
    if isinstance(dtype, pl.Datetime):
        return moment(cell, layout.datetime_formats)
    return cell


def moment(cell: pl.Expr, notations: Sequence[str]) -> pl.Expr:
    """Moment of each cell by the first notation that the whole cell follows; null where none does."""
    return pl.coalesce([_moment(cell, notation) for notation in notations])


def _moment(cell: pl.Expr, notation: str) -> pl.Expr:
    if notation == EXCEL_SERIAL:
        return _excel_serial(cell)
    if is_unmistakable(notation):
        value = cell.str.to_datetime(notation, strict=False, time_unit="us")
        return pl.when(value >= _FIRST_YEAR).then(value)  # the parser takes 20 for a year of four digits
    # The parser also passes over blanks and takes shorter years: only a cell of the notation's own shape gets there.
    whole: pl.Expr = pl.when(cell.str.contains(pattern_of(notation))).then(cell)
    if "%b" in notation or "%B" in notation:
        whole = whole.str.replace(r"(?i)sept([^a-z]|$)", "Sep$1")
    return whole.str.to_datetime(notation, strict=False, time_unit="us")


def _excel_serial(cell: pl.Expr) -> pl.Expr:
    days = pl.when(cell.str.contains(r"^\d{1,7}(?:\.\d+)?$")).then(cell).cast(pl.Float64)
    # Excel holds 1900 for a leap year: its day 60 never was, and the days before it count from one day later.
    since = pl.when(days >= 61).then(days - 1).when(days < 60).then(days)
    milliseconds = (since * _MILLISECONDS_A_DAY).round().cast(pl.Int64)
    value = pl.lit(datetime(1899, 12, 31)) + pl.duration(milliseconds=milliseconds)  # noqa: DTZ001
    return pl.when((days >= 1) & (days < LAST_SERIAL + 1)).then(value).cast(pl.Datetime("us"))


def number(cell: pl.Expr, dtype: pl.DataType, numbers: Numbers) -> pl.Expr:
    """Number of each cell by its notation; null where a cell does not follow it.

    Args:
        dtype: Int64 or Float64; a number with decimals is no Int64.
    """
    if numbers == _PLAIN:
        value = cell.cast(dtype, strict=False)
        return pl.when(value.is_finite()).then(value) if dtype == pl.Float64() else value
    if numbers.decimal == ",":
        return _declared(cell, dtype, numbers)
    # Most cells need no notation: only those that are no plain number are looked at more closely, which costs more.
    plain = pl.when(~cell.str.contains(r"[^0-9.+-]|\.$")).then(cell).cast(dtype, strict=False)
    return pl.coalesce([plain, _declared(pl.when(plain.is_null()).then(cell), dtype, numbers)])


def _declared(cell: pl.Expr, dtype: pl.DataType, numbers: Numbers) -> pl.Expr:
    cell = cell.str.strip_chars()
    written: pl.Expr = pl.when(cell.str.contains(_whole(numbers))).then(cell)
    if not (numbers.currency or numbers.negative or numbers.percent or {" ", "'"} & set(numbers.thousands)):
        for sign in numbers.thousands:
            written = written.str.replace_all(sign, "", literal=True)
        return _with_point(written, numbers).cast(dtype, strict=False)
    value = _with_point(_digits_of(written, numbers), numbers).cast(dtype, strict=False)
    value = pl.when(cell.str.contains(_below_nought(numbers))).then(-value).otherwise(value)
    if numbers.percent == "fraction":
        value = pl.when(cell.str.contains("%", literal=True)).then(value / 100).otherwise(value)
    return value


def _with_point(digits: pl.Expr, numbers: Numbers) -> pl.Expr:
    return digits.str.replace(",", ".", literal=True) if numbers.decimal == "," else digits


def _digits_of(written: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Digits and decimal sign of cells that are known to follow the notation: all else that may stand there is removed.

    Removing is a third of the cost of extracting, on millions of cells.
    """
    others = [*_BLANKS.strip("[]"), *"+-()%", "CR", "’", *numbers.currency, *(t for t in numbers.thousands if t != " ")]
    unwanted = sorted(set(others), key=len, reverse=True)
    return written.str.replace_many(unwanted, [""] * len(unwanted), ascii_case_insensitive=True, leftmost=True)


def _below_nought(numbers: Numbers) -> str:
    signs = ["-"]
    signs += [r"\("] if "brackets" in numbers.negative else []
    signs += [r"(?i:CR)$"] if "CR" in numbers.negative else []
    return "|".join(signs)


def _digits(numbers: Numbers) -> str:
    decimal = re.escape(numbers.decimal)
    grouped = [rf"\d{{1,3}}(?:{_class_of(sign)}\d{{3}})+" for sign in numbers.thousands]
    whole = "|".join([*grouped, r"\d+"])
    return rf"(?:{whole})(?:{decimal}\d+)?|{decimal}\d+"


def _class_of(thousands: str) -> str:
    return {" ": _BLANKS, "'": "['’]"}.get(thousands, re.escape(thousands))


def _currency(numbers: Numbers) -> str:
    return f"(?:{'|'.join(re.escape(sign) for sign in sorted(numbers.currency, key=len, reverse=True))})"


def _whole(numbers: Numbers) -> str:
    """Pattern of a whole cell; one sign and one currency at most, each on its declared side."""
    digits, blank = f"(?:{_digits(numbers)})", f"{_BLANKS}*"
    money = f"(?:(?i:{_currency(numbers)}){blank})?" if numbers.currency else ""
    after = f"(?:{blank}(?i:{_currency(numbers)}))?" if numbers.currency else ""
    sign = f"(?:[+-]{blank if numbers.currency else ''})?"
    forms = [f"{sign}{money}{digits}{after}", f"{money}{sign}{digits}{after}"]
    if "brackets" in numbers.negative:
        forms.append(rf"{money}\({blank}{money}{digits}{after}{blank}\){after}")
    if "trailing" in numbers.negative:
        forms.append(f"{money}{digits}{blank}-{after}")
    if "CR" in numbers.negative:
        forms.append(f"{money}{digits}{after}{blank}(?i:CR)")
    per_cent = f"(?:{blank}%)?" if numbers.percent else ""
    return f"^{blank}(?:{'|'.join(forms)}){per_cent}{blank}$"


def shown(numbers: Numbers) -> str:
    """The notation of numbers by an example of our own, such as 1.234,50 with €."""
    thousands = numbers.thousands[0] if numbers.thousands else ""
    text = f"1{thousands}234{numbers.decimal}50"
    extras = [*(f"with {sign}" for sign in numbers.currency)]
    extras += ["negative in brackets"] if "brackets" in numbers.negative else []
    extras += ["negative with a minus behind"] if "trailing" in numbers.negative else []
    extras += ["negative marked CR"] if "CR" in numbers.negative else []
    extras += ["per cent"] if numbers.percent else []
    return ", ".join([text, *extras])


_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d%m%Y"),
    *(sign.join(parts) for sign in "/-." for parts in (("%d", "%m", "%Y"), ("%m", "%d", "%Y"))),
    *(sign.join(parts) for sign in "/-." for parts in (("%d", "%m", "%y"), ("%m", "%d", "%y"))),
    *(sign.join(("%d", month, year)) for sign in "- /" for month in ("%b", "%B") for year in ("%Y", "%y")),
    *("%B %d, %Y", "%b %d, %Y"),
)
_MONTHS = ("%b-%y", "%b-%Y", "%B %Y", "%b %Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S%.f", "T%H:%M:%S%.f")
MOMENT_NOTATIONS = (*(day + time for time, day in product(_TIMES, _DAYS)), *_MONTHS, EXCEL_SERIAL)
"""Every notation of moments that is recognised when a file departs from its layout, or a layout is drafted."""

_CURRENCY = ["£", "€", "$", "GBP", "EUR", "USD"]
_NEGATIVE = ["brackets", "trailing", "CR"]
NUMBER_NOTATIONS = tuple(
    Numbers.model_validate({"decimal": signs[0], "thousands": [*signs[1:]], "currency": currency, "negative": negative})
    for currency, negative in (([], []), ([], _NEGATIVE), (_CURRENCY, []), (_CURRENCY, _NEGATIVE))
    for signs in (".", ".,", ",", ",.", ", ", ". ", ".'")
)
"""Every notation of numbers that is recognised, the plainest first."""

Notation = str | Numbers


def read_in(cells: pl.Series, dtype: pl.DataType, notation: Notation) -> pl.Series:
    """Typed values of cells in one notation; null where a cell does not follow it."""
    cell = pl.col(cells.name)
    value = number(cell, dtype, notation) if isinstance(notation, Numbers) else moment(cell, [notation])
    return cells.to_frame().select(value.alias(cells.name)).to_series()


def fitting(
    cells: pl.Series, dtype: pl.DataType, *, share: float = 1.0, hardest: pl.Series | None = None
) -> Iterator[tuple[Notation, pl.Series]]:
    """Every known notation in which at least this share of the filled cells can be read, with what is read.

    A few cells are tried first, since nearly every notation fails with those. A notation that only allows for more
    signs than another that reads every cell is left out.

    Args:
        cells: Text; blanks are null.
        hardest: Those of the cells that are tried first; the first ones where nothing is known of them.
    """
    filled = cells.drop_nulls() if hardest is None else hardest.drop_nulls()
    count = len(cells) - cells.null_count()
    if filled.is_empty():
        return
    tried = ((filled.head(20), 0.3), (filled.head(1000), 0.1))
    known: Sequence[Notation] = NUMBER_NOTATIONS if is_number(dtype) else MOMENT_NOTATIONS
    whole: list[Notation] = []
    for notation in known:
        if any(_only_adds_to(notation, other) for other in whole):
            continue
        if any(_share(part, dtype, notation) < share - slack for part, slack in tried):
            continue
        values = read_in(cells, dtype, notation)
        read = len(values) - values.null_count()
        if read == count:
            whole.append(notation)
        if read >= share * count:
            yield notation, values


def _only_adds_to(notation: Notation, other: Notation) -> bool:
    return (
        isinstance(notation, Numbers)
        and isinstance(other, Numbers)
        and (notation.decimal, notation.thousands) == (other.decimal, other.thousands)
        and set(notation.currency) >= set(other.currency)
        and set(notation.negative) >= set(other.negative)
    )


def _share(cells: pl.Series, dtype: pl.DataType, notation: Notation) -> float:
    return 1 - read_in(cells, dtype, notation).null_count() / len(cells)


def with_signs_used(numbers: Numbers, cells: pl.Series) -> Numbers:
    """The notation with no more signs than these cells use."""
    unread = read_in(cells, pl.Float64(), numbers).null_count()
    for field in ("currency", "negative"):
        for sign in list(getattr(numbers, field)):
            without = numbers.model_copy(update={field: [s for s in getattr(numbers, field) if s != sign]})
            if read_in(cells, pl.Float64(), without).null_count() == unread:
                numbers = without
    return numbers


def named(notation: Notation) -> str:
    return shown(notation) if isinstance(notation, Numbers) else described(notation)
