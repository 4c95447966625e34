"""When each ingest Dag runs and for which period, asked of Airflow's own timetable, stored and read back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from integrity.settings import PROJECT_ROOT

_ASK = """
import json, sys
from datetime import UTC, datetime
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

def asked(dag):
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    timetable, runs, last = stored.timetable, [], None
    for _ in range(4):
        restriction = TimeRestriction(earliest=datetime(2020, 3, 1, tzinfo=UTC), latest=None, catchup=True)
        last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        runs.append([last.run_after.isoformat(), last.partition_key])
    window = {"earliest": datetime(2020, 4, 1, tzinfo=UTC), "latest": datetime(2020, 6, 30, tzinfo=UTC)}
    keys = [info.partition_key for info in timetable.iter_partition_dagrun_infos(**window)]
    return {"runs": runs, "backfill": keys, "starts": stored.start_date.isoformat()}

bag = DagBag(sys.argv[1])
print("ASKED" + json.dumps({name: asked(dag) for name, dag in bag.dags.items() if name.startswith("ingest__")}))
"""

_OTHERS = {
    "regional_hospital_activity": {"frequency": "weekly", "reports_from": "2020-02-26"},
    "patient_care": {"frequency": "business_days", "holidays": "US"},
}
"""Calendars that no bundled dependency has."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    home = tmp_path_factory.mktemp("schedules")
    folder = home / "dependencies"
    shutil.copytree(PROJECT_ROOT / "include" / "dependencies", folder)
    for name, reporting in _OTHERS.items():
        path = folder / name / "dependency.yml"
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        told["reporting"] |= reporting
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "INTEGRITY_HOME": str(home),
        "INTEGRITY_DEPENDENCIES": str(folder),
    }
    command = [sys.executable, "-W", "ignore", "-c", _ASK, str(Path(PROJECT_ROOT) / "dags")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ASKED")]
    return dict(json.loads(line.removeprefix("ASKED")))


def test_a_month_is_judged_as_the_next_one_begins_in_london(asked: dict[str, dict[str, list[str]]]) -> None:
    # From 29 March on London's clocks are an hour ahead of UTC: midnight there is eleven at night here.
    assert asked["ingest__trust_spend"]["runs"] == [
        ["2020-03-01T00:00:00+00:00", "2020-02-01"],
        ["2020-03-31T23:00:00+00:00", "2020-03-01"],
        ["2020-04-30T23:00:00+00:00", "2020-04-01"],
        ["2020-05-31T23:00:00+00:00", "2020-05-01"],
    ]
    assert asked["ingest__trust_spend"]["starts"] == "2019-11-01T00:00:00+00:00"


def test_a_backfill_of_months_speaks_of_their_first_days(asked: dict[str, dict[str, list[str]]]) -> None:
    assert asked["ingest__trust_spend"]["backfill"] == ["2020-04-01", "2020-05-01", "2020-06-01"]


def test_a_day_is_judged_as_the_next_one_begins_in_rome(asked: dict[str, dict[str, list[str]]]) -> None:
    daily = asked["ingest__national_hospital_activity"]
    assert daily["runs"][:2] == [
        ["2020-03-01T23:00:00+00:00", "2020-03-01"],
        ["2020-03-02T23:00:00+00:00", "2020-03-02"],
    ]
    assert len(daily["backfill"]) == 91


def test_a_week_is_judged_as_the_next_monday_begins(asked: dict[str, dict[str, list[str]]]) -> None:
    weekly = asked["ingest__regional_hospital_activity"]
    assert weekly["runs"][:2] == [
        ["2020-03-01T23:00:00+00:00", "2020-02-24"],
        ["2020-03-08T23:00:00+00:00", "2020-03-02"],
    ]
    assert weekly["starts"] == "2020-02-23T23:00:00+00:00", "with the week in which it begins"
    assert weekly["backfill"][:2] == ["2020-04-06", "2020-04-13"]


def test_a_friday_is_judged_as_the_monday_begins(asked: dict[str, dict[str, list[str]]]) -> None:
    days = asked["ingest__patient_care"]
    assert days["runs"][:2] == [
        ["2020-03-02T05:00:00+00:00", "2020-02-28"],
        ["2020-03-03T05:00:00+00:00", "2020-03-02"],
    ]
    assert "2020-05-25" in days["backfill"], "Memorial Day, which only the calendar knows"
    assert not {"2020-05-23", "2020-05-24"} & {*days["backfill"]}


_HOLIDAY = """
from datetime import date
from types import SimpleNamespace
from unittest.mock import patch

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException
from integrity.inventory.reporting import Reporting
from orchestration import tasks

told = {"frequency": "business_days", "timezone": "America/New_York", "reports_from": "2020-01-01", "holidays": "US"}
dependency = SimpleNamespace(reporting=Reporting.model_validate(told))
office = SimpleNamespace(registered=SimpleNamespace(dependency=dependency))

def comes_to(day):
    with DAG("asked", schedule=None):
        release = tasks.release("patient_care").operator.python_callable
    here = {
        "orchestration.tasks.open_office": lambda _: office,
        "orchestration.tasks.period_of_run": lambda: day,
        "orchestration.tasks.run_id": lambda: "r",
        "integrity.pipeline.releasing.release": lambda *_: ["synthea"],
    }
    patches = [patch(name, new) for name, new in here.items()]
    for each in patches:
        each.start()
    try:
        release()
    except AirflowSkipException as skipped:
        return str(skipped)
    finally:
        for each in patches:
            each.stop()
    return "released"

print(comes_to(date(2020, 5, 22)))
print(comes_to(date(2020, 5, 25)))
"""


def test_on_a_holiday_nothing_is_released_and_no_mart_hears_of_it() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _HOLIDAY], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == [
        "released",
        "Nobody reports for 2020-05-25, so there is nothing to release.",
    ]
