"""``make bench``: what the gates cost, as ratios measured in one run; writes ``bench.json`` and prints a table.

Seconds depend on the machine and on what else it does; a ratio of two things measured side by side says more.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import psycopg
import yaml
from integrity.errors import IntegrityError
from integrity.inventory.dependency import Dependency
from integrity.pipeline.judging import judge_coverage, judge_relations, judge_submission
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import release
from integrity.reports.console import console, table
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders
from integrity.warehouse import embedded
from integrity.warehouse.migrate import migrate

from orchestration.services import LocalAirflow, local_airflow

_ROWS = 2_000_000
_REPEATS = 3
_NIGHTS = 4
_DEPENDENCY = "regional_hospital_activity"
_DAY = date(2026, 1, 1)

_SCHEMA = """
import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule

class Schema(pa.DataFrameModel):
    day: pl.Datetime = pa.Field()
    unit: str = pa.Field()
    ward: str = pa.Field(isin=["A", "B", "C", "D"])
    a: pl.Int64 = pa.Field(ge=0)
    b: pl.Int64 = pa.Field(ge=0)
    total: pl.Int64 = pa.Field(ge=0)
    c: pl.Int64 = pa.Field(ge=0)
    d: pl.Int64 = pa.Field(nullable=True)
    rate: pl.Float64 = pa.Field(ge=0, le=1)
    cost: pl.Float64 = pa.Field(ge=0)
    note: str = pa.Field(nullable=True)
    code: str = pa.Field()

    @rule("adds_up", columns=["total", "a", "b"], kind="derivation", dimension="accuracy", limitations=["6.1"],
          severity="quarantine", message="The total must equal its parts.", mend="Correct one of them.")
    def adds_up(cls, frame):
        return frame.lazyframe.select(pl.col("total") == pl.col("a") + pl.col("b"))

    @rule("unit_once", columns=["unit"], kind="uniqueness", dimension="accuracy", limitations=["9.7"],
          severity="quarantine", message="A unit stands twice.", mend="Leave one.")
    def unit_once(cls, frame):
        return frame.lazyframe.select(pl.col("unit").is_first_distinct())
"""

_EMPTY_DAG = """
from airflow.sdk import DAG, CronPartitionTimetable, chain, task
from pendulum import datetime

with DAG("empty", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
         start_date=datetime(2020, 4, 1), end_date=datetime(2020, 5, 1), catchup=False):
    steps = []
    for number in range({tasks}):
        @task(task_id=f"step_{{number}}")
        def step():
            pass
        steps.append(step())
    chain(*steps)
