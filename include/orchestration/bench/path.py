"""The whole path of a large file: its time against a bare ``COPY``, its memory, and what spoilt files cost."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import psycopg
from integrity.settings import Settings
from integrity.warehouse import embedded

from orchestration.bench.generated import COLUMN_TYPES, KINDS, generate, open_generated, send, take_in, take_in_whole
from orchestration.bench.measured import Measured, seconds_of

ROWS = 2_000_000
_SPOILT_ROWS = 1_000_000
_LARGE_ROWS = 20_000_000
_REPEATS = 3
_GIB = 1 << 30
_MOST_RESIDENT_GIB = 1.5


def measure_path(settings: Settings) -> list[Measured]:
    """Archive, read, judge, land and release 2,000,000 rows of 12 columns, and ``COPY`` the same file, in turns."""
    file = generate(settings.home / "generated.csv", ROWS)
    url = embedded.url(embedded.start(settings.home), embedded.WAREHOUSE)
    paths, profiled, copies = [], [], []
    for repeat in range(_REPEATS):
        plain = open_generated(settings, f"generated_{repeat}", is_profiled=False)
        full = open_generated(settings, f"profiled_{repeat}")
        for office in (plain, full):
            send(settings, office.name, file)
        os.sync()  # A file that has arrived is on disk; nobody waits for it to get there.
        copies.append(seconds_of(lambda: _bare_copy(url, file)))
        paths.append(seconds_of(partial(take_in_whole, plain)))
        profiled.append(seconds_of(partial(take_in_whole, full)))
    file.unlink()
    return [
        Measured(
            f"whole path in one process, {ROWS:,} rows of 12 columns",
            "bare COPY of the file, logged table, one connection",
            statistics.median(paths),
            statistics.median(copies),
            most=1.5,
        ),
        Measured("the same, profiled, too", "the same COPY", statistics.median(profiled), statistics.median(copies)),
    ]


def measure_spoilt(settings: Settings) -> list[Measured]:
    """A file with a column that is blank throughout, and one whose every row fails every rule, beside a clean one."""
    seconds = {}
    for kind in KINDS:
        name = "spoilt_" + kind.replace(" ", "_")
        office = open_generated(settings, name)
        file = generate(settings.home / f"{name}.csv", _SPOILT_ROWS, kind)
        send(settings, name, file)
        file.unlink()
        seconds[kind] = seconds_of(partial(take_in, office))
    clean = seconds.pop("clean")
    return [
        Measured(f"whole path, {_SPOILT_ROWS:,} rows, {kind}", "the same of a clean file", taken, clean, most=3)
        for kind, taken in seconds.items()
    ]


def measure_memory(settings: Settings) -> list[Measured]:
    """Resident memory at its highest of the process that takes a file in, and of its reader, together."""
    name = "large"
    open_generated(settings, name).engine.dispose()
    file = generate(settings.home / "large.csv", _LARGE_ROWS)
    send(settings, name, file)
    file.unlink()
    environment = {**os.environ, "INTEGRITY_HOME": str(settings.home)}
    environment["INTEGRITY_DEPENDENCIES"] = str(settings.dependencies)
    command = [sys.executable, "-m", "orchestration.bench.path", name]
    told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    highest = json.loads(told.stdout)["highest_bytes"]
    return [
        Measured(
            f"memory of the whole path, {_LARGE_ROWS:,} rows",
            f"{_MOST_RESIDENT_GIB} GiB resident",
            sum(highest) / _GIB,
            _MOST_RESIDENT_GIB,
            unit="GiB",
            most=1,
        )
    ]


def _bare_copy(url: str, file: Path) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(COLUMN_TYPES))
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS public.bare")
        connection.execute(f"CREATE TABLE public.bare ({columns})")
        with (
            connection.cursor().copy("COPY public.bare FROM STDIN (FORMAT csv, HEADER)") as copy,
            file.open("rb") as data,
        ):
            while chunk := data.read(1 << 20):
                copy.write(chunk)


def _highest_resident_bytes(process: str) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def _take_in_and_tell(name: str) -> None:
    take_in_whole(open_generated(Settings.from_environment(), name))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    highest = [_highest_resident_bytes(process) for process in ["self", *children]]
    sys.stdout.write(json.dumps({"highest_bytes": highest}))


if __name__ == "__main__":
    _take_in_and_tell(sys.argv[1])
