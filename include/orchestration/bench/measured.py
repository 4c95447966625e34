"""One comparison, its target, and how it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """``value`` of the thing beside ``base`` of what it is held against, both in ``unit``.

    Attributes:
        most: The highest ratio that is wanted; None where it is only told.
    """

    what: str
    against: str
    value: float
    base: float
    unit: str = "s"
    most: float | None = None

    @property
    def ratio(self) -> float:
        return self.value / self.base

    @property
    def is_met(self) -> bool | None:
        return None if self.most is None else self.ratio <= self.most

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "ratio": round(self.ratio, 3), "is_met": self.is_met}

    def to_row(self) -> list[str]:
        target = "" if self.most is None else f"at most {self.most:g}"
        met = {None: "", True: "met", False: "not met"}[self.is_met]
        values = [f"{value:,.2f} {self.unit}" for value in (self.value, self.base)]
        return [self.what, self.against, *values, f"{self.ratio:.2f}", target, met]


def seconds_of(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
