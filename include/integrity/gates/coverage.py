"""The second gate: who should have reported, and what should have been reported, against what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from integrity.findings import Finding, GateResult, Rule
from integrity.gates.units import POPULATION_COMPLETE as POPULATION_COMPLETE
from integrity.gates.units import REFERENCE_IN_DATE, UNITS_KNOWN, UNITS_ONCE, Units, judge_units
from integrity.gates.units import population as population
from integrity.inventory.dependency import Registered, Reporting, Supplier
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict, worst

SUPPLIER_REPORTED = Rule(
    name="supplier_reported",
    kind="completeness",
    dimension="completeness",
    limitations=("1.3",),
    severity="block",
    message="No submission came from the supplier.",
    mend="Send the file for this reporting period.",
)
SUPPLIER_IN_TIME = Rule(
    name="supplier_in_time",
    kind="business",
    dimension="timeliness",
    limitations=("8.1", "8.3"),
    severity="note",
    message="The submission came after it was due.",
    mend="Send the next one in time; or have the due time changed, if it cannot be kept.",
)


def coverage_rules(registered: Registered, policy: Policy) -> list[tuple[Rule, tuple[str, ...]]]:
    """The rules that this gate asks of a dependency, each with the columns that it reads."""
    rules: list[tuple[Rule, tuple[str, ...]]] = [(reported_rule(policy), ())]
    if registered.dependency.reporting.due:
        rules.append((SUPPLIER_IN_TIME, ()))
    if stated := registered.dependency.population:
        rules.append((POPULATION_COMPLETE, (stated.column,)))
        if len(registered.dependency.suppliers) > 1 or stated.rows == "one":
            rules.append((UNITS_ONCE, (stated.column,)))
        if stated.others == "refused":
            rules.append((UNITS_KNOWN, (stated.column,)))
        if stated.states_when_it_holds:
            rules.append((REFERENCE_IN_DATE, ()))
    return rules


def reported_rule(policy: Policy) -> Rule:
    """``supplier_reported`` as the class has it: whether a period waits for a supplier that has not sent."""
    return replace(SUPPLIER_REPORTED, severity=policy.missing_supplier)


def judge_coverage(
    registered: Registered,
    *,
    period: date,
    units: Units,
    policy: Policy,
    as_of: datetime | None = None,
    received: Mapping[str, datetime] | None = None,
    usual_weights: Mapping[str, float] | None = None,
    rows_of_units: Mapping[str, Mapping[str, int]] | None = None,
) -> GateResult:
    """Judge what came for a period against what was expected.

    A supplier that has not sent is missing once its submission was due and the grace is over. Until then the rule is
    not judged, and says when it will be; a class that waits for every supplier waits for that one as well, so that the
    gate blocks without any finding that fails.

    Args:
        units: For each supplier whose submission came, the reporting units that its latest one names; None where
            nothing could be read. Rows set aside count: the unit did respond, and other rules say what is wrong.
        policy: Of the dependency's class: whether a period waits for a supplier that has not sent, and which share of
            the units (by weight) is wanted: at or above it missing units warn, below it they fail.
        as_of: The moment of judging. Passed in, never read from the clock. Without one, everything is due.
        received: For each supplier whose submission came, when its first one did.
        usual_weights: How much each unit usually brings, such as its rows; asked where the list has no weights.
        rows_of_units: By supplier, rows of each unit; asked where the population says that a unit has one row.

    Raises:
        Misconfigured: The list of units cannot be used.
    """
    dependency = registered.dependency
    # The run of a holiday has no period: nobody is expected.
    is_reported = dependency.reporting.is_period(period)
    expected = [s for s in dependency.suppliers if is_reported and s.reports_for(period)]
    missing = [s for s in expected if s.code not in units]
    awaited = {s.code: why for s in missing if (why := not_missed_yet(dependency.reporting, s, period, as_of))}
    findings = _reported(expected, missing, awaited, policy, is_nobody_here=not units)
    if dependency.reporting.due and received is not None:
        findings.append(_in_time(dependency.reporting, expected, period, received))
    if dependency.population:
        reason = "a supplier's file is missing" if missing else ""
        reason = reason or ("a file could not be read" if None in units.values() else "")
        reason = reason if is_reported else "nobody reports for this day"
        findings += judge_units(
            registered,
            dependency.population,
            units,
            period=period,
            policy=policy,
            incomplete=reason,
            usual_weights=usual_weights,
            rows_of_units=rows_of_units,
        )
    result = GateResult.of("coverage", findings)
    if not awaited:
        return result
    judged = [f.verdict for f in findings if not f.not_judged]
    waits = policy.missing_supplier == "block" or not units
    return replace(result, verdict=worst([*judged, Verdict.FAIL if waits else Verdict.PASS]))


def _reported(
    expected: list[Supplier],
    missing: list[Supplier],
    awaited: Mapping[str, str],
    policy: Policy,
    *,
    is_nobody_here: bool,
) -> list[Finding]:
    rule = reported_rule(policy)
    # Where nobody at all has sent there is nothing to release, whatever the class.
    verdict = Verdict.WARN if policy.missing_supplier == "warn" and not is_nobody_here else Verdict.FAIL
    evaluated = len(expected) - len(awaited)
    findings = [
        Finding(
            rule=rule,
            verdict=verdict,
            evaluated=evaluated,
            failed=1,
            supplier=supplier.code,
            detail=f"Expected: {supplier.name}.",
        )
        for supplier in missing
        if supplier.code not in awaited
    ]
    if not findings and (evaluated or not awaited):
        findings.append(Finding(rule=rule, verdict=Verdict.PASS, evaluated=evaluated, failed=0))
    findings += [
        Finding(rule=rule, verdict=Verdict.PASS, evaluated=0, failed=0, supplier=code, not_judged=why)
        for code, why in awaited.items()
    ]
    return findings


def not_missed_yet(reporting: Reporting, supplier: Supplier, period: date, moment: datetime | None) -> str:
    """Why a supplier that has not sent is not missing at this moment; '' if it is. At the last moment it is not."""
    due = reporting.due_at(period, supplier.timezone)
    last = reporting.missed_after(period, supplier.timezone)
    if due is None or last is None or moment is None or moment > last:
        return ""
    zone = supplier.timezone or reporting.timezone
    if moment <= due:
        return f"not yet due: it is on {shown_moment(due, zone)}"
    return f"late since {shown_moment(due, zone)}, and missing after {shown_moment(last, zone)}"


def shown_moment(moment: datetime, timezone: str) -> str:
    """A moment by the clocks of a time zone, which is named."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"


