"""Waiving: who may let a failure pass, for what and how long; and what a waiver makes of a file that was not landed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.gates.rules import GATE_RAN, IDENTIFIED
from integrity.gates.structure import StructureResult
from integrity.inventory.deciders import entitled, meant
from integrity.inventory.dependency import Dependency
from integrity.pipeline.office import Office
from integrity.register.audit import Way
from integrity.register.issue_views import IssueView, show_issue
from integrity.register.judgements import findings_of, judgement_of
from integrity.register.life import CLOSED
from integrity.register.receipts import latest_submissions
from integrity.register.telling import tell_move
from integrity.register.waivers import Extent, covering, find_waiver, grant, waivers_over
from integrity.register.waivers import revoke as revoke_waiver
from integrity.reports.catalogue import catalogue_of
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import lock, open_engine, transaction
from integrity.warehouse.models import FindingRow, Issue, Judgement, Submission, Waiver

LONGEST_DAYS = 92
"""A waiver holds for a quarter at most. What is to hold for longer is a departure, in the dependency's own file."""

USUAL_DAYS = 14
"""So long a waiver is proposed to hold; who decides may write another day."""

REASON_CHARACTERS = 15
"""At least so many: "ok" tells nobody in a year why it was let pass."""

EVERY_SUPPLIER = "all"

TO_BE_JUDGED_AGAIN = "waived, to be judged again"
"""Subject of a judgement, where no fingerprint is: the next run of its period judges the submission anew."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks to let pass.

    Attributes:
        issue: The issue's reference.
        by: Names or addresses of those who decide.
        expires_on: The last day on which it is let pass.
        rule, supplier, periods: The issue's own where None; ``all`` for every supplier; ``FROM..TO``, or one period.
    """

    issue: str
    by: Sequence[str]
    reason: str
    expires_on: date
    rule: str | None = None
    supplier: str | None = None
    periods: str | None = None


@dataclass(frozen=True)
class Asked:
    """A request that may be granted, but for who decides.

    Attributes:
        issue: That it is about.
        extent: What it would let pass.
    """

    office: Office
    issue: Issue
    extent: Extent


def waive(settings: Settings, request: Request, now: datetime | None = None) -> Waiver:
    """Put a waiver on record, if those who ask may decide it and there is something that can be accepted.

    What was not landed because of the rule is judged again by the next run of its period. Nothing is released here.

    Raises:
        Rejected: It is refused; the text says why.
    """
    with transaction(open_engine(settings)) as session:
        return waive_asked(session, asked(session, settings, request, now), request)


def asked(session: Session, settings: Settings, request: Request, now: datetime | None = None) -> Asked:
    """What somebody asks to let pass, if there is something that can be accepted on these terms.

    Raises:
        Rejected: It is refused; the text says why.
    """
    view = show_issue(session, request.issue)
    office = Office.open(view.issue.dependency, settings)
    today = office.registered.dependency.reporting.today(now or datetime.now(UTC))
    refuse_terms(request.reason, request.expires_on, today)
    extent = _extent(office, view, request)
    _refuse_error(session, office.name, extent)
    return Asked(office, view.issue, extent)


def waive_asked(session: Session, asked: Asked, request: Request, way: Way | None = None) -> Waiver:
    """Put it on record, and have those who follow the issue hear of it.

    Args:
        way: How the word came that it took last, where that was not from a terminal.

    Raises:
        Rejected: Those who ask may not decide it.
    """
    office, issue = asked.office, asked.issue
    owner = office.registered.dependency.owner
    waiver, is_new = grant(
        session,
        dependency=office.name,
        issue=issue.id,
        extent=asked.extent,
        expires_on=request.expires_on,
        reason=request.reason.strip(),
        waived_by=entitled(request.by, owner, office.settings.sponsor, office.policy.waived_by),
        way=way,
    )
    if is_new:
        by = " and ".join(waiver.waived_by)
        tell_move(session, issue, "waived", office.registered, f"{by}: {waived_in_words(waiver)} {waiver.reason}")
    _have_judged_again(session, waiver)
    return waiver


