"""What a rule found: counts and row numbers, never a cell's value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from integrity.thresholds import Thresholds
from integrity.verdicts import Verdict, worst

Severity = Literal["block", "quarantine", "warn", "note"]

SAMPLE_ROWS = 1000
"""At most so many row numbers are kept with a finding; the count is always whole."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule as its author states it.

    Attributes:
        name: Unique within its dependency; the name in issues, examples and reports.
        kind: One of the nine kinds in ``manual/validity_rules.yml``.
        dimension: One of the five in ``manual/dimensions.yml``.
        limitations: Codes of ``manual/limitations.yml`` that the rule looks for.
        severity: ``block`` fails the submission; ``quarantine`` sets the row aside; ``warn`` is released with
            an issue; ``note`` is told, and is nobody's issue.
        message: What is wrong, in a sentence for the supplier.
        mend: What the supplier can do about it.
        thresholds: Limits of the rule's own; where it states none, its dependency's policy has them.
    """

    name: str
    kind: str
    dimension: str
    severity: Severity
    message: str
    mend: str
    limitations: tuple[str, ...] = ()
    thresholds: Thresholds | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule's outcome on a submission or a period.

    Attributes:
        rule: The rule that was judged.
        column: The column it concerns, by its name in the data dictionary; None if the whole row or file.
        evaluated: Rows that the rule could be asked of.
        failed: Rows that failed it.
        rows: Physical row numbers of failures as the supplier's own program shows them
            (the header of a plain CSV is row 1), at most ``SAMPLE_ROWS``.
        verdict: The rule's share in the verdict.
        detail: What was seen, for the owner; built from counts and configured names, never from cells.
        not_judged: Why the rule was not asked at all; then ``evaluated`` is 0 and the verdict PASS.
        supplier: Whose submission it is about, where the finding is one on a period; None if it is about all.
        weight: Part of the whole that failed (0 to 1) by its usual weight, where rows are no measure of it.
    """

    rule: Rule
    verdict: Verdict
    evaluated: int
    failed: int
    column: str | None = None
    rows: tuple[int, ...] = ()
    detail: str = ""
    not_judged: str = ""
    supplier: str | None = None
    weight: float | None = None

    @property
    def message(self) -> str:
        return f"{self.rule.message} {self.detail}".strip()

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.name,
            "kind": self.rule.kind,
            "dimension": self.rule.dimension,
            "limitations": list(self.rule.limitations),
            "severity": self.rule.severity,
            "column": self.column,
            "evaluated": self.evaluated,
            "failed": self.failed,
            "rows": list(self.rows),
            "message": self.message,
            "mend": self.rule.mend,
        }


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Verdict and findings of one gate; every rule that was asked has a finding, passed or not."""

    gate: str
    verdict: Verdict
    findings: tuple[Finding, ...] = field(default=())

    @classmethod
    def of(cls, gate: str, findings: list[Finding]) -> GateResult:
        """The worst finding decides; a gate none of whose rules could be asked gives ERROR."""
        judged = [f.verdict for f in findings if not f.not_judged]
        return cls(gate=gate, verdict=worst(judged), findings=tuple(findings))

    @property
    def failures(self) -> list[Finding]:
        return [f for f in self.findings if f.verdict is not Verdict.PASS]

    @property
    def not_judged(self) -> list[Finding]:
        return [f for f in self.findings if f.not_judged]
