"""Every kind and severity of rule at, just under and just over its limit, by the counts that a dbt test leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import psycopg
import pytest
from integrity.findings import GateResult, Rule
from integrity.gates import relations
from integrity.gates.dbt import NodeResult
from integrity.gates.relations import judge_relations
from integrity.inventory import manual
from integrity.inventory.dependency import Registered, RelationRule
from integrity.inventory.loading import load_inventory
from integrity.settings import PROJECT_ROOT, Settings
from integrity.thresholds import Limit, Thresholds

ROWS = 200
TAKEN = Thresholds(warn=Limit(count=3), block=Limit(share=0.05))
"""Ten of the rows."""
STRICT = Thresholds(block=Limit(count=1))

CASES = [
    # Of class moderate: one row in a hundred may be set aside, none may fail a rule that blocks.
    ("block", None, {0: "PASS", 1: "FAIL", 200: "FAIL"}),
    ("quarantine", None, {0: "PASS", 1: "WARN", 2: "WARN", 3: "FAIL"}),
    ("warn", None, {0: "PASS", 1: "WARN", 200: "WARN"}),
    ("note", None, {0: "PASS", 1: "WARN", 200: "WARN"}),
    # With limits of its own; where the class is stricter, the class holds.
    ("block", TAKEN, {0: "PASS", 1: "FAIL"}),
    ("quarantine", STRICT, {0: "PASS", 1: "WARN", 2: "FAIL"}),
    ("warn", TAKEN, {2: "PASS", 3: "PASS", 4: "WARN", 9: "WARN", 10: "WARN", 11: "FAIL"}),
]


@pytest.fixture(scope="session")
def database(create_database: Callable[..., str]) -> str:
    return create_database("limits_of_relations")


@pytest.fixture(scope="session")
def trusts() -> Registered:
    return load_inventory(Settings.from_environment({})).get("trust_spend")


@pytest.fixture
def judge(database: str, trusts: Registered, monkeypatch: pytest.MonkeyPatch) -> Callable[..., GateResult]:
    """Judge a rule of which a dbt test has left these counts."""

    def judge(rule: Rule, *, failed: int, evaluated: int = ROWS, status: str = "pass") -> GateResult:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS counts")
            connection.execute('CREATE TABLE counts (_row bigint, "column" text, evaluated bigint)')
            connection.execute("INSERT INTO counts VALUES (NULL, NULL, %s)", [evaluated])
            connection.execute("INSERT INTO counts SELECT n, 'amount', NULL FROM generate_series(1, %s) n", [failed])
        monkeypatch.setattr(relations, "run_dbt", lambda *_, **__: [NodeResult(rule.name, status, '"counts"')])
        relation = RelationRule(rule=rule, column="amount", table="", neighbours=[])
        return judge_relations(
            trusts.model_copy(update={"relations": (relation,)}),
            period=date(2020, 4, 1),
            candidate_schema="public",
            absent=frozenset(),
            rows=ROWS,
            is_nil=False,
            policy=trusts.policy,
            project=PROJECT_ROOT / "dbt_project",
            database_url=database,
        )

    return judge


def rule(kind: str, severity: str, thresholds: Thresholds | None) -> Rule:
    return Rule(
        name="odd",
        kind=kind,
        dimension="accuracy",
        limitations=("5.1",),
        severity=severity,  # type: ignore[arg-type]
        message="It is odd.",
        mend="Mend it.",
        thresholds=thresholds,
    )


@pytest.mark.parametrize("kind", manual.kinds())
@pytest.mark.parametrize(
    ("severity", "thresholds", "failed", "verdict"),
    [
        pytest.param(severity, limits, failed, verdict, id=f"{severity}-{'own' if limits else 'class'}-{failed}")
        for severity, limits, by_count in CASES
        for failed, verdict in by_count.items()
    ],
)
def test_a_limit_is_not_exceeded_by_being_reached(
    judge: Callable[..., GateResult],
    kind: str,
    severity: str,
    thresholds: Thresholds | None,
    failed: int,
    verdict: str,
) -> None:
    result = judge(rule(kind, severity, thresholds), failed=failed)
    (finding,) = result.findings
    assert (finding.evaluated, finding.failed) == (ROWS, failed), "the count is kept, whatever comes of it"
    assert (str(finding.verdict), str(result.verdict)) == (verdict, verdict)
    assert len(finding.rows) == min(failed, relations.SAMPLE_ROWS)


@pytest.mark.parametrize("severity", ["block", "quarantine"])
@pytest.mark.parametrize(("evaluated", "status"), [(0, "pass"), (ROWS, "error"), (ROWS, "skipped")])
def test_what_evaluated_no_row_or_did_not_run_is_an_error(
    judge: Callable[..., GateResult], severity: str, evaluated: int, status: str
) -> None:
    result = judge(rule("relationship", severity, None), failed=0, evaluated=evaluated, status=status)
    assert str(result.verdict) == "ERROR"
    assert result.verdict.blocks
