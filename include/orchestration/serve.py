"""``make up``: Airflow's page and scheduler until Ctrl-C. ``make down`` ends one that was left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from integrity.errors import IntegrityError, Misconfigured
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from integrity.submissions.inbox import make_folders

from orchestration.airflow_home import PAGES, USER, password
from orchestration.services import end_when_told, local_airflow

_SERVICES = ["api-server", "scheduler", "dag-processor", "triggerer"]
_STOP_SECONDS = 40


def up(settings: Settings) -> None:
    """Serve until interrupted."""
    pid_file = settings.home / "up.pid"
    if running_pid(pid_file):
        raise Misconfigured(f"It is up already, as process {running_pid(pid_file)}. 'make down' ends it.")
    end_when_told()
    with local_airflow(settings, _say) as airflow:
        pid_file.write_text(str(os.getpid()), encoding="utf-8")
        try:
            inventory = load_inventory(settings)
            for dependency in inventory.dependencies.values():
                make_folders(settings, dependency.name, [s.code for s in dependency.dependency.suppliers])
            airflow.start(_SERVICES)
            _say("Airflow: API server, scheduler, Dag processor, triggerer (some twenty seconds)")
            airflow.wait_until_healthy({f"ingest__{name}" for name in inventory.dependencies})
            _say(f"\nUp at {airflow.url}   user {USER}, password {password(settings)}")
            _say(f"What needs somebody now: {airflow.url}{PAGES}/issues")
            _say(f"Drop files under {settings.inbox}/<dependency>/<supplier>/. Ctrl-C ends it.")
            while True:
                airflow.check_alive()
                time.sleep(1)
        except KeyboardInterrupt:
            _say("Stopping.")
        finally:
            pid_file.unlink(missing_ok=True)


def down(settings: Settings) -> None:
    """End the ``up`` of this home, if there is one, and wait until it has ended."""
    pid = running_pid(settings.home / "up.pid")
    if pid is None:
        _say("Nothing is up.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while running_pid(settings.home / "up.pid") and time.monotonic() < deadline:
        time.sleep(0.2)
    _say("Down." if running_pid(settings.home / "up.pid") is None else f"Process {pid} does not end; see its terminal.")


def running_pid(pid_file: Path) -> int | None:
    """The process that serves this home, if it lives."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="utf-8"))
        os.kill(pid, 0)
        return pid
    return None


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def main() -> int:
    try:
        settings = Settings.from_environment()
        (up if sys.argv[1:] == ["up"] else down)(settings)
    except IntegrityError as error:
        sys.stderr.write(f"make {sys.argv[1]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
