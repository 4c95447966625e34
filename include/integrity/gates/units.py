"""Reporting units: which are missing and how much they weigh, which came twice, which should not be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl

from integrity.errors import Misconfigured
from integrity.findings import Finding, Rule
from integrity.inventory.dependency import Population, Registered
from integrity.inventory.policy import Policy
from integrity.thresholds import shown_share
from integrity.verdicts import Verdict

POPULATION_COMPLETE = Rule(
    name="population_complete",
    kind="completeness",
    dimension="completeness",
    limitations=("1.3", "3.2"),
    severity="block",
    message="Reporting units that must occur in the file do not.",
    mend="Add a row for each missing unit; where there is nothing to count, write 0.",
)
UNITS_ONCE = Rule(
    name="units_once",
    kind="duplicate",
    dimension="completeness",
    limitations=("1.4", "1.6"),
    severity="block",
    message="Reporting units are counted twice.",
    mend="Agree who reports for each unit, and have one of them leave it out; or remove the unit's further rows.",
)
UNITS_KNOWN = Rule(
    name="units_known",
    kind="relationship",
    dimension="completeness",
    limitations=("1.4",),
    severity="block",
    message="The file holds reporting units that are not in the list of those that should report.",
    mend="Remove them; or have them added to the list, if they report from now on.",
)
REFERENCE_IN_DATE = Rule(
    name="reference_in_date",
    kind="relationship",
    dimension="timeliness",
    limitations=("1.1", "9.5"),
    severity="warn",
    message="The list of reporting units is not known to hold for this period, so who is missing is not sure.",
    mend="Look who reports now, bring the list up to date, and state until when it holds (population.holds_until).",
)

Units = Mapping[str, frozenset[str] | None]
"""By supplier whose submission came, the units that it names; None where nothing could be read."""

_NAMED = 25
"""At most so many units are named in a message."""


def population(registered: Registered) -> dict[str, str]:
    """Code and name of each reporting unit that is expected."""
    stated = registered.dependency.population
    if stated is None:
        return {}
    listed = _read_reference(registered.folder / stated.reference)
    return dict(zip(listed[stated.column].to_list(), listed[stated.name_column].to_list(), strict=True))


def judge_units(
    registered: Registered,
    stated: Population,
    units: Units,
    *,
    period: date,
    policy: Policy,
    incomplete: str = "",
    usual_weights: Mapping[str, float] | None = None,
    rows_of_units: Mapping[str, Mapping[str, int]] | None = None,
) -> list[Finding]:
    """Judge the units of a period: missing, counted twice, unknown; and whether their list holds for it.

    Args:
        stated: The dependency's population.
        incomplete: Why it cannot be told yet which units are missing; '' if it can.
        usual_weights: How much each unit usually brings; asked where the list of units has no weights.
        rows_of_units: By supplier, rows of each unit; asked where a unit has one row a period.

    Raises:
        Misconfigured: The list's weights cannot be used.
    """
    expected = population(registered)
    only = next(iter(units)) if len(registered.dependency.suppliers) == 1 and units else None
    findings = [_missing(registered, stated, expected, units, policy, incomplete, usual_weights, only)]
    if len(registered.dependency.suppliers) > 1 or stated.rows == "one":
        findings.append(_twice(stated, expected, units, rows_of_units, only))
    if stated.others == "refused":
        findings += _unknown(expected, units)
    if stated.states_when_it_holds:
        holds = stated.holds_for(period)
        verdict = Verdict.PASS if holds else Verdict.WARN
        findings.append(Finding(rule=REFERENCE_IN_DATE, verdict=verdict, evaluated=1, failed=0 if holds else 1))
    return findings


def _missing(
    registered: Registered,
    stated: Population,
    expected: Mapping[str, str],
    units: Units,
    policy: Policy,
    incomplete: str,
    usual_weights: Mapping[str, float] | None,
    only: str | None,
) -> Finding:
    if incomplete:
        return Finding(
            rule=POPULATION_COMPLETE, verdict=Verdict.PASS, evaluated=0, failed=0, supplier=only, not_judged=incomplete
        )
    came = _named(units)
    missing = [code for code in expected if code not in came]
    if not missing:
        # A list of nobody is no list: who must report is not known, so it cannot be said that they did.
        verdict = Verdict.PASS if expected else Verdict.FAIL
        return Finding(
            rule=POPULATION_COMPLETE, verdict=verdict, evaluated=len(expected), failed=0, supplier=only, weight=0.0
        )
    weights = _weights(registered.folder / stated.reference, stated, expected, usual_weights)
    lost = sum((weights[code] for code in missing), Fraction()) / sum(weights.values())
    wanted = policy.coverage_wanted
    is_enough = wanted is None or 1 - lost >= wanted
    told = f"Missing: {_listed(expected, missing)}. That is {shown(Fraction(len(missing), len(expected)))} of the units"
    told += f", {shown(lost)} by weight." if len(set(weights.values())) > 1 else "."
    return Finding(
        rule=replace(POPULATION_COMPLETE, severity="warn" if is_enough else "block"),
        verdict=Verdict.WARN if is_enough else Verdict.FAIL,
        evaluated=len(expected),
        failed=len(missing),
        supplier=only,
        weight=float(lost),
        detail=f"{told} Wanted are {shown_share(wanted)}." if wanted is not None else told,
    )


def shown(share: Fraction) -> str:
    """A share that need not be a round one: 4.76 %."""
    return shown_share(Fraction(round(share * 10_000), 10_000)) if share >= Fraction(1, 10_000) else "under 0.01 %"


def _weights(
    path: Path, stated: Population, expected: Mapping[str, str], usual_weights: Mapping[str, float] | None
) -> dict[str, Fraction]:
    """How much each unit weighs: as its list says, or as it usually does, or all the same."""
    if stated.weight_column:
        return _stated_weights(path, stated, stated.weight_column)
    # As they are written: a tenth is one tenth, so that a share which is just reached is reached.
    usual = usual_weights or {}
    known = {code: Fraction(str(usual[code])) for code in expected if code in usual}
    if sum(known.values()) <= 0:
        return dict.fromkeys(expected, Fraction(1))
    # A unit without a history is taken for an average one: nothing would make its absence too small a matter.
    average = sum(known.values(), Fraction()) / len(known)
    return {code: known.get(code, average) for code in expected}


def _stated_weights(path: Path, stated: Population, column: str) -> dict[str, Fraction]:
    listed = _read_reference(path)
    if column not in listed.columns:
        raise Misconfigured(f"{path.name}:1: there is no column '{column}' with the units' weights.")
    weights: dict[str, Fraction] = {}
    for line, (code, written) in enumerate(listed.select(stated.column, column).iter_rows(), start=2):
        try:
            weights[code] = Fraction(written)
        except (TypeError, ValueError, ZeroDivisionError):
            raise Misconfigured(f"{path.name}:{line}: the weight of {code} is no number.") from None
        if weights[code] < 0:
            raise Misconfigured(f"{path.name}:{line}: the weight of {code} is below nought.")
    if sum(weights.values()) == 0:
        raise Misconfigured(f"{path.name}:1: no unit weighs anything, so it cannot be said what is missing.")
    return weights


def _twice(
    stated: Population,
    expected: Mapping[str, str],
    units: Units,
    rows_of_units: Mapping[str, Mapping[str, int]] | None,
    only: str | None,
) -> Finding:
    """Units that two suppliers send, or that have a second row where one is all that they should have.

    Where a unit has one row and a file's rows were not kept, they cannot be counted: it says that it is not
    judged.
    """
    senders = Counter(code for named in units.values() for code in named or ())
    twice = {code for code, count in senders.items() if count > 1}
    if stated.rows == "one":
        if rows_of_units is None and units:
            return Finding(
                rule=UNITS_ONCE,
                verdict=Verdict.ERROR,
                evaluated=0,
                failed=0,
                supplier=only,
                detail="The units' rows were not counted.",
            )
        if uncounted := sorted(code for code, named in units.items() if named and code not in (rows_of_units or {})):
            why = f"rows of {', '.join(uncounted)} were not kept, so none is counted"
            return Finding(rule=UNITS_ONCE, verdict=Verdict.PASS, evaluated=0, failed=0, supplier=only, not_judged=why)
        twice |= {code for rows in (rows_of_units or {}).values() for code, count in rows.items() if count > 1}
    known = [code for code in expected if code in twice]
    told = f"Twice: {_listed(expected, known)}." if known else ""
    unknown = len(twice) - len(known)
    if unknown:
        told = f"{told} {unknown} that are not in the list of units.".strip()
    return Finding(
        rule=UNITS_ONCE,
        verdict=Verdict.FAIL if twice else Verdict.PASS,
        evaluated=len(senders),
        failed=len(twice),
        supplier=only,
        detail=told,
    )


def _unknown(expected: Mapping[str, str], units: Units) -> list[Finding]:
    """Units outside the population, for each supplier; counted and never named, since they are cells of its file."""
    return [
        Finding(
            rule=UNITS_KNOWN,
            verdict=Verdict.FAIL if named - expected.keys() else Verdict.PASS,
            evaluated=len(named),
            failed=len(named - expected.keys()),
            supplier=supplier,
            detail=f"{len(named - expected.keys())} of {len(named)}." if named - expected.keys() else "",
        )
        for supplier, named in units.items()
        if named is not None
    ]


def _named(units: Units) -> frozenset[str]:
    return frozenset().union(*(named for named in units.values() if named))


def _listed(expected: Mapping[str, str], codes: list[str]) -> str:
    more = f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else ""
    return ", ".join(f"{expected[code]} ({code})" for code in codes[:_NAMED]) + more


def _read_reference(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)
