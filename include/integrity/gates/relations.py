"""The third gate: a candidate against other days and other data sets, judged by dbt tests in a schema of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from integrity.findings import SAMPLE_ROWS, Finding, GateResult
from integrity.gates.dbt import NodeResult, run_dbt
from integrity.gates.rules import could_not_check, verdict_of
from integrity.inventory.dependency import Neighbour, Registered, RelationRule, qualified
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict

_JUDGED = {"pass", "fail"}


def judge_relations(
    registered: Registered,
    *,
    period: date,
    candidate_schema: str,
    absent: frozenset[Neighbour],
    rows: int,
    is_nil: bool,
    policy: Policy,
    project: Path,
    database_url: str,
    cache: Path | None = None,
) -> GateResult:
    """Run the dependency's dbt tests and read their outcome.

    A test that dbt skipped, that broke or that is missing from the results is ERROR; so is a dependency
    none of whose tests could be asked, unless it says in writing that it has none.

    Args:
        candidate_schema: Holds the candidate under the dependency's name; the tests leave their counts there.
        absent: Neighbours of which nothing is released.
        rows: Rows of the candidate in the period.
        is_nil: Its submissions say that there is nothing to report. That all rows were set aside says no such thing.
        cache: Folder where dbt's parsed project is kept between runs.
    """
    if not registered.relations:
        return GateResult(gate="relations", verdict=Verdict.PASS)
    if is_nil:
        why = "there is nothing to report, and so no row"
        silent = (_not_asked(relation, why) for relation in registered.relations)
        return GateResult(gate="relations", verdict=Verdict.PASS, findings=tuple(silent))
    nodes = run_dbt(
        "test",
        project=project,
        database_url=database_url,
        select=f"tag:gate__{registered.name}",
        gates=registered.name,
        candidate_schema=candidate_schema,
        period=period,
        period_before=registered.dependency.reporting.period_before(period),
        cache=cache,
    )
    by_name = {node.name: node for node in nodes}
    findings: list[Finding] = []
    with psycopg.connect(database_url) as connection:
        for relation in registered.relations:
            findings += _findings(connection, relation, by_name.get(relation.rule.name), absent, rows, policy)
    # The first period has none before it: then every rule is on record as not judged, and that is a pass.
    if all(finding.not_judged for finding in findings):
        return GateResult(gate="relations", verdict=Verdict.PASS, findings=tuple(findings))
    return GateResult.of("relations", findings)


def _findings(
    connection: psycopg.Connection,
    relation: RelationRule,
    node: NodeResult | None,
    absent: frozenset[Neighbour],
    rows: int,
    policy: Policy,
) -> list[Finding]:
    rule = relation.rule
    if node is None:
        return [could_not_check(rule, "dbt did not run the test.", relation.column)]
    if node.status not in _JUDGED or node.relation is None:
        return [could_not_check(rule, f"dbt ended the test with status '{node.status}'.", relation.column)]
    lacking = [n for n in relation.neighbours if n in absent and not n.may_lack]
    required = [n for n in lacking if n.required]
    if required:
        names = ", ".join(n.dependency for n in required)
        detail = f"Nothing is released of {names} to hold it against; it is judged again as soon as there is."
        return [could_not_check(rule, detail, relation.column)]
    if lacking:
        why = ", ".join(f"{n.dependency} has no release {n.lies}" for n in lacking)
        return [_not_asked(relation, why)]
    return _counted(connection, sql.SQL(node.relation), relation, rows, policy)


def _not_asked(relation: RelationRule, why: str) -> Finding:
    return Finding(
        rule=relation.rule, verdict=Verdict.PASS, evaluated=0, failed=0, column=relation.column, not_judged=why
    )


def _counted(
    connection: psycopg.Connection, table: sql.Composable, relation: RelationRule, rows: int, policy: Policy
) -> list[Finding]:
    """A finding for each column that failed, or one that says that nothing did."""
    rule = relation.rule
    query = sql.SQL(
        'SELECT "column", count(_row), array_agg(_row ORDER BY _row) FROM {} '
        "WHERE _row IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).format(table)
    summary = connection.execute(sql.SQL("SELECT evaluated FROM {} WHERE _row IS NULL").format(table)).fetchone()
    if summary is not None and summary[0] == 0 and rule.severity in ("warn", "note"):
        why = "no row carries what it would be held against"
        return [_not_asked(relation, why)]
    if summary is None or summary[0] == 0:
        return [could_not_check(rule, "The test evaluated no row, so it says nothing.", relation.column)]
    failed = connection.execute(query).fetchall()
    found = [
        Finding(
            rule=rule,
            column=qualified(relation.table, column),
            evaluated=summary[0],
            failed=count,
            rows=tuple(numbers[:SAMPLE_ROWS]),
            verdict=verdict_of(rule, failed=count, evaluated=summary[0], rows=rows, policy=policy),
        )
        for column, count, numbers in failed
    ]
    return found or [Finding(rule=rule, verdict=Verdict.PASS, evaluated=summary[0], failed=0, column=relation.column)]
