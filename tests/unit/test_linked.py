"""Dependencies of several tables: how they are declared, and how their submissions are judged as one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from integrity.errors import Misconfigured, Rejected
from integrity.gates.linked import judge_tables, read_tables
from integrity.gates.structure import StructureResult
from integrity.inventory.loading import load_inventory
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.reports.catalogue import catalogue_of
from integrity.reports.dictionary import dictionary_page
from integrity.settings import PROJECT_ROOT, Settings

CARE = "patient_care"
DAY = date(2024, 2, 29)
PEOPLE = "id,name\n1,A\n2,B\n"
VISITS = "id,person,on\n7,1,2024-02-03\n8,2,2024-02-04\n"

_SCHEMA = """
import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule

class People(pa.DataFrameModel):
    id: pl.Int64 = pa.Field(ge=1, description="Number")
    name: str = pa.Field(description="Name")

class Visits(pa.DataFrameModel):
    id: pl.Int64 = pa.Field(ge=1, description="Number")
    person: pl.Int64 = pa.Field(description="Who came")
    on: pl.Datetime = pa.Field(nullable=True, description="When")

    @rule("not_yet", columns=["on"], kind="business", dimension="validity", limitations=["5.1"], severity="block",
          message="It is dated later than it can be known.", mend="Correct the date.")
    def not_yet(cls, frame):
        return frame.lazyframe.select(pl.col("on").dt.date() <= pl.col("_latest"))
"""


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with one dependency of two tables, for a test to break."""
    folder = tmp_path / "dependencies" / "clinic"
    folder.mkdir(parents=True)
    declared = (settings.dependencies / CARE / "dependency.yml").read_text(encoding="utf-8")
    before, after = declared.split("tables:\n")[0], "alerts:" + declared.split("\nalerts:")[1]
    tables = """tables:
  - {name: people, title: People, file: '(?i)^people', key: [id]}
  - {name: visits, title: Visits, file: '(?i)^visits', key: [id], may_be_empty: true}
relations: {none_because: This is made for a test of structure}
"""
    head, departures = before.split("departures:\n")
    suppliers = "suppliers:" + departures.split("\nsuppliers:")[1]
    written = head.replace(f"name: {CARE}", "name: clinic") + suppliers + tables + after
    (folder / "dependency.yml").write_text(written, encoding="utf-8")
    (folder / "schema.py").write_text(_SCHEMA, encoding="utf-8")
    return replace(settings, dependencies=tmp_path / "dependencies")


@pytest.fixture
def judged(own: Settings, tmp_path: Path) -> Callable[..., StructureResult]:
    def judge(**members: str) -> StructureResult:
        path = tmp_path / "clinic_202402.zip"
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in members.items():
                packed.writestr(f"{name}.csv", content)
        office = Office.open("clinic", own)
        readings = read_tables(path, path.name, office.tables, "synthea")
        return judge_tables(readings, office.tables, period=date(2024, 2, 1), as_of=DAY, policy=office.policy)

    return judge


CONTROL = "table,figure,total\npeople,rows,2\nvisits,rows,2\nvisits,person,3\n"


def with_totals(own: Settings, **stated: str) -> None:
    path = own.dependencies / "clinic" / "dependency.yml"
    more = "".join(f", {name}: {value}" for name, value in stated.items())
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\ncontrol_totals: {{file: '(?i)^control'{more}}}\n", encoding="utf-8")


def told(result: StructureResult) -> set[tuple[str, str | None, tuple[int, ...]]]:
    return {(f.rule.name, f.column, f.rows) for f in result.result.failures}


def test_sound_tables_pass_together(judged: Callable[..., StructureResult]) -> None:
    result = judged(people=PEOPLE, visits=VISITS)
    assert (str(result.verdict), result.rows, result.accepted.height, result.is_landable) == ("PASS", 4, 4, True)
    assert result.of("visits").accepted.select("person").to_series().to_list() == [1, 2]
    assert result.shape
    assert set(result.shape.tables) == {"people", "visits"}
    assert result.blanks == {"people.id": 0, "people.name": 0, "visits.id": 0, "visits.person": 0, "visits.on": 0}


def test_a_finding_names_its_table_and_the_row_in_that_tables_file(judged: Callable[..., StructureResult]) -> None:
    result = judged(people=PEOPLE, visits=VISITS.replace("8,2", "8,x"))
    assert told(result) == {("whole_number", "visits.person", (3,))}
    assert (result.quarantined.height, result.of("people").quarantined.height) == (1, 0)


