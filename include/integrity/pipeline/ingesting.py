"""The Dag's steps for one period, in this process."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from integrity.alerts.channels import Channels
from integrity.errors import GateFailed
from integrity.pipeline.judging import judge_period
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.recording import Recorded, record
from integrity.pipeline.releasing import periods_to_judge_again, release
from integrity.register.judgements import findings_of, structure_judgements
from integrity.register.receipts import latest_submissions
from integrity.verdicts import Verdict
from integrity.warehouse.connection import transaction


@dataclass(frozen=True)
class Ingested:
    """A period after its steps, as ``integrity ingest`` tells it."""

    dependency: str
    period: date
    recorded: Recorded
    submissions: list[dict[str, Any]]

    @property
    def verdict(self) -> Verdict:
        return self.recorded.outcome.verdict

    def to_json(self) -> dict[str, Any]:
        about_period = [j for j in self.recorded.judgements if j[0].submission_id is None]
        return {
            "dependency": self.dependency,
            "period": self.period.isoformat(),
            "verdict": str(self.verdict),
            "submissions": self.submissions,
            "findings": [_finding(row) for _, rows in about_period for row in rows if row.verdict != Verdict.PASS],
            "not_judged": [
                {"rule": row.rule, "because": row.not_judged}
                for _, rows in self.recorded.judgements
                for row in rows
                if row.not_judged
            ],
        }


def ingest(office: Office, period: date, channels: Channels | None = None) -> Ingested:
    """Receive, judge, release and record a period, then every period whose verdict may have changed with it."""
    channels = channels or Channels.from_environment(office.settings.home)
    receive(office, period)
    return judge_again(office, [period], channels)[0]


def judge_again(office: Office, periods: Sequence[date], channels: Channels) -> list[Ingested]:
    """Judge, release and record periods, then every period whose verdict may have changed with them.

    Returns:
        How the given periods stand, in their order.
    """
    waiting = [(office.name, period) for period in periods]
    judged: dict[tuple[str, date], Ingested] = {}
    while waiting:
        name, period = waiting.pop(0)
        if (name, period) in judged:
            continue
        this = office if name == office.name else Office.open(name, office.settings)
        judged[name, period] = _judge_and_record(this, period, channels)
        waiting += periods_to_judge_again(this, period)
    return [judged[office.name, period] for period in periods]


def _judge_and_record(office: Office, period: date, channels: Channels) -> Ingested:
    run, since = f"cli-{uuid.uuid4().hex[:12]}", datetime.now(UTC)
    try:
        judge_period(office, period, run)
        release(office, period, run)
    except GateFailed:
        pass  # It is on record, and told below.
    finally:
        recorded = record(office, period, run=run, since=since, channels=channels)
    return Ingested(office.name, period, recorded, _submissions(office, period))


def _submissions(office: Office, period: date) -> list[dict[str, Any]]:
    told = []
    with transaction(office.engine) as session:
        judgements = structure_judgements(session, office.name, period)
        for supplier, submission in latest_submissions(session, office.name, period).items():
            judgement = judgements.get(submission.id)
            findings = findings_of(session, [judgement]) if judgement else []
            told.append(
                {
                    "file": submission.file_name,
                    "sha256": submission.sha256,
                    "supplier": supplier,
                    "period": period.isoformat(),
                    "revision": submission.revision,
                    "rows": judgement.rows if judgement else None,
                    "accepted": judgement.accepted if judgement else None,
                    "quarantined": judgement.quarantined if judgement else None,
                    "verdict": judgement.verdict if judgement else "ERROR",
                    "findings": [_finding(row) for row in findings if row.verdict != Verdict.PASS],
                }
            )
    return told


def _finding(row: Any) -> dict[str, Any]:
    names = (
        "rule",
        "kind",
        "dimension",
        "limitations",
        "severity",
        "column",
        "evaluated",
        "failed",
        "rows",
        "message",
        "mend",
    )
    return {name: getattr(row, name) for name in names}
