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
from integrity.inventory import manual
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.submissions.isolation import read_submission
from integrity.submissions.reading import Reading
from integrity.thresholds import Limit, Thresholds

ROWS = 200
TAKEN = Thresholds(warn=Limit(count=3), block=Limit(share=0.05))
"""Ten of the rows."""
STRICT = Thresholds(block=Limit(count=1))


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


CASES = [
    # Of class moderate: one row in a hundred may be set aside, none may fail a rule that blocks.
    ("block", None, {0: ("PASS", 200, 0), 1: ("FAIL", 199, 1)}),
    ("quarantine", None, {0: ("PASS", 200, 0), 2: ("WARN", 198, 2), 3: ("FAIL", 197, 3)}),
    ("warn", None, {0: ("PASS", 200, 0), 1: ("WARN", 200, 0), 200: ("WARN", 200, 0)}),
    ("note", None, {0: ("PASS", 200, 0), 1: ("WARN", 200, 0), 200: ("WARN", 200, 0)}),
    # With limits of its own; where the class is stricter, the class holds.
    ("block", TAKEN, {0: ("PASS", 200, 0), 1: ("FAIL", 199, 1)}),
    ("quarantine", STRICT, {1: ("WARN", 199, 1), 2: ("FAIL", 198, 2)}),
    (
        "warn",
        TAKEN,
        {3: ("PASS", 200, 0), 4: ("WARN", 200, 0), 9: ("WARN", 200, 0), 10: ("WARN", 200, 0), 11: ("FAIL", 200, 0)},
    ),
]


@pytest.mark.parametrize("kind", manual.kinds())
@pytest.mark.parametrize(
    ("severity", "thresholds", "failing", "expected"),
    [
        pytest.param(severity, limits, failing, expected, id=f"{severity}-{'own' if limits else 'class'}-{failing}")
        for severity, limits, by_count in CASES
        for failing, expected in by_count.items()
    ],
)
def test_a_limit_is_not_exceeded_by_being_reached(
    judge: Any, kind: str, severity: str, thresholds: Thresholds | None, failing: int, expected: tuple[str, int, int]
) -> None:
    result = judge(failing, thresholds, kind=kind, severity=severity)
    (finding,) = [f for f in result.result.findings if f.rule.name == "odd"]
    assert (finding.evaluated, finding.failed) == (ROWS, failing), "the count is kept, whatever comes of it"
    assert (str(finding.verdict), result.accepted.height, result.quarantined.height) == expected
    assert str(result.verdict) == expected[0]
    assert result.is_landable == (severity != "block" or failing == 0)
