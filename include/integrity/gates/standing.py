"""What holds of a dependency whatever is submitted: whether it has what its class calls for, assessed recently enough.

A dependency that lacks something loads and runs: that its data is judged by fewer rules than it should be is no reason
to judge it by none. It is a problem that its owner answers for, as one found in the data is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from integrity.findings import Finding, Rule
from integrity.gates.schema import Schema
from integrity.inventory import manual
from integrity.inventory.calendars import months_after
from integrity.inventory.dependency import Registered
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict

CONTROLS_IN_PLACE = Rule(
    name="controls_in_place",
    kind="business",
    dimension="validity",
    limitations=("6.1", "11.1"),
    severity="warn",
    message="The dependency lacks what its importance class calls for.",
    mend="Add what is named, or depart from the class in dependency.yml, with the reason.",
)
IMPORTANCE_ASSESSED = Rule(
    name="importance_assessed",
    kind="business",
    dimension="timeliness",
    limitations=("12.2",),
    severity="warn",
    message="Nobody has asked lately how important the data is, so its class may be out of date.",
    mend="Answer the impact questionnaire again, and write day and name under 'assessment' in dependency.yml.",
)
CONTROLS_ASSESSED = Rule(
    name="controls_assessed",
    kind="business",
    dimension="timeliness",
    limitations=("5.2",),
    severity="warn",
    message="Nobody independent has assessed lately whether the controls work.",
    mend="Have them assessed, and write day and name under 'controls' in dependency.yml.",
)

CONTROLS_WORK = Rule(
    name="controls_work",
    kind="business",
    dimension="accuracy",
    limitations=("5.2", "6.1"),
    severity="warn",
    message="Errors that were planted in real submissions were not caught as often as they must be.",
    mend="Write the rules that 'integrity assess' names as missing, and have the controls assessed again.",
)

STANDING_RULES = (CONTROLS_IN_PLACE, IMPORTANCE_ASSESSED, CONTROLS_ASSESSED, CONTROLS_WORK)
"""The rules about a dependency itself; none is about a period."""


def standing_problems(
    registered: Registered,
    schema: Schema,
    policy: Policy,
    today: date,
    *,
    controls_assessed_on: date | None = None,
    shortfalls: Sequence[str] = (),
) -> list[Finding]:
    """Judge a dependency itself, whatever was submitted.

    Args:
        policy: Of its class, its departures applied.
        today: The day where the dependency reports. Passed in, never read from the clock.
        controls_assessed_on: When errors were last planted to see if the controls work, where that is on record
            outside the folder; the later of this and the folder's own day counts.
        shortfalls: What that found wanting, in sentences.

    Returns:
        A finding for each of ``STANDING_RULES``: WARN where there is a problem, which is an issue without a period,
        PASS where there is none, which closes it.
    """
    asked, lacking = _called_for(registered, schema, policy)
    assessment, controls = registered.dependency.assessment, registered.dependency.controls
    on_record = [day for day in (controls.assessed_on if controls else None, controls_assessed_on) if day]
    return [
        _finding(CONTROLS_IN_PLACE, asked, lacking),
        _finding(
            IMPORTANCE_ASSESSED, 1, [*_out_of_date(assessment.assessed_on, manual.reassess_every_months(), today)]
        ),
        _finding(
            CONTROLS_ASSESSED,
            1,
            [*_out_of_date(max(on_record, default=None), policy.controls_assessed_every_months, today)],
        ),
        _finding(CONTROLS_WORK, max(len(shortfalls), 1), list(shortfalls)),
    ]


def _finding(rule: Rule, evaluated: int, failing: list[str]) -> Finding:
    verdict = Verdict.WARN if failing else Verdict.PASS
    return Finding(rule=rule, verdict=verdict, evaluated=evaluated, failed=len(failing), detail=" ".join(failing))


def _called_for(registered: Registered, schema: Schema, policy: Policy) -> tuple[int, list[str]]:
    """How many things the class calls for, and a sentence for each that is lacking."""
    present = {rule.kind for rule in [*schema.rules(), *(relation.rule for relation in registered.relations)]}
    lacking = [
        f"No rule is of kind {kind} ({manual.kinds()[kind]})." for kind in policy.required_kinds if kind not in present
    ]
    asked = len(policy.required_kinds) + len(policy.requires)
    if "readme" in policy.requires and not registered.has_readme:
        lacking.append("There is no README.md that says what the owner does when it fails.")
    if "examples" in policy.requires:
        lacking += _examples_lacking(registered, schema)
    if policy.coverage_wanted is not None:
        asked += 1
        if registered.dependency.population is None:
            lacking.append("Coverage is asked for, and no list says which reporting units there are (population).")
    return asked, lacking


def _examples_lacking(registered: Registered, schema: Schema) -> Iterator[str]:
    wanted = ["good", *(f"bad_{rule.name}" for rule in schema.rules())]
    lacking = [name for name in wanted if name not in registered.examples]
    if lacking:
        yield f"Examples are missing: {', '.join(lacking)}."


def _out_of_date(assessed_on: date | None, every_months: int, today: date) -> Iterator[str]:
    """A sentence if an assessment no longer holds; on the day until which it holds, it does."""
    if assessed_on is None:
        yield "There is no assessment on record."
        return
    until = months_after(assessed_on, every_months)
    if assessed_on > today:
        yield f"The assessment of {assessed_on} is dated in the future."
    elif today > until:
        yield f"The last assessment, of {assessed_on}, held until {until}."
