"""Rows by their fate: which rules each row failed, and those of one fate in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from integrity.findings import SAMPLE_ROWS, Rule

_RULES_A_CODE = 60
"""Rules of which one whole number can say which failed."""


@dataclass
class Tally:
    """What one rule has said so far of a column, batch by batch.

    Attributes:
        numbers: Physical row numbers of the first failures.
        masks: For each batch the rows that failed; None where none did.
        error: Why the rule could not be asked; then all else of it does not count.
    """

    rule: Rule
    column: str
    evaluated: int = 0
    failed: int = 0
    numbers: list[int] = field(default_factory=list)
    masks: list[pl.Series | None] = field(default_factory=list)
    error: str = ""

    def add(self, numbers: pl.Series, failing: pl.Series, evaluated: int) -> None:
        """Note a batch.

        Args:
            numbers: Physical number of each of its rows.
            failing: Mask, true where the row fails.
        """
        failed = int(failing.sum())
        self.evaluated += evaluated
        self.failed += failed
        self.masks.append(failing.fill_null(value=False) if failed else None)
        if failed and len(self.numbers) < SAMPLE_ROWS:
            self.numbers += numbers.filter(failing).head(SAMPLE_ROWS - len(self.numbers)).to_list()


@dataclass(frozen=True)
class JudgedRows:
    """Rows of one fate, made batch by batch when asked for, so that those of a large file are never held whole.

    Attributes:
        columns: Names and types.
    """

    height: int
    columns: pl.Schema
    parts: tuple[Callable[[], pl.DataFrame], ...] = ()

    def batches(self) -> Iterator[pl.DataFrame]:
        return (part() for part in self.parts)

    def frame(self) -> pl.DataFrame:
        """All of them at once: for small files, or for people."""
        return pl.concat([pl.DataFrame(schema=self.columns), *self.batches()])

    def select(self, *names: str) -> pl.DataFrame:
        """These columns of all of them."""
        empty = pl.DataFrame(schema=self.columns).select(names)
        return pl.concat([empty, *(batch.select(names) for batch in self.batches())])


class Reasons:
    """Which rows of each batch are set aside, and by which rules.

    Args:
        tallies: Of the rules that set rows aside, in the order in which a row's reasons are told.
    """

    def __init__(self, tallies: Sequence[tuple[str, Tally]], batches: int) -> None:
        self._names = list(dict.fromkeys(name for name, _ in tallies))
        self._masks: list[dict[str, pl.Series]] = [{} for _ in range(batches)]
        for name, tally in tallies:
            for masks, failing in zip(self._masks, tally.masks, strict=True):
                if failing is not None:
                    masks[name] = masks[name] | failing if name in masks else failing

    def aside(self, batch: int) -> pl.Series | None:
        """Mask of a batch's rows that some rule sets aside; None where none is."""
        aside: pl.Series | None = None
        for failing in self._masks[batch].values():
            aside = failing if aside is None else aside | failing
        return aside

    def count(self) -> int:
        """Rows set aside, all batches together."""
        masks = (self.aside(batch) for batch in range(len(self._masks)))
        return sum(int(mask.sum()) for mask in masks if mask is not None)

    def of(self, batch: int) -> pl.Series:
        """The rules that each row which is set aside failed, as lists of names.

        Rows fail in few combinations of rules: each combination is named once, however many rows share it.
        """
        aside = self.aside(batch)
        if aside is None:
            return pl.Series("rules", [], dtype=pl.List(pl.String))
        # In the order of all rules: which of them fail in this batch first depends on where it begins.
        masks = self._masks[batch]
        failing = [(name, masks[name].filter(aside)) for name in self._names if name in masks]
        groups = [failing[start : start + _RULES_A_CODE] for start in range(0, len(failing), _RULES_A_CODE)]
        codes = pl.DataFrame({str(number): _code([mask for _, mask in group]) for number, group in enumerate(groups)})
        known = codes.unique()
        names = [
            [
                name
                for group, code in zip(groups, row, strict=True)
                for i, (name, _) in enumerate(group)
                if code >> i & 1
            ]
            for row in known.iter_rows()
        ]
        named = known.with_columns(pl.Series("rules", names, dtype=pl.List(pl.String)))
        return codes.join(named, on=codes.columns, how="left", maintain_order="left")["rules"]


def _code(masks: list[pl.Series]) -> pl.Series:
    frame = pl.DataFrame({str(i): mask for i, mask in enumerate(masks)})
    return frame.select(
        pl.sum_horizontal(pl.col(str(i)).cast(pl.Int64) * (1 << i) for i in range(len(masks)))
    ).to_series()
