"""Airflow on this machine: prepared, started, watched and stopped; and asked through its own API."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from integrity.errors import Misconfigured, Transient
from integrity.inventory.accounts import accounts_of
from integrity.inventory.loading import load_inventory
from integrity.settings import PROJECT_ROOT, Settings
from integrity.warehouse import embedded
from integrity.warehouse.connection import database_url, open_engine
from integrity.warehouse.migrate import migrate

from orchestration.airflow_home import USER, airflow_environment, password, write_environment_file

_AIRFLOW = Path(sys.executable).parent / "airflow"
# Their log servers would listen on fixed ports and on every address; on one machine the page reads the files itself.
_COMMANDS: dict[str, list[str | Path]] = {
    "scheduler": [sys.executable, "-m", "orchestration.scheduler", "--skip-serve-logs"],
    "triggerer": [_AIRFLOW, "triggerer", "--skip-serve-logs"],
}
_STARTUP_SECONDS = 180
_STOP_SECONDS = 20

Say = Callable[[str], None]


@dataclass
class LocalAirflow:
    """Airflow's processes of this checkout.

    Attributes:
        environment: In which every process of it runs.
        url: Its page and API, on loopback.
    """

    settings: Settings
    environment: dict[str, str]
    url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def start(self, services: list[str]) -> None:
        """Start services such as ``scheduler``; each writes to a log of its own under ``airflow/logs``."""
        logs = Path(self.environment["AIRFLOW_HOME"]) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for service in services:
            with (logs / f"{service}.log").open("ab") as output:
                self.processes[service] = subprocess.Popen(  # noqa: S603 - our own interpreter's airflow
                    _COMMANDS.get(service, [_AIRFLOW, service]),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **self.environment},
                    cwd=PROJECT_ROOT,
                    start_new_session=True,
                )

    def wait_until_healthy(self, dags: set[str]) -> None:
        """Wait for API, scheduler and Dag processor, and for these Dags to be known.

        Raises:
            Transient: A process ended, or they are not there in time; the text names the log.
        """
        deadline = time.monotonic() + _STARTUP_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            with contextlib.suppress(httpx.HTTPError, KeyError):
                health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
                if all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                    known = {dag["dag_id"] for dag in self.get("/api/v2/dags", limit=1000)["dags"]}
                    if dags <= known:
                        return
                    self._refuse_import_errors()
            time.sleep(0.5)
        raise Transient(f"Airflow is not up after {_STARTUP_SECONDS} s. See {self.environment['AIRFLOW_HOME']}/logs.")

    def _refuse_import_errors(self) -> None:
        errors = self.get("/api/v2/importErrors")["import_errors"]
        if errors:
            last_line = errors[0]["stack_trace"].strip().splitlines()[-1]
            raise Misconfigured(f"{errors[0]['filename']} cannot be imported: {last_line}")

    def check_alive(self) -> None:
        """Raise if one of the processes has ended."""
        for service, process in self.processes.items():
            if process.poll() is not None:
                log = Path(self.environment["AIRFLOW_HOME"]) / "logs" / f"{service}.log"
                raise Transient(f"Airflow's {service} ended with {process.returncode}. Its log is {log}.")

    def stop(self) -> None:
        """End the processes that this object started, children included, and wait for them."""
        with _undisturbed():
            for process in self.processes.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_SECONDS
            for process in self.processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, deadline - time.monotonic()))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self.processes.clear()

    def backfill(self, dag_id: str, first: date, last: date, *, max_active_runs: int) -> str:
        """Have the scheduler run these periods, both included, also those that have run before.

        Waits for an earlier backfill of the Dag: Airflow allows one at a time, and notices its end after a while.

        Returns:
            When it was asked for, as the API writes it.
        """
        while any(b["completed_at"] is None for b in self.get("/api/v2/backfills", dag_id=dag_id)["backfills"]):
            self.check_alive()
            time.sleep(1)
        asked = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "max_active_runs": max_active_runs,
            "reprocess_behavior": "completed",
            "run_backwards": False,
            "dag_run_conf": {},
        }
        return str(self.post("/api/v2/backfills", asked)["created_at"])

    def run(self, dag_id: str, period: date) -> str:
        """Start a run of one period; gives its id."""
        body = {"logical_date": None, "partition_key": period.isoformat()}
        return str(self.post(f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def is_quiet(self) -> bool:
        """Whether no run is queued or running."""
        active = self.get("/api/v2/dags/~/dagRuns", state=["queued", "running"], limit=1)["total_entries"]
        return not active

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any], account: str = USER) -> Any:
        return self._call("PATCH", path, account, json=body)

    def _call(self, method: str, path: str, account: str = USER, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token(account)}"}
        response = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **options)
        if response.is_error:
            raise Transient(f"Airflow's API answered {response.status_code} to {method} {path}: {response.text[:300]}")
        return response.json()

    def _token(self, account: str) -> str:
        if account not in self.tokens:
            login = {"username": account, "password": password(self.settings, account)}
            answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=30)
            answer.raise_for_status()
            self.tokens[account] = answer.json()["access_token"]
        return self.tokens[account]


def end_when_told() -> None:
    """Have SIGTERM end this process as Ctrl-C does, so that what it has started ends with it."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def local_airflow(settings: Settings, say: Say) -> Iterator[LocalAirflow]:
    """Prepare databases, migrations and Airflow's configuration; what was started is stopped at the end."""
    for folder in (settings.home, settings.home / "lineage", settings.inbox, settings.outbox, settings.archive):
        folder.mkdir(parents=True, exist_ok=True)
    say("PostgreSQL")
    server = embedded.start(settings.home)
    say("Migrations of the warehouse")
    migrate(open_engine(settings))
    port = free_port(os.environ.get("INTEGRITY_PORT", ""))
    accounts = list(accounts_of(load_inventory(settings), settings.sponsor))
    environment = airflow_environment(
        settings,
        metadata_url=embedded.url(server, embedded.AIRFLOW),
        warehouse_url=database_url(settings),
        port=port,
        accounts=accounts,
    )
    for account in (USER, *accounts):
        password(settings, account)
    write_environment_file(settings, environment)
    _migrate_airflow(environment, say)
    airflow = LocalAirflow(settings, environment, f"http://127.0.0.1:{port}")
    try:
        yield airflow
    finally:
        airflow.stop()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Who presses Ctrl-C again, because ending takes seconds, does not leave behind what was to be ended."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port(wanted: str) -> int:
    """The port that ``INTEGRITY_PORT`` asks for, or any free one on loopback.

    Raises:
        Misconfigured: The port asked for is no port, or somebody has it.
    """
    if wanted and not (wanted.isdigit() and 0 < int(wanted) < 65536):
        raise Misconfigured(f"INTEGRITY_PORT is '{wanted}'. Give a number from 1 to 65535, or leave it out.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(wanted or 0)))
        except OSError as error:
            raise Misconfigured(
                f"Port {wanted} is taken by another program. Set INTEGRITY_PORT to a free one, or leave it out."
            ) from error
        return int(probe.getsockname()[1])


def _migrate_airflow(environment: dict[str, str], say: Say) -> None:
    """Run Airflow's own migrations once for its version; they take ten seconds even where nothing is to be done."""
    done = Path(environment["AIRFLOW_HOME"]) / "migrated"
    if done.exists() and done.read_text(encoding="utf-8") == version("apache-airflow"):
        return
    say("Migrations of Airflow's database (once, some ten seconds)")
    result = subprocess.run(  # noqa: S603 - our own interpreter's airflow
        [_AIRFLOW, "db", "migrate"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    if result.returncode:
        raise Transient(f"'airflow db migrate' failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    done.write_text(version("apache-airflow"), encoding="utf-8")
