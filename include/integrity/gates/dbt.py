"""Running dbt in this process, without a trace of values: its logs and targets live in a folder that goes away."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from psycopg.conninfo import conninfo_to_dict

from integrity.errors import CouldNotCheck


@dataclass(frozen=True)
class NodeResult:
    """Outcome of one test or model.

    Attributes:
        status: As dbt says it: pass, fail, error, skipped, success.
        relation: The table in which a test stored its counts, quoted for SQL; None where it stored nothing.
    """

    name: str
    status: str
    relation: str | None


def run_dbt(
    command: str, *, project: Path, database_url: str, select: str, variables: Mapping[str, str]
) -> list[NodeResult]:
    """Run ``dbt test`` or ``dbt build`` on a selection and read ``run_results.json``.

    Raises:
        CouldNotCheck: dbt ended without results.
    """
    from dbt.cli.main import dbtRunner

    with _workplace(database_url) as folder:
        arguments = [
            command, "--select", select, "--vars", json.dumps(dict(variables)), "--no-use-colors", "--log-level", "none",
            "--no-version-check", "--project-dir", str(project), "--profiles-dir", str(folder),
            "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = dbtRunner().invoke(arguments)
        results = folder / "target" / "run_results.json"
        if not results.is_file():
            reason = type(outcome.exception).__name__ if outcome.exception else "no reason given"
            raise CouldNotCheck(f"dbt {command} ended without results ({reason}). Try: integrity doctor.")
        return [_node(entry) for entry in json.loads(results.read_text(encoding="utf-8"))["results"]]


def _node(entry: dict[str, Any]) -> NodeResult:
    return NodeResult(entry["unique_id"].split(".")[2], entry["status"], entry.get("relation_name"))


@contextlib.contextmanager
def _workplace(database_url: str) -> Iterator[Path]:
    """A folder of this run's own with dbt's profile; readable by this user only, and gone afterwards."""
    place = conninfo_to_dict(database_url)
    target = {
        "type": "postgres", "threads": 4, "schema": "published",
        "host": place.get("host", "localhost"), "port": int(place.get("port") or 5432),
        "user": place.get("user", ""), "password": place.get("password", ""), "dbname": place.get("dbname", ""),
    }
    with tempfile.TemporaryDirectory(prefix="integrity-dbt-") as name:
        folder = Path(name)
        profile = {"integrity": {"target": "warehouse", "outputs": {"warehouse": target}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        yield folder
