"""How nights stand, from the register."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Engine, text


def nights(engine: Engine, dependency: str, first: date, last: date) -> list[dict[str, Any]]:
    """How each period of a dependency stands, from the register: one entry a period that was judged."""
    query = text(
        """
        SELECT j.period, count(DISTINCT s.id) AS received,
               max(latest.rows) AS rows, max(latest.quarantined) AS quarantined,
               CASE WHEN bool_or(worst.verdict = 'ERROR') THEN 'ERROR' WHEN bool_or(worst.verdict = 'FAIL') THEN 'FAIL'
                    WHEN bool_or(worst.verdict = 'WARN') THEN 'WARN' ELSE 'PASS' END AS verdict,
               string_agg(DISTINCT first.verdict, ' ') AS first_verdict, max(r.revision) AS released_revision
        FROM register.judgement j
        LEFT JOIN register.submission s ON s.dependency = j.dependency AND s.period = j.period
        LEFT JOIN LATERAL (
            SELECT x.id FROM register.submission x WHERE x.dependency = j.dependency AND x.period = j.period
            AND x.supplier = s.supplier ORDER BY x.revision DESC LIMIT 1) newest ON true
        LEFT JOIN register.judgement latest ON latest.submission_id = newest.id
        LEFT JOIN register.judgement first ON first.submission_id = s.id AND s.revision = 1
        LEFT JOIN register.judgement worst ON worst.dependency = j.dependency AND worst.period = j.period
             AND (worst.submission_id IS NULL OR worst.submission_id = newest.id)
        LEFT JOIN register.releases r ON r.dependency = j.dependency AND r.period = j.period AND r.superseded_at IS NULL
        WHERE j.dependency = :dependency AND j.gate = 'coverage' AND j.period BETWEEN :first AND :last
        GROUP BY j.period ORDER BY j.period
        """
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"dependency": dependency, "first": first, "last": last}).mappings()
        return [{**row, "is_released": row["released_revision"] is not None} for row in rows]
