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
    plain = _seconds(settings, "many", is_profiled=False)
    profiled = _seconds(settings, "many_profiled", is_profiled=True)
    return [
        _measured(f"a supplier of {_SUPPLIERS:,} with a small file each", plain, most=1),
        _measured("the same, profiled, too", profiled),
    ]


def _measured(what: str, seconds: float, most: float | None = None) -> Measured:
    milliseconds = 1000 * seconds / _SUPPLIERS
    return Measured(what, f"{_MOST_MILLISECONDS} ms", milliseconds, _MOST_MILLISECONDS, unit="ms", most=most)


def _seconds(settings: Settings, name: str, *, is_profiled: bool) -> float:
    codes = [f"maker_{number:04}" for number in range(_SUPPLIERS)]
    office = open_generated(settings, name, codes, is_profiled=is_profiled)
    for number, code in enumerate(codes):
        file = generate(settings.home / "small.csv", _ROWS + number % 7)
        send(settings, name, file, code)
    released: list[str] = []
    seconds = seconds_of(lambda: released.extend(take_in(office)))
    if len(released) != _SUPPLIERS:
        raise IntegrityError(f"Only {len(released)} of {_SUPPLIERS} suppliers were released.")
    return seconds
