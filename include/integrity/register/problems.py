"""What is wrong with a period now, from what the gates have found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from integrity.verdicts import Verdict, worst
from integrity.warehouse.models import FindingRow

Key = tuple[str, str]
"""Rule and supplier, by which a problem of a dependency is told from others."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a period now, one for each rule and supplier ('' where it is the period's own)."""

    rule: str
    supplier: str
    dimension: str
    verdict: Verdict
    evaluated: int
    failed: int
    columns: tuple[str, ...]
    message: str
    mend: str

    @property
    def key(self) -> Key:
        return self.rule, self.supplier


def problems_from(findings: Iterable[tuple[FindingRow, str | None]]) -> list[Problem]:
    """One problem for each rule and supplier, over all columns that show it.

    Args:
        findings: Outcomes with the supplier whose submission they are about, if any; notes are nobody's problem.
    """
    found: dict[Key, Problem] = {}
    for row, supplier in findings:
        if row.verdict == Verdict.PASS or row.severity == "note":
            continue
        new = Problem(
            rule=row.rule,
            supplier=row.supplier or supplier or "",
            dimension=row.dimension,
            verdict=worst([row.verdict]),
            evaluated=row.evaluated,
            failed=row.failed,
            columns=(row.column,) if row.column else (),
            message=row.message,
            mend=row.mend,
        )
        old = found.get(new.key)
        found[new.key] = _merged(old, new) if old else new
    return list(found.values())


def _merged(old: Problem, new: Problem) -> Problem:
    return Problem(
        rule=old.rule,
        supplier=old.supplier,
        dimension=old.dimension,
        verdict=worst([old.verdict, new.verdict]),
        evaluated=max(old.evaluated, new.evaluated),
        failed=old.failed + new.failed,
        columns=tuple(dict.fromkeys(old.columns + new.columns)),
        message=old.message if new.message in old.message else f"{old.message} {new.message}",
        mend=old.mend,
    )
