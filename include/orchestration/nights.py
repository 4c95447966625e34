"""``make run``: real nights through the whole pipeline on a real Airflow, told as they happen."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import Engine, text

from integrity.errors import IntegrityError, Transient
from integrity.inventory.loading import Inventory, load_inventory
from integrity.reports.console import console, table
from integrity.reports.doctor import describe_home
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders
from integrity.warehouse.connection import open_engine
from orchestration.airflow_home import USER, password
from orchestration.services import LocalAirflow, local_airflow

FIRST, LAST = date(2020, 4, 16), date(2020, 4, 30)
REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
_SUPPLIER = "protezione_civile"
_DEMONSTRATION = PROJECT_ROOT / "include" / "demonstration"
_SERVICES = ["api-server", "scheduler", "dag-processor"]
_NIGHT_SECONDS = 300
"""A night that takes longer than this is stuck."""


@dataclass
class Show:
    """The demonstration's state while it runs."""

    settings: Settings
    inventory: Inventory
    airflow: LocalAirflow
    engine: Engine
    out: Console

    def backfill(self, dependency: str, first: date, last: date) -> None:
        """Have Airflow run these periods and tell each night as it ends."""
        asked = {
            "dag_id": f"ingest__{dependency}", "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z",
            "max_active_runs": 1, "reprocess_behavior": "completed", "run_backwards": False, "dag_run_conf": {},
        }
        backfill = self.airflow.post("/api/v2/backfills", asked)["id"]
        told: set[str] = set()
        quiet_since = time.monotonic()
        while True:
            self.airflow.check_alive()
            runs = self._runs(f"ingest__{dependency}", backfill)
            for run in runs:
                if run["state"] in ("success", "failed") and run["dag_run_id"] not in told:
                    told.add(run["dag_run_id"])
                    quiet_since = time.monotonic()
                    self._tell_night(dependency, run)
            if len(told) == (last - first).days + 1:
                return
            if time.monotonic() - quiet_since > _NIGHT_SECONDS:
                raise Transient(f"No night ended for {_NIGHT_SECONDS} s. Logs: {self.airflow.environment['AIRFLOW_HOME']}/logs")
            time.sleep(1)

    def wait_for_consumers(self) -> None:
        """Wait until what the releases set off has ended: marts, and periods that are judged again."""
        quiet = 0
        while quiet < 3:
            active = self.airflow.get("/api/v2/dags/~/dagRuns", state=["queued", "running"], limit=1)["total_entries"]
            quiet = 0 if active else quiet + 1
            time.sleep(1)

    def _runs(self, dag_id: str, backfill: int) -> list[dict[str, Any]]:
        runs = self.airflow.get(f"/api/v2/dags/{dag_id}/dagRuns", run_type="backfill", order_by="-id", limit=100)["dag_runs"]
        since = self.airflow.get(f"/api/v2/backfills/{backfill}")["created_at"]
        return [run for run in reversed(runs) if run["queued_at"] >= since]

    def _tell_night(self, dependency: str, run: dict[str, Any]) -> None:
        state = nights(self.engine, dependency, date.fromisoformat(run["partition_key"]), date.fromisoformat(run["partition_key"]))
        night = state[0] if state else {}
        self.out.print(
            f"  {run['partition_key']}  {dependency:<28} {night.get('verdict') or 'ERROR':<5}  "
            f"{night.get('rows') or 0:>3} rows, {night.get('quarantined') or 0:>2} set aside, "
            f"{'released' if night.get('is_released') else 'not released'}, {run['duration'] or 0:.0f} s",
            markup=False,
        )


