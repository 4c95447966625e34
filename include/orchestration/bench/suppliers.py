"""A thousand suppliers of one small file each, in one process."""

from __future__ import annotations

from integrity.errors import IntegrityError
from integrity.settings import Settings

from orchestration.bench.generated import generate, open_generated, send, take_in
from orchestration.bench.measured import Measured, seconds_of

_SUPPLIERS = 1_000
_ROWS = 20
_MOST_MILLISECONDS = 50


def measure_suppliers(settings: Settings) -> list[Measured]:
    name = "many"
    codes = [f"maker_{number:04}" for number in range(_SUPPLIERS)]
    office = open_generated(settings, name, codes)
    for number, code in enumerate(codes):
        file = generate(settings.home / "small.csv", _ROWS + number % 7)
        send(settings, name, file, code)
    released: list[str] = []
    seconds = seconds_of(lambda: released.extend(take_in(office)))
    if len(released) != _SUPPLIERS:
        raise IntegrityError(f"Only {len(released)} of {_SUPPLIERS} suppliers were released.")
    return [
        Measured(
            f"a supplier of {_SUPPLIERS:,} with a small file each",
            f"{_MOST_MILLISECONDS} ms",
            1000 * seconds / _SUPPLIERS,
            _MOST_MILLISECONDS,
            unit="ms",
            most=1,
        )
    ]
