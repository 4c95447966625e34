"""Every kind and severity of rule at, just under and just over its limit: real files through the structure gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from integrity.findings import Rule
from integrity.gates.schema import RowRule
from integrity.gates.structure import StructureResult, judge_structure
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.submissions.isolation import read_submission
from integrity.submissions.reading import Reading
from integrity.thresholds import Thresholds

from tests.limits import ROWS, at_its_limits


@pytest.fixture(scope="module")
def trusts(tmp_path_factory: pytest.TempPathFactory) -> Office:
    home = tmp_path_factory.mktemp("home")
    return Office.open("trust_spend", Settings.from_environment({"INTEGRITY_HOME": str(home)}))


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    """A list of 200 payments, numbered."""
    lines = [
        "department,entity,date,date_basis,expense_type,expense_area,payee,transaction_id,payee_reference,"
        "vat_registration,description,amount"
    ]
    for number in range(ROWS):
        lines.append(
            f"Department of Health,Whittington Health NHS Trust,2020-04-{number % 28 + 1:02},payment,Drugs,Pharmacy,"
            f"Specimen Pharma Ltd,{number},,,,{26_000 + number * 137.31:.2f}"
        )
    path = tmp_path_factory.mktemp("lists") / "list.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_submission(path)


@pytest.fixture
def judge(trusts: Office, reading: Reading) -> Callable[..., StructureResult]:
    """Judge the list under one rule that this many of its rows fail."""

    def judge(failing: int, thresholds: Thresholds | None = None, **stated: Any) -> StructureResult:
        rule = Rule(
            name="odd",
            dimension="accuracy",
            limitations=("5.1",),
            message="It is odd.",
            mend="Mend it.",
            thresholds=thresholds,
            **stated,
        )

        def holds(data: Any) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("transaction_id").cast(pl.Int64) >= failing)  # type: ignore[no-any-return]

        row_rule = RowRule(rule=rule, columns=("transaction_id",), check=pa.Check(holds))
        return judge_structure(
            reading,
            replace(trusts.schema, row_rules=(row_rule,), submission_rules=()),
            trusts.registered.dependency,
            period=date(2020, 4, 1),
            as_of=date(2020, 6, 1),
            policy=trusts.policy,
            supplier="",
        )

    return judge


@at_its_limits
def test_a_limit_is_not_exceeded_by_being_reached(
    judge: Any, kind: str, severity: str, thresholds: Thresholds | None, failing: int, verdict: str
) -> None:
    result = judge(failing, thresholds, kind=kind, severity=severity)
    (finding,) = [f for f in result.result.findings if f.rule.name == "odd"]
    assert (finding.evaluated, finding.failed) == (ROWS, failing), "the count is kept, whatever comes of it"
    assert (str(finding.verdict), str(result.verdict)) == (verdict, verdict)
    set_aside = failing if severity in ("block", "quarantine") else 0
    assert (result.accepted.height, result.quarantined.height) == (ROWS - set_aside, set_aside)
    assert result.is_landable == (severity != "block" or failing == 0)
