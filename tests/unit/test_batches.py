"""A file judged in batches: the same answer wherever these begin and end, and rules that look across rows see all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from integrity.gates import questions
from integrity.gates.questions import Checked
from integrity.gates.row_by_row import columns_read, is_row_by_row
from integrity.gates.structure import JudgedWhileRead, StructureResult, judge_structure
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.isolation import Begun, read_submission
from integrity.submissions.reading import Reading, Rows
from pandera.api.polars.types import PolarsData

DAY = date(2020, 4, 28)
ABRUZZO = "13"


@pytest.fixture(scope="module")
def regional(tmp_path_factory: pytest.TempPathFactory) -> Office:
    home = tmp_path_factory.mktemp("home")
    own = Settings(
        home=home,
        database_url=None,
        dependencies=PROJECT_ROOT / "include" / "dependencies",
        inbox=home,
        outbox=home,
        archive=home,
    )
    return Office.open("regional_hospital_activity", own)


def in_batches(reading: Reading, rows: int) -> Reading:
    """The same reading in parts of so many rows, on disk as those of a large file are."""
    whole = reading.rows.raw()
    parts = tuple(whole.slice(start, rows) for start in range(0, whole.height, rows))
    return replace(reading, rows=replace(reading.rows, parts=parts), _frame=[])


def on_disk(reading: Reading, folder: Path) -> Reading:
    own = Path(mkdtemp(dir=folder))  # A file that is still looked at must not be written again.
    parts = []
    for number, part in enumerate(reading.rows.parts):
        assert isinstance(part, pl.DataFrame)
        parts.append(own / f"{number}.arrow")
        part.write_ipc(parts[-1])
    return replace(reading, rows=Rows(tuple(parts), reading.rows.columns, reading.rows.height), _frame=[])


def judge(reading: Reading, office: Office) -> StructureResult:
    return judge_structure(
        reading,
        office.schema,
        office.registered.dependency,
        period=DAY,
        as_of=DAY,
        policy=office.policy,
        supplier="protezione_civile",
    )


def told(result: StructureResult) -> Any:
    return (
        result.result,
        result.units,
        result.shape,
        result.accepted.height,
        result.quarantined.height,
        result.accepted.frame().rows(),
        result.quarantined.frame().rows(),
    )


class Given:
    """Takes what is handed on before the verdict."""

    def __init__(self) -> None:
        self.batches: list[pl.DataFrame] = []

    def accept(self, batch: pl.DataFrame) -> None:
        self.batches.append(batch)


def judge_while_read(reading: Reading, office: Office, seen: slice = slice(None)) -> tuple[StructureResult, Given]:
    """The same as ``judge``, with every part judged as soon as it is there.

    Args:
        seen: Which parts are seen while it is read.
    """
    given_on, told_of = Given(), {"period": DAY, "as_of": DAY, "supplier": "protezione_civile"}
    ahead = JudgedWhileRead(office.schema, office.registered.dependency, sink=given_on, **told_of)  # type: ignore[arg-type]
    for part in reading.rows.parts[seen]:
        assert isinstance(part, Path)
        ahead(Begun(reading.headings, reading.rows.columns, part))
    judged = judge_structure(
        reading,
        office.schema,
        office.registered.dependency,
        policy=office.policy,
        ahead=ahead,
        **told_of,  # type: ignore[arg-type]
    )
    return judged, given_on


_SPOILT = ["", "x", "-1", "1.5", "n.d.", "3", "2020-04-28T17:00:00", "28/04/2020", "ITA", "Lazio"]
_NOTATIONS = ["", "1,5", "x", "28/04/2020"]


# Drawn by seed, and not by hypothesis: reading in between starts processes, and a draw must not hang on that.
@pytest.mark.parametrize("seed", range(14))
def test_the_answer_does_not_depend_on_the_batches(
    seed: int, regional: Office, real: Callable[..., Any], tmp_path: Path
) -> None:
    draw = Random(seed)  # noqa: S311 - no secret
    file = real("regional_hospital_activity", 28)
    for _ in range(draw.randrange(7)):
        file.rows[draw.randrange(21)][draw.choice(file.headings)] = draw.choice(_SPOILT)
    file.rows += [dict(file.rows[draw.randrange(21)]) for _ in range(draw.randrange(4))]
    if draw.random() < 0.5:
        column = draw.choice(["tamponi", "data", "long", "stato"])
        for row in file.rows:
            row[column] = draw.choice(_NOTATIONS)
    path = tmp_path / "file.csv"
    path.write_bytes(file.to_bytes())
    reading = read_submission(path)
    whole = told(judge(in_batches(reading, len(file.rows)), regional))
    assert told(judge(in_batches(reading, 1), regional)) == whole
    assert told(judge(in_batches(reading, 7), regional)) == whole
    assert told(judge(on_disk(in_batches(reading, 7), tmp_path), regional)) == whole
    for rows in (4, 30):
        judged, given_on = judge_while_read(on_disk(in_batches(reading, rows), tmp_path), regional)
        assert told(judged) == whole
        if judged.is_landable:
            assert judged.withdrawn is not None
            kept = pl.concat(given_on.batches).filter(~pl.col("_row").is_in(judged.withdrawn.to_list()))
            assert kept.rows() == judged.accepted.frame().rows()


def test_rows_that_another_row_contradicts_later_are_withdrawn(
    regional: Office, real: Callable[..., Any], tmp_path: Path
) -> None:
    file = real("regional_hospital_activity", 28)
    file.rows.append(dict(file.rows[0]))
    (tmp_path / "file.csv").write_bytes(file.to_bytes())
    reading = on_disk(in_batches(read_submission(tmp_path / "file.csv"), 4), tmp_path)
    judged, given_on = judge_while_read(reading, regional)
    assert judged.withdrawn is not None
    assert judged.withdrawn.to_list() == judged.quarantined.select("_row").to_series().to_list() == [23]
    assert sum(batch.height for batch in given_on.batches) == 22


def test_nothing_more_is_handed_on_once_a_rule_blocks(
    regional: Office, real: Callable[..., Any], tmp_path: Path
) -> None:
    file = real("regional_hospital_activity", 28)
    for row in file.rows[8:]:
        row["data"] = "2020-04-27T17:00:00"
    (tmp_path / "file.csv").write_bytes(file.to_bytes())
    reading = on_disk(in_batches(read_submission(tmp_path / "file.csv"), 4), tmp_path)
    judged, given_on = judge_while_read(reading, regional)
    assert not judged.is_landable
    assert judged.withdrawn is None
    assert sum(batch.height for batch in given_on.batches) == 8


def test_what_was_judged_of_other_parts_does_not_count(
    regional: Office, real: Callable[..., Any], tmp_path: Path
) -> None:
    file = real("regional_hospital_activity", 28)
    (tmp_path / "file.csv").write_bytes(file.to_bytes())
    reading = on_disk(in_batches(read_submission(tmp_path / "file.csv"), 4), tmp_path)
    judged, _ = judge_while_read(reading, regional, seen=slice(-1))
    assert judged.accepted.height == 21
    assert judged.withdrawn is None


def test_a_repeated_row_is_found_in_another_batch(regional: Office, real: Callable[..., Any], tmp_path: Path) -> None:
    file = real("regional_hospital_activity", 28)
    file.rows.append(dict(file.rows[0]))
    path = tmp_path / "file.csv"
    path.write_bytes(file.to_bytes())
    result = judge(in_batches(read_submission(path), 5), regional)
    assert [(f.rule.name, f.rows) for f in result.result.failures] == [("row_once", (23,))]
    assert result.quarantined.select("_row", "rules").rows() in ([(23, ["row_once"])], [])


def test_a_batch_that_breaks_a_rule_is_an_error(regional: Office, real: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(real("regional_hospital_activity", 28).to_bytes())
    first, *others = regional.schema.row_rules
    asked: list[int] = []

    def breaks_later(data: PolarsData) -> pl.LazyFrame:
        asked.append(1)
        if len(asked) > 3:
            raise ValueError("cell 87654")
        return data.lazyframe.select(pl.col("lat") > 0)

    schema = replace(regional.schema, row_rules=(replace(first, check=pa.Check(breaks_later)), *others))
    result = judge(
        in_batches(read_submission(path), 5), replace(regional, tables=(replace(regional.table(), schema=schema),))
    )
    (finding,) = result.result.failures
    assert (finding.rule.name, str(finding.verdict)) == (first.rule.name, "ERROR")
    assert not result.is_landable
    assert "87654" not in finding.message


SCHEMA = pl.Schema({"a": pl.Int64(), "b": pl.Int64(), "t": pl.String()})
a, b, t = pl.col("a"), pl.col("b"), pl.col("t")


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(lambda rows: rows.select(a == b + 1), True, id="sum"),
        pytest.param(lambda rows: rows.select(t.str.contains('"label="')), True, id="pattern-with-quotes"),
        pytest.param(lambda rows: rows.with_columns(c=a * 2).select(pl.col("c") > b), True, id="two-steps"),
        pytest.param(lambda rows: rows.select(pl.when(t == "x").then(a > 0).otherwise(b > 0)), True, id="when"),
        pytest.param(lambda rows: rows.select(t.is_first_distinct()), False, id="first"),
        pytest.param(lambda rows: rows.select(pl.struct("a", "t").is_unique()), False, id="unique"),
        pytest.param(lambda rows: rows.select(a < a.sum().over("t")), False, id="window"),
        pytest.param(lambda rows: rows.select(a <= a.mean()), False, id="mean"),
        pytest.param(lambda rows: rows.select(a.shift() < a), False, id="shift"),
        pytest.param(lambda rows: rows.select(a.cum_sum() > 0), False, id="running"),
        pytest.param(lambda rows: rows.with_row_index().select(pl.col("index") < 5), False, id="row-index"),
        pytest.param(lambda rows: rows.select(a.map_batches(lambda s: s > s.mean())), False, id="python"),
        pytest.param(lambda rows: rows.sort("a").select(b > 0), False, id="sorted"),
        pytest.param(lambda rows: rows.select(a > len(rows.collect())), False, id="collected-for-a-threshold"),
        pytest.param(lambda rows: rows.collect().select(a > 0).lazy(), False, id="collected"),
        pytest.param(lambda rows: rows.select(pl.lit(value=True)), False, id="constant"),
        pytest.param(lambda _: 1 / 0, False, id="broken"),
    ],
)
def test_rules_across_rows_are_told_from_those_on_one(ask: Any, expected: bool) -> None:
    assert is_row_by_row(SCHEMA, ask) is expected


def test_every_rule_on_one_row_of_the_project_is_known_as_such(regional: Office) -> None:
    """A release of polars that draws its plans otherwise would ask every rule of whole columns, in more memory."""
    columns = {column.name: column.dtype for column in regional.schema.columns.values()}
    days = {"_row": pl.Int64(), "_period": pl.Date(), "_latest": pl.Date(), "_supplier": pl.String()}
    schema = pl.Schema({**columns, **days})
    across = {
        entry.rule.name
        for entry in regional.schema.row_rules
        if not is_row_by_row(
            schema, Checked(entry.rule, entry.check, entry.columns, None, Path(), has_more=True).planned
        )
    }
    assert across == {"row_once", "region_once", "name_matches_code"}, "polars plans the look-up of a name apart"


def test_rows_that_matter_to_each_other_are_judged_in_one_group(
    regional: Office, real: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = real("regional_hospital_activity", 28)
    file.rows += [dict(file.rows[place]) for place in (0, 3, 3, 20)]
    path = tmp_path / "file.csv"
    path.write_bytes(file.to_bytes())
    reading = read_submission(path)
    whole = told(judge(reading, regional))
    for limit in ("_ALONE_ROWS", "_LOADED_ROWS", "_GROUPS"):
        monkeypatch.setattr(questions, limit, 3)
    grouped = tuple(replace(entry, among=("codice_regione",)) for entry in regional.schema.row_rules)
    schema = replace(regional.schema, row_rules=grouped)
    office = replace(regional, tables=(replace(regional.table(), schema=schema),))
    assert told(judge(in_batches(reading, 4), office)) == whole
    (finding,) = (f for f in judge(in_batches(reading, 4), office).result.failures if f.rule.name == "row_once")
    assert finding.rows == (23, 24, 25, 26)


def test_a_rule_gets_every_column_that_it_looks_at_whatever_it_says_of_itself() -> None:
    schema = pl.Schema({"a": pl.Int64(), "b": pl.String(), "c": pl.Int64(), "d": pl.String()})
    assert columns_read(schema, lambda rows: rows.select(pl.col("c").is_unique().over("a"))) == ["a", "c"]
    assert columns_read(schema, lambda rows: rows.select(pl.struct(pl.all()).is_unique())) == ["a", "b", "c", "d"]
    assert columns_read(schema, lambda rows: rows.select(pl.lit(1 / 0))) == ["a", "b", "c", "d"]
