"""Real nights on a real Airflow: scheduler, workers, backfills, Asset events, and Slack's API on loopback.

One Airflow serves the whole module; the tests tell one story in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from integrity.pages.guarding import Forms
from integrity.pages.visitor import Visitor
from integrity.settings import Settings
from integrity.warehouse import embedded
from integrity.warehouse.connection import open_engine
from orchestration.airflow_home import USER, password
from orchestration.services import LocalAirflow, local_airflow

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
LOMBARDIA = "03"
ONLOOKER = "onlooker"
"""An account that may look at everything in Airflow and change nothing."""
CANARIES = ("canary-4711-zanzara", "918273645")
"""A text and a number that occur in no real file; they must not leave the warehouse and the supplier's own feedback."""

pytestmark = pytest.mark.timeout(600)


@dataclass
class Nights:
    """A running Airflow, its warehouse and the Slack that it tells."""

    airflow: LocalAirflow
    settings: Settings
    slack: Any
    urls: dict[str, str]

    def send(self, dependency: str, content: bytes, name: str) -> None:
        folder = self.settings.inbox / dependency / "protezione_civile"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{name}").write_bytes(content)
        (folder / f".{name}").rename(folder / name)

    def backfill(self, dependency: str, first: int, last: int) -> dict[str, str]:
        """Run these days of April 2020; gives the state of each day's latest run once all is quiet."""
        dag_id = f"ingest__{dependency}"
        days = date(2020, 4, first), date(2020, 4, last)
        created = self.airflow.backfill(dag_id, *days, max_active_runs=2)
        self.wait_until_quiet(last - first + 1, dag_id, created)
        return {run["partition_key"]: run["state"] for run in self.runs(dag_id)}

    def run(self, dependency: str, day: int) -> tuple[str, dict[str, dict[str, Any]]]:
        """Run one day; gives the run's state and its task instances once all is quiet."""
        dag_id = f"ingest__{dependency}"
        path = f"/api/v2/dags/{dag_id}/dagRuns/{self.airflow.run(dag_id, date(2020, 4, day))}"
        self.wait_until_quiet(1, dag_id, self.airflow.get(path)["queued_at"])
        tasks = self.airflow.get(f"{path}/taskInstances")["task_instances"]
        return self.airflow.get(path)["state"], {task["task_id"]: task for task in tasks}

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return list(self.airflow.get(f"/api/v2/dags/{dag_id}/dagRuns", order_by="id", limit=100)["dag_runs"])

    def wait_until_quiet(self, expected: int, dag_id: str, since: str) -> None:
        deadline, quiet = time.monotonic() + 300, 0
        while quiet < 3:
            assert time.monotonic() < deadline, "the runs do not end"
            self.airflow.check_alive()
            ended = [r for r in self.runs(dag_id) if r["queued_at"] >= since and r["state"] in ("success", "failed")]
            quiet = quiet + 1 if len(ended) == expected and self.airflow.is_quiet() else 0
            time.sleep(0.7)

    def query(self, sql: str, database: str = "warehouse") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls[database]) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[arg-type]

    def published(self, day: int) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT * FROM published.{REGIONAL} WHERE _period = '2020-04-{day}' ORDER BY codice_regione")


@pytest.fixture(scope="module")
def nights(slack_of_the_module: Any) -> Iterator[Nights]:
    home = Path(tempfile.mkdtemp(prefix="ig-nights-"))
    settings = Settings.from_environment({"INTEGRITY_HOME": str(home)})
    slack = {
        "conn_type": "slack",
        "password": "not-a-token",
        "extra": json.dumps({"base_url": slack_of_the_module.url}),
    }
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        airflow = stack.enter_context(local_airflow(settings, lambda _: None))
        airflow.environment["AIRFLOW_CONN_SLACK_DEFAULT"] = json.dumps(slack)
        airflow.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] += f",{ONLOOKER}:viewer"
        password(settings, ONLOOKER)
        airflow.start(["api-server", "scheduler", "dag-processor"])
        airflow.wait_until_healthy({f"ingest__{name}" for name in (REGIONAL, NATIONAL)})
        server = embedded.start(home)
        stack.callback(server.cleanup)
        stack.callback(open_engine(settings).dispose)
        urls = {name: embedded.url(server, name) for name in ("warehouse", "airflow")}
        yield Nights(airflow, replace(settings, database_url=urls["warehouse"]), slack_of_the_module, urls)


def test_a_backfill_takes_both_ends_and_releases_and_builds_the_mart(nights: Nights, real: Callable[..., Any]) -> None:
    for day in (26, 27, 28):
        for dependency in (REGIONAL, NATIONAL):
            nights.send(dependency, real(dependency, day).to_bytes(), f"figures-202004{day}.csv")
    assert set(nights.backfill(REGIONAL, 26, 28).values()) == {"success"}
    states = nights.backfill(NATIONAL, 26, 28)
    assert states == {f"2020-04-{day}": "success" for day in (26, 27, 28)}
    assert [len(nights.published(day)) for day in (26, 27, 28)] == [21, 21, 21]
    built = nights.query(
        "SELECT period::text, count(*), count(in_hospital_change_1_day) "
        "FROM marts.hospital_pressure GROUP BY 1 ORDER BY 1"
    )
    assert built == [("2020-04-26", 21, 0), ("2020-04-27", 21, 21), ("2020-04-28", 21, 21)]


