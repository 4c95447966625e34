"""docker-compose.yml brought up for real, under a project, a port and secrets of these tests' own."""

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
from pathlib import Path
from typing import Any

import httpx
import pytest
from integrity.settings import PROJECT_ROOT

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yml"
SERVICES = ["postgres", "api-server", "scheduler", "dag-processor", "triggerer"]
"""Those that keep running."""


@dataclass
class Stack:
    """The services of docker-compose.yml.

    Attributes:
        engine: ``docker`` or ``podman``.
        compose: The command that stands for ``docker compose``.
        start: The command that stands for ``docker compose up --detach``.
        environment: In which they are called; holds the secrets.
    """

    engine: str
    compose: list[str]
    start: list[str]
    environment: dict[str, str]
    project: str
    port: int

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, f"{shlex.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def call(self, *arguments: str, check: bool = True) -> str:
        return self.run(*self.compose, "-f", str(COMPOSE_FILE), "-p", self.project, *arguments, check=check)

    def up(self, *services: str) -> None:
        self.run(*self.start, *services)

    def execute(self, service: str, *command: str) -> str:
        return self.call("exec", "-T", service, *command)

    def succeeds(self, service: str, *command: str) -> bool:
        """Whether a command in a service's container ends with 0."""
        return "YES" in self.execute(service, "sh", "-c", f"if {shlex.join(command)}; then echo YES; fi")

    def query(self, sql: str, database: str = "warehouse") -> list[list[str]]:
        """Ask psql in the database's own container."""
        role = {"warehouse": "integrity"}.get(database, database)
        out = self.execute("postgres", "psql", "-U", role, "-d", database, "-At", "-F", "\t", "-c", sql)
        return [line.split("\t") for line in out.splitlines()]

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container, by service, stopped ones included."""
        label = f"label=com.docker.compose.project={self.project}"
        ids = self.run(self.engine, "ps", "--all", "--quiet", "--filter", label).split()
        found = json.loads(self.run(self.engine, "inspect", *ids)) if ids else []
        return {entry["Config"]["Labels"]["com.docker.compose.service"]: entry for entry in found}

    def is_healthy(self, service: str) -> bool:
        """Ask the service's own health check; Podman without systemd runs it only when told to."""
        container = self.containers().get(service)
        if container is None or container["State"]["Status"] != "running":
            return False
        if self.engine == "docker":
            return bool(container["State"]["Health"]["Status"] == "healthy")
        done = subprocess.run(["podman", "healthcheck", "run", container["Id"]], capture_output=True, check=False)
        return done.returncode == 0

    def wait_until(self, what: str, condition: Callable[[], Any], seconds: float = 180, pause: float = 2) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self._log(name)}" for name in ("migrate", *SERVICES))
                pytest.fail(f"not {what} within {seconds:.0f} s\n{logs}")
            time.sleep(pause)

    def _log(self, service: str) -> str:
        container = self.containers().get(service)
        if container is None:
            return "not there"
        done = subprocess.run(
            [self.engine, "logs", "--tail", "15", container["Id"]], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def api(self, path: str, **query: Any) -> Any:
        """Ask the page's API as a user of this machine would: by the published port, with the password of ``.env``."""
        if not hasattr(self, "_token"):
            login = {"username": "integrity", "password": self.environment["INTEGRITY_PASSWORD"]}
            answer = httpx.post(f"{self.url}/auth/token", json=login, timeout=30)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        answer = httpx.get(
            f"{self.url}/api/v2{path}", params=query, headers={"Authorization": f"Bearer {self._token}"}, timeout=30
        )
        answer.raise_for_status()
        return answer.json()


def _commands(project: str) -> tuple[str, list[str], list[str]]:
    """Engine, compose and up: Docker if one answers, else what the environment names."""
    if shutil.which("docker"):
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60)
        if answer.returncode == 0 and b"Server Version" in answer.stdout:
            compose = ["docker", "compose"]
            return "docker", compose, [*compose, "-f", str(COMPOSE_FILE), "-p", project, "up", "--detach"]
    named = os.environ.get("INTEGRITY_COMPOSE", "")
    if named and shutil.which("podman"):
        compose = shlex.split(named)
        up = shlex.split(os.environ.get("INTEGRITY_COMPOSE_UP", "")) or [*compose, "up", "-d"]
        return "podman", compose, [*up, "-f", str(COMPOSE_FILE), "-p", project]
    pytest.fail(
        "No Docker engine answers 'docker info'. Start one; or, with Podman, set INTEGRITY_COMPOSE to the command that "
        "stands for 'docker compose' and INTEGRITY_COMPOSE_UP to one that starts services and waits for their conditions."
    )


def read_env(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and up, every service healthy; taken down at the end with its volumes, whatever happened."""
    project = f"integrity-test-{secrets.token_hex(3)}"
    engine, compose, start = _commands(project)
    env_file = tmp_path_factory.mktemp("compose") / ".env"
    subprocess.run(
        [sys.executable, "include/orchestration/container.py", "env", "--output", env_file],
        cwd=PROJECT_ROOT,
        check=True,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The process's environment outweighs a .env that the user may have.
    environment = {
        **os.environ,
        **read_env(env_file),
        "INTEGRITY_PORT": str(port),
        "AIRFLOW_CONN_SLACK_DEFAULT": "",
    }
    running = Stack(engine, compose, start, environment, project, port)
    try:
        running.call("build", "migrate")
        running.up()
        for service in SERVICES:
            running.wait_until(f"{service} healthy", lambda name=service: running.is_healthy(name))
        yield running
    finally:
        running.call("down", "--volumes", check=False)
        left = running.containers()
        assert not left, f"'down' left {', '.join(left)} behind"
