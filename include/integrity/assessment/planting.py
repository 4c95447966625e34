"""Planting one error: what a corruption is, what was planted where, and when it is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from integrity.assessment.specimens import Sent, Specimen
from integrity.errors import IntegrityError
from integrity.inventory import manual

Watcher = Literal["structure", "layout", "coverage", "population", "relations", "profiling", "nobody"]
"""Who could see an error: cells and rows; how the file is written; who and what came; which reporting units are in it,
where the dependency lists them; other days and data sets; the history of figures; no machine at all."""

T = TypeVar("T")


class NotApplicable(IntegrityError):
    """A corruption cannot be planted in this file; the text says why."""


class NothingPlanted(IntegrityError):
    """A corruption changed nothing, or cannot say what: it would count as missed whatever the gates do."""


@dataclass(frozen=True)
class Planted:
    """A file with an error in it, and where that is: row numbers and columns of the dictionary, never values.

    Attributes:
        sent: What the supplier now sends; None where nothing is sent.
        rows: Lines concerned, as in the file before; lines that were added, as in the file now.
        columns: Columns concerned, by their names in the data dictionary.
        whole_file: The error is the file's as a whole, as where something is left out of it: no row can be pointed at.
    """

    sent: Sent | None
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    whole_file: bool = False


Plant = Callable[[Specimen, random.Random], Planted]


@dataclass(frozen=True)
class Corruption:
    """One kind of error that suppliers make.

    Attributes:
        dimensions: What it harms, by the manual's names; limitations likewise, by their codes.
        seen_by: Who could see it if the right rules were written: no statement on the rules that there are.
        profiled_by: Where the profiling gate may be the only one: the gate's rule that it would be, which tells how
            much history that takes; '' elsewhere.
        kinds: Kinds of rule that one would expect to speak of it.
    """

    name: str
    says: str
    dimensions: tuple[str, ...]
    limitations: tuple[str, ...]
    seen_by: frozenset[Watcher]
    kinds: frozenset[str]
    make: Plant
    profiled_by: str = ""


@dataclass(frozen=True)
class Harmless:
    """A change of which nobody should hear: the same figures, written or ordered otherwise."""

    name: str
    says: str
    make: Plant


def corruption(
    name: str,
    *,
    says: str,
    dimensions: Sequence[str],
    limitations: Sequence[str],
    seen_by: Collection[Watcher],
    kinds: Collection[str],
    profiled_by: str = "",
) -> Callable[[Plant], Corruption]:
    """Declare a function as a corruption; what it names must be the manual's."""
    unknown = [*(d for d in dimensions if d not in manual.dimensions())]
    unknown += [code for code in limitations if code not in manual.limitations()]
    unknown += [kind for kind in kinds if kind not in manual.kinds()]
    if unknown or not dimensions or not seen_by:
        raise ValueError(f"{name}: not in the manual, or left out: {', '.join(unknown)}")
    if (profiled_by != "") != _may_be_profilings_alone(seen_by):
        raise ValueError(f"{name}: profiled_by belongs to errors that profiling alone may see, and to no other")
    return lambda make: Corruption(
        name, says, tuple(dimensions), tuple(limitations), frozenset(seen_by), frozenset(kinds), make, profiled_by
    )


def _may_be_profilings_alone(seen_by: Collection[Watcher]) -> bool:
    return "profiling" in seen_by and set(seen_by) <= {"profiling", "population"}


def harmless(name: str, *, says: str) -> Callable[[Plant], Harmless]:
    """Declare a function as a harmless change."""
    return lambda make: Harmless(name, says, make)


def plant(what: Corruption | Harmless, specimen: Specimen, seed: int) -> Planted:
    """Plant an error in a file; the same seed plants the same.

    Raises:
        NotApplicable: There is nothing in this file in which it could be planted.
        NothingPlanted: The bytes are as before, or nothing is on record.
    """
    chance = random.Random(f"{seed}/{what.name}/{specimen.sent.sha256}")  # noqa: S311 - chance that can be repeated
    planted = what.make(specimen, chance)
    if planted.sent is not None and _is_same(planted.sent, specimen.sent):
        raise NothingPlanted(f"'{what.name}' left the file as it was.")
    if not (planted.rows or planted.columns or planted.whole_file):
        raise NothingPlanted(f"'{what.name}' does not say what it planted.")
    return planted


def _is_same(one: Sent, other: Sent) -> bool:
    return (one.content, one.name, one.supplier) == (other.content, other.name, other.supplier)


def pick(chance: random.Random, options: Sequence[T], lacking: str) -> T:
    """One of the options.

    Raises:
        NotApplicable: There is none; ``lacking`` says what the file would need.
    """
    if not options:
        raise NotApplicable(lacking)
    return chance.choice(options)


def some(chance: random.Random, options: Sequence[T], share: float, lacking: str) -> list[T]:
    """A share of the options, at least one, in their order.

    Raises:
        NotApplicable: There is none.
    """
    if not options:
        raise NotApplicable(lacking)
    chosen = set(chance.sample(range(len(options)), max(1, round(share * len(options)))))
    return [option for i, option in enumerate(options) if i in chosen]
