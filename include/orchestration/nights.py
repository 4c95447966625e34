"""``make run``: real nights through the whole pipeline on a real Airflow, told as they happen."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.errors import IntegrityError, Transient
from integrity.inventory.loading import Inventory, load_inventory
from integrity.register.life import CLOSED, RESOLVED
from integrity.reports.console import console, table
from integrity.reports.doctor import describe_home
from integrity.reports.nights import nights
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders
from integrity.warehouse.connection import open_engine
from rich.console import Console
from sqlalchemy import Engine, text

from orchestration.airflow_home import USER, password
from orchestration.services import LocalAirflow, end_when_told, local_airflow

FIRST, LAST = date(2020, 4, 16), date(2020, 4, 30)
REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
_SUPPLIER = "protezione_civile"
_DEMONSTRATION = PROJECT_ROOT / "include" / "demonstration"
_SERVICES = ["api-server", "scheduler", "dag-processor"]
_NIGHTS_AHEAD = 3
_NIGHT_SECONDS = 300
"""A night that takes longer than this is stuck."""


@dataclass
class Backfill:
    """A backfill that Airflow was asked for, and the runs of it that have been told."""

    dependency: str
    nights: int
    created_at: str
    told: set[str] = field(default_factory=set)


@dataclass
class Show:
    """The demonstration while it runs."""

    settings: Settings
    inventory: Inventory
    airflow: LocalAirflow
    engine: Engine
    out: Console

    def start(self, dependency: str, first: date, last: date) -> Backfill:
        """Have Airflow run these periods, one after another."""
        created_at = self.airflow.backfill(f"ingest__{dependency}", first, last, max_active_runs=1)
        return Backfill(dependency, (last - first).days + 1, created_at)

    def follow(self, *backfills: Backfill, until: int | None = None) -> None:
        """Tell each night as it ends, until all have ended, or ``until`` nights of the first backfill have."""
        quiet_since = time.monotonic()
        while not all(len(b.told) >= (until or b.nights) for b in backfills):
            self.airflow.check_alive()
            if sum([self._tell_ended(backfill) for backfill in backfills]):
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > _NIGHT_SECONDS:
                logs = f"{self.airflow.environment['AIRFLOW_HOME']}/logs"
                raise Transient(f"No night has ended for {_NIGHT_SECONDS} s. Logs: {logs}")
            time.sleep(1)

    def _tell_ended(self, backfill: Backfill) -> int:
        path = f"/api/v2/dags/ingest__{backfill.dependency}/dagRuns"
        runs = self.airflow.get(path, run_type="backfill", order_by="-id", limit=backfill.nights)["dag_runs"]
        ended = [
            run
            for run in reversed(runs)
            if run["queued_at"] >= backfill.created_at
            and run["state"] in ("success", "failed")
            and run["dag_run_id"] not in backfill.told
        ]
        for run in ended:
            backfill.told.add(run["dag_run_id"])
            self._tell_night(backfill.dependency, run)
        return len(ended)

    def _tell_night(self, dependency: str, run: dict[str, Any]) -> None:
        period = date.fromisoformat(run["partition_key"])
        night = next(iter(nights(self.engine, dependency, period, period)), {})
        self.out.print(
            f"  {period}  {dependency:<28} {night.get('verdict') or 'ERROR':<5}  "
            f"{night.get('rows') or 0:>3} rows, {night.get('quarantined') or 0:>2} set aside, "
            f"{'released' if night.get('is_released') else 'not released'}, {run['duration'] or 0:.0f} s",
            markup=False,
        )

    def wait_for_consumers(self) -> None:
        """Wait until what the releases set off has ended: marts, and periods that are judged again."""
        quiet = 0
        while quiet < 3:
            quiet = quiet + 1 if self.airflow.is_quiet() else 0
            time.sleep(1)


def main() -> int:
    """Run the demonstration; what it cannot do it says in a sentence."""
    out = console()
    started = time.monotonic()

    def say(what: str) -> None:
        out.print(f"[{time.monotonic() - started:5.0f} s] {what}", markup=False)

    end_when_told()
    try:
        settings = Settings.from_environment()
        inventory = load_inventory(settings)
        for broken in inventory.broken.values():
            out.print(f"{broken.name} cannot be loaded and is left out:\n{broken.error()}", style="red", markup=False)
        for name in (REGIONAL, NATIONAL):
            inventory.get(name)
        with local_airflow(settings, say) as airflow:
            say("Airflow: API server, scheduler, Dag processor (some twenty seconds)")
            airflow.start(_SERVICES)
            airflow.wait_until_healthy({f"ingest__{name}" for name in inventory.dependencies})
            show = Show(settings, inventory, airflow, open_engine(settings), out)
            _run_nights(show, say)
            _summary(show)
    except IntegrityError as error:
        out.print(f"make run: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        out.print("Stopped. What was received is archived; 'make run' goes on from here.")
        return 130
    return 0


def _run_nights(show: Show, say: Any) -> None:
    for dependency in show.inventory.dependencies.values():
        make_folders(show.settings, dependency.name, [s.code for s in dependency.dependency.suppliers])
    say(f"Into the inbox: the files of April 2020 as they were first published. Judged now: {FIRST} to {LAST}")
    _drop(show.settings, REGIONAL, "first_capture_regions", None)
    _drop(show.settings, NATIONAL, "national", None)
    regional = show.start(REGIONAL, FIRST, LAST)
    # The national figures lean on the regions' of the same night: they follow some nights behind.
    show.follow(regional, until=_NIGHTS_AHEAD)
    show.follow(regional, show.start(NATIONAL, FIRST, LAST))
    failed = [
        night["period"] for night in nights(show.engine, REGIONAL, FIRST, LAST) if night["verdict"] in ("FAIL", "ERROR")
    ]
    if failed:
        say(f"The publisher's revision of the {len(failed)} night(s) that failed: {', '.join(map(str, failed))}")
        for period in failed:
            _drop(show.settings, REGIONAL, "regions", period)
        for period in failed:
            show.follow(show.start(REGIONAL, period, period))
    say("Marts, and the periods that leaned on what changed")
    show.wait_for_consumers()
    # News of a backfill waits for more of its kind, and here there is none to come.
    deliver(show.engine, Channels.from_environment(show.settings.home), ahead=timedelta(days=1))


def _drop(settings: Settings, dependency: str, folder: str, period: date | None) -> None:
    """Copy files into the inbox as a supplier would: under a hidden name first, so that none is taken half-written."""
    inbox = settings.inbox / dependency / _SUPPLIER
    wanted = f"{period:%Y%m%d}" if period else ""
    for path in sorted((_DEMONSTRATION / folder).glob(f"*{wanted}.csv")):
        hidden = inbox / f".{path.name}"
        shutil.copyfile(path, hidden)
        hidden.rename(inbox / path.name)


def _summary(show: Show) -> None:
    out = show.out
    headings = ["Night", "Dependency", "Files", "Rows", "Set aside", "First file", "Verdict", "Released", "Seconds"]
    seconds = _seconds(show.airflow)
    rows = []
    for offset in range((LAST - FIRST).days + 1):
        period = FIRST + timedelta(days=offset)
        for dependency in (REGIONAL, NATIONAL):
            for night in nights(show.engine, dependency, period, period):
                released = f"revision {night['released_revision']}" if night["is_released"] else "no"
                rows.append(
                    [
                        str(period),
                        dependency,
                        night["received"],
                        night["rows"],
                        night["quarantined"],
                        night["first_verdict"],
                        night["verdict"],
                        released,
                        seconds.get((dependency, str(period))),
                    ]
                )
    out.print()
    out.print(table(headings, rows))
    _issues(show)
    _where(show)


def _seconds(airflow: LocalAirflow) -> dict[tuple[str, str], int]:
    """Duration of the latest run of each dependency and period."""
    found = {}
    for dependency in (REGIONAL, NATIONAL):
        runs = airflow.get(f"/api/v2/dags/ingest__{dependency}/dagRuns", order_by="id", limit=100)["dag_runs"]
        found.update({(dependency, run["partition_key"]): round(run["duration"] or 0) for run in runs})
    return found


def _issues(show: Show) -> None:
    with show.engine.connect() as connection:
        issues = connection.execute(
            text(
                "SELECT reference, status, impact, dependency, description, resolution, occurrences, owner "
                "FROM register.issues ORDER BY reference"
            )
        ).all()
    resolved = sum(issue.status in (RESOLVED, CLOSED) for issue in issues)
    show.out.print(f"\nIssues: {len(issues)} opened, {resolved} resolved again", style="bold")
    for issue in issues:
        periods = "1 period" if issue.occurrences == 1 else f"{issue.occurrences} periods"
        is_resolved = issue.status in (RESOLVED, CLOSED)
        state = f"{issue.status}: {issue.resolution}" if is_resolved else f"{issue.status}, for {issue.owner}"
        show.out.print(
            f"  {issue.reference}  {issue.dependency}, impact {issue.impact}, {periods}: {issue.description}\n"
            f"            {state}",
            markup=False,
            soft_wrap=True,
        )


def _where(show: Show) -> None:
    home = describe_home(show.settings.home)
    integrity, airflow = (describe_home(Path(sys.executable).parent / name) for name in ("integrity", "airflow"))
    port = f"INTEGRITY_PORT={os.environ['INTEGRITY_PORT']} " if os.environ.get("INTEGRITY_PORT") else ""
    broken = f"include/dependencies/{REGIONAL}/examples/bad_hospitalised_total.csv"
    mart = "SELECT * FROM marts.hospital_pressure WHERE region_code = '03' ORDER BY period"
    backfill = f"backfill create --dag-id ingest__{REGIONAL} --from-date 2020-04-01 --to-date 2020-04-15"
    show.out.print(
        f"""
Where things are
  page      {port}make up, then the address that it prints; user {USER}, password {password(show.settings)}
  data      {integrity} psql -c "{mart}"
  feedback  {home}/outbox/{REGIONAL}/{_SUPPLIER}/2020-04-23.r1.html
  alerts    {home}/alerts.log        lineage  {home}/lineage/events.jsonl

What to type next
  {integrity} check {REGIONAL} {broken}
  {integrity} issues list
  {integrity} trace hospital_pressure 2020-04-23 03
  {integrity} ingest {REGIONAL} --period 2020-04-15
  make up      and, in another terminal, the first half of the month:
    . {home}/airflow.env && {airflow} {backfill}
  make test""",
        markup=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