def nights(engine: Engine, dependency: str, first: date, last: date) -> list[dict[str, Any]]:
    """How each period of a dependency stands, from the register: one entry a period that was judged."""
    query = text(
        """
        SELECT j.period, count(DISTINCT s.id) AS received, max(latest.rows) AS rows, max(latest.quarantined) AS quarantined,
               CASE WHEN bool_or(worst.verdict = 'ERROR') THEN 'ERROR' WHEN bool_or(worst.verdict = 'FAIL') THEN 'FAIL'
                    WHEN bool_or(worst.verdict = 'WARN') THEN 'WARN' ELSE 'PASS' END AS verdict,
               string_agg(DISTINCT first.verdict, ' ') AS first_verdict, max(r.revision) AS released_revision
        FROM register.judgement j
        LEFT JOIN register.submission s ON s.dependency = j.dependency AND s.period = j.period
        LEFT JOIN LATERAL (
            SELECT x.id FROM register.submission x WHERE x.dependency = j.dependency AND x.period = j.period
            AND x.supplier = s.supplier ORDER BY x.revision DESC LIMIT 1) newest ON true
        LEFT JOIN register.judgement latest ON latest.submission_id = newest.id
        LEFT JOIN register.judgement first ON first.submission_id = s.id AND s.revision = 1
        LEFT JOIN register.judgement worst ON worst.dependency = j.dependency AND worst.period = j.period
             AND (worst.submission_id IS NULL OR worst.submission_id = newest.id)
        LEFT JOIN register.releases r ON r.dependency = j.dependency AND r.period = j.period AND r.superseded_at IS NULL
        WHERE j.dependency = :dependency AND j.gate = 'coverage' AND j.period BETWEEN :first AND :last
        GROUP BY j.period ORDER BY j.period
        """
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"dependency": dependency, "first": first, "last": last}).mappings()
        return [{**row, "is_released": row["released_revision"] is not None} for row in rows]


def main() -> int:
    """Run the demonstration; what it cannot do it says in a sentence."""
    out = console()
    started = time.monotonic()

    def say(what: str) -> None:
        out.print(f"[{time.monotonic() - started:5.0f} s] {what}", markup=False)

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
    show.backfill(REGIONAL, FIRST, LAST)
    failed = [night["period"] for night in nights(show.engine, REGIONAL, FIRST, LAST) if night["verdict"] in ("FAIL", "ERROR")]
    show.backfill(NATIONAL, FIRST, LAST)
    if failed:
        say(f"The publisher's revision of the {len(failed)} night(s) that failed: {', '.join(map(str, failed))}")
        for period in failed:
            _drop(show.settings, REGIONAL, "regions", period)
        for period in failed:
            show.backfill(REGIONAL, period, period)
    say("Marts, and the periods that leaned on what changed")
    show.wait_for_consumers()


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
                    [str(period), dependency, night["received"], night["rows"], night["quarantined"], night["first_verdict"],
                     night["verdict"], released, seconds.get((dependency, str(period)))]
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
            text("SELECT reference, status, impact, dependency, description, resolution, occurrences, owner FROM register.issues ORDER BY reference")
        ).all()
    opened = sum(issue.status == "open" for issue in issues)
    show.out.print(f"\nIssues: {len(issues)} opened, {len(issues) - opened} closed again", style="bold")
    for issue in issues:
        periods = "1 period" if issue.occurrences == 1 else f"{issue.occurrences} periods"
        state = f"closed: {issue.resolution}" if issue.status == "closed" else f"open, for {issue.owner}"
        show.out.print(
            f"  {issue.reference}  {issue.dependency}, impact {issue.impact}, {periods}: {issue.description}\n            {state}",
            markup=False,
        )


def _where(show: Show) -> None:
    home = describe_home(show.settings.home)
    integrity, airflow = (describe_home(Path(sys.executable).parent / name) for name in ("integrity", "airflow"))
    port = f"INTEGRITY_PORT={os.environ['INTEGRITY_PORT']} " if os.environ.get("INTEGRITY_PORT") else ""
    broken = f"include/dependencies/{REGIONAL}/examples/bad_hospitalised_total.csv"
    show.out.print(
        f"""
Where things are
  page      {port}make up, then the address that it prints; user {USER}, password {password(show.settings)}
  data      {integrity} psql -c "SELECT * FROM marts.hospital_pressure WHERE region_code = '03' ORDER BY period"
  feedback  {home}/outbox/{REGIONAL}/{_SUPPLIER}/2020-04-23.r1.html
  alerts    {home}/alerts.log        lineage  {home}/lineage/events.jsonl

What to type next
  {integrity} check {REGIONAL} {broken}
  {integrity} issues list
  {integrity} trace hospital_pressure 2020-04-23 03
  {integrity} ingest {REGIONAL} --period 2020-04-15
  make up      and, in another terminal, the first half of the month:
    . {home}/airflow.env && {airflow} backfill create --dag-id ingest__{REGIONAL} --from-date 2020-04-01 --to-date 2020-04-15
  make test""",
        markup=False, soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