"""


@dataclass(frozen=True)
class Measured:
    """One comparison: ``seconds`` of the thing against ``base_seconds`` of what it is held against."""

    what: str
    against: str
    seconds: float
    base_seconds: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.base_seconds


def measure_path(settings: Settings) -> Measured:
    """Archive, read, judge, land and release a generated submission of 2,000,000 rows × 12 columns, in this process,
    against a bare ``COPY`` of the same file into a logged table over one connection."""
    file = settings.home / "generated.csv"
    _generate(file)
    server = embedded.start(settings.home)
    paths, copies = [], []
    for repeat in range(_REPEATS):
        copies.append(_timed(lambda: _bare_copy(embedded.url(server, embedded.WAREHOUSE), file)))
        name = f"generated_{repeat}"
        office = _generated_dependency(settings, name)
        shutil.copy(file, settings.inbox / name / "maker" / f"{_DAY:%Y%m%d}.csv")
        paths.append(_timed(lambda office=office: _take_in(office)))  # type: ignore[misc]
    return Measured(
        f"in-process path, {_ROWS:,} rows × 12 columns",
        "bare COPY of the file, logged table",
        statistics.median(paths),
        statistics.median(copies),
    )


def measure_night(settings: Settings, say: Callable[[str], None]) -> Measured:
    """A night of ``ingest__regional_hospital_activity`` against an empty Dag of as many tasks, one at a time."""
    make_folders(settings, _DEPENDENCY, ["protezione_civile"])
    for path in (PROJECT_ROOT / "include" / "demonstration" / "regions").glob("*.csv"):
        shutil.copy(path, settings.inbox / _DEPENDENCY / "protezione_civile")
    with local_airflow(settings, say) as airflow:
        dags = settings.home / "dags"
        shutil.copytree(PROJECT_ROOT / "dags", dags, dirs_exist_ok=True)
        (dags / "empty.py").write_text(_EMPTY_DAG.format(tasks=8), encoding="utf-8")
        airflow.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
        airflow.start(["api-server", "scheduler", "dag-processor"])
        airflow.wait_until_healthy({"empty", f"ingest__{_DEPENDENCY}"})
        nights, empties = [], []
        for number in range(_NIGHTS):
            period = date(2020, 4, 1) + timedelta(days=number)
            empties.append(_run_seconds(airflow, "empty", period))
            nights.append(_run_seconds(airflow, f"ingest__{_DEPENDENCY}", period))
    # The first of each pays for what workers load once.
    return Measured(
        "a night of ingest__regional_hospital_activity",
        "an empty Dag of as many tasks",
        statistics.median(nights[1:]),
        statistics.median(empties[1:]),
    )


def _generate(file: Path) -> None:
    index = pl.int_range(_ROWS, eager=True)
    a, b = index % 97, index % 89
    frame = pl.DataFrame(
        {
            "day": pl.repeat(f"{_DAY}T18:00:00", _ROWS, eager=True),
            "unit": "U" + index.cast(pl.String).str.zfill(8),
            "ward": pl.Series(["A", "B", "C", "D"]).gather(index % 4),
            "a": a,
            "b": b,
            "total": a + b,
            "c": index % 1000,
            "d": index,
            "rate": (index % 1000) / 1000,
            "cost": (index % 100_000) / 100,
            "note": "note " + (index % 50).cast(pl.String),
            "code": (index % 21).cast(pl.String).str.zfill(2),
        }
    )
    frame.write_csv(file)


def _generated_dependency(settings: Settings, name: str) -> Office:
    """A dependency made for the measurement, declared like any other."""
    model = yaml.safe_load(
        (PROJECT_ROOT / "include" / "dependencies" / _DEPENDENCY / "dependency.yml").read_text("utf-8")
    )
    model |= {
        "name": name,
        "suppliers": [{"code": "maker", "name": "Maker", "contact": "maker@example.org"}],
        "reporting": {"frequency": "daily", "timezone": "UTC", "reports_from": _DAY},
        "file": {
            "period_from_name": {"pattern": r"(?P<period>\d{8})", "format": "%Y%m%d"},
            "period_from_column": "day",
        },
        "key": ["unit"],
        "layouts": [{"name": "plain", "describes": "As generated"}],
        "relations": {"none_because": "A generated file has nothing beside it"},
    }
    model.pop("population")
    Dependency.model_validate(model)
    folder = settings.dependencies / name
    folder.mkdir(parents=True)
    (folder / "dependency.yml").write_text(yaml.safe_dump(model), encoding="utf-8")
    (folder / "schema.py").write_text(_SCHEMA, encoding="utf-8")
    (folder / "README.md").write_text("Generated.", encoding="utf-8")
    make_folders(settings, name, ["maker"])
    office = Office.open(name, settings)
    migrate(office.engine)
    return office


def _take_in(office: Office) -> None:
    (submission,) = receive(office, _DAY)
    verdict = judge_submission(office, submission, "bench")
    judge_coverage(office, _DAY, "bench")
    judge_relations(office, _DAY, "bench")
    if release(office, _DAY, "bench") != ["maker"]:
        raise IntegrityError(f"The generated submission was not released: {verdict}.")


def _bare_copy(url: str, file: Path) -> None:
    types = (
        "timestamp, text, text, bigint, bigint, bigint, bigint, bigint, double precision, double precision, text, text"
    )
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(types.split(", ")))
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS public.bare")
        connection.execute(f"CREATE TABLE public.bare ({columns})")
        with (
            connection.cursor().copy("COPY public.bare FROM STDIN (FORMAT csv, HEADER)") as copy,
            file.open("rb") as data,
        ):
            while chunk := data.read(1 << 20):
                copy.write(chunk)


def _timed(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _run_seconds(airflow: LocalAirflow, dag_id: str, period: date) -> float:
    run = airflow.run(dag_id, period)
    while True:
        airflow.check_alive()
        answer = airflow.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}")
        if answer["state"] == "success":
            # Marts that the night set off must not run into the next measurement.
            while not airflow.is_quiet():
                time.sleep(0.2)
            return float(answer["duration"])
        if answer["state"] == "failed":
            raise IntegrityError(f"{dag_id} {period} failed, so there is nothing to measure.")
        time.sleep(0.2)


def main() -> int:
    out = console()

    def say(what: str) -> None:
        out.print(what, markup=False)

    with tempfile.TemporaryDirectory(prefix="integrity-bench-") as name:
        home = Path(name)
        settings = replace(Settings.from_environment({"INTEGRITY_HOME": str(home)}), dependencies=home / "dependencies")
        os.environ.pop("INTEGRITY_DATABASE_URL", None)
        try:
            say(f"The in-process path, {_REPEATS} times")
            measured = [measure_path(settings)]
            say(f"Nights on a real Airflow, {_NIGHTS} of each")
            measured.append(measure_night(Settings.from_environment({"INTEGRITY_HOME": str(home / "nights")}), say))
        except IntegrityError as error:
            out.print(f"make bench: {error}", style="red", markup=False)
            return 1
    told = [{**vars(m), "ratio": round(m.ratio, 2)} for m in measured]
    (PROJECT_ROOT / "bench.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    rows = [[m.what, m.against, f"{m.seconds:.2f}", f"{m.base_seconds:.2f}", f"{m.ratio:.2f}"] for m in measured]
    out.print(table(["Measured", "Against", "Seconds", "Seconds", "Ratio"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