def waived_in_words(waiver: Waiver) -> str:
    """What a waiver does, as a sentence."""
    return f"{waiver.reference} lets {Extent.of(waiver)} pass until {waiver.expires_on}."


def revoke(settings: Settings, reference: str, *, by: str, reason: str) -> Waiver:
    """End a waiver before its day; any one of those who decide may. What was released under it stays released.

    Raises:
        Rejected: It is refused; the text says why.
    """
    _refuse_reason(reason)
    with transaction(open_engine(settings)) as session:
        waiver = find_waiver(session, reference)
        office = Office.open(waiver.dependency, settings)
        person = meant(by, office.registered.dependency.owner, settings.sponsor)
        revoke_waiver(session, waiver, by=str(person), reason=reason.strip())
    return waiver


def refuse_terms(reason: str, expires_on: date, today: date) -> None:
    """Refuse a reason that tells nothing, and a day that has gone by or is too far off.

    Raises:
        Rejected: The text says why.
    """
    _refuse_reason(reason)
    latest = today + timedelta(days=LONGEST_DAYS)
    if expires_on < today:
        raise Rejected(f"It would have ended on {expires_on}, and today is {today}.", about="until")
    if expires_on > latest:
        raise Rejected(
            f"A waiver holds for {LONGEST_DAYS} days at most, until {latest}. What is to hold for longer "
            "is written as a departure in dependency.yml.",
            about="until",
        )


def _refuse_reason(reason: str) -> None:
    if len(reason.strip()) < REASON_CHARACTERS:
        raise Rejected(
            f"The reason must tell somebody in a year why: {REASON_CHARACTERS} characters or more.", about="reason"
        )


def _extent(office: Office, view: IssueView, request: Request) -> Extent:
    if view.issue.status == CLOSED:
        raise Rejected(f"{view.issue.reference} is {view.issue.status}; there is nothing to let pass.")
    first, last = _periods(office.registered.dependency, view, request.periods)
    rule = request.rule or view.issue.rule
    _refuse_rule(office, rule)
    return Extent(rule=rule, supplier=_supplier(office, view, request.supplier), first=first, last=last)


def _refuse_rule(office: Office, rule: str) -> None:
    if rule == GATE_RAN.name:
        raise Rejected("A gate that did not run cannot be waived: nobody knows what would be let pass.")
    catalogue = catalogue_of(office.registered, office.schema, office.policy)
    found = [entry for entry in catalogue.entries if entry.rule.name == rule]
    if not found:
        raise Rejected(f"{office.name} has no rule '{rule}'. 'integrity rules {office.name}' lists those it has.")
    if rule == IDENTIFIED.name or all(entry.level == "dependency" for entry in found):
        raise Rejected(f"'{rule}' holds back nothing that could be let pass.")


def _supplier(office: Office, view: IssueView, given: str | None) -> str | None:
    code = given if given is not None else view.issue.supplier
    if code in ("", EVERY_SUPPLIER):
        return None
    if office.registered.dependency.supplier(code) is None:
        raise Rejected(f"{office.name} has no supplier '{code}'; '{EVERY_SUPPLIER}' is every one.", about="supplier")
    return code


def _periods(dependency: Dependency, view: IssueView, given: str | None) -> tuple[date, date]:
    if given is None:
        shown = [o.period for o in view.occurrences if o.closed_at is None and o.period is not None]
        if not shown:
            raise Rejected(f"{view.issue.reference} is not about any period, so it holds nothing back.")
        return min(shown), max(shown)
    return parse_periods(dependency, given)


