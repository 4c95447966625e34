"""What docker-compose.yml, Dockerfile and the maker of ``.env`` promise, read from the files alone."""

from __future__ import annotations

import copy
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.settings import PROJECT_ROOT, Settings
from orchestration import container
from orchestration.airflow_home import airflow_environment

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yml"
REQUIRED = re.compile(r"\$\{(\w+):\?")
Compose = dict[str, Any]


@pytest.fixture
def compose() -> Compose:
    return dict(yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8")))


def without_health_check(compose: Compose) -> list[str]:
    return [
        name
        for name, service in compose["services"].items()
        if service.get("restart") != "no" and not service.get("healthcheck", {}).get("test")
    ]


def published_beyond_loopback(compose: Compose) -> list[str]:
    return [
        name
        for name, service in compose["services"].items()
        if service.get("network_mode") == "host"
        or not all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    ]


def literal_secrets(compose: Compose) -> list[str]:
    """Variables that carry a secret and do not take it from ``.env``."""
    found = []
    for name, service in compose["services"].items():
        for key, value in service["environment"].items():
            secret = re.search(r"PASSWORD$|SECRET|FERNET", key) or re.search(r"://[^/]*:[^/]*@", str(value))
            if secret and not REQUIRED.search(str(value)):
                found.append(f"{name}: {key}")
    return found


def running_as_root(compose: Compose) -> list[str]:
    """The database's image starts as root and steps down by itself; it may do no more than that takes."""
    steps_down = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    found = []
    for name, service in compose["services"].items():
        confined = service.get("cap_drop") == ["ALL"] and "no-new-privileges:true" in service.get("security_opt", [])
        allowed = steps_down if name == "postgres" else set()
        named = name == "postgres" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service.get("user")))
        if not confined or not named or not set(service.get("cap_add", [])) <= allowed:
            found.append(name)
    return found


def writable(compose: Compose) -> list[str]:
    return [n for n, s in compose["services"].items() if n != "postgres" and not s.get("read_only")]


