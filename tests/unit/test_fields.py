"""Rules on a field: codes for missing values, decimals, lengths; each not red at its limit, and red just over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandera.polars as pa
import pytest
from integrity.findings import Finding
from integrity.gates.rules import TEXT_LENGTH
from integrity.gates.structure import StructureResult, judge_structure
from integrity.pipeline.office import Office
from integrity.submissions.isolation import read_submission

REGIONAL = "regional_hospital_activity"
ABRUZZO = "13"


@pytest.fixture
def judge(settings: Any, real: Any, tmp_path: Path) -> Callable[..., StructureResult]:
    """Judge a night in which Abruzzo's cells are these, under a schema in which the columns are changed so."""

    def judge(changed: dict[str, dict[str, Any]], **cells: str) -> StructureResult:
        office = Office.open(REGIONAL, settings)
        columns = {name: replace(column, **changed.get(name, {})) for name, column in office.schema.columns.items()}
        path = tmp_path / "file.csv"
        path.write_bytes(real(REGIONAL, 28).change(ABRUZZO, **cells).to_bytes())
        return judge_structure(
            read_submission(path),
            replace(office.schema, columns=columns, row_rules=()),
            office.registered.dependency,
            period=date(2020, 4, 28),
            as_of=date(2020, 4, 29),
            policy=office.policy,
        )

    return judge


def of_rule(result: StructureResult, rule: str, column: str) -> Finding:
    (found,) = [f for f in result.result.findings if (f.rule.name, f.column) == (rule, column)]
    return found


CODED = {"tamponi": {"missing_codes": {"UNK": "not known", "9": "not stated"}}}


@pytest.mark.parametrize(
    ("cell", "coded", "blank", "unreadable"),
    [
        ("UNK", 1, 0, 0),
        ("9", 1, 0, 0),
        ("", 0, 1, 0),
        ("unk", 0, 0, 1),
        ("99", 0, 0, 0),
    ],
)
def test_a_code_for_a_missing_value_is_no_blank_and_no_number(
    judge: Any, cell: str, coded: int, blank: int, unreadable: int
) -> None:
    result = judge(CODED, tamponi=cell)
    counted = {rule: of_rule(result, rule, "tamponi").failed for rule in ("missing_coded", "required", "whole_number")}
    assert counted == {"missing_coded": coded, "required": blank, "whole_number": unreadable}
    assert result.blanks["tamponi"] == blank
    if coded:
        assert result.accepted.frame()["tamponi"].null_count() == 1
        assert of_rule(result, "missing_coded", "tamponi").rule.severity == "note"
        assert of_rule(result, "missing_coded", "tamponi").evaluated == 21


def test_without_the_code_nine_is_nine(judge: Any) -> None:
    result = judge({}, tamponi="9")
    assert 9 in result.accepted.frame()["tamponi"].to_list()
    assert not [f for f in result.result.findings if f.rule.name == "missing_coded"]


@pytest.mark.parametrize(
    ("decimals", "cell", "failed"),
    [(2, "42.35", 0), (2, "42.351", 1), (2, "42.350", 0), (0, "42", 0), (0, "42.5", 1), (2, "41.1", 0), (2, "", 0)],
)
def test_a_number_may_have_as_many_decimals_as_agreed(judge: Any, decimals: int, cell: str, failed: int) -> None:
    found = of_rule(judge({"lat": {"decimals": decimals}}, lat=cell), "decimals", "lat")
    assert (2 in found.rows) == bool(failed)


@pytest.mark.parametrize(("most", "failed"), [(7, 0), (6, 1)])
def test_a_text_may_be_as_long_as_agreed(judge: Any, most: int, failed: int) -> None:
    length = (TEXT_LENGTH, pa.Check.str_length(max_value=most))
    found = of_rule(judge({"denominazione_regione": {"checks": (length,)}}), "text_length", "denominazione_regione")
    assert (2 in found.rows) == bool(failed), "Abruzzo has seven letters"
