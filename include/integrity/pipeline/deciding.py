"""Deciding within a run: what those who answer for a period are asked to let pass, and what comes of their word.

The same waivers as ``integrity issues waive`` makes, on the same terms. Where a second person must agree, the first
one's terms are kept in the audit trail until then, and nothing is let pass by them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integrity.alerts.rendering import plain
from integrity.errors import GateFailed, Rejected
from integrity.inventory.deciders import Decider
from integrity.pipeline.judging import judge_period
from integrity.pipeline.office import Office
from integrity.pipeline.recording import judgements_in_force, silent_gates
from integrity.pipeline.releasing import period_outcome
from integrity.pipeline.waiving import EVERY_SUPPLIER, USUAL_DAYS, Request, parse_periods, refuse_terms, waive
from integrity.register import audit
from integrity.register.issues import issue_of
from integrity.register.judgements import subject_hash
from integrity.register.life import CLOSED
from integrity.register.problems import Problem, problems_from
from integrity.register.receipts import latest_submissions
from integrity.register.waivers import covering, waivers_over
from integrity.verdicts import Verdict
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import AuditEvent, Submission, Waiver

_APPROVED = "waiver approved"


@dataclass(frozen=True)
class Failure:
    """A rule that fails a period and that nobody has waived, with the issue in which somebody answers for it."""

    issue: str
    problem: Problem

    @property
    def told(self) -> str:
        """One line of Markdown: counts and configured names."""
        found = self.problem
        whose = f" of {found.supplier}" if found.supplier else ""
        columns = f" in {', '.join(found.columns[:5])}" if found.columns else ""
        counted = f"{found.failed:,} of {found.evaluated:,}{columns}"
        return f"- **{found.rule}**{whose}: {counted}. {plain(found.message)} ({self.issue})"


@dataclass(frozen=True)
class Case:
    """What would have to be waived for a period to be released.

    Attributes:
        subject: Hash of all of it: rules, submissions, what fails and how often. An answer holds for what was asked.
    """

    failures: tuple[Failure, ...]
    subject: str


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms failures are to be let pass.

    Attributes:
        expires_on: The last day on which they are.
        rules: Those that are let pass; all that fail where none is named.
        supplier: ``all`` for every supplier; None for the one whose submission fails.
        periods: ``FROM..TO``, or one; None for the period of the run.
    """

    reason: str
    expires_on: date
    rules: tuple[str, ...] = ()
    supplier: str | None = None
    periods: str | None = None

    def to_json(self) -> dict[str, Any]:
        told = {"reason": self.reason, "expires_on": self.expires_on.isoformat(), "rules": list(self.rules)}
        return told | {"supplier": self.supplier, "periods": self.periods}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Terms:
        return cls(
            reason=told["reason"],
            expires_on=date.fromisoformat(told["expires_on"]),
            rules=tuple(told["rules"]),
            supplier=told["supplier"],
            periods=told["periods"],
        )


@dataclass(frozen=True)
class Approval:
    """The first person's word, where a second must agree."""

    terms: Terms
    by: str
    subject: str


def must_be_decided(office: Office, period: date, since: datetime) -> bool:
    """Whether somebody would have to waive something before a period whose gate is red can be released.

    Not where what blocks is waived already, or where the release policy lets the rest go; the release itself looks
    at all of it once more.

    Args:
        since: When the run began; a gate that has not answered from then on did not run.

    Raises:
        GateFailed: No waiver could let it pass: a gate did not run, or could not judge.
    """
    with transaction(office.engine) as session:
        silent = silent_gates(session, office, period, since)
        outcome = period_outcome(session, office, period)
    if silent:
        raise GateFailed(f"{office.name} {period}: without a verdict: {', '.join(silent)}.")
    if not outcome.is_held or outcome.stale:
        return False
    if outcome.verdict is not Verdict.FAIL:
        raise GateFailed(f"{office.name} {period} cannot be let pass. " + " ".join(outcome.reasons))
    return True


def case_of(office: Office, period: date) -> Case:
    """What would have to be waived for a period to be released; it has been recorded, so that each has its issue.

    Raises:
        GateFailed: Nothing that is on record explains why it fails.
    """
    with transaction(office.engine) as session:
        latest = latest_submissions(session, office.name, period)
        failures = tuple(_failures(session, office, period, latest))
    if not failures:
        raise GateFailed(f"{office.name} {period} fails, and no finding says why; so there is nothing to let pass.")
    told = [failure.told for failure in failures]
    return Case(failures, subject_hash(office.fingerprint, sorted(s.id for s in latest.values()), told))


def case_as_asked(office: Office, period: date, subject: str) -> Case:
    """The case that an answer is about.

    Raises:
        GateFailed: Since it was put something else fails: a file has come, or a rule or waiver has changed.
    """
    case = case_of(office, period)
    if case.subject != subject:
        raise GateFailed(f"What fails of {office.name} {period} has changed since it was asked. Start the run again.")
    return case


def _failures(session: Session, office: Office, period: date, latest: dict[str, Submission]) -> Iterator[Failure]:
    on = office.registered.dependency.reporting.today(datetime.now(UTC))
    waivers = waivers_over(session, office.name, period, on)
    suppliers = {submission.id: supplier for supplier, submission in latest.items()}
    failing = [
        (row, suppliers.get(judgement.submission_id or 0))
        for judgement, rows in judgements_in_force(session, office, period, latest)
        for row in rows
        if row.verdict == Verdict.FAIL
    ]
    problems = problems_from(
        (row, sender)
        for row, sender in failing
        if not covering(waivers, rule=row.rule, supplier=row.supplier or sender, period=period, on=on)
    )
    for problem in problems:
        issue = issue_of(session, office.name, problem)
        if issue and issue.status != CLOSED:
            yield Failure(issue.reference, problem)


