"""dbt for real: the gates' tests cannot be silent, and the mart is what its description says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.errors import CouldNotCheck
from integrity.gates.dbt import NodeResult, run_dbt
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine

REGIONAL = "regional_hospital_activity"
MART = Path("models") / "marts" / "hospital_pressure"
GENERIC = Path("tests") / "generic"
OF_REGIONS = {
    "change_agrees_with_day_before",
    "new_cases_agree_with_day_before",
    "totals_never_fall",
    "tests_move_with_cases",
}


def dbt(settings: Settings, command: str, select: str, gates: str | None = None) -> list[NodeResult]:
    return run_dbt(
        command,
        project=settings.dbt_project,
        database_url=str(settings.database_url),
        select=select,
        gates=gates,
        period=date(2020, 4, 28),
        period_before=date(2020, 4, 27),
    )


def statuses(results: list[NodeResult]) -> dict[str, str]:
    return {result.name: result.status for result in results}


@pytest.fixture
def own_project(settled: Any, tmp_path: Path) -> Iterator[Any]:
    """The product with a copy of the dbt project that a test may break."""
    project = tmp_path / "dbt_project"
    shutil.copytree(settled.settings.dbt_project, project, ignore=shutil.ignore_patterns("target", "logs"))
    own = type(settled)(replace(settled.settings, dbt_project=project))
    yield own
    open_engine(own.settings).dispose()


def edit(path: Path, alter: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = alter(before)
    assert after != before, f"{path.name} has changed: mend this test"
    path.write_text(after, encoding="utf-8")


@pytest.mark.parametrize(
    ("gates", "rules"),
    [
        ("national_hospital_activity", {"equals_sum_of_regions", "change_agrees_with_day_before"}),
        (REGIONAL, {*OF_REGIONS}),
        (None, set()),
    ],
)
def test_dbt_is_shown_the_gates_that_were_asked_for_and_no_others(
    settled: Any, gates: str | None, rules: set[str]
) -> None:
    listed = statuses(dbt(settled.settings, "compile", "*", gates))
    assert set(listed) == {"hospital_pressure", *rules}
    assert set(listed.values()) == {"success"}


def test_dbt_does_not_read_the_stack_for_each_of_its_flags(settled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbt_common.behavior_flags.inspect", None)
    assert set(statuses(dbt(settled.settings, "compile", "*", REGIONAL)).values()) == {"success"}


def test_what_begins_with_an_underscore_serves_all_gates(own_project: Any) -> None:
    gates = own_project.settings.dbt_project / "models" / "gates"
    shared = "sources:\n  - name: shared\n    tables:\n      - name: a_list\n        data_tests: [not_empty]\n"
    (gates / "_shared.yml").write_text(shared, encoding="utf-8")
    (own_project.settings.dbt_project / "tests" / "generic" / "not_empty.sql").write_text(
        "{% test not_empty(model) %} select 1 from {{ model }} {% endtest %}", encoding="utf-8"
    )
    assert any("not_empty" in name for name in statuses(dbt(own_project.settings, "compile", "*", REGIONAL)))


def test_the_mart_has_the_columns_of_its_contract(settled: Any) -> None:
    dbt(settled.settings, "run", "hospital_pressure")
    stated = yaml.safe_load((settled.settings.dbt_project / MART.with_suffix(".yml")).read_text(encoding="utf-8"))
    columns = {column["name"]: column["data_type"] for column in stated["models"][0]["columns"]}
    found = settled.query(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'marts' AND table_name = 'hospital_pressure'"
    )
    assert {row["column_name"]: row["data_type"] for row in found} == columns
    assert settled.query("SELECT count(*) AS rows FROM marts.hospital_pressure") == [{"rows": 42}]


def test_the_contract_is_enforced(own_project: Any) -> None:
    edit(
        own_project.settings.dbt_project / MART.with_suffix(".sql"),
        lambda sql: sql.replace("built.denominazione_regione as region_name,\n", ""),
    )
    assert statuses(dbt(own_project.settings, "run", "hospital_pressure")) == {"hospital_pressure": "error"}


@pytest.mark.parametrize(
    ("file", "alter", "rules"),
    [
        pytest.param(
            GENERIC / "never_falls.sql",
            lambda sql: sql.replace("today._row", "today.no_such_column"),
            {"totals_never_fall"},
            id="a-test-whose-sql-breaks",
        ),
        pytest.param(
            GENERIC / "never_falls.sql",
            lambda _: "",
            {*OF_REGIONS, "gate_ran"},
            id="a-test-without-sql",
        ),
        pytest.param(
            Path("models") / "gates" / f"{REGIONAL}.yml",
            lambda yml: "another_tag".join(yml.rsplit(f"gate__{REGIONAL}", 1)),
            {"tests_move_with_cases"},
            id="a-test-that-is-not-run",
        ),
        pytest.param(
            Path("models") / "gates" / f"{REGIONAL}.yml",
            lambda yml: yml.replace("tags: [gate__regional_hospital_activity]", "tags: [another_tag]"),
            {*OF_REGIONS, "gate_ran"},
            id="no-test-is-run",
        ),
        pytest.param(
            GENERIC / "agrees_with_change.sql",
            lambda sql: sql.replace("before._period = {{ period_before() }}", "before._period = {{ period() }} - 1000"),
            {"change_agrees_with_day_before"},
            id="a-test-that-looks-at-no-row",
        ),
    ],
)
def test_a_gate_that_says_nothing_is_an_error(
    own_project: Any, real: Any, file: Path, alter: Callable[[str], str], rules: set[str]
) -> None:
    before = own_project.published(REGIONAL)
    edit(own_project.settings.dbt_project / file, alter)
    own_project.send(REGIONAL, real(REGIONAL, 29), 29)
    ingested = own_project.run(REGIONAL, 29)
    assert ingested.verdict is Verdict.ERROR
    found = {finding["rule"] for finding in ingested.to_json()["findings"]}
    assert found
    assert found <= rules
    assert own_project.published(REGIONAL) == before


def test_dbt_without_results_could_not_check(settled: Any, tmp_path: Path) -> None:
    nowhere = replace(settled.settings, dbt_project=tmp_path)
    with pytest.raises(CouldNotCheck, match="No dbt_project.yml found"):
        dbt(nowhere, "test", "tag:gate__regional_hospital_activity")


def test_the_mart_passes_its_unit_tests(settled: Any) -> None:
    assert statuses(dbt(settled.settings, "run", "hospital_pressure")) == {"hospital_pressure": "success"}
    assert statuses(dbt(settled.settings, "test", "test_type:unit")) == {"hospital_pressure": "pass"}


def test_a_wrong_calculation_fails_the_unit_test(own_project: Any) -> None:
    assert dbt(own_project.settings, "run", "hospital_pressure")
    path = own_project.settings.dbt_project / MART.with_suffix(".sql")
    edit(path, lambda sql: sql.replace("_period - 7", "_period - 6"))
    (result,) = dbt(own_project.settings, "test", "test_type:unit")
    assert result.status == "fail"
