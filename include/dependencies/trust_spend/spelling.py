"""Telling a slip of the pen from a term of its own: what is written once, and almost as others are."""

from collections import Counter
from collections.abc import Iterable

import polars as pl


def slips(terms: pl.Series, *, at_least: int) -> list[str]:
    """Terms that stand in one row and are one slip from a term of several.

    A slip is a sign too many, too few, another, or two that have changed places. Terms that differ in digits are
    different ones: wards and grades are numbered.

    Args:
        terms: A column's cells; blanks are left out.
        at_least: Rows that the other term must have.
    """
    counts = Counter(terms.drop_nulls().to_list())
    usual: dict[str, set[str]] = {}
    for term in (term for term, count in counts.items() if count >= at_least):
        for shorter in _shortened(term):
            usual.setdefault(shorter, set()).add(term)
    rare = (term for term, count in counts.items() if count == 1)
    return [term for term in rare if any(_is_slip(term, other) for other in _close(term, usual))]


def _shortened(term: str) -> Iterable[str]:
    """The term, and what is left of it without any one of its signs: two that are a slip apart have one in common."""
    yield term
    for place in range(len(term)):
        yield term[:place] + term[place + 1 :]


def _close(term: str, usual: dict[str, set[str]]) -> set[str]:
    return set().union(*(usual.get(shorter, set()) for shorter in _shortened(term)))


def _is_slip(term: str, other: str) -> bool:
    return term != other and _digits(term) == _digits(other)


def _digits(term: str) -> str:
    return "".join(filter(str.isdecimal, term))
