"""Waivers: an owner's dated, reasoned acceptance that a rule fails; what they cover, and until when.

A waiver ends by itself. What was released under it stays released: a release is a decision of its day. What is judged
for release after that day is blocked again, and so is the same file, should its period be run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.register import audit
from integrity.register.audit import Way
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock
from integrity.warehouse.models import FindingRow, Occurrence, Waiver


@dataclass(frozen=True)
class Waived:
    """A verdict with waivers taken into account, and those without which it would block."""

    verdict: Verdict
    waivers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What a waiver lets pass.

    Attributes:
        supplier: None for every supplier, or for what is wrong with the period as a whole.
        first, last: Reporting periods, both included.
    """

    rule: str
    supplier: str | None
    first: date
    last: date

    def __str__(self) -> str:
        whose = f" of {self.supplier}" if self.supplier else ""
        return f"'{self.rule}'{whose} for {self.first} to {self.last}"

    @classmethod
    def of(cls, waiver: Waiver) -> Extent:
        """What a waiver on record lets pass."""
        return cls(rule=waiver.rule, supplier=waiver.supplier, first=waiver.periods_from, last=waiver.periods_until)


def covers(waiver: Waiver, *, rule: str, supplier: str | None, period: date, on: date) -> bool:
    """Whether a waiver lets this failure pass on that day.

    Args:
        supplier: Whose submission fails; None where the period as a whole does, which a waiver for one supplier
            does not cover.
        on: The day of the decision, where the dependency reports.
    """
    is_in_force = waiver.revoked_at is None and on <= waiver.expires_on
    is_meant = waiver.rule == rule and waiver.supplier in (None, supplier or "")
    return is_in_force and is_meant and waiver.periods_from <= period <= waiver.periods_until


def covering(waivers: Iterable[Waiver], *, rule: str, supplier: str | None, period: date, on: date) -> Waiver | None:
    """Of the waivers that let a failure pass the one that lasts longest."""
    found = [w for w in waivers if covers(w, rule=rule, supplier=supplier, period=period, on=on)]
    return max(found, key=lambda w: (w.expires_on, -w.id), default=None)


def with_waivers(
    verdict: Verdict | str,
    findings: Sequence[FindingRow],
    waivers: Sequence[Waiver],
    *,
    supplier: str | None,
    period: date,
    on: date,
) -> Waived:
    """A gate's verdict with waivers taken into account: FAIL becomes WARN if every failing rule is waived.

    An ERROR stays one, whatever is waived: what did not run has nothing that could be accepted. So does a FAIL that no
    finding explains.

    Args:
        findings: Of the judgement.
        supplier: Whose submission was judged; None where the period was.
        on: The day of the decision.
    """
    stated = worst([verdict])
    verdicts = [worst([finding.verdict]) for finding in findings]
    if stated is not Verdict.FAIL or Verdict.ERROR in verdicts:
        return Waived(stated)
    failing = [f for f, found in zip(findings, verdicts, strict=True) if found is Verdict.FAIL]
    used = [covering(waivers, rule=f.rule, supplier=f.supplier or supplier, period=period, on=on) for f in failing]
    references = {waiver.reference for waiver in used if waiver}
    if not failing or None in used:
        return Waived(stated)
    return Waived(Verdict.WARN, tuple(sorted(references)))


def waivers_over(session: Session, dependency: str, period: date, on: date) -> list[Waiver]:
    """The waivers of a dependency that are in force on a day and speak of a period."""
    return [w for w in waivers_in_force(session, dependency, on) if w.periods_from <= period <= w.periods_until]


def waivers_in_force(session: Session, dependency: str, on: date) -> list[Waiver]:
    """The waivers of a dependency that have neither expired on a day nor been revoked."""
    query = select(Waiver).where(Waiver.dependency == dependency, Waiver.revoked_at.is_(None), Waiver.expires_on >= on)
    return list(session.scalars(query.order_by(Waiver.id)))


