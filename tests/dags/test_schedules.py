"""When each ingest Dag runs and for which period, asked of Airflow's own timetable, stored and read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
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
names = ("ingest__trust_spend", "ingest__national_hospital_activity")
print("ASKED" + json.dumps({name: asked(bag.dags[name]) for name in names}))
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    home = tmp_path_factory.mktemp("schedules")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "INTEGRITY_HOME": str(home),
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
