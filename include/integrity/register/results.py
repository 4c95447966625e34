"""How each rule last came out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.verdicts import Verdict, worst


@dataclass(frozen=True)
class LastResult:
    """A rule's outcome on the last period in which it was asked, over all columns and suppliers."""

    period: date
    verdict: Verdict
    failed: int
    evaluated: int

    def to_json(self) -> dict[str, Any]:
        return {
            "period": self.period.isoformat(),
            "verdict": str(self.verdict),
            "failed": self.failed,
            "evaluated": self.evaluated,
        }


def last_results(session: Session, dependency: str) -> dict[str, LastResult]:
    """The last result of each rule that was ever asked, by its name; of a supplier's revisions the latest counts."""
    query = text(
        """
        WITH latest AS (
            SELECT DISTINCT ON (supplier, period) id FROM register.submission
            WHERE dependency = :dependency ORDER BY supplier, period, revision DESC
        )
        SELECT DISTINCT ON (f.rule) f.rule, j.period, array_agg(f.verdict) AS verdicts,
               sum(f.failed)::bigint AS failed, sum(f.evaluated)::bigint AS evaluated
        FROM register.finding f JOIN register.judgement j ON j.id = f.judgement_id
        WHERE j.dependency = :dependency AND f.not_judged = ''
          AND (j.submission_id IS NULL OR j.submission_id IN (SELECT id FROM latest))
        GROUP BY f.rule, j.period ORDER BY f.rule, j.period DESC
        """
    )
    return {
        row.rule: LastResult(row.period, worst(row.verdicts), row.failed, row.evaluated)
        for row in session.execute(query, {"dependency": dependency})
    }
