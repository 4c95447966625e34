"""What one file of the corpus is, and what reading it has to give."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

csv.field_size_limit(1 << 30)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, and the right table or the right refusal.

    Attributes:
        name: Name of the file, by which its supplier sends it; without a folder.
        data: Its bytes, or what makes them where they are large.
        about: What it is, and where the idea comes from.
        table: The headings and the sound rows as clean CSV; None where the file is refused.
        refused: What the refusal has to say.
        numbers: Physical number of each sound row, where it is looked at.
        bad_rows: Physical numbers of the rows that are set aside.
        skipped: Physical numbers of the rows that are no part of the table.
        told: What has to be told of it, each somewhere among notes, containers and reasons.
        problem: What has to be said against trusting the table; '' if nothing may be.
        said: Attributes of the reading that have to be so.
        hints: What the layout says.
        limits: Limits that are set lower for this file.
        wrong: Why the reader does not do so yet.
    """

    name: str
    data: bytes | Callable[[], bytes]
    about: str
    table: str | None = None
    refused: str | None = None
    numbers: tuple[int, ...] | None = None
    bad_rows: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    told: tuple[str, ...] = ()
    problem: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    wrong: str = ""

    @property
    def content(self) -> bytes:
        return self.data() if callable(self.data) else self.data

    @property
    def cells(self) -> list[list[str]]:
        """The expected table: headings, then rows; blank cells are ''."""
        assert self.table is not None
        return list(csv.reader(io.StringIO(self.table, newline="")))

    def expectation(self) -> dict[str, Any]:
        """The expectation as JSON can have it."""
        if self.refused is not None:
            return {"file": self.name, "about": self.about, "refused": self.refused, **self._asked()}
        return {
            "file": self.name,
            "about": self.about,
            "table": self.table,
            "row_numbers": self.numbers,
            "bad_rows": self.bad_rows,
            "skipped": self.skipped,
            "told": self.told,
            "problem": self.problem,
            "said": dict(self.said),
            **self._asked(),
        }

    def _asked(self) -> dict[str, Any]:
        return {"hints": dict(self.hints), "limits": dict(self.limits)}


def clean(rows: list[list[str]]) -> str:
    """Rows as clean CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
