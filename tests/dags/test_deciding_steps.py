"""When the step between gates and release comes back later, leaves the run red or goes on, without a scheduler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ASK = """
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch

from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration import tasks
from orchestration.deciding import deciding

registered = load_inventory(Settings.from_environment()).get("regional_hospital_activity")
begun = datetime(2020, 4, 30, tzinfo=UTC)

def comes_to(states, *, must=True, run_type="manual", waits=True, hours=4):
    with DAG("asked", schedule=None):
        batches = tasks.receive(registered.name)
        (decide, *others) = deciding(registered, waits=waits)
        tasks.judge_release_record(registered.name, [], batches, [decide, *others])
    attempt = SimpleNamespace(dag_id="asked", run_id="r", get_task_states=lambda **_: {"r": states})
    office = SimpleNamespace(name="regional", policy=SimpleNamespace(wait_hours=hours))
    here = {
        "orchestration.deciding.open_office": lambda _: office,
        "orchestration.deciding.period_of_run": lambda: "2020-04-29",
        "integrity.pipeline.deciding.must_be_decided": lambda *_: must,
    }
    patches = [patch(name, new) for name, new in here.items()]
    for each in patches:
        each.start()
    try:
        decide._wait_for_the_gates({"ti": attempt})
        context = {"ti": attempt, "dag_run": SimpleNamespace(start_date=begun, run_type=run_type)}
        type(decide).execute.__wrapped__.__wrapped__(decide, context)
    except AirflowRescheduleException:
        return "comes back"
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
    finally:
        for each in patches:
            each.stop()
    return "goes on"

ended = {"receive": "success", "judge_relations": "success"}
print("ASKED" + json.dumps({
    "a gate has not begun": comes_to({"receive": "success"}),
    "a gate is at work": comes_to(ended | {"judge_relations": "running"}),
    "receiving broke": comes_to(ended | {"receive": "failed"}),
    "waived already": comes_to(ended, must=False),
    "a backfill": comes_to(ended, run_type="backfill"),
    "a run that may not wait": comes_to(ended, waits=False),
    "a class that does not wait": comes_to(ended, hours=0),
    "a run that may": comes_to(ended),
}))
"""

_ANSWER = """
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch

from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskAwaitingInput
from integrity.errors import Rejected
from integrity.inventory.deciders import Decider
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration.deciding import Countersign, Decide, deciding

registered = load_inventory(Settings.from_environment()).get("regional_hospital_activity")
with DAG("asked", schedule=None):
    decide, countersign = deciding(registered, waits=True)
owner, sponsor = Decider("O", "owner@x.org"), Decider("S", "sponsor@x.org")
at = datetime(2020, 4, 30, tzinfo=UTC)

def comes_to(step, account, option="Approve", *, people=2, must=True, refused=False, silent=False):
    calls = []
    def read(*_):
        if refused:
            raise Rejected("no reason")
        return "terms"
    def answer(*_, terms=None, account=None, **__):
        calls.append("approved" if terms else "refused" if account else "silent")
        return 7
    core = "integrity.pipeline.deciding."
    here = {
        "orchestration.deciding.open_office": lambda _: SimpleNamespace(name="regional"),
        "orchestration.deciding.period_of_run": lambda: "2020-04-29",
        "orchestration.deciding.run_id": lambda: "r",
        "orchestration.deciding.get_current_context": lambda: {"ti": SimpleNamespace(id="t")},
        "orchestration.deciding.upsert_hitl_detail": lambda **_: calls.append("asked again"),
        core + "must_be_decided": lambda *_: must,
        core + "case_as_asked": lambda *_: "case",
        core + "approval_of": lambda *_: SimpleNamespace(terms="terms"),
        core + "read_terms": read,
        core + "note_answer": answer,
        core + "let_pass_in_run": lambda *args: calls.append("let pass by " + " and ".join(p.name for p in args[-1])),
    }
    who = {"owner": owner, "sponsor": sponsor} if people == 2 else {"owner": owner}
    event = {"chosen_options": [option], "params_input": {}, "responded_at": at, "responded_by_user": {"id": account}}
    event = {"error": "late", "error_type": "timeout"} if silent else event
    patches = [patch(name, new) for name, new in here.items()] + [patch.object(type(step), "_people", lambda *_: who)]
    for each in patches:
        each.start()
    context = {"dag_run": SimpleNamespace(start_date=at)}
    kept = {"until": "2099-01-01T00:00:00+00:00", "subject": "s"} | ({"number": 7} if step is countersign else {})
    try:
        calls.append(type(step).answered.__wrapped__(step, context, event, **kept))
    except TaskAwaitingInput as waits:
        calls.append(sorted(waits.kwargs) == sorted(kept))
    except Exception as error:
        calls.append(type(error).__name__)
    finally:
        for each in patches:
            each.stop()
    return calls