def test_one_table_that_blocks_keeps_all_of_them_out(judged: Callable[..., StructureResult]) -> None:
    result = judged(people=PEOPLE, visits=VISITS.replace("2024-02-04", "2024-03-01"))
    assert told(result) == {("not_yet", "visits.on", (3,))}
    assert (str(result.verdict), result.is_landable, result.of("people").is_landable) == ("FAIL", False, True)


def test_rules_may_stand_in_files_beside_the_schema(own: Settings, judged: Callable[..., StructureResult]) -> None:
    """They are read anew each time, and where one of them breaks is told."""
    folder = own.dependencies / "clinic"
    (folder / "schema.py").write_text("from .tables import People, Visits\n", encoding="utf-8")
    (folder / "tables.py").write_text(_SCHEMA, encoding="utf-8")
    late = VISITS.replace("2024-02-04", "2024-03-01")
    assert told(judged(people=PEOPLE, visits=late)) == {("not_yet", "visits.on", (3,))}
    broken = _SCHEMA.replace("return frame", "raise ValueError('a rule quotes cell 87654')\n        return frame")
    (folder / "tables.py").write_text(broken, encoding="utf-8")
    result = judged(people=PEOPLE, visits=late)
    assert str(result.verdict) == "ERROR"
    (finding,) = result.result.failures
    line = broken[: broken.index("raise")].count("\n") + 1
    assert f"could not be evaluated (ValueError, clinic/tables.py:{line})" in finding.message


def test_the_last_day_of_a_month_can_be_reported(judged: Callable[..., StructureResult]) -> None:
    assert told(judged(people=PEOPLE, visits=VISITS.replace("2024-02-04", "2024-02-29"))) == set()


def test_a_table_that_is_missing_is_error_and_the_others_are_judged(judged: Callable[..., StructureResult]) -> None:
    result = judged(visits=VISITS.replace("8,2", "8,x"))
    assert told(result) == {("readable", "people", ()), ("whole_number", "visits.person", (3,))}
    assert (str(result.verdict), result.is_landable) == ("ERROR", False)


def test_no_rows_is_an_answer_only_where_the_table_may_be_empty(judged: Callable[..., StructureResult]) -> None:
    assert told(judged(people=PEOPLE, visits="id,person,on\n")) == set()
    result = judged(people="id,name\n", visits=VISITS)
    assert told(result) == {("has_rows", "people", ())}
    assert str(result.verdict) == "ERROR"


def test_only_what_no_table_asks_for_is_strange(judged: Callable[..., StructureResult]) -> None:
    result = judged(people=PEOPLE, visits=VISITS, old_visits="a,b\n1,2\n")
    assert told(result) == {("parts_known", None, ())}
    assert str(result.verdict) == "WARN"


def test_the_file_of_a_table_that_cannot_be_read_is_not_strange(judged: Callable[..., StructureResult]) -> None:
    assert told(judged(people="", visits=VISITS)) == {("readable", "people", ())}


@pytest.mark.parametrize(
    ("control", "people", "verdict", "detail"),
    [
        pytest.param(CONTROL, PEOPLE, "PASS", "", id="agree"),
        pytest.param(CONTROL, PEOPLE + "3,C\n", "FAIL", "in rows 2 of", id="a-row-too-many"),
        pytest.param(CONTROL, "id,name\n1,A\n", "FAIL", "in rows 2 of", id="cut"),
        pytest.param(CONTROL.replace("person,3", "person,3.4"), PEOPLE, "FAIL", "in rows 4 of", id="decimals"),
        pytest.param(CONTROL.replace("person,3", "person,x"), PEOPLE, "FAIL", "in rows 4 of", id="no-number"),
        pytest.param(CONTROL.replace("person,", "persons,"), PEOPLE, "FAIL", "in rows 4 of", id="no-such-figure"),
        pytest.param(CONTROL.replace("visits,p", "stays,p"), PEOPLE, "FAIL", "in rows 4 of", id="no-such-table"),
        pytest.param("table,figure,total\n", PEOPLE, "ERROR", "has no rows", id="nothing-declared"),
        pytest.param(CONTROL.replace("total", "sum", 1), PEOPLE, "ERROR", "no column 'total'", id="no-column"),
        pytest.param("", PEOPLE, "ERROR", "cannot be read", id="empty"),
        pytest.param(None, PEOPLE, "ERROR", "declares none", id="not-there"),
    ],
)
def test_what_was_declared_is_held_against_what_came(
    own: Settings,
    judged: Callable[..., StructureResult],
    control: str | None,
    people: str,
    verdict: str,
    detail: str,
) -> None:
    with_totals(own)
    result = judged(people=people, visits=VISITS, **({} if control is None else {"control": control}))
    (finding,) = (f for f in result.result.findings if f.rule.name == "control_totals")
    assert (str(finding.verdict), str(result.verdict)) == (verdict, verdict)
    assert detail in finding.message
    assert "parts_known" not in {f.rule.name for f in result.result.failures}, "it is no strange file"