def parse_periods(dependency: Dependency, given: str) -> tuple[date, date]:
    """First and last of the periods that somebody wrote as ``FROM..TO``, or as one.

    Raises:
        Rejected: They cannot be understood.
    """
    begins, _, ends = given.partition("..")
    try:
        first = dependency.reporting.parse_period(begins)
        last = dependency.reporting.parse_period(ends) if ends else first
    except ValueError as error:
        raise Rejected(f"{error} Several are written FROM..TO.", about="periods") from error
    if last < first:
        raise Rejected(f"{begins} comes after {ends}.", about="periods")
    return first, last


def parse_day(given: str) -> date:
    """The last day of a waiver, as somebody wrote it.

    Raises:
        Rejected: It is none.
    """
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise Rejected(f"'{given}' is no day. Write it as 2020-05-31.", about="until") from error


def _refuse_error(session: Session, dependency: str, extent: Extent) -> None:
    query = (
        select(Judgement.period, Submission.supplier, FindingRow.supplier)
        .join(FindingRow, FindingRow.judgement_id == Judgement.id)
        .outerjoin(Submission, Submission.id == Judgement.submission_id)
        .where(
            Judgement.dependency == dependency,
            Judgement.period.between(extent.first, extent.last),
            FindingRow.rule == extent.rule,
            FindingRow.verdict == str(Verdict.ERROR),
        )
        .order_by(Judgement.period)
    )
    for period, sender, named in session.execute(query):
        if extent.supplier in (None, named or sender):
            raise Rejected(
                f"For {period} '{extent.rule}' is ERROR: it could not be judged, so nobody knows what would be let "
                "pass. It must be mended; only a FAIL can be waived."
            )


def let_pass(session: Session, office: Office, submission: Submission, judged: StructureResult) -> StructureResult:
    """The result to land: where every ``block`` rule that failed is waived today, the rows may be landed after all.

    The verdict stays what it is, and rows that a rule sets aside stay set aside.
    """
    if judged.is_landable or judged.verdict is not Verdict.FAIL or judged.rows == 0:
        return judged
    on = office.registered.dependency.reporting.today(datetime.now(UTC))
    waivers = waivers_over(session, office.name, submission.period, on)
    failing = [f for f in judged.result.findings if f.verdict is Verdict.FAIL and f.rule.severity == "block"]
    for finding in failing:
        supplier = finding.supplier or submission.supplier
        if not covering(waivers, rule=finding.rule.name, supplier=supplier, period=submission.period, on=on):
            return judged
    return _LetPass(**vars(judged))


@dataclass(frozen=True)
class _LetPass(StructureResult):
    """A failing submission whose rows are landed, because a waiver covers what would keep them out."""

    @property
    def is_landable(self) -> bool:
        return True


def _have_judged_again(session: Session, waiver: Waiver) -> None:
    """See to it that the next run of a period judges again what failed for the waived rule."""
    concerned = select(Submission.period).where(
        Submission.dependency == waiver.dependency,
        Submission.period.between(waiver.periods_from, waiver.periods_until),
    )
    for period in session.scalars(concerned.distinct().order_by(Submission.period)).all():
        for submission in latest_submissions(session, waiver.dependency, period).values():
            judgement = _judgement(session, submission)
            if judgement and judgement.verdict != Verdict.FAIL:
                continue
            # Whoever judges it this very moment has either stored it by then, or looks for waivers once more.
            lock(session, "submission", submission.id)
            judgement = _judgement(session, submission)
            if judgement and _fails_by(session, judgement, waiver, submission.supplier):
                judgement.subject = TO_BE_JUDGED_AGAIN


def _judgement(session: Session, submission: Submission) -> Judgement | None:
    return judgement_of(session, submission.dependency, submission.period, "structure", submission.id)


def _fails_by(session: Session, judgement: Judgement, waiver: Waiver, supplier: str) -> bool:
    return any(
        finding.verdict == Verdict.FAIL
        and finding.rule == waiver.rule
        and waiver.supplier in (None, finding.supplier or supplier)
        for finding in findings_of(session, [judgement])
    )
