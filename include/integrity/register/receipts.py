"""Registering what was received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from integrity.register import audit
from integrity.register.judgements import structure_judgements
from integrity.submissions.archive import Archived
from integrity.warehouse.connection import lock
from integrity.warehouse.models import Judgement, Submission, Unidentified


@dataclass(frozen=True)
class Receipt:
    """How a received file was registered: anew, as a revision, as a duplicate, or as one that nobody can place."""

    outcome: Literal["new", "revision", "duplicate", "unidentified"]
    submission: int | None
    period: date | None


def register_submission(
    session: Session, *, dependency: str, supplier: str, period: date, file_name: str, archived: Archived
) -> Receipt:
    """Register an identified file; the same bytes for the same supplier and period are acknowledged as a duplicate."""
    lock(session, "receive", dependency, supplier, period)
    same_period = select(Submission).where(
        Submission.dependency == dependency, Submission.supplier == supplier, Submission.period == period
    )
    known = session.scalar(same_period.where(Submission.sha256 == archived.sha256))
    if known:
        audit.note(
            session,
            "duplicate acknowledged",
            dependency=dependency,
            period=period,
            submission=known.id,
            file_name=file_name,
        )
        return Receipt("duplicate", known.id, period)
    revision = (session.scalar(select(func.max(same_period.subquery().c.revision))) or 0) + 1
    submission = Submission(
        dependency=dependency,
        supplier=supplier,
        period=period,
        revision=revision,
        sha256=archived.sha256,
        file_name=file_name,
        size_bytes=archived.size_bytes,
        received_at=datetime.now(UTC),
    )
    session.add(submission)
    session.flush()
    audit.note(
        session,
        "received",
        dependency=dependency,
        period=period,
        submission=submission.id,
        supplier=supplier,
        file_name=file_name,
        sha256=archived.sha256,
        revision=revision,
    )
    return Receipt("new" if revision == 1 else "revision", submission.id, period)


def register_file(
    session: Session,
    *,
    dependency: str,
    supplier: str,
    periods: tuple[date, ...],
    file_name: str,
    archived: Archived,
) -> tuple[Receipt, ...]:
    """Register a file as one submission for each period that it covers, all within the caller's transaction.

    Revision and duplicate are told period by period: a corrected file for a quarter is a revision of each of its
    months, and one that covers a month which the first did not is new for that month.
    """
    return tuple(
        register_submission(
            session, dependency=dependency, supplier=supplier, period=period, file_name=file_name, archived=archived
        )
        # In order, so that two runs which take in the same file wait for each other instead of locking crosswise.
        for period in sorted(periods)
    )


def periods_of_file(session: Session, *, dependency: str, supplier: str, sha256: str) -> tuple[date, ...]:
    """Every period that these bytes were registered for, in order: its rows are shared out among them."""
    query = (
        select(Submission.period)
        .where(Submission.dependency == dependency, Submission.supplier == supplier, Submission.sha256 == sha256)
        .order_by(Submission.period)
    )
    return tuple(session.scalars(query))


def earlier_submissions(session: Session, submission: Submission, most: int) -> list[Submission]:
    """The same supplier's submissions that were received before this one, of other files, the latest first."""
    query = (
        select(Submission)
        .where(
            Submission.dependency == submission.dependency,
            Submission.supplier == submission.supplier,
            Submission.sha256 != submission.sha256,
            Submission.id < submission.id,
        )
        .order_by(Submission.id.desc())
        .limit(most)
    )
    return list(session.scalars(query))


def register_unidentified(
    session: Session, *, dependency: str, supplier: str, file_name: str, archived: Archived, reason: str
) -> Receipt:
    """Register a file that cannot be placed, once."""
    lock(session, "receive", dependency, supplier, "unidentified")
    known = select(Unidentified.id).where(
        Unidentified.dependency == dependency, Unidentified.supplier == supplier, Unidentified.sha256 == archived.sha256
    )
    if session.scalar(known) is None:
        session.add(
            Unidentified(
                dependency=dependency,
                supplier=supplier,
                sha256=archived.sha256,
                file_name=file_name,
                size_bytes=archived.size_bytes,
                reason=reason,
                received_at=datetime.now(UTC),
            )
        )
        audit.note(
            session,
            "received, not identified",
            dependency=dependency,
            supplier=supplier,
            file_name=file_name,
            sha256=archived.sha256,
            reason=reason,
        )
    return Receipt("unidentified", None, None)


def latest_submissions(session: Session, dependency: str, period: date) -> dict[str, Submission]:
    """The latest revision of each supplier for a period."""
    query = (
        select(Submission)
        .where(Submission.dependency == dependency, Submission.period == period)
        .order_by(Submission.supplier, Submission.revision)
    )
    return {submission.supplier: submission for submission in session.scalars(query)}


def submissions_to_judge(session: Session, dependency: str, period: date, subject: str) -> list[int]:
    """Submissions whose structure must be judged: those never judged, and the latest of a supplier where it was
    judged under other rules or could not be judged.

    Args:
        subject: Fingerprint of the rules as they are now.
    """
    judged = structure_judgements(session, dependency, period)
    latest = {submission.id for submission in latest_submissions(session, dependency, period).values()}
    everything = session.scalars(
        select(Submission.id)
        .where(Submission.dependency == dependency, Submission.period == period)
        .order_by(Submission.id)
    )

    def must_judge(submission: int) -> bool:
        judgement = judged.get(submission)
        if judgement is None:
            return True
        return submission in latest and (judgement.subject != subject or judgement.verdict == "ERROR")

    return [submission for submission in everything if must_judge(submission)]


def periods_waiting(session: Session, dependency: str) -> set[date]:
    """Periods that were judged before and have since received a submission that was not."""
    judged = select(Judgement.submission_id).where(Judgement.gate == "structure", Judgement.dependency == dependency)
    seen = select(Judgement.period).where(Judgement.dependency == dependency)
    query = select(Submission.period).where(
        Submission.dependency == dependency, Submission.id.not_in(judged), Submission.period.in_(seen)
    )
    return set(session.scalars(query))
