"""What ``make run`` has started ends with it, however it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from integrity.settings import PROJECT_ROOT

pytestmark = pytest.mark.timeout(400)

SERVICES = ("api-server", "scheduler", "dag-processor")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for PostgreSQL's socket."""
    with tempfile.TemporaryDirectory(prefix="ig-end-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def living() -> dict[int, int]:
    """The parent of every process that lives."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in found if not state.startswith("Z")}


def descendants(of: int) -> set[int]:
    parents, found = living(), {of}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found - {of}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_airflow_ends_with_make_run(home: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "INTEGRITY_HOME": str(home)}
    environment.pop("INTEGRITY_DATABASE_URL", None)
    run = subprocess.Popen(
        [sys.executable, "-m", "orchestration.nights"], env=environment, cwd=PROJECT_ROOT, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 200
    while not all((home / "airflow" / "logs" / f"{service}.log").exists() for service in SERVICES):
        assert time.monotonic() < deadline, "Airflow does not start"
        assert run.poll() is None
        time.sleep(0.5)
    started = descendants(run.pid)
    assert len(started) >= len(SERVICES)
    run.send_signal(number)
    told, _ = run.communicate(timeout=120)
    assert run.returncode == 130, told
    until = time.monotonic() + 60
    while left := started & set(living()):
        assert time.monotonic() < until, f"{len(left)} processes are left"
        time.sleep(0.5)