def list_waivers(session: Session, dependency: str | None = None) -> list[Waiver]:
    """Every waiver there ever was, the latest first."""
    query = select(Waiver).order_by(Waiver.id.desc())
    return list(session.scalars(query.where(Waiver.dependency == dependency) if dependency else query))


def waived_until(
    waivers: Iterable[Waiver], *, rule: str, supplier: str | None, occurrences: Iterable[Occurrence], on: date
) -> date | None:
    """The last day on which an issue is waived in all its open periods; None where in one of them it is not.

    Args:
        waivers: Of the issue's dependency.
    """
    listed = list(waivers)
    open_periods = [o.period for o in occurrences if o.closed_at is None]
    found = [
        covering(listed, rule=rule, supplier=supplier, period=period, on=on) if period else None
        for period in open_periods
    ]
    days = [waiver.expires_on for waiver in found if waiver]
    return min(days) if days and len(days) == len(open_periods) else None


def grant(
    session: Session,
    *,
    dependency: str,
    issue: int,
    extent: Extent,
    expires_on: date,
    reason: str,
    waived_by: Sequence[str],
    way: Way | None = None,
) -> tuple[Waiver, bool]:
    """Put a waiver on record; the very same one that is in force already is given back instead of a second.

    Returns:
        The waiver, and whether it is a new one.
    """
    lock(session, "waivers", dependency)
    same = select(Waiver).where(
        Waiver.dependency == dependency,
        Waiver.issue_id == issue,
        Waiver.rule == extent.rule,
        Waiver.supplier.is_(None) if extent.supplier is None else Waiver.supplier == extent.supplier,
        Waiver.periods_from == extent.first,
        Waiver.periods_until == extent.last,
        Waiver.expires_on == expires_on,
        Waiver.reason == reason,
        Waiver.waived_by == list(waived_by),
        Waiver.revoked_at.is_(None),
    )
    known = session.scalar(same.limit(1))
    if known:
        return known, False
    waiver = Waiver(
        dependency=dependency,
        issue_id=issue,
        rule=extent.rule,
        supplier=extent.supplier,
        periods_from=extent.first,
        periods_until=extent.last,
        expires_on=expires_on,
        reason=reason,
        waived_by=list(waived_by),
        created_at=datetime.now(UTC),
    )
    session.add(waiver)
    session.flush()
    audit.note(
        session,
        "waived",
        dependency=dependency,
        reference=waiver.reference,
        issue=f"IG-{issue:05d}",
        issue_id=issue,
        rule=extent.rule,
        supplier=extent.supplier,
        periods_from=extent.first.isoformat(),
        periods_until=extent.last.isoformat(),
        expires_on=expires_on.isoformat(),
        reason=reason,
        waived_by=list(waived_by),
        **(way.told if way else {}),
    )
    return waiver, True


def find_waiver(session: Session, reference: str) -> Waiver:
    """One waiver by the reference that people quote.

    Raises:
        Rejected: There is none.
    """
    digits = reference.upper().removeprefix("WV-")
    waiver = session.get(Waiver, int(digits)) if digits.isdecimal() and len(digits) < 19 else None
    if waiver is None:
        raise Rejected(f"There is no waiver {reference}. 'integrity issues waivers' shows those there are.")
    return waiver


def revoke(session: Session, waiver: Waiver, *, by: str, reason: str) -> None:
    """End a waiver before its day. What was released under it stays released.

    Raises:
        Rejected: It has been revoked already.
    """
    lock(session, "waivers", waiver.dependency)
    session.refresh(waiver)
    if waiver.revoked_at:
        raise Rejected(f"{waiver.reference} was revoked on {waiver.revoked_at:%Y-%m-%d}, by {waiver.revoked_by}.")
    waiver.revoked_at, waiver.revoked_by, waiver.revoked_because = datetime.now(UTC), by, reason
    session.flush()
    audit.note(
        session,
        "waiver revoked",
        dependency=waiver.dependency,
        issue_id=waiver.issue_id,
        reference=waiver.reference,
        by=by,
        reason=reason,
    )
