"""The Dags as Airflow sees them: which there are, what they promise, and how light they are to parse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from integrity.settings import PROJECT_ROOT

DEPENDENCIES = {
    "regional_hospital_activity": "high",
    "national_hospital_activity": "high",
    "trust_spend": "moderate",
    "patient_care": "moderate",
}
"""Every key data dependency, with its importance class."""

_LOOK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
heavy = sorted({"polars", "pandera", "dbt"} & set(sys.modules))
print("LOOKED" + json.dumps({
    "errors": bag.import_errors, "heavy": heavy,
    "dags": {
        dag_id: {
            "doc": dag.doc_md, "tags": sorted(dag.tags), "catchup": dag.catchup,
            "starts": str(dag.start_date),
            "timetable": type(dag.timetable).__name__, "cron": getattr(dag.timetable, "expression", None),
            "tasks": {
                t.task_id: {
                    "upstream": sorted(t.upstream_task_ids), "rule": t.trigger_rule.value, "teardown": t.is_teardown,
                    "outlets": [o.name for o in t.outlets], "retries": t.retries,
                    "fails_run": t.on_failure_fail_dagrun,
                } for t in dag.tasks
            },
        } for dag_id, dag in bag.dags.items()
    },
}))
"""


def look(home: Path, dependencies: Path | None = None) -> dict[str, Any]:
    """Parse the project's Dags in a process of their own and tell what is in them."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "INTEGRITY_HOME": str(home),
        **({"INTEGRITY_DEPENDENCIES": str(dependencies)} if dependencies else {}),
    }
    command = [sys.executable, "-W", "ignore", "-c", _LOOK, str(PROJECT_ROOT / "dags")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("LOOKED")]
    return dict(json.loads(line.removeprefix("LOOKED")))


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return look(tmp_path_factory.mktemp("dags"))


def test_exactly_these_dags(looked: dict[str, Any]) -> None:
    assert looked["errors"] == {}
    expected = {f"{kind}__{name}" for kind in ("ingest", "judge_again", "assess") for name in DEPENDENCIES}
    assert set(looked["dags"]) == expected | {"build__hospital_pressure", "watch"}


def test_parsing_stays_light(looked: dict[str, Any]) -> None:
    assert looked["heavy"] == []


_LOADED = """
import sys
sys.path.insert(0, sys.argv[1])
import airflow.sdk, airflow.plugins_manager
before = set(sys.modules)
import integrity_pages
print(sorted({"fastapi", "starlette.applications", "integrity.pages.application"} & (set(sys.modules) - before)))
"""


def test_loading_the_plugin_stays_light(tmp_path: Path) -> None:
    """Every task's process loads every plugin, and shows no page."""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-c", _LOADED, str(PROJECT_ROOT / "plugins")]
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_an_ingest_dag_tells_its_owner_class_and_what_to_do(looked: dict[str, Any], name: str) -> None:
    dag = looked["dags"][f"ingest__{name}"]
    readme = (PROJECT_ROOT / "include" / "dependencies" / name / "README.md").read_text(encoding="utf-8")
    assert dag["doc"].startswith(readme)
    assert f"Class {DEPENDENCIES[name]} (" in dag["doc"]
    assert "Where it departs from its class:" in dag["doc"]
    assert any(tag.startswith("owner: ") for tag in dag["tags"])
    assert f"importance: {DEPENDENCIES[name]}" in dag["tags"]
    assert dag["timetable"] == "CronPartitionTimetable"
    assert dag["catchup"] is False


@pytest.mark.parametrize("kind", ["ingest", "judge_again"])
@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_a_failed_gate_leaves_the_run_red_and_recorded(looked: dict[str, Any], kind: str, name: str) -> None:
    tasks = looked["dags"][f"{kind}__{name}"]["tasks"]
    # Airflow's own rule: a run's state comes from the last tasks that count; a teardown counts only if it fails runs.
    counts = {name for name, t in tasks.items() if not t["teardown"] or t["fails_run"]}
    followed = {up for name in counts for up in tasks[name]["upstream"]}
    assert counts - followed == {"release"}
    assert tasks["release"]["rule"] == "none_failed"
    asked = ["decide", *(["countersign"] if "countersign" in tasks else [])]
    assert tasks["release"]["upstream"] == asked[-1:]
    assert {"judge_submissions", "judge_coverage", "judge_relations"} < set(tasks["decide"]["upstream"])
    assert tasks["decide"]["rule"] == "one_failed", "so that Airflow skips it, on no worker, where nothing failed"
    assert tasks["record"]["teardown"]
    assert {"judge_coverage", "judge_relations", "release"} <= set(tasks["record"]["upstream"]), "it waits for all"


def test_a_second_person_is_asked_where_the_class_calls_for_two_and_the_run_may_wait(looked: dict[str, Any]) -> None:
    for name, importance in DEPENDENCIES.items():
        ingest, again = (looked["dags"][f"{kind}__{name}"]["tasks"] for kind in ("ingest", "judge_again"))
        assert ("countersign" in ingest) == (importance == "high")
        assert "countersign" not in again, "nobody is asked by a run that nobody started for this period"
        if importance == "high":
            assert ingest["countersign"]["upstream"] == ["decide"]
            assert ingest["countersign"]["rule"] == "all_success", "with the owner's no, or silence, it ends"


def test_the_controls_of_each_are_assessed_in_one_task_that_is_asked_each_month(looked: dict[str, Any]) -> None:
    days = set()
    for name in DEPENDENCIES:
        dag = looked["dags"][f"assess__{name}"]
        assert {task: t["retries"] for task, t in dag["tasks"].items()} == {"assess": 0}
        assert (dag["timetable"], dag["catchup"]) == ("CronTriggerTimetable", False)
        assert dag["starts"] == "None", "else Airflow makes up for the last one as soon as it is up"
        days.add(dag["cron"].split()[2])
    assert len(days) == len(DEPENDENCIES), "no two on the same day"


def test_what_is_overdue_has_its_periods_judged_again(looked: dict[str, Any]) -> None:
    dag = looked["dags"]["watch"]
    calls = {f"call__{name}": [f"judge_again.{name}"] for name in DEPENDENCIES}
    assert {task: t["outlets"] for task, t in dag["tasks"].items()} == {"watch": [], **calls}
    assert all(dag["tasks"][task]["upstream"] == ["watch"] for task in calls), (
        "skipped with it where nothing is overdue"
    )
    assert (dag["timetable"], dag["catchup"]) == ("CronTriggerTimetable", False)


def test_only_release_says_that_something_was_released(looked: dict[str, Any]) -> None:
    for name in DEPENDENCIES:
        for dag in looked["dags"].values():
            emitters = [task for task, t in dag["tasks"].items() if f"published.{name}" in t["outlets"]]
            assert emitters in ([], ["release"])


def test_a_broken_folder_is_a_red_dag_of_its_own(tmp_path: Path) -> None:
    dependencies = tmp_path / "dependencies"
    shutil.copytree(PROJECT_ROOT / "include" / "dependencies", dependencies)
    path = dependencies / "national_hospital_activity" / "dependency.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("title: National", "titel: National", 1), encoding="utf-8")
    looked = look(tmp_path, dependencies)
    assert looked["errors"] == {}
    broken = looked["dags"]["ingest__national_hospital_activity"]
    assert list(broken["tasks"]) == ["report_broken"]
    assert "dependency.yml:2" in broken["doc"]
    assert "titel" in broken["doc"]
    assert "receive" in looked["dags"]["ingest__regional_hospital_activity"]["tasks"]