def short_image_names(compose: Compose) -> list[str]:
    named = {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", s["image"]) for name, s in compose["services"].items()}
    return [name for name, image in named.items() if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+:[\w.-]+", image)]


GUARDS: list[tuple[Callable[[Compose], list[str]], str, dict[str, Any]]] = [
    (without_health_check, "scheduler", {"healthcheck": {}}),
    (published_beyond_loopback, "api-server", {"ports": ["8080:8080"]}),
    (published_beyond_loopback, "postgres", {"ports": ["0.0.0.0:5432:5432"]}),
    (literal_secrets, "postgres", {"environment": {"POSTGRES_PASSWORD": "postgres"}}),
    (literal_secrets, "triggerer", {"environment": {"INTEGRITY_DATABASE_URL": "postgresql://a:b@postgres/warehouse"}}),
    (running_as_root, "triggerer", {"user": "0"}),
    (running_as_root, "scheduler", {"cap_drop": []}),
    (running_as_root, "postgres", {"cap_add": ["SYS_ADMIN"]}),
    (writable, "dag-processor", {"read_only": False}),
    (short_image_names, "postgres", {"image": "postgres:17-trixie"}),
]


@pytest.mark.parametrize(("guard", "service", "spoiled"), GUARDS, ids=lambda given: getattr(given, "__name__", None))
def test_the_services_are_confined(
    compose: Compose, guard: Callable[[Compose], list[str]], service: str, spoiled: dict[str, Any]
) -> None:
    assert guard(compose) == []
    broken = copy.deepcopy(compose)
    broken["services"][service].update(spoiled)
    assert [found.split(":")[0] for found in guard(broken)] == [service]


def test_the_services_are_those_of_airflow_and_start_after_the_migrations(compose: Compose) -> None:
    services = compose["services"]
    always = {name for name, service in services.items() if "profiles" not in service}
    assert always == {"postgres", "migrate", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert set(services) - always == {"slack"}, "only who has an app token starts it"
    for name, service in services.items():
        if name not in ("postgres", "migrate"):
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
            assert service["restart"] == "unless-stopped"


def test_the_listener_touches_the_file_that_its_health_check_looks_at(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = compose["services"]["slack"]["command"]
    assert str(container._SLACK_ALIVE) == command[command.index("--alive") + 1]
    alive = tmp_path / "alive"
    monkeypatch.setattr(container, "_SLACK_ALIVE", alive)
    assert not container.is_healthy("slack")
    alive.touch()
    assert container.is_healthy("slack")
    silent = time.time() - container._SILENT_SECONDS
    os.utime(alive, (silent, silent))
    assert not container.is_healthy("slack")


def test_airflow_is_configured_as_make_run_does_it(compose: Compose, tmp_path: Path) -> None:
    """A setting that is added in one place and forgotten in the other would make the two differ by night."""
    nowhere = Settings.from_environment({"INTEGRITY_HOME": str(tmp_path)})
    local = airflow_environment(nowhere, metadata_url="postgresql://here", warehouse_url="postgresql://there", port=1)
    services = compose["services"]["scheduler"]["environment"]
    differs = {
        "AIRFLOW__API__BASE_URL", "AIRFLOW__API__HOST", "AIRFLOW__API__PORT", "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "INTEGRITY_DATABASE_URL",
    }  # fmt: skip
    only_services = {
        "AIRFLOW__CORE__HOSTNAME_CALLABLE", "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL",
        "AIRFLOW_CONN_SLACK_DEFAULT", "INTEGRITY_ACCOUNTS", "INTEGRITY_SPONSOR", "INTEGRITY_SPONSOR_SLACK",
    }  # fmt: skip
    assert set(services) - set(local) == only_services
    assert set(local) - set(services) == set()

    def here(value: str) -> str:
        return value.replace("/var/lib/integrity", str(tmp_path)).replace("/app", str(PROJECT_ROOT))

    assert {k: here(services[k]) for k in local if k not in differs} == {
        k: v for k, v in local.items() if k not in differs
    }


def test_the_image_is_full_named_locked_and_not_root() -> None:
    lines = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "FROM docker.io/library/python:3.13-slim-trixie" in lines
    assert "USER 10001:10001" in lines
    text = "\n".join(lines)
    assert text.index("--require-hashes") < text.index("COPY . .") < text.index("--editable")


def test_only_what_runs_goes_into_the_image() -> None:
    lines = (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    rules = [line for line in lines if not line.startswith("#")]
    assert "*" in rules
    assert not {"!.env", "!.git", "!.integrity", "!tests"} & set(rules)


def make_env(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As a user does it on a Python of their own: nothing installed, no environment."""
    program = PROJECT_ROOT / "include" / "orchestration" / "container.py"
    # -S -E: without site-packages and without PYTHONPATH.
    command = [sys.executable, "-S", "-E", str(program), "env", "--output", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


def test_env_holds_every_secret_that_the_services_ask_for(tmp_path: Path) -> None:
    done = make_env(tmp_path / ".env")
    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    lines = [line for line in (tmp_path / ".env").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    made = dict(line.split("=", 1) for line in lines)
    assert set(made) == set(REQUIRED.findall(COMPOSE_FILE.read_text(encoding="utf-8")))
    assert len(set(made.values())) == len(made)
    assert all(len(value) >= 16 and re.fullmatch(r"[\w=-]+", value) for value in made.values())
    assert not any(value in done.stdout for value in made.values())


def test_env_differs_each_time(tmp_path: Path) -> None:
    make_env(tmp_path / "one")
    make_env(tmp_path / "two")
    assert not set(values(tmp_path / "one")) & set(values(tmp_path / "two"))


def values(path: Path) -> list[str]:
    return [line.split("=", 1)[1] for line in path.read_text(encoding="utf-8").splitlines() if line[0] != "#"]


def test_env_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n", encoding="utf-8")
    done = make_env(tmp_path / ".env")
    assert done.returncode == 1
    assert "left as it is" in done.stderr
    assert (tmp_path / ".env").read_text(encoding="utf-8") == "MINE=1\n"