def test_an_asset_event_carries_its_period(nights: Nights) -> None:
    events = nights.query(
        "SELECT DISTINCT e.partition_key FROM asset_event e JOIN asset a ON a.id = e.asset_id "
        f"WHERE a.name = 'published.{REGIONAL}' ORDER BY 1",
        "airflow",
    )
    assert events == [("2020-04-26",), ("2020-04-27",), ("2020-04-28",)]


def test_a_repeat_changes_nothing(nights: Nights) -> None:
    def state() -> list[Any]:
        tables = (
            "register.release",
            "register.submission",
            "register.landing",
            "register.issue",
            "marts.hospital_pressure",
        )
        return [nights.query(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]

    before = state()
    assert set(nights.backfill(REGIONAL, 26, 28).values()) == {"success"}
    assert state() == before


def test_a_bad_night_is_red_recorded_told_once_and_published_nowhere(nights: Nights, real: Callable[..., Any]) -> None:
    before = nights.query(f"SELECT * FROM published.{REGIONAL} ORDER BY _period, _row")
    posted = len(nights.slack.posted)
    bad = real(REGIONAL, 29).change(LOMBARDIA, terapia_intensiva=CANARIES[0]).change("13", tamponi=f"-{CANARIES[1]}")
    bad.headings.append(CANARIES[0])
    nights.send(REGIONAL, bad.to_bytes(), "figures-20200429.csv")
    state, tasks = nights.run(REGIONAL, 29)

    assert state == "failed"
    assert nights.query(f"SELECT * FROM published.{REGIONAL} ORDER BY _period, _row") == before
    states = [tasks[name]["state"] for name in ("judge_submissions", "judge_coverage", "release", "record")]
    assert states == ["failed", "success", "upstream_failed", "success"]
    assert tasks["judge_submissions"]["try_number"] == 1, "a verdict is not asked for twice"

    opened = nights.query(f"SELECT rule FROM register.issues WHERE status = 'open' AND dependency = '{REGIONAL}'")
    assert {rule for (rule,) in opened} >= {"whole_number", "in_range"}
    news = nights.slack.posted[posted:]
    assert len(news) == len({m["text"] for m in news}), "one message a problem"
    assert all(message["channel"] == "#hospital-capacity" for message in news)
    nights.run(REGIONAL, 29)
    assert len(nights.slack.posted) == posted + len(news), "the same problem is not told again"


def test_the_pages_let_in_whom_airflow_knows_and_nobody_else(nights: Nights) -> None:
    ((reference,),) = nights.query("SELECT min(reference) FROM register.issues WHERE rule = 'whole_number'")
    pages = [
        "/issues",
        f"/issues/{reference}",
        "/dependencies",
        f"/dependencies/{REGIONAL}",
        f"/dags/ingest__{REGIONAL}",
    ]
    with httpx.Client(base_url=f"{nights.airflow.url}/integrity", timeout=60) as anybody:
        for path in ("/", *pages, "/nowhere", "/docs", "/openapi.json", "/static/style.css"):
            assert anybody.get(path).status_code == 401, path
        assert anybody.post(f"/issues/{reference}/acknowledge").status_code == 401
        forged = anybody.get("/issues", headers={"Authorization": "Bearer not-a-token"})
        assert forged.status_code == 401
    with _logged_in(nights, USER) as operator, _logged_in(nights, ONLOOKER) as onlooker:
        for path in pages:
            assert (operator.get(path).status_code, onlooker.get(path).status_code) == (200, 200), path
        own_run = re.search(rf'href="(/dags/ingest__{REGIONAL}/runs/[^"]+)"', operator.get(f"/issues/{reference}").text)
        assert own_run is not None
        mark = Forms(nights.airflow.environment["AIRFLOW__API__SECRET_KEY"]).mark
        noted = {"text": "Seen on the page"}
        assert onlooker.post(f"/issues/{reference}/note", data=noted | {"mark": mark(_as(ONLOOKER))}).status_code == 403
        assert operator.post(f"/issues/{reference}/note", data=noted | {"mark": mark(_as(USER))}).status_code == 303
        assert "Seen on the page" in onlooker.get(f"/issues/{reference}").text
    (plugin,) = [p for p in nights.airflow.get("/api/v2/plugins")["plugins"] if p["name"] == "integrity"]
    assert [view["destination"] for view in plugin["external_views"]] == ["nav", "dag"]
    assert nights.airflow.get("/api/v2/plugins/importErrors")["total_entries"] == 0


def _logged_in(nights: Nights, account: str) -> httpx.Client:
    """A person at the pages, known by the cookie that Airflow's own page keeps."""
    login = {"username": account, "password": password(nights.settings, account)}
    token = httpx.post(f"{nights.airflow.url}/auth/token", json=login, timeout=30).json()["access_token"]
    return httpx.Client(base_url=f"{nights.airflow.url}/integrity", cookies={"_token": token}, timeout=60)


def _as(account: str) -> Visitor:
    return Visitor(account, lambda _: True, lambda _: True)


def test_the_correction_resolves_the_issues_in_their_threads(nights: Nights, real: Callable[..., Any]) -> None:
    posted = len(nights.slack.posted)
    nights.send(REGIONAL, real(REGIONAL, 29).to_bytes(), "figures-20200429.csv")
    state, _ = nights.run(REGIONAL, 29)
    assert state == "success"
    assert len(nights.published(29)) == 21
    assert nights.query("SELECT count(*) FROM marts.hospital_pressure WHERE period = '2020-04-29'") == [(21,)]
    cured = nights.query(
        "SELECT i.rule, c.thread FROM register.issue i JOIN register.told_in t ON t.issue_id = i.id "
        "JOIN register.conversation c ON c.id = t.conversation_id WHERE i.status IN ('resolved', 'closed')"
    )
    assert {rule for rule, _ in cured} >= {"whole_number", "in_range"}
    resolved = nights.slack.posted[posted:]
    # They were more than three, so that a digest told of them and tells of their end.
    assert [message["text"] for message in resolved] == ["4 issues of Regional hospital activity, none to be answered"]
    assert {message["thread_ts"] for message in resolved} == {thread for _, thread in cured}


def test_a_late_revision_is_judged_when_another_night_takes_it_in(nights: Nights, real: Callable[..., Any]) -> None:
    """A file for a night that has been judged does not wait until somebody thinks of that night."""
    late = real(REGIONAL, 28).change("13", lat="42.35")
    nights.send(REGIONAL, late.to_bytes(), "figures-20200428.csv")
    nights.send(REGIONAL, real(REGIONAL, 30).to_bytes(), "figures-20200430.csv")
    state, tasks = nights.run(REGIONAL, 30)
    assert (state, tasks[f"call__{REGIONAL}"]["state"]) == ("success", "success")
    nights.wait_until_quiet(1, f"judge_again__{REGIONAL}", nights.runs(f"judge_again__{REGIONAL}")[-1]["queued_at"])
    again = {run["partition_key"]: run["state"] for run in nights.runs(f"judge_again__{REGIONAL}")}
    assert again["2020-04-28"] == "success"
    released = "SELECT revision FROM register.releases WHERE period = '2020-04-28' AND superseded_at IS NULL"
    assert nights.query(f"{released} AND dependency = '{REGIONAL}'") == [(2,)]


def test_a_file_of_canaries_is_refused(nights: Nights, real: Callable[..., Any]) -> None:
    """Each column holds one of them, to be looked for in the next test."""
    file = real(REGIONAL, 25)
    for place, heading in enumerate(file.headings):
        file.rows[place % len(file.rows)][heading] = CANARIES[place % 2]
    nights.send(REGIONAL, file.to_bytes(), "figures-20200425.csv")
    state, _ = nights.run(REGIONAL, 25)
    assert state == "failed"


def test_no_cell_value_left_the_warehouse(nights: Nights) -> None:
    """Looked for in every file but the archive, the data directory and the supplier's own feedback, in Airflow's
    database, and in Slack."""
    home = nights.settings.home
    feedback = home / "outbox" / "regional_hospital_activity" / "protezione_civile"
    skipped = {home / "archive", home / "postgres", home / "inbox", feedback}
    looked = 0
    for folder, names, files in os.walk(home):
        names[:] = [name for name in names if Path(folder) / name not in skipped]
        for name in files:
            content = (Path(folder) / name).read_bytes()
            looked += 1
            assert not any(canary.encode() in content for canary in CANARIES), f"{folder}/{name}"
    assert looked > 50
    told = json.dumps(nights.slack.posted)
    assert not any(canary in told for canary in CANARIES)
    tables = nights.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'", "airflow")
    for (table,) in tables:
        rows = json.dumps(nights.query(f'SELECT to_jsonb(t)::text FROM "{table}" t', "airflow"))
        assert not any(canary in rows for canary in CANARIES), table
    kept = nights.query("SELECT count(*) FROM landing.quarantined WHERE record::text LIKE '%" + CANARIES[0] + "%'")
    assert kept[0][0] > 10, "the rejected rows are kept in the warehouse, so the search above could find them"


def test_lineage_tells_the_gates(nights: Nights) -> None:
    lines = (nights.settings.home / "lineage" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    gates = [e for e in events if e["job"]["name"] == f"{REGIONAL}.structure"]
    assertions = gates[0]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {a["params"]["importance"] for a in assertions} == {"high"}
    assert any(
        not a["success"] for e in gates for a in e["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    )
    assert any(e["job"]["name"].startswith(f"ingest__{REGIONAL}") for e in events), "the provider tells the tasks"
