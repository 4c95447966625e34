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
from integrity.inventory.dependency import Registered, RelationRule
from integrity.inventory.loading import load_inventory
from integrity.settings import PROJECT_ROOT, Settings
from integrity.thresholds import Thresholds

from tests.limits import ROWS, at_its_limits


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


@at_its_limits
def test_a_limit_is_not_exceeded_by_being_reached(
    judge: Callable[..., GateResult],
    kind: str,
    severity: str,
    thresholds: Thresholds | None,
    failing: int,
    verdict: str,
) -> None:
    result = judge(rule(kind, severity, thresholds), failed=failing)
    (finding,) = result.findings
    assert (finding.evaluated, finding.failed) == (ROWS, failing), "the count is kept, whatever comes of it"
    assert (str(finding.verdict), str(result.verdict)) == (verdict, verdict)
    assert len(finding.rows) == min(failing, relations.SAMPLE_ROWS)


@pytest.mark.parametrize("severity", ["block", "quarantine"])
@pytest.mark.parametrize(("evaluated", "status"), [(0, "pass"), (ROWS, "error"), (ROWS, "skipped")])
def test_what_evaluated_no_row_or_did_not_run_is_an_error(
    judge: Callable[..., GateResult], severity: str, evaluated: int, status: str
) -> None:
    result = judge(rule("relationship", severity, None), failed=0, evaluated=evaluated, status=status)
    assert str(result.verdict) == "ERROR"
    assert result.verdict.blocks
