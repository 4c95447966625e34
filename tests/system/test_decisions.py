"""A run that a gate has failed waits for people's word on a real Airflow, and takes it through Airflow's own API.

One Airflow serves the whole module; the tests tell one story in order.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from integrity.errors import Transient
from integrity.pipeline.waiving import Request, waive
from integrity.settings import Settings
from integrity.warehouse import embedded
from integrity.warehouse.connection import open_engine
from orchestration.airflow_home import password
from orchestration.services import LocalAirflow, local_airflow

REGIONAL, ABRUZZO = "regional_hospital_activity", "13"
DAG = f"ingest__{REGIONAL}"
OWNER, SPONSOR = "capacity-planning@example.org", "a.verdi@example.org"
REASON = "Checked by telephone with the region; a correction follows."

pytestmark = pytest.mark.timeout(900)


@dataclass
class Decisions:
    """A running Airflow and its warehouse."""

    airflow: LocalAirflow
    settings: Settings
    urls: dict[str, str]

    def send(self, content: bytes, day: int) -> None:
        folder = self.settings.inbox / REGIONAL / "protezione_civile"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{day}").write_bytes(content)
        (folder / f".{day}").rename(folder / f"figures-202004{day}.csv")

    def start(self, day: int) -> str:
        return f"/api/v2/dags/{DAG}/dagRuns/{self.airflow.run(DAG, date(2020, 4, day))}"

    def until(self, what: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 300
        while not (found := what()):
            assert time.monotonic() < deadline, "it does not come about"
            self.airflow.check_alive()
            time.sleep(0.3)
        return found

    def ended(self, run: str) -> str:
        return str(self.until(lambda: (s := self.airflow.get(run)["state"]) in ("success", "failed") and s))

    def task(self, run: str, task: str) -> dict[str, Any]:
        return dict(self.airflow.get(f"{run}/taskInstances/{task}"))

    def states(self, run: str) -> dict[str, str]:
        return {t["task_id"]: t["state"] for t in self.airflow.get(f"{run}/taskInstances")["task_instances"]}

    def parked(self, run: str, task: str) -> dict[str, Any]:
        """The question of a step, once it waits for an answer and the scheduler has heard that its worker has ended.

        An answer in the moment between the two, which no person gives, Airflow takes for a worker that was killed.
        """
        self.until(lambda: self.task(run, task)["state"] == "awaiting_input" and self._has_ended_worker(run, task))
        return self.question(run, task)

    def _has_ended_worker(self, run: str, task: str) -> bool:
        log = (self.settings.home / "airflow" / "logs" / "scheduler.log").read_text(encoding="utf-8", errors="replace")
        ended = f"Finished: dag_id={DAG}, task_id={task}, run_id={run.rpartition('/')[2]},"
        return any(ended in line and "state=awaiting_input" in line for line in log.splitlines())

    def question(self, run: str, task: str) -> dict[str, Any]:
        return dict(self.airflow.get(f"{run}/taskInstances/{task}/-1/hitlDetails"))

    def answer(self, run: str, task: str, account: str, option: str, **form: Any) -> None:
        body = {"chosen_options": [option], "params_input": form}
        self.airflow.patch(f"{run}/taskInstances/{task}/-1/hitlDetails", body, account)

    def query(self, sql: str, database: str = "warehouse") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls[database]) as connection:
            found = connection.execute(sql)  # type: ignore[arg-type]
            return found.fetchall() if found.description else []

    def trail(self, event: str) -> list[dict[str, Any]]:
        told = self.query(f"SELECT details FROM register.audit WHERE event = '{event}' ORDER BY event_number")
        return [details for (details,) in told]

    def published(self, day: int) -> int:
        return int(self.query(f"SELECT count(*) FROM published.{REGIONAL} WHERE _period = '2020-04-{day}'")[0][0])


@pytest.fixture(scope="module")
def decisions() -> Iterator[Decisions]:
    home = Path(tempfile.mkdtemp(prefix="ig-decisions-"))
    sponsor = f"Anna Verdi <{SPONSOR}>"
    settings = Settings.from_environment({"INTEGRITY_HOME": str(home), "INTEGRITY_SPONSOR": sponsor})
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        airflow = stack.enter_context(local_airflow(settings, lambda _: None))
        airflow.environment["INTEGRITY_SPONSOR"] = sponsor
        airflow.start(["api-server", "scheduler", "dag-processor"])
        airflow.wait_until_healthy({DAG})
        server = embedded.start(home)
        stack.callback(server.cleanup)
        stack.callback(open_engine(settings).dispose)
        urls = {name: embedded.url(server, name) for name in ("warehouse", "airflow")}
        yield Decisions(airflow, replace(settings, database_url=urls["warehouse"]), urls)


@pytest.fixture
def bad(decisions: Decisions, real: Callable[..., Any]) -> Callable[[int], None]:
    """Has a night come in whose total does not agree with its parts; the class allows no such row."""
    return lambda day: decisions.send(real(REGIONAL, day).change(ABRUZZO, deceduti=9).to_bytes(), day)


def test_a_night_without_failure_asks_nobody_and_starts_no_worker_for_it(
    decisions: Decisions, real: Callable[..., Any]
) -> None:
    decisions.send(real(REGIONAL, 26).to_bytes(), 26)
    run = decisions.start(26)
    assert decisions.ended(run) == "success"
    for step in ("decide", "countersign"):
        told = decisions.task(run, step)
        assert (told["state"], told["pid"]) == ("skipped", None)
    assert decisions.published(26) == 21


def test_a_backfill_waits_for_nobody(decisions: Decisions, bad: Callable[[int], None]) -> None:
    bad(27)
    night = date(2020, 4, 27)
    decisions.airflow.backfill(DAG, night, night, max_active_runs=1)
    path = f"/api/v2/dags/{DAG}/dagRuns"
    (run,) = decisions.until(lambda: decisions.airflow.get(path, run_type="backfill")["dag_runs"])
    assert decisions.ended(f"{path}/{run['dag_run_id']}") == "failed"
    assert decisions.trail("waiver asked for") == []


def test_owner_and_sponsor_let_a_night_pass_and_nobody_else(decisions: Decisions, bad: Callable[[int], None]) -> None:
    bad(28)
    run = decisions.start(28)
    asked = decisions.parked(run, "decide")
    assert [user["id"] for user in asked["assigned_users"]] == [OWNER]
    assert "total_cases" in asked["body"]
    assert "1 of 21" in asked["body"]
    told = (decisions.settings.home / "alerts.log").read_text(encoding="utf-8")
    assert "for the word of the owner" in told, "the owner hears of it while there is time"
    assert decisions.states(run)["record"] is None
    assert decisions.task(run, "decide")["state"] == "awaiting_input"
    running = decisions.query("SELECT count(*) FROM task_instance WHERE state IN ('running', 'queued')", "airflow")
    assert running == [(0,)], "a run that waits holds no worker"

    for account in ("integrity", SPONSOR):
        with pytest.raises(Transient, match="403"):
            decisions.answer(run, "decide", account, "Approve", reason=REASON)
    until = (datetime.now(UTC).date() + timedelta(days=3)).isoformat()
    decisions.answer(run, "decide", OWNER, "Approve", reason=REASON, until=until)

    asked = decisions.parked(run, "countersign")
    assert [user["id"] for user in asked["assigned_users"]] == [SPONSOR]
    assert REASON in asked["body"]
    assert decisions.query("SELECT count(*) FROM register.waiver") == [(0,)], "one word is not enough"
    with pytest.raises(Transient, match="403"):
        decisions.answer(run, "countersign", OWNER, "Approve")
    decisions.answer(run, "countersign", SPONSOR, "Approve")

    assert decisions.ended(run) == "success"
    states = decisions.states(run)
    assert [states[name] for name in ("judge_submissions", "decide", "countersign", "release", "record")] == [
        "failed", "success", "success", "success", "success",
    ]  # fmt: skip
    (waiver,) = decisions.query(
        "SELECT reference, rule, periods_from::text, periods_until::text, expires_on::text, reason, waived_by "
        "FROM register.waivers"
    )
    assert waiver[1:6] == ("total_cases", "2020-04-28", "2020-04-28", until, REASON)
    assert [person.split("<")[-1].rstrip(">") for person in waiver[6]] == [OWNER, SPONSOR]
    released = decisions.query("SELECT waivers, quarantined FROM register.releases WHERE period = '2020-04-28'")
    assert released == [([waiver[0]], 1)]
    assert decisions.published(28) == 20
    approved = decisions.trail("waiver approved")
    assert [event["account"] for event in approved] == [OWNER, SPONSOR]
    assert {event["reason"] for event in approved} == {REASON}
    assert all(event["answered_at"] for event in approved)


def test_a_no_leaves_the_run_red(decisions: Decisions, bad: Callable[[int], None]) -> None:
    bad(29)
    run = decisions.start(29)
    decisions.parked(run, "decide")
    decisions.answer(run, "decide", OWNER, "Reject")
    assert decisions.ended(run) == "failed"
    states = decisions.states(run)
    assert [states[name] for name in ("decide", "countersign", "release", "record")] == [
        "failed", "upstream_failed", "upstream_failed", "success",
    ]  # fmt: skip
    assert decisions.task(run, "decide")["try_number"] == 1, "a no is not asked for twice"
    assert decisions.published(29) == 0
    (refused,) = decisions.trail("waiver refused")
    assert refused["account"] == OWNER


def test_silence_leaves_the_run_red(decisions: Decisions, bad: Callable[[int], None]) -> None:
    bad(30)
    run = decisions.start(30)
    decisions.parked(run, "decide")
    late = "UPDATE task_instance SET trigger_timeout = now() - interval '1 minute' WHERE state = 'awaiting_input'"
    decisions.query(late, "airflow")
    assert decisions.ended(run) == "failed"
    assert decisions.published(30) == 0
    (silent,) = decisions.trail("waiver not answered")
    assert silent["account"] is None


def test_what_is_waived_already_goes_on_though_a_gate_is_red_and_asks_nobody(
    decisions: Decisions, real: Callable[..., Any]
) -> None:
    ((reference,),) = decisions.query(
        "SELECT reference FROM register.issues WHERE rule = 'total_cases' AND status = 'open'"
    )
    until = datetime.now(UTC).date() + timedelta(days=3)
    by = [OWNER, SPONSOR]
    waive(decisions.settings, Request(issue=reference, by=by, reason=REASON, expires_on=until, periods="2020-04-29"))
    asked = len(decisions.trail("waiver asked for"))
    decisions.send(real(REGIONAL, 29).change(ABRUZZO, deceduti=8).to_bytes(), 29)
    run = decisions.start(29)
    assert decisions.ended(run) == "success"
    states = decisions.states(run)
    assert (states["judge_submissions"], states["decide"], states["countersign"]) == ("failed", "success", "skipped")
    assert decisions.published(29) == 20
    assert len(decisions.trail("waiver asked for")) == asked


def test_passwords_are_told_to_nobody(decisions: Decisions) -> None:
    """Airflow would print to its log the passwords that it makes itself."""
    logs = decisions.settings.home / "airflow" / "logs"
    for account in ("integrity", OWNER, SPONSOR):
        secret = password(decisions.settings, account)
        assert not any(secret in path.read_text(errors="replace") for path in logs.glob("*.log"))
    kept = json.loads((decisions.settings.home / "airflow" / "passwords.json").read_text(encoding="utf-8"))
    assert {OWNER, SPONSOR} <= set(kept)
    login = {"username": OWNER, "password": "guessed"}
    assert httpx.post(f"{decisions.airflow.url}/auth/token", json=login, timeout=30).status_code == 401
