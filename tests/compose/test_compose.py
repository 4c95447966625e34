"""docker-compose.yml as a user brings it up: nights run, a killed scheduler goes on, nothing leaves this machine.

Uses Docker where ``docker info`` finds an engine. Elsewhere ``INTEGRITY_COMPOSE`` names the command that stands for
``docker compose`` with Podman (podman-compose), and ``INTEGRITY_COMPOSE_UP`` one that stands for its
``up --detach``: it is called with ``-f FILE -p PROJECT`` and waits for the conditions under ``depends_on``.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from integrity.settings import PROJECT_ROOT

pytestmark = pytest.mark.timeout(1500)

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yml"
REGIONAL = "regional_hospital_activity"
PERIODS = ["2020-04-21", "2020-04-22", "2020-04-23", "2020-04-24"]
BAD, GOOD = "2020-04-23", ["2020-04-21", "2020-04-22", "2020-04-24"]
OURS = ["api-server", "scheduler", "dag-processor", "triggerer"]
SERVICES = ["postgres", *OURS]
"""Those that keep running."""


@dataclass
class Stack:
    """The services of docker-compose.yml.

    Attributes:
        engine: ``docker`` or ``podman``.
        compose: The command that stands for ``docker compose``, with file and project.
        start: The command that stands for its ``up --detach``, likewise.
        environment: In which both are called; holds the secrets.
        port: Of the page, on loopback.
    """

    engine: str
    compose: list[str]
    start: list[str]
    environment: dict[str, str]
    project: str
    port: int
    token: str = ""

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def call(self, *arguments: str) -> str:
        return self.run(*self.compose, *arguments)

    def execute(self, service: str, *command: str) -> str:
        return self.call("exec", "-T", service, *command)

    def query(self, sql: str) -> list[list[str]]:
        """Ask the warehouse with the psql of the database's own container."""
        answer = self.execute("postgres", "psql", "--username=integrity", "--dbname=warehouse", "-At", "-c", sql)
        return [line.split("|") for line in answer.splitlines()]

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container, by service; those that have ended included."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = self.run(self.engine, "ps", "--all", "--quiet", "--filter", label).split()
        found = json.loads(self.run(self.engine, "inspect", *ids)) if ids else []
        return {entry["Config"]["Labels"]["com.docker.compose.service"]: entry for entry in found}

    def is_healthy(self, service: str) -> bool:
        """What the service's own health check says; Podman without systemd runs it only when told to."""
        container = self.containers().get(service)
        if container is None or container["State"]["Status"] != "running":
            return False
        if self.engine == "docker":
            return bool(container["State"]["Health"]["Status"] == "healthy")
        done = subprocess.run([self.engine, "healthcheck", "run", container["Id"]], capture_output=True, check=False)
        return done.returncode == 0

    def wait_until(self, what: str, condition: Callable[[], Any], *, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in ("migrate", *SERVICES))
                pytest.fail(f"{what}: not within {seconds:.0f} s\n{logs}")
            time.sleep(1)

    def log(self, service: str) -> str:
        container = self.containers().get(service)
        if container is None:
            return "no such container"
        command = [self.engine, "logs", "--tail", "15", container["Id"]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def api(self, path: str, **query: Any) -> Any:
        """Ask as a user of this machine does: at the published port, with the password of ``.env``."""
        url = f"http://127.0.0.1:{self.port}"
        if not self.token:
            login = {"username": "integrity", "password": self.environment["INTEGRITY_PASSWORD"]}
            answer = httpx.post(f"{url}/auth/token", json=login, timeout=30).raise_for_status()
            self.token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{url}/api/v2{path}", params=query, headers=headers, timeout=30).raise_for_status().json()

    def runs(self, dag_id: str = "~") -> list[dict[str, Any]]:
        return list(self.api(f"/dags/{dag_id}/dagRuns", order_by="id", limit=100)["dag_runs"])


def commands() -> tuple[str, list[str], list[str]]:
    """Engine, compose and up: Docker's if an engine answers, else what the environment names."""
    if shutil.which("docker"):
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60)
        if answer.returncode == 0 and b"Server Version" in answer.stdout:
            compose = ["docker", "compose"]
            return "docker", compose, [*compose, "up", "--detach"]
    compose, up = (shlex.split(os.environ.get(name, "")) for name in ("INTEGRITY_COMPOSE", "INTEGRITY_COMPOSE_UP"))
    if not compose or not up:
        pytest.fail(
            "No Docker engine answers 'docker info'. Start one. Or, with Podman, set INTEGRITY_COMPOSE to the command "
            "that stands for 'docker compose', and INTEGRITY_COMPOSE_UP to one that starts the services and waits for "
            "what each depends on."
        )
    return "podman", compose, up


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and up, every service healthy; gone at the end with its volumes, whatever happened."""
    engine, compose, start = commands()
    env_file = tmp_path_factory.mktemp("compose") / ".env"
    program = [sys.executable, str(PROJECT_ROOT / "include" / "orchestration" / "container.py")]
    subprocess.run([*program, "env", "--output", str(env_file)], check=True)
    lines = [line for line in env_file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    made = dict(line.split("=", 1) for line in lines)
    project, port = f"integrity-test-{secrets.token_hex(3)}", free_port()
    # The process's own environment outweighs a .env that the user may have.
    environment = {**os.environ, **made, "INTEGRITY_PORT": str(port), "AIRFLOW_CONN_SLACK_DEFAULT": ""}
    which = ["-f", str(COMPOSE_FILE), "-p", project]
    up = [*start[:2], *which, *start[2:]] if engine == "docker" else [*start, *which]
    running = Stack(engine, [*compose, *which], up, environment, project, port)
    try:
        running.call("build", "migrate")
        running.run(*running.start)
        for service in SERVICES:
            running.wait_until(f"{service} healthy", lambda name=service: running.is_healthy(name))
        yield running
    finally:
        running.call("down", "--volumes")
        assert not running.containers()


@pytest.fixture(scope="module")
def nights(stack: Stack) -> Stack:
    """Four nights asked for at once, and the scheduler killed while tasks of theirs run."""
    inbox = "/var/lib/integrity/inbox"
    for folder, dependency in (("first_capture_regions", REGIONAL), ("national", "national_hospital_activity")):
        into = f"{inbox}/{dependency}/protezione_civile/"
        stack.execute("scheduler", "sh", "-c", f"cp include/demonstration/{folder}/*.csv {into}")
    asked = ["--dag-id", f"ingest__{REGIONAL}", "--from-date", PERIODS[0], "--to-date", PERIODS[-1]]
    stack.wait_until("Dag known", lambda: f"ingest__{REGIONAL}" in {d["dag_id"] for d in stack.api("/dags")["dags"]})
    stack.execute("scheduler", "airflow", "backfill", "create", *asked, "--max-active-runs", "2")

    def at_work() -> bool:
        running = stack.api("/dags/~/dagRuns/~/taskInstances", state="running", limit=10)["task_instances"]
        return any(task["task_id"] != "receive" for task in running)

    for _ in range(5):
        stack.wait_until("a task at work", at_work)
        stack.call("kill", "scheduler")
        stack.wait_until("scheduler gone", lambda: not stack.containers()["scheduler"]["State"]["Running"])
        # Tasks run in its container. Nobody is left to end one that still counts as running: that one was cut off.
        cut_off = at_work()
        stack.call("start", "scheduler")
        if cut_off:
            break
    else:
        pytest.fail("no task was cut off in five attempts")

    def all_ended() -> bool:
        states = [run["state"] for run in stack.runs()]
        return len(states) >= len(PERIODS) and set(states) <= {"success", "failed"}

    stack.wait_until("all nights ended", all_ended, seconds=420)
    # What a release sets off, the marts, follows within seconds.
    stack.wait_until("marts built", lambda: all_ended() and len(stack.runs("build__hospital_pressure")) >= len(GOOD))
    stack.wait_until("marts' runs ended", all_ended)
    return stack


def test_no_service_runs_as_root_or_may_become_it(stack: Stack) -> None:
    for service in SERVICES:
        status = stack.execute(service, "cat", "/proc/1/status")
        facts = dict(line.split(":", 1) for line in status.splitlines())
        assert "0" not in facts["Uid"].split(), service
        assert int(facts["CapEff"], 16) == 0, service
        assert facts["NoNewPrivs"].strip() == "1", service


def test_code_is_read_only_and_state_is_not(stack: Stack) -> None:
    def can_write(folder: str) -> bool:
        script = f"if touch {folder}/probe 2>/dev/null; then rm {folder}/probe; echo yes; else echo no; fi"
        return stack.execute("scheduler", "sh", "-c", script).strip() == "yes"

    assert [can_write(folder) for folder in ("/app", "/app/dags", "/opt/venv", "/usr/local")] == [False] * 4
    assert can_write("/var/lib/integrity")


def test_only_the_page_is_published_and_only_here(stack: Stack) -> None:
    published = {
        service: bindings
        for service, container in stack.containers().items()
        if (bindings := {k: v for k, v in (container["HostConfig"]["PortBindings"] or {}).items() if v})
    }
    assert published == {"api-server": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}]}}


def test_a_health_check_says_no_where_its_service_is_not(stack: Stack) -> None:
    command = "python -m orchestration.container healthy dag-processor; echo $?"
    assert stack.execute("triggerer", "sh", "-c", command).strip() == "1"
    assert stack.execute("dag-processor", "sh", "-c", command).strip() == "0"


def test_the_project_finds_nothing_amiss(stack: Stack) -> None:
    assert stack.api("/importErrors")["import_errors"] == []
    examined = json.loads(stack.execute("scheduler", "integrity", "doctor", "--json"))
    assert "PostgreSQL 17" in json.dumps(examined)


def test_migrating_again_changes_nothing(stack: Stack) -> None:
    stack.call("run", "--rm", "--no-deps", "-T", "migrate")
    assert stack.api("/dags")["dags"]


def test_every_run_ends_as_its_night_deserves(nights: Stack) -> None:
    ended = {run["partition_key"]: run["state"] for run in nights.runs(f"ingest__{REGIONAL}")}
    assert ended == {period: "failed" if period == BAD else "success" for period in PERIODS}


def test_what_holds_is_published_once_and_what_does_not_is_not(nights: Stack) -> None:
    each = [[period, "21"] for period in GOOD]
    assert nights.query(f"SELECT _period, count(*) FROM published.{REGIONAL} GROUP BY 1 ORDER BY 1") == each
    assert nights.query("SELECT period, count(*) FROM marts.hospital_pressure GROUP BY 1 ORDER BY 1") == each
    releases = "SELECT period, count(*) FROM register.releases GROUP BY 1 ORDER BY 1"
    assert nights.query(releases) == [[period, "1"] for period in GOOD]


def test_the_bad_night_is_an_issue_and_the_supplier_is_told(nights: Stack) -> None:
    failing = "SELECT DISTINCT period, rule, failed FROM register.findings WHERE verdict = 'FAIL'"
    assert nights.query(failing) == [[BAD, "tested_at_most_tests", "8"]]
    issue = "SELECT count(*) FROM register.issues WHERE rule = 'tested_at_most_tests' AND status = 'open'"
    assert nights.query(issue) == [["1"]]
    told = nights.execute("scheduler", "ls", f"/var/lib/integrity/outbox/{REGIONAL}/protezione_civile")
    assert f"{BAD}.r1.html" in told.split()


def test_the_services_login_does_all_the_work_and_changes_nothing_that_was_decided(nights: Stack) -> None:
    [[reference]] = nights.query("SELECT reference FROM register.issues WHERE rule = 'tested_at_most_tests'")
    owner = "SELECT owner FROM register.issues WHERE rule = 'tested_at_most_tests'"
    nights.execute("scheduler", "integrity", "issues", "acknowledge", reference, "--by", nights.query(owner)[0][0])
    nights.execute("scheduler", "integrity", "watch")
    nights.execute("scheduler", "integrity", "audit", "verify")
    for statement in (
        "UPDATE register.release SET rows = 0",
        "DELETE FROM register.audit_event",
        "ALTER TABLE register.finding DISABLE TRIGGER ALL",
        f"DROP TABLE landing.{REGIONAL}",
    ):
        with pytest.raises(AssertionError, match="permission denied|must be owner"):
            nights.query(statement)


def test_the_state_is_on_its_volume(nights: Stack) -> None:
    archived = nights.execute("scheduler", "sh", "-c", "find /var/lib/integrity/archive -type f | sort")
    assert len(archived.splitlines()) >= len(PERIODS)
    assert "events.jsonl" in nights.execute("scheduler", "ls", "/var/lib/integrity/lineage")
