"""What a rule is asked of, and what it answers: findings in counts, ratios and configured names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from integrity.findings import Finding, Rule, Severity
from integrity.gates.profiling.profile import ColumnProfile, Profile
from integrity.gates.profiling.sensitivity import Sensitivity
from integrity.verdicts import Verdict

Past = Sequence[tuple[date, Profile]]
"""Profiles of one supplier's submissions with their periods, oldest first."""


@dataclass(frozen=True)
class Case:
    """One submission beside what it is held against.

    Attributes:
        history: The supplier's submissions for earlier periods.
        peers: By supplier, the others' submissions, up to this period.
    """

    profile: Profile
    period: date
    history: Past
    peers: Mapping[str, Past]
    settings: Sensitivity

    def past(self, column: str) -> list[tuple[date, ColumnProfile]]:
        """What is known of a column in earlier submissions."""
        found = ((period, profile.columns.get(column)) for period, profile in self.history)
        return [(period, known) for period, known in found if known is not None]


@dataclass
class Answer:
    """What one rule says of a submission, column by column."""

    rule: Rule
    failing: list[Finding] = field(default_factory=list)
    judged: int = 0
    unasked: dict[str, list[str]] = field(default_factory=dict)

    def passes(self) -> None:
        self.judged += 1

    def fails(self, *, evaluated: int, failed: int, detail: str, column: str | None = None) -> None:
        self.judged += 1
        self.failing.append(
            Finding(
                rule=self.rule,
                verdict=Verdict.WARN,
                evaluated=evaluated,
                failed=failed,
                column=column,
                detail=detail,
            )
        )

    def cannot(self, why: str, column: str = "") -> None:
        """It could not be asked, of a column or at all."""
        self.unasked.setdefault(why, [])
        if column and column not in self.unasked[why]:
            self.unasked[why].append(column)

    def findings(self, severity: Severity) -> list[Finding]:
        """Its failures, or one finding that says that there is none; and what it could not be asked of."""
        rule = replace(self.rule, severity=severity)
        verdict = Verdict.FAIL if severity == "block" else Verdict.WARN
        found = [replace(finding, rule=rule, verdict=verdict) for finding in self.failing]
        if self.judged and not found:
            found.append(Finding(rule=rule, verdict=Verdict.PASS, evaluated=self.judged, failed=0))
        # Silence is no answer: a rule that had nothing to look at says so.
        unasked = self.unasked if self.judged or self.unasked else {"no column that it could be asked of": []}
        for why, columns in unasked.items():
            said = f"{why}: {', '.join(columns)}" if columns else why
            found.append(Finding(rule=rule, verdict=Verdict.PASS, evaluated=0, failed=0, not_judged=said))
        return found


def too_short(known: int, least: int) -> str:
    """Why a rule is not asked yet."""
    return f"{known} earlier submission{'' if known == 1 else 's'} to hold it against, and it takes {least}"


def percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def times(decades: float) -> str:
    """A ratio in words: `2.5 times`, `30 % of`."""
    ratio = 10**decades
    return f"{ratio:.3g} times" if ratio >= 1 else f"{percent(ratio)} of"
