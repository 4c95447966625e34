"""Watching due times: who is late, who has come late, and which periods must be judged because of it.

Runs judge a period as it ends. What is due later, or was never judged since nothing ran then, is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from integrity.connections import Connections
from integrity.gates.coverage import late
from integrity.inventory.dependency import Reporting, Supplier
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.responses import first_received
from integrity.register.judgements import judgement_of
from integrity.register.receipts import periods_waiting
from integrity.submissions.inbox import arrivals
from integrity.warehouse.connection import transaction

_PATIENCE = timedelta(hours=1)
"""After a period's end its own run has so long to judge it."""


@dataclass(frozen=True)
class Overdue:
    """A submission that was not there when it had to be.

    Attributes:
        state: ``missing``: it has not come yet; ``late``: it came after its grace was over.
        missed_at: The last moment at which it would have been in time.
        received_at: When it came; None while it is missing.
    """

    dependency: str
    period: date
    label: str
    supplier: str
    state: Literal["missing", "late"]
    missed_at: datetime
    received_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        return {
            "dependency": self.dependency,
            "period": self.period.isoformat(),
            "supplier": self.supplier,
            "state": self.state,
            "missed_at": self.missed_at.isoformat(),
            "received_at": self.received_at.isoformat() if self.received_at else None,
        }


def watch(office: Office, moment: datetime, *, connections: Connections | None = None) -> list[date]:
    """Take in what may have come for what is late, and say which periods must be judged now.

    Costs a few look-ups where nothing is late and nothing lies in the inbox. Saying the same twice does no harm: the
    period is judged twice, with the same answer.

    Args:
        moment: By which it is told what is late.
        connections: Of the sources, as ``receive`` takes them.
    """
    missing = [found.period for found in overdue(office, moment) if found.state == "missing"]
    if missing or any(True for _ in arrivals(office.settings, office.name)):
        today = office.registered.dependency.reporting.today(moment)
        receive(office, missing[-1] if missing else today, connections=connections)
    with transaction(office.engine) as session:
        return sorted({*_unjudged(session, office, moment), *periods_waiting(session, office.name)})


def overdue(office: Office, moment: datetime) -> list[Overdue]:
    """Every submission of the watched periods that is missing, or came late, the earliest period first."""
    reporting = office.registered.dependency.reporting
    with transaction(office.engine) as session:
        return [
            Overdue(office.name, period, reporting.label(period), supplier.code, state, missed_at, received_at)
            for period in _watched(reporting, moment)
            for supplier, state, missed_at, received_at in _standing(session, office, period, moment)
        ]


def _standing(
    session: Session, office: Office, period: date, moment: datetime
) -> Iterator[tuple[Supplier, Literal["missing", "late"], datetime, datetime | None]]:
    reporting = office.registered.dependency.reporting
    received = first_received(session, office.name, period)
    for supplier in office.registered.dependency.suppliers:
        if not supplier.reports_for(period):
            continue
        missed_at = _missed_at(reporting, supplier, period)
        came = received.get(supplier.code)
        if came is None and missed_at < moment:
            yield supplier, "missing", missed_at, None
        elif came is not None and late(reporting, supplier, period, came):
            yield supplier, "late", missed_at, came


def _watched(reporting: Reporting, moment: datetime) -> list[date]:
    """The last periods, and the last of those that can be missed by now: the latter may lie far behind the former."""
    periods = set(reporting.periods_before(reporting.today(moment)))
    if due := reporting.due:
        # Of two weeks at least one day in three is open, holidays and all.
        days = due.days if due.days is not None else 3 * (due.business_days or 0)
        periods.update(
            reporting.periods_before(reporting.today(moment - timedelta(days=days) - reporting.grace.length))
        )
    return sorted(periods)


def _missed_at(reporting: Reporting, supplier: Supplier, period: date) -> datetime:
    """The last moment of being in time; where nothing says when a submission is due, the period's own end."""
    return reporting.missed_after(period, supplier.timezone) or _ends_at(reporting, period)


def _ends_at(reporting: Reporting, period: date) -> datetime:
    """When the run of a period is due, in UTC: as the next period begins."""
    ends = datetime.combine(reporting.next_period(period), time.min, ZoneInfo(reporting.timezone))
    return ends.astimezone(UTC)


def _unjudged(session: Session, office: Office, moment: datetime) -> Iterator[date]:
    """Periods that were judged before a submission was missed which has not come yet, or not at all."""
    reporting = office.registered.dependency.reporting
    for period in _watched(reporting, moment):
        missed = [at for _, state, at, _ in _standing(session, office, period, moment) if state == "missing"]
        judged = judgement_of(session, office.name, period, "coverage")
        is_left_out = judged is None and moment >= _ends_at(reporting, period) + _PATIENCE
        is_missed = bool(missed) and (judged.judged_at <= max(missed) if judged else reporting.due is not None)
        if is_left_out or is_missed:
            yield period
