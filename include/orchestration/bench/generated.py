"""Files and dependencies made for measuring: any number of rows, of suppliers, sound or spoilt."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
import yaml
from integrity.errors import GateFailed, IntegrityError
from integrity.inventory.dependency import Dependency
from integrity.pipeline.judging import judge_candidate, judge_coverage, judge_submissions
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import release
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders
from integrity.warehouse.migrate import migrate

DAY = date(2026, 1, 1)
FILE_NAME = f"{DAY:%Y%m%d}.csv"
MAKER = "maker"
COLUMN_TYPES = (
    *("timestamp", "text", "text", "bigint", "bigint", "bigint", "bigint", "bigint"),
    *("double precision", "double precision", "text", "text"),
)
_MODEL = "regional_hospital_activity"
_SLICE_ROWS = 1_000_000

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
          severity="quarantine", message="A unit stands twice.", mend="Leave one.", among=["unit"])
    def unit_once(cls, frame):
        return frame.lazyframe.select(pl.col("unit").is_unique())
"""

Kind = Literal["clean", "blank column", "all failing"]
KINDS: tuple[Kind, ...] = ("clean", "blank column", "all failing")


def generate(file: Path, rows: int, kind: Kind = "clean") -> Path:
    """Write a CSV of 12 columns, in slices, so that its size is the disk's business only.

    Args:
        kind: ``blank column`` has a required column without a value; in ``all failing`` no row keeps any rule.
    """
    with file.open("wb") as writer:
        for start in range(0, rows, _SLICE_ROWS):
            frame = _rows(start, min(start + _SLICE_ROWS, rows))
            if kind == "blank column":
                frame = frame.with_columns(cost=pl.lit(None, pl.String))
            if kind == "all failing":
                frame = frame.with_columns(
                    *(pl.lit(value).alias(name) for name, value in {"unit": "U", "ward": "X", "rate": -1.5}.items()),
                    *(-(pl.col(name) + 1) for name in ("a", "b", "c", "cost")),
                    total=-(pl.col("total") + 1),
                    code=pl.lit(None, pl.String),
                )
            frame.write_csv(writer, include_header=not start)
    return file


def _rows(start: int, end: int) -> pl.DataFrame:
    index = pl.int_range(start, end, eager=True)
    a, b = index % 97, index % 89
    return pl.DataFrame(
        {
            "day": pl.repeat(f"{DAY}T18:00:00", end - start, eager=True),
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


def open_generated(
    settings: Settings, name: str, suppliers: Sequence[str] = (MAKER,), *, is_profiled: bool = True
) -> Office:
    """A dependency made for the measurement, declared like any other."""
    folder = settings.dependencies / name
    if not folder.exists():
        _declare(folder, name, suppliers, is_profiled=is_profiled)
        make_folders(settings, name, list(suppliers))
    office = Office.open(name, settings)
    migrate(office.engine)
    return office


def _declare(folder: Path, name: str, suppliers: Sequence[str], *, is_profiled: bool) -> None:
    model = yaml.safe_load((PROJECT_ROOT / "include" / "dependencies" / _MODEL / "dependency.yml").read_text("utf-8"))
    model |= {
        "name": name,
        "suppliers": [{"code": code, "name": code, "contact": f"{code}@example.org"} for code in suppliers],
        "reporting": {"frequency": "daily", "timezone": "UTC", "reports_from": DAY},
        "file": {
            "period_from_name": {"pattern": r"(?P<period>\d{8})", "format": "%Y%m%d"},
            "period_from_column": "day",
        },
        "key": ["unit"],
        "layouts": [{"name": "plain", "describes": "As generated"}],
        "relations": {"none_because": "A generated file has nothing beside it"},
    }
    if not is_profiled:
        why = "What profiling costs is measured beside it"
        model["departures"] = [{"setting": "profiling", "to": {"enabled": False, "severity": "warn"}, "reason": why}]
    model.pop("population")
    Dependency.model_validate(model)
    folder.mkdir(parents=True)
    (folder / "dependency.yml").write_text(yaml.safe_dump(model), encoding="utf-8")
    (folder / "schema.py").write_text(_SCHEMA, encoding="utf-8")
    (folder / "README.md").write_text("Generated.", encoding="utf-8")


def send(settings: Settings, name: str, file: Path, supplier: str = MAKER) -> None:
    shutil.copy(file, settings.inbox / name / supplier / FILE_NAME)


def take_in(office: Office) -> list[str]:
    """All steps of a period in this process: archive, read, judge, land, release; the suppliers that were released."""
    judge_submissions(office, receive(office, DAY), "bench")
    judge_coverage(office, DAY, "bench")
    judge_candidate(office, DAY, "bench")
    try:
        return release(office, DAY, "bench")
    except GateFailed:
        return []


def take_in_whole(office: Office) -> None:
    """As ``take_in``, of a file that must be released.

    Raises:
        IntegrityError: It was not, so that there is nothing to measure.
    """
    if take_in(office) != [MAKER]:
        raise IntegrityError(f"The generated submission of {office.name} was not released.")
