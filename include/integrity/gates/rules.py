"""How a schema states its rules, and the rules that every schema has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pandera.polars as pa

from integrity.errors import IntegrityError
from integrity.findings import Finding, GateResult, Rule, Severity
from integrity.inventory.policy import Policy
from integrity.thresholds import Thresholds, is_within
from integrity.verdicts import Verdict


def rule(
    name: str,
    *,
    columns: list[str],
    kind: str,
    dimension: str,
    message: str,
    mend: str,
    limitations: list[str],
    severity: Severity | None = None,
    thresholds: Thresholds | None = None,
    among: Sequence[str] = (),
) -> Callable[[Any], Any]:
    """Declare a method of a schema as a rule over whole rows.

    The method takes pandera's ``PolarsData`` and returns a lazy frame of one boolean column, a row each:
    false where the row fails, null where the rule does not apply to it. Beside the dictionary's columns the
    frame has ``_period`` (the reporting period) and ``_latest`` (the last day that can be reported), so that
    no rule reads the clock; and ``_supplier`` (the code of whoever sent the file; null where nobody knows).

    Args:
        columns: What the rule reads. A row in which one of them is blank or unreadable is not evaluated:
            other rules say so, and one mistake should be one finding. The first is named in the finding.
        severity: Left out, the dependency's class has one for rules of this kind (``policy.yml``).
        thresholds: Limits of the rule's own: ``Thresholds(warn=Limit(share=0.02), block=Limit(share=0.2, count=500))``.
            Where it states none, those of the class hold. It can block sooner than its class, and not later: that is
            a departure, which ``dependency.yml`` states with a reason.
        among: For a rule that compares rows: columns in which two rows must be the same to matter to each other,
            such as the key that may stand once. A very large file is then judged in groups of such rows, which needs
            less memory; left out, it is judged as a whole.
    """
    stated = Rule(
        name=name,
        kind=kind,
        dimension=dimension,
        severity=severity or "block",
        message=message,
        mend=mend,
        limitations=tuple(limitations),
        thresholds=thresholds,
    )
    statistics = {
        "rule": stated,
        "columns": tuple(columns),
        "among": tuple(among),
        "states_severity": severity is not None,
    }
    return pa.dataframe_check(name=name, statistics=statistics)


def submission_rule(
    name: str,
    *,
    columns: list[str],
    kind: str,
    dimension: str,
    message: str,
    mend: str,
    limitations: list[str],
    severity: Literal["block", "warn", "note"],
) -> Callable[[Any], Any]:
    """Declare a method of a schema as a rule over a submission as a whole: a share, a sum, a distribution.

    The method takes pandera's ``PolarsData`` with all rows, bad ones included, and returns a lazy frame of one row.
    Its first column is boolean: whether the submission holds; null where it cannot be said, as of too few rows. A
    second one may hold the share (0 to 1) by which it was decided; the finding tells it.

    Args:
        columns: What the rule reads; it is not asked where one of them is missing. The first is named in the finding.
        severity: No row can be set aside for it, so the class's own severity for rules of this kind does not hold.
    """
    stated = Rule(
        name=name,
        kind=kind,
        dimension=dimension,
        severity=severity,
        message=message,
        mend=mend,
        limitations=tuple(limitations),
    )
    statistics = {"rule": stated, "columns": tuple(columns), "among": (), "states_severity": True}
    return pa.dataframe_check(name=name, statistics=statistics | {"is_of_submission": True})


def verdict_of(stated: Rule, *, failed: int, evaluated: int, rows: int, policy: Policy) -> Verdict:
    """A rule's share in the verdict, from its counts and what holds for it now; nothing else is asked.

    So a changed threshold can be applied to counts that were stored long ago. From the top, the first that holds:

    1. No row failed: PASS.
    2. More rows failed than a blocking limit allows: FAIL. Exactly at a limit is still allowed; of several limits the
       one that is exceeded first decides.
    3. At most as many failed as a warning rule's ``warn`` limit allows: PASS, with the count on record.
    4. Otherwise WARN: passed with exceptions, which are released or set aside as the severity says. A ``note``, which
       has no limits, ends here too.

    A share is compared by whole numbers: 10 of 1,000 are not more than 0.01, and 1 of 99 is more. A count below nought
    says that the counting broke: ERROR.

    Args:
        failed: Rows that failed the rule.
        evaluated: Rows that the rule was asked of; what a limit's share is a share of.
        rows: Rows of the submission; what the class's ``quarantine_share`` is a share of.
        policy: Of the dependency, its departures applied.
    """
    if min(failed, evaluated, rows) < 0:
        return Verdict.ERROR
    if failed == 0:
        return Verdict.PASS
    bounds = policy.bounds(stated)
    if any(not block.limit.allows(failed, evaluated) for block in bounds.block):
        return Verdict.FAIL
    if bounds.quarantine_share is not None and not is_within(failed, bounds.quarantine_share, rows):
        return Verdict.FAIL
    if bounds.warn and bounds.warn.limit.allows(failed, evaluated):
        return Verdict.PASS
    return Verdict.WARN


def could_not_check(stated: Rule, detail: str, column: str | None = None) -> Finding:
    """The finding of a rule that could not be evaluated: ERROR, which blocks."""
    return Finding(rule=stated, verdict=Verdict.ERROR, evaluated=0, failed=0, column=column, detail=detail)


GATE_RAN = Rule(
    name="gate_ran",
    kind="business",
    dimension="validity",
    limitations=("6.5",),
    severity="block",
    message="A gate ended without a verdict, and a gate that did not run did not pass.",
    mend="Read the run's log, mend what it names, and run the period again.",
)


def gate_broke(gate: str, error: Exception) -> GateResult:
    """The answer of a gate that broke: ERROR. Only an error of our own is quoted, others may hold cells."""
    reason = str(error) if isinstance(error, IntegrityError) else type(error).__name__
    return GateResult(gate=gate, verdict=Verdict.ERROR, findings=(could_not_check(GATE_RAN, reason),))


IDENTIFIED = Rule(
    name="identified",
    kind="field_structure",
    dimension="validity",
    limitations=("2.4",),
    severity="block",
    message="A file was received that cannot be placed; it is kept in the archive and was not judged.",
    mend="Find out what it is; have it sent again under its usual name, in its supplier's folder.",
)
READABLE = Rule(
    name="readable",
    kind="field_structure",
    dimension="validity",
    limitations=("10.3",),
    severity="block",
    message="The file cannot be read.",
    mend="Export it again as a CSV file in UTF-8 and send that.",
)
HAS_ROWS = Rule(
    name="has_rows",
    kind="completeness",
    dimension="completeness",
    limitations=("3.1",),
    severity="block",
    message="The file has a header and no rows.",
    mend="Export the figures again and check that the rows are there.",
)
ROW_SHAPE = Rule(
    name="row_shape",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The row cannot be parsed: it has more or fewer cells than the header.",
    mend="Look for a missing or superfluous separator, or an unclosed quotation mark, in these rows.",
)
COLUMNS_PRESENT = Rule(
    name="columns_present",
    kind="field_structure",
    dimension="completeness",
    limitations=("9.2",),
    severity="block",
    message="Columns are missing.",
    mend="Add the columns under their usual headings, or announce the new layout.",
)
COLUMNS_KNOWN = Rule(
    name="columns_known",
    kind="field_structure",
    dimension="consistency",
    limitations=("9.2", "9.12"),
    severity="warn",
    message="The file has columns that its layout does not describe; they were not taken in.",
    mend="Nothing, if they are meant to be left out; otherwise tell the owner what they mean.",
)
PARTS_KNOWN = Rule(
    name="parts_known",
    kind="field_structure",
    dimension="consistency",
    limitations=("9.2", "9.12"),
    severity="warn",
    message="There are files or sheets in it from which no table is read; they were not taken in.",
    mend="Nothing, if they are meant to be left out; otherwise tell the owner what they are.",
)
CONTROL_TOTALS = Rule(
    name="control_totals",
    kind="derivation",
    dimension="accuracy",
    limitations=("1.7", "3.1"),
    severity="block",
    message="The totals that were declared are not those of the data.",
    mend="Send the file again as a whole; or correct the totals, if they were taken at another moment.",
)
NOTATION_KEPT = Rule(
    name="notation_kept",
    kind="field_structure",
    dimension="consistency",
    limitations=("9.8", "9.12"),
    severity="block",
    message="A column is written in another notation than its layout describes.",
    mend="Write it as before; or announce the new notation, so that it is described before the next file.",
)
CONTENT_KEPT = Rule(
    name="content_kept",
    kind="field_structure",
    dimension="accuracy",
    limitations=("9.2", "9.8"),
    severity="block",
    message="A column does not hold what its heading says; columns may have changed places.",
    mend="Put each column back under its own heading and send the file again.",
)
LAYOUT_KEPT = Rule(
    name="layout_kept",
    kind="field_structure",
    dimension="consistency",
    limitations=("9.12",),
    severity="note",
    message="The file's layout is not quite that of the last accepted file.",
    mend="Nothing, if the change is meant to stay; otherwise export the file as before.",
)
WHOLE_NUMBER = Rule(
    name="whole_number",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The cell must hold a whole number in digits only.",
    mend="Write the number without text, decimals or separators.",
)
NUMBER = Rule(
    name="number",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The cell must hold a number, with a point as its decimal sign.",
    mend="Write the number in this notation.",
)
MOMENT = Rule(
    name="moment",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The cell must hold a date and time as YYYY-MM-DDThh:mm:ss.",
    mend="Write the moment in this notation.",
)
REQUIRED = Rule(
    name="required",
    kind="completeness",
    dimension="completeness",
    limitations=("4.2",),
    severity="quarantine",
    message="The cell must not be blank.",
    mend="Fill in the value; where nothing is to be counted, write 0.",
)
MISSING_CODED = Rule(
    name="missing_coded",
    kind="completeness",
    dimension="completeness",
    limitations=("4.1",),
    severity="note",
    message="Cells say by a code, which the data dictionary lists, that their value is missing.",
    mend="Fill in what is known; nothing, where it is not.",
)
DECIMALS = Rule(
    name="decimals",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The number has more decimals than the data dictionary allows.",
    mend="Write it as exactly as was agreed, and no more so.",
)
TEXT_LENGTH = Rule(
    name="text_length",
    kind="field_structure",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The text is longer or shorter than the data dictionary allows.",
    mend="Correct the text; two cells may have run into one.",
)
IN_RANGE = Rule(
    name="in_range",
    kind="domain_range",
    dimension="validity",
    limitations=("5.1",),
    severity="quarantine",
    message="The number lies outside the range that the data dictionary allows.",
    mend="Correct the number.",
)
IN_LIST = Rule(
    name="in_list",
    kind="domain_range",
    dimension="validity",
    limitations=("5.1", "9.5"),
    severity="quarantine",
    message="The value is not in the list that the data dictionary allows.",
    mend="Use one of the listed values.",
)

CHECK_RULES = {
    "greater_than_or_equal_to": IN_RANGE,
    "less_than_or_equal_to": IN_RANGE,
    "in_range": IN_RANGE,
    "isin": IN_LIST,
    "str_length": TEXT_LENGTH,
}
"""The rule that stands for each of pandera's built-in checks that a schema may use on a field."""

FIELD_RULES = (WHOLE_NUMBER, NUMBER, MOMENT, REQUIRED, MISSING_CODED, DECIMALS, TEXT_LENGTH, IN_RANGE, IN_LIST)
"""The rules that any field may be asked."""

FILE_RULES = (READABLE, HAS_ROWS, ROW_SHAPE, COLUMNS_PRESENT, COLUMNS_KNOWN)
"""The rules that every file is asked on its own."""

DRIFT_RULES = (NOTATION_KEPT, CONTENT_KEPT, LAYOUT_KEPT)
"""The rules that hold a file against its layout's notations and the supplier's last accepted file."""

FIXED_RULES = (IDENTIFIED, *FILE_RULES, *DRIFT_RULES)
"""The rules without which no other could be asked, or trusted: no dependency departs from them."""