print("ASKED" + json.dumps({
    "the owner alone": comes_to(decide, "owner@x.org", people=1),
    "the owner of two": comes_to(decide, "owner@x.org"),
    "the sponsor": comes_to(countersign, "sponsor@x.org"),
    "the owner's no": comes_to(decide, "owner@x.org", "Reject"),
    "the sponsor's no": comes_to(countersign, "sponsor@x.org", "Reject"),
    "silence": comes_to(decide, None, silent=True),
    "the sponsor's silence": comes_to(countersign, None, silent=True),
    "somebody else": comes_to(decide, "integrity"),
    "the owner again": comes_to(countersign, "owner@x.org"),
    "no reason": comes_to(decide, "owner@x.org", refused=True),
    "cured meanwhile": comes_to(decide, "owner@x.org", must=False),
}))
"""

NOT_RELEASED = "GateFailed: regional 2020-04-29 is not released. See: integrity issues list"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return told_by(_ASK, tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return told_by(_ANSWER, tmp_path_factory.mktemp("answers"))


def told_by(script: str, home: Path) -> dict[str, Any]:
    """Run a script in a process of its own, as Airflow does; gives what it tells."""
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "INTEGRITY_HOME": str(home)}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=Path(home))
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ASKED")]
    return dict(json.loads(line.removeprefix("ASKED")))


def test_it_waits_until_every_gate_has_answered_without_a_worker(asked: dict[str, str]) -> None:
    assert asked["a gate has not begun"] == "comes back"
    assert asked["a gate is at work"] == "comes back"


def test_where_a_step_broke_before_the_gates_nobody_is_asked(asked: dict[str, str]) -> None:
    assert (
        asked["receiving broke"] == "GateFailed: 'receive' did not end well, so nobody knows what there is to decide."
    )


def test_what_is_waived_already_goes_on(asked: dict[str, str]) -> None:
    assert asked["waived already"] == "goes on"


@pytest.mark.parametrize("run", ["a backfill", "a run that may not wait", "a class that does not wait"])
def test_a_run_that_does_not_wait_is_red_at_once(asked: dict[str, str], run: str) -> None:
    assert asked[run] == NOT_RELEASED


def test_a_run_that_may_wait_is_not(asked: dict[str, str]) -> None:
    assert asked["a run that may"] != NOT_RELEASED
    assert "AttributeError" in asked["a run that may"], "it goes on to ask, for which there is no office here"


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("the owner alone", ["approved", "let pass by O", None]),
        ("the owner of two", ["approved", 7]),
        ("the sponsor", ["approved", "let pass by O and S", None]),
        ("the owner's no", ["refused", "GateFailed"]),
        ("the sponsor's no", ["refused", "GateFailed"]),
        ("silence", ["silent", "GateFailed"]),
        ("the sponsor's silence", ["silent", "GateFailed"]),
        ("somebody else", ["asked again", True]),
        ("the owner again", ["asked again", True]),
        ("no reason", ["asked again", True]),
        ("cured meanwhile", [None]),
    ],
)
def test_what_comes_of_an_answer(answered: dict[str, list[Any]], who: str, told: list[Any]) -> None:
    assert answered[who] == told