@dataclass(frozen=True)
class Lateness:
    """A submission that came after its grace was over."""

    supplier: str
    due: datetime
    received: datetime

    def __str__(self) -> str:
        hours, rest = divmod(int((self.received - self.due).total_seconds()), 3600)
        return f"{self.supplier} {hours // 24} d {hours % 24} h {rest // 60} min"


def late(reporting: Reporting, supplier: Supplier, period: date, received: datetime) -> Lateness | None:
    """By how much a submission missed its due time; None where it came in time, or within the grace."""
    due = reporting.due_at(period, supplier.timezone)
    last = reporting.missed_after(period, supplier.timezone)
    if due is None or last is None or received <= last:
        return None
    return Lateness(supplier.code, due, received)


def _in_time(reporting: Reporting, expected: list[Supplier], period: date, received: Mapping[str, datetime]) -> Finding:
    came = [s for s in expected if s.code in received]
    if not came:
        return Finding(
            rule=SUPPLIER_IN_TIME, verdict=Verdict.PASS, evaluated=0, failed=0, not_judged="no submission has come"
        )
    found = [lateness for s in came if (lateness := late(reporting, s, period, received[s.code]))]
    return Finding(
        rule=SUPPLIER_IN_TIME,
        # Told, and nobody's issue: that it was missing was one, and nothing that is done now makes it come sooner.
        verdict=Verdict.PASS,
        evaluated=len(came),
        failed=len(found),
        supplier=found[0].supplier if len(found) == 1 else None,
        detail=f"After it was due: {', '.join(map(str, found))}." if found else "",
    )
