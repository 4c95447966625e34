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
from types import FrameType

import pytest
from integrity.settings import PROJECT_ROOT, Settings
from orchestration.services import LocalAirflow

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


def status_in_a_shell(code: int) -> int:
    """As a shell tells it: of a program that says so and of one that a signal ended the same.

    Python ends itself by SIGINT, whatever the program returns, if a Ctrl-C has once come while a text was executed,
    as imports of named tuples and data classes do.
    """
    return code if code >= 0 else 128 - code


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
    assert status_in_a_shell(run.returncode) == 128 + signal.SIGINT, told
    until = time.monotonic() + 60
    while left := started & set(living()):
        assert time.monotonic() < until, f"{len(left)} processes are left"
        time.sleep(0.5)


@pytest.mark.parametrize("again", ["TERM", "INT"])
def test_being_told_again_keeps_nothing_from_being_ended(again: str) -> None:
    """Ending takes seconds, and people press Ctrl-C again."""
    script = f"trap 'kill -{again} {os.getpid()}' TERM; sleep 20 & echo started; wait"
    before = signal.signal(signal.SIGTERM, _told)
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == b"started\n"
        try:
            LocalAirflow(Settings.from_environment(), {}, "", {"scheduler": process}).stop()
            assert process.returncode is not None
            assert signal.getsignal(signal.SIGTERM) is _told
        except KeyboardInterrupt:
            pytest.fail("It stopped ending what it had started.")
        finally:
            signal.signal(signal.SIGTERM, before)


def _told(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