def question(office: Office, period: date, case: Case, until: datetime) -> str:
    """What is asked, as Markdown."""
    declared = office.registered.dependency
    what = "\n".join(failure.told for failure in case.failures)
    return (
        f"{declared.title}, {declared.reporting.label(period)}, is not released, because of:\n\n{what}\n\n"
        "Approve to let it pass in writing: the rows are released as the rules left them, and the release says by "
        f"whose word. Reject, or no answer until {until:%Y-%m-%d %H:%M} UTC, leaves it as it is. "
        "An answer that cannot be taken is asked for again; this task's log says why."
    )


def agreed_question(approval: Approval) -> str:
    """What the second person is told of the first one's word, as Markdown."""
    terms = approval.terms
    rules = ", ".join(terms.rules) or "all that fail"
    suppliers = "every supplier" if terms.supplier == EVERY_SUPPLIER else "the suppliers whose submissions fail"
    periods = plain(terms.periods or "this period")
    return (
        f"{plain(approval.by)} lets pass, until {terms.expires_on}, of {suppliers}, for {periods}: {plain(rules)}.\n\n"
        f"> {plain(terms.reason)}\n\nBy your word it holds, on these terms."
    )


def read_terms(office: Office, given: Mapping[str, Any], case: Case, now: datetime) -> Terms:
    """The terms that somebody wrote into the form.

    Args:
        given: By the form's names: ``reason``, ``until``, ``rules``, ``supplier``, ``periods``; all but the reason
            may be left out.

    Raises:
        Rejected: They cannot be taken; the text says why.
    """
    declared, known = office.registered.dependency, {failure.problem.rule for failure in case.failures}
    today = declared.reporting.today(now)
    try:
        until = date.fromisoformat(given.get("until") or (today + timedelta(days=USUAL_DAYS)).isoformat())
    except (TypeError, ValueError) as error:
        raise Rejected("The last day on which it may pass is no day. Write it as 2020-05-31.") from error
    reason, rules = str(given.get("reason") or "").strip(), tuple(given.get("rules") or ())
    refuse_terms(reason, until, today)
    if set(rules) - known:
        raise Rejected(f"Of the rules named, some do not fail. Those that do: {', '.join(sorted(known))}.")
    periods = str(given.get("periods") or "").strip() or None
    if periods:
        parse_periods(declared, periods)
    supplier = EVERY_SUPPLIER if given.get("supplier") == EVERY_SUPPLIER else None
    return Terms(reason=reason, expires_on=until, rules=rules, supplier=supplier, periods=periods)


def let_pass_in_run(
    office: Office, period: date, run: str, terms: Terms, case: Case, by: Sequence[Decider]
) -> list[Waiver]:
    """Put the waivers on record and judge the period again, so that what they let pass is there to be released.

    Raises:
        Rejected: One of them is refused; the text says why.
    """
    chosen = [failure for failure in case.failures if not terms.rules or failure.problem.rule in terms.rules]
    waivers = [
        waive(
            office.settings,
            Request(
                issue=failure.issue,
                by=[str(person) for person in by],
                reason=terms.reason,
                expires_on=terms.expires_on,
                supplier=terms.supplier,
                periods=terms.periods or office.registered.dependency.reporting.label(period),
            ),
        )
        for failure in chosen
    ]
    judge_period(office, period, run)
    return waivers


def note_asked(office: Office, period: date, run: str, whom: Decider, case: Case) -> None:
    """Keep it on record that a run waits for somebody."""
    with transaction(office.engine) as session:
        audit.note(
            session,
            "waiver asked for",
            dependency=office.name,
            period=period,
            run=run,
            asked=str(whom),
            issues=[failure.issue for failure in case.failures],
            subject=case.subject,
        )


def note_answer(
    office: Office,
    period: date,
    run: str,
    *,
    whom: Decider,
    account: str | None,
    at: datetime,
    subject: str,
    terms: Terms | None = None,
) -> int:
    """Keep an answer on record: who, when, why.

    Args:
        account: Under which they answered; None where nobody did in time.
        subject: Of the case that they were asked about.
        terms: On which it is to be let pass; None where it is not.

    Returns:
        The event's number.
    """
    event = _APPROVED if terms else ("waiver refused" if account else "waiver not answered")
    with transaction(office.engine) as session:
        kept = audit.note(
            session,
            event,
            dependency=office.name,
            period=period,
            run=run,
            by=str(whom),
            account=account,
            answered_at=at.isoformat(),
            subject=subject,
            **(terms.to_json() if terms else {}),
        )
        session.flush()
        return kept.id


def approval_of(office: Office, number: int) -> Approval:
    """The first person's word, by the number of its event in the audit trail.

    Raises:
        Rejected: There is no such approval on record.
    """
    with transaction(office.engine) as session:
        event = session.get(AuditEvent, number)
        if event is None or event.event != _APPROVED or event.dependency != office.name:
            raise Rejected(f"Event {number} of the audit trail approves nothing of {office.name}.")
        return Approval(Terms.of(event.details), str(event.details["by"]), str(event.details["subject"]))
