"""A night of a real Dag on a real Airflow, against an empty Dag of as many tasks."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta

from integrity.errors import IntegrityError
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders

from orchestration.bench.measured import Measured
from orchestration.services import LocalAirflow, local_airflow

_NIGHTS = 4
_DEPENDENCY = "regional_hospital_activity"

_EMPTY_DAG = """
from airflow.sdk import DAG, CronPartitionTimetable, chain, task
from pendulum import datetime

with DAG("empty", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
         start_date=datetime(2020, 4, 1), end_date=datetime(2020, 5, 1), catchup=False):
    steps = []
    for number in range({tasks}):
        @task(task_id=f"step_{{number}}")
        def step():
            pass
        steps.append(step())
    chain(*steps)
"""


def measure_night(settings: Settings, say: Callable[[str], None]) -> list[Measured]:
    """A night of ``ingest__regional_hospital_activity`` against an empty Dag of as many tasks, one at a time."""
    make_folders(settings, _DEPENDENCY, ["protezione_civile"])
    for path in (PROJECT_ROOT / "include" / "demonstration" / "regions").glob("*.csv"):
        shutil.copy(path, settings.inbox / _DEPENDENCY / "protezione_civile")
    with local_airflow(settings, say) as airflow:
        dags = settings.home / "dags"
        shutil.copytree(PROJECT_ROOT / "dags", dags, dirs_exist_ok=True)
        (dags / "empty.py").write_text(_EMPTY_DAG.format(tasks=8), encoding="utf-8")
        airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
        airflow.start(["api-server", "scheduler", "dag-processor"])
        airflow.wait_until_healthy({"empty", f"ingest__{_DEPENDENCY}"})
        nights, empties = [], []
        for number in range(_NIGHTS):
            period = date(2020, 4, 1) + timedelta(days=number)
            empties.append(_run_seconds(airflow, "empty", period))
            nights.append(_run_seconds(airflow, f"ingest__{_DEPENDENCY}", period))
    # The first of each pays for what workers load once.
    return [
        Measured(
            f"a night of ingest__{_DEPENDENCY}",
            "an empty Dag of as many tasks",
            statistics.median(nights[1:]),
            statistics.median(empties[1:]),
        )
    ]


def _run_seconds(airflow: LocalAirflow, dag_id: str, period: date) -> float:
    run = airflow.run(dag_id, period)
    while True:
        airflow.check_alive()
        answer = airflow.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}")
        if answer["state"] == "success":
            # Marts that the night set off must not run into the next measurement.
            while not airflow.is_quiet():
                time.sleep(0.2)
            return float(answer["duration"])
        if answer["state"] == "failed":
            raise IntegrityError(f"{dag_id} {period} failed, so there is nothing to measure.")
        time.sleep(0.2)
