"""The structure gate on one file: every failure in one list, nothing passes by not being asked, no cell is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.errors import Rejected
from integrity.gates.structure import StructureResult, judge_structure
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.submissions.isolation import read_submission
from integrity.verdicts import Verdict

ABRUZZO = "13"


@pytest.fixture
def regional(settings: Any) -> Office:
    return Office.open("regional_hospital_activity", settings)


@pytest.fixture
def judge(regional: Office, tmp_path: Path) -> Callable[..., StructureResult]:
    def judge(content: Any, office: Office = regional) -> StructureResult:
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.to_bytes())
        try:
            reading = read_submission(path)
        except Rejected as refusal:
            reading = refusal  # type: ignore[assignment]
        return judge_structure(
            reading,
            office.schema,
            office.registered.dependency,
            period=date(2020, 4, 28),
            as_of=date(2020, 4, 29),
            policy=office.policy,
        )

    return judge


def failed(result: StructureResult) -> dict[str, list[tuple[str | None, int]]]:
    """Column and count of each failing finding, by rule."""
    found: dict[str, list[tuple[str | None, int]]] = {}
    for finding in result.result.failures:
        found.setdefault(finding.rule.name, []).append((finding.column, finding.failed))
    return found


def test_a_good_file_passes_and_every_rule_was_asked(judge: Any, real: Any, regional: Office) -> None:
    result = judge(real("regional_hospital_activity", 28))
    assert result.verdict is Verdict.PASS
    assert (result.accepted.height, result.quarantined.height, len(result.units)) == (21, 0, 21)
    asked = {finding.rule.name for finding in result.result.findings}
    assert asked >= {rule.name for rule in regional.schema.rules()}


def test_all_failures_come_in_one_list(judge: Any, real: Any) -> None:
    file = real("regional_hospital_activity", 28).change(ABRUZZO, tamponi="n.d.", stato="IT", lat="99")
    result = judge(file.change("03", deceduti=1))
    assert failed(result) == {
        "whole_number": [("tamponi", 1)],
        "in_list": [("stato", 1)],
        "in_range": [("lat", 1)],
        "total_cases": [("totale_casi", 1)],
    }
    rows = {finding.rule.name: finding.rows for finding in result.result.failures}
    assert rows["whole_number"] == rows["in_range"] == (2,)
    assert rows["total_cases"] == (10,)
    assert result.quarantined.select("_row", "rules").rows() == [
        (2, ["in_list", "whole_number", "in_range"]),
        (10, ["total_cases"]),
    ]


def test_a_column_without_a_value_fails_in_every_row(judge: Any, real: Any) -> None:
    file = real("regional_hospital_activity", 28)
    for row in file.rows:
        row["tamponi"] = ""
    assert failed(judge(file)) == {"required": [("tamponi", 21)]}


def test_a_missing_column_is_one_finding_and_its_rules_are_not_judged(judge: Any, real: Any) -> None:
    file = real("regional_hospital_activity", 28)
    file.headings.remove("tamponi")
    for row in file.rows:
        del row["tamponi"]
    result = judge(file)
    assert failed(result) == {"columns_present": [("tamponi", 1)]}
    assert [f.rule.name for f in result.result.not_judged] == ["tested_at_most_tests"]
    assert not result.is_landable


def test_every_row_fails(judge: Any, real: Any) -> None:
    file = real("regional_hospital_activity", 28)
    for row in file.rows:
        row["stato"] = "XX"
    result = judge(file)
    assert failed(result) == {"in_list": [("stato", 21)]}
    assert result.verdict is Verdict.FAIL
    assert result.accepted.height == 0


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        pytest.param(b"", "readable", id="empty"),
        pytest.param(b"data,stato,codice_regione,lat\n", "has_rows", id="no-rows"),
        pytest.param(b"note_it,note_en\nx,y\n", "columns_present", id="none-of-the-columns"),
    ],
)
def test_nothing_to_judge_is_an_error(judge: Any, content: bytes, rule: str) -> None:
    result = judge(content)
    assert result.verdict is Verdict.ERROR
    assert rule in failed(result)
    assert not result.is_landable


def test_a_rule_that_raises_is_an_error_without_its_words(judge: Any, real: Any, regional: Office) -> None:
    broken = list(regional.schema.row_rules)

    def quoting(*_: Any) -> None:
        raise ValueError("could not parse cell 87654")

    broken[0] = replace(broken[0], check=quoting)  # type: ignore[arg-type]
    schema = replace(regional.schema, row_rules=tuple(broken))
    office = replace(regional, tables=(replace(regional.table(), schema=schema),))
    result = judge(real("regional_hospital_activity", 28), office)
    (finding,) = result.result.failures
    assert (finding.rule.name, finding.verdict) == (broken[0].rule.name, Verdict.ERROR)
    assert "ValueError" in finding.message
    assert "87654" not in finding.message
    assert result.verdict is Verdict.ERROR
    assert not result.is_landable


CANARIES = {
    "data": "canary-moment",
    "stato": "canary-stato",
    "codice_regione": "canary-code",
    "lat": "83.18181818",
    "denominazione_regione": "canary name",
    "long": "canary-long",
    "tamponi": "canary 7171",
    "note": "canary@note",
    "terapia_intensiva": "-62626262",
    "casi_testati": "93939393",
}


def test_no_cell_is_told(regional: Office, real: Any, tmp_path: Path) -> None:
    """Whatever stands in a cell, it stands in no message, no detail and no JSON."""
    file = real("regional_hospital_activity", 28).change(ABRUZZO, **CANARIES)
    path = tmp_path / "figures-20200428.csv"
    path.write_bytes(file.to_bytes().replace(b"\n", b"\ncanary-short-row\r\n", 1))
    checked = check(regional, [path])
    told = json.dumps(checked.to_json(), ensure_ascii=False) + repr(
        [(f.message, f.detail, f.not_judged) for c in checked.files for f in c.judged.result.findings]
    )
    rules = {finding.rule.name for finding in checked.files[0].judged.result.failures}
    assert {"moment", "in_list", "whole_number", "in_range", "number", "row_shape"} <= rules, "the canaries were seen"
    assert [cell for cell in [*CANARIES.values(), "canary"] if cell in told] == []


def test_an_unknown_heading_is_told_by_its_place(regional: Office, real: Any, tmp_path: Path) -> None:
    file = real("regional_hospital_activity", 28)
    file.headings.append("canary<heading>")
    path = tmp_path / "figures-20200428.csv"
    path.write_bytes(file.to_bytes())
    told = json.dumps(check(regional, [path]).to_json())
    assert "By position: 25." in told
    assert "canary" not in told
