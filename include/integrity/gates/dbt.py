"""Running dbt in this process, without a trace of values: its logs and targets live in a folder that goes away."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
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
    command: str,
    *,
    project: Path,
    database_url: str,
    select: str,
    gates: str | None,
    period: date,
    period_before: date | None = None,
    candidate_schema: str = "published",
    cache: Path | None = None,
) -> list[NodeResult]:
    """Run ``dbt test``, ``dbt run`` or the like on a selection and give its results.

    Args:
        gates: Dependency whose gates dbt is shown, and no other's; None: no gates at all. What dbt is shown it parses
            in every process anew, and that would otherwise grow with each dependency there is.
        period_before: The one before it, for gates, some of which compare the two.
        candidate_schema: Schema of this run's own in which its candidate stands and its tests leave their counts.
        cache: Folder where dbt's parsed project is kept between runs; it saves more than a second each time.

    Raises:
        CouldNotCheck: dbt ended without results.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    _name_no_sources()
    parsed = cache / f"{gates or 'marts'}.msgpack" if cache else None
    with _workplace(database_url) as folder, _parsed_before(folder, parsed):
        _show(project, gates, folder / "project")
        os.environ["INTEGRITY_PERIOD"] = period.isoformat()
        os.environ["INTEGRITY_PERIOD_BEFORE"] = period_before.isoformat() if period_before else ""
        os.environ["INTEGRITY_CANDIDATE_SCHEMA"] = candidate_schema
        arguments = [
            command,
            "--select",
            select,
            "--no-use-colors",
            "--log-level",
            "none",
            "--no-version-check",
            # Its results are taken from memory; the files that it would write of them take as long as its parsing.
            "--no-write-json",
            "--project-dir",
            str(folder / "project"),
            "--profiles-dir",
            str(folder),
            "--target-path",
            str(folder / "target"),
            "--log-path",
            str(folder / "logs"),
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = dbtRunner().invoke(arguments)
        if not isinstance(outcome.result, RunExecutionResult):
            # Without results no query has run, so dbt's words are about the project's own files and hold no cell.
            reason = " ".join(str(outcome.exception).split())[:500] if outcome.exception else "no reason given"
            raise CouldNotCheck(f"dbt {command} ended before it ran anything: {reason}")
        return [_node(each) for each in outcome.result.results]


def _name_no_sources() -> None:
    """Keep dbt from reading the files of the whole stack for each of its flags, for an event that nobody is shown.

    It does so even for flags that state their source. Below a deep stack, with many modules loaded, that is most of the
    time of a run.
    """
    from dbt_common.behavior_flags import BehaviorFlagRendered

    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt")  # type: ignore[method-assign]


def _node(result: Any) -> NodeResult:
    return NodeResult(result.node.unique_id.split(".")[2], str(result.status), result.node.relation_name)


def _show(project: Path, gates: str | None, shown: Path) -> None:
    """Make a project of links: all of ``project``, but of ``models/gates`` only what was asked and what serves all."""
    project = project.resolve()

    def others(folder: str, names: list[str]) -> list[str]:
        if Path(folder) != project / "models" / "gates":
            return []
        return [name for name in names if Path(name).stem != gates and not name.startswith("_")]

    shutil.copytree(project, shown, ignore=others, copy_function=os.symlink)


@contextlib.contextmanager
def _parsed_before(folder: Path, cache: Path | None) -> Iterator[None]:
    """Lend dbt what an earlier run parsed, and keep what this one did; dbt itself sees what no longer fits."""
    parsed = folder / "target" / "partial_parse.msgpack"
    parsed.parent.mkdir()
    if cache and cache.is_file():
        shutil.copyfile(cache, parsed)
    yield
    if cache and parsed.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_name(f".{folder.name}")
        shutil.copyfile(parsed, temporary)
        temporary.replace(cache)


@contextlib.contextmanager
def _workplace(database_url: str) -> Iterator[Path]:
    """A folder of this run's own with dbt's profile; readable by this user only, and gone afterwards."""
    place = conninfo_to_dict(database_url)
    target = {
        "type": "postgres",
        "threads": 4,
        "schema": "published",
        "host": place.get("host", "localhost"),
        "port": int(place.get("port") or 5432),
        "user": place.get("user", ""),
        "password": place.get("password", ""),
        "dbname": place.get("dbname", ""),
    }
    with tempfile.TemporaryDirectory(prefix="integrity-dbt-") as name:
        folder = Path(name)
        profile = {"integrity": {"target": "warehouse", "outputs": {"warehouse": target}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        yield folder
