"""Row numbers as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def ranges(rows: Sequence[int]) -> str:
    """Row numbers as ranges: ``2-5, 9``."""
    parts = []
    for _, run in groupby(enumerate(sorted(set(rows))), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        parts.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return ", ".join(parts)
