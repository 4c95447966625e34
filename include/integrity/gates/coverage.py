"""The second gate: who should have reported, and what should have been reported, against what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from integrity.findings import Finding, GateResult, Rule
from integrity.inventory.dependency import Registered
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict

SUPPLIER_REPORTED = Rule(
    name="supplier_reported",
    kind="completeness",
    dimension="completeness",
    limitations=("1.3",),
    severity="block",
    message="No submission came from the supplier.",
    mend="Send the file for this reporting period.",
)
POPULATION_COMPLETE = Rule(
    name="population_complete",
    kind="completeness",
    dimension="completeness",
    limitations=("1.3", "3.2"),
    severity="block",
    message="Reporting units that must occur in the file do not.",
    mend="Add a row for each missing unit; where there is nothing to count, write 0.",
)

_NAMED = 25
"""At most so many missing units are named in a message."""


def judge_coverage(
    registered: Registered, *, period: date, units: Mapping[str, frozenset[str] | None], policy: Policy
) -> GateResult:
    """Judge what came for a period against what was expected.

    Args:
        units: For each supplier whose submission came, the reporting units that its latest one names; None where
            nothing could be read. Rows set aside count: the unit did respond, and other rules say what is wrong.
        policy: Of the dependency's class: whether a period waits for a supplier that has not sent.
    """
    dependency = registered.dependency
    expected = [s for s in dependency.suppliers if s.reports_for(period)]
    missing = [s for s in expected if s.code not in units]
    rule = replace(SUPPLIER_REPORTED, severity=policy.missing_supplier)
    # Where nobody at all has sent there is nothing to release, whatever the class.
    verdict = Verdict.WARN if policy.missing_supplier == "warn" and units else Verdict.FAIL
    findings = [
        Finding(
            rule=rule,
            verdict=verdict,
            evaluated=len(expected),
            failed=1,
            supplier=supplier.code,
            detail=f"Expected: {supplier.name}.",
        )
        for supplier in missing
    ] or [Finding(rule=rule, verdict=Verdict.PASS, evaluated=len(expected), failed=0)]
    if dependency.population:
        reason = "a supplier's file is missing" if missing else ""
        reason = reason or ("a file could not be read" if None in units.values() else "")
        findings.append(_judge_population(registered, units, reason))
    return GateResult.of("coverage", findings)


def population(registered: Registered) -> dict[str, str]:
    """Code and name of each reporting unit that is expected."""
    stated = registered.dependency.population
    if stated is None:
        return {}
    listed = _read_reference(registered.folder / stated.reference)
    return dict(zip(listed[stated.column].to_list(), listed[stated.name_column].to_list(), strict=True))


def _judge_population(registered: Registered, units: Mapping[str, frozenset[str] | None], reason: str) -> Finding:
    expected = population(registered)
    only = next(iter(units)) if len(registered.dependency.suppliers) == 1 and units else None
    if reason:
        return Finding(
            rule=POPULATION_COMPLETE, verdict=Verdict.PASS, evaluated=0, failed=0, supplier=only, not_judged=reason
        )
    came = frozenset().union(*(named for named in units.values() if named))
    missing = [f"{name} ({code})" for code, name in expected.items() if code not in came]
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return Finding(
        rule=POPULATION_COMPLETE,
        verdict=Verdict.FAIL if missing or not expected else Verdict.PASS,
        evaluated=len(expected),
        failed=len(missing),
        supplier=only,
        detail=f"Missing: {', '.join(missing[:_NAMED])}{more}." if missing else "",
    )


def _read_reference(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)