def test_rows_that_are_set_aside_were_sent_all_the_same(own: Settings, judged: Callable[..., StructureResult]) -> None:
    with_totals(own)
    three = CONTROL.replace("visits,rows,2", "visits,rows,3")
    result = judged(people=PEOPLE, visits=VISITS + "9,x,2024-02-04\n", control=three)
    assert told(result) == {("whole_number", "visits.person", (4,))}


def test_totals_that_need_not_be_declared_are_not_judged(own: Settings, judged: Callable[..., StructureResult]) -> None:
    with_totals(own, required="false")
    result = judged(people=PEOPLE, visits=VISITS)
    assert (str(result.verdict), [f.rule.name for f in result.result.not_judged]) == ("PASS", ["control_totals"])
    assert str(judged(people=PEOPLE + "3,C\n", visits=VISITS, control=CONTROL).verdict) == "FAIL"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("key: [id], may", "key: [nothing], may", "'nothing' in dependency.yml or a layout is no column"),
        ("name: visits", "name: stays", "it defines no class Stays"),
        ("name: visits", "name: people", "'people' stands twice in tables"),
        ("'(?i)^visits'", "'(?i)^(visits'", "the pattern does not compile"),
        ("tables:", "key: [id]\ntables:", "state either key"),
        ("period_from_name:", "period_from_column: id\n  period_from_name:", "state file.period_from_name only"),
        ("name: visits", f"name: v{'i' * 40}", None),
        ("name: visits", f"name: v{'i' * 60}", "should match pattern"),
    ],
)
def test_what_is_declared_wrong_is_told(own: Settings, old: str, new: str, what: str | None) -> None:
    path = own.dependencies / "clinic" / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Misconfigured, match=what or "it defines no class V"):
        Office.open("clinic", own)


def test_tables_are_asked_for_by_name(own: Settings) -> None:
    office = Office.open("clinic", own)
    assert office.table("visits").relation == "clinic__visits"
    with pytest.raises(Rejected, match="Name a table: people, visits"):
        office.table()
    with pytest.raises(Rejected, match="has no table 'stays'; it has people, visits"):
        office.table("stays")


def test_a_file_is_told_by_its_name_only(own: Settings, tmp_path: Path) -> None:
    path = tmp_path / "clinic.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("people.csv", PEOPLE)
        packed.writestr("visits.csv", VISITS)
    (file,) = check(Office.open("clinic", own), [path]).files
    assert [f.rule.name for f in file.judged.result.failures] == ["identified"]


def test_catalogue_and_dictionary_name_columns_with_their_table(settings: Settings) -> None:
    office = Office.open(CARE, settings)
    catalogue = catalogue_of(office.registered, office.schema, office.policy)
    entries = {(entry.rule.name, entry.columns[:1]): entry for entry in catalogue.entries}
    assert entries["ssn_shape", ("patients.ssn",)].written_in.startswith("patient_care/people.py:")
    assert entries["quantities_differ", ("supplies.quantity",)].written_in.startswith("patient_care/copies.py:")
    assert all(entry.written_in for entry in catalogue.entries)
    page = dictionary_page(catalogue, office.schema)
    assert "<code>payer_transitions</code>" in page
    assert "encounters.total_claim_cost" in page


def test_the_declared_tables_are_those_of_the_real_submission(settings: Settings) -> None:
    registered = load_inventory(settings).get(CARE)
    with zipfile.ZipFile(PROJECT_ROOT / "include" / "demonstration" / CARE / "patient_care_202402.zip") as real:
        files = {name.removesuffix(".csv") for name in real.namelist()}
    assert {table.name for table in registered.dependency.tables} == files
    assert {relation.table for relation in registered.relations} <= files
