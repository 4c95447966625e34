"""README's commands, typed in a fresh clone by someone who has never seen the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from integrity.settings import PROJECT_ROOT

pytestmark = pytest.mark.timeout(1800)

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


@dataclass
class Newcomer:
    """A fresh clone in an empty folder, with an environment that knows nothing of the project."""

    folder: Path

    def types(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {
            k: v for k, v in os.environ.items() if not k.startswith(("INTEGRITY_", "AIRFLOW", "OPENLINEAGE", "VIRTUAL"))
        }
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=known | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    folder = Path(tempfile.mkdtemp(prefix="ig-walk-"))
    subprocess.run(["git", "clone", "--quiet", PROJECT_ROOT, folder / "clone"], check=True)
    yield Newcomer(folder / "clone")
    shutil.rmtree(folder, ignore_errors=True)


def test_bare_make_says_what_there_is(newcomer: Newcomer) -> None:
    said = newcomer.types("make").stdout
    assert {"run", "test", "up", "down", "lint", "bench", "help"} <= set(re.findall(r"^  make ([a-z-]+)", said, re.M))


def test_an_old_python_is_a_clear_message(newcomer: Newcomer) -> None:
    (newcomer.folder / "old").write_text("#!/bin/sh\nexit 1\n")
    (newcomer.folder / "old").chmod(0o755)
    done = newcomer.types("make run PYTHON=./old")
    assert done.returncode != 0
    none_found = newcomer.types("make run PYTHON=")
    assert none_found.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed" in none_found.stdout + none_found.stderr


def test_make_run_shows_real_nights(newcomer: Newcomer) -> None:
    done = newcomer.types("make run")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    nights = re.findall(
        r"^(2020-04-\d\d) +(\w+) +\d.* (PASS|WARN|FAIL|ERROR) +(revision \d|no) +\d+$", done.stdout, re.M
    )
    assert len(nights) == 30, "fifteen nights of two dependencies"
    assert all(released != "no" for _, _, _, released in nights)
    # Its layout has columns more than the first capture's, and that is noted.
    assert ("2020-04-23", "regional_hospital_activity", "WARN", "revision 2") in nights
    told = re.search(r"^Issues: (\d+) opened, (\d+) resolved again$", done.stdout, re.M)
    assert told, done.stdout[-3000:]
    opened, resolved = map(int, told.groups())
    assert opened >= 4
    # Running totals that fall, and tests that stand still, stay for their owner to look at.
    assert opened - resolved == 2
    for line in re.findall(r"^  (\.venv/bin/integrity (?:check|issues|trace|psql).*)$", done.stdout, re.M):
        assert newcomer.types(line).returncode in (0, 1), line


def test_what_readme_says_to_look_at(newcomer: Newcomer) -> None:
    for command in re.findall(r"`(\.venv/bin/integrity (?:psql|trace|impact|audit)[^`]*)`", README):
        assert newcomer.types(command).returncode == 0, command
    traced = newcomer.types(".venv/bin/integrity trace hospital_pressure 2020-04-23 03 --json")
    origin = next(entry for entry in json.loads(traced.stdout) if entry["role"] == "source")
    archived = (newcomer.folder / ".integrity" / "archive" / origin["sha256"][:2] / origin["sha256"]).read_text("utf-8")
    assert "Lombardia" in archived.splitlines()[origin["row"] - 1]


def test_the_first_half_of_the_month_without_airflow(newcomer: Newcomer) -> None:
    done = newcomer.types(".venv/bin/integrity ingest regional_hospital_activity --period 2020-04-15 --json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"] in ("PASS", "WARN")) == (0, True)
    assert told["submissions"][0]["rows"] == 21


def test_the_doctor_finds_nothing(newcomer: Newcomer) -> None:
    done = newcomer.types(".venv/bin/integrity doctor")
    assert done.returncode == 0, done.stdout
    assert newcomer.types(".venv/bin/integrity doctor", INTEGRITY_DATABASE_URL="mysql://x").returncode == 1


def test_a_taken_port_is_a_clear_message(newcomer: Newcomer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = newcomer.types("make up", INTEGRITY_PORT=str(port))
    assert done.returncode != 0
    assert f"Port {port} is taken" in done.stderr


def test_every_command_that_readme_names_exists(newcomer: Newcomer) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    commands = "read|check|ingest|issues|trace|impact|doctor|psql|migrate|audit"
    for command in set(re.findall(rf"integrity ({commands})\b", README)):
        assert newcomer.types(f".venv/bin/integrity {command} --help").returncode == 0
