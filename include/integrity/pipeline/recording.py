"""Record: whatever the run came to, findings become issues, alerts, lineage and feedback."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.connections import Connections, connections_from_environment
from integrity.findings import Finding, GateResult
from integrity.gates.rules import GATE_RAN, IDENTIFIED, could_not_check
from integrity.gates.standing import STANDING_RULES, standing_problems
from integrity.lineage.events import emit_gates, lineage_client
from integrity.pipeline.candidates import candidate_landings
from integrity.pipeline.explaining import causes_of
from integrity.pipeline.office import Office
from integrity.pipeline.profiling import judge_profiles_again
from integrity.pipeline.releasing import Outcome, period_outcome, what_was_done
from integrity.pipeline.returning import reading_of
from integrity.register.assessments import latest_assessment
from integrity.register.audit import note_rules
from integrity.register.issues import Changes, closed_on, impact_of, refresh_issues
from integrity.register.judgements import drop_judgement, findings_of, judgement_of, save_judgement
from integrity.register.problems import Problem, problems_from
from integrity.register.receipts import latest_submissions
from integrity.register.releases import current_releases
from integrity.register.sealing import Head, publish, seal
from integrity.reports.feedback import has_feedback, write_feedback, write_unplaced
from integrity.reports.impact import dependents
from integrity.sources.delivering import Delivering
from integrity.verdicts import Verdict
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.models import FindingRow, Judgement, Submission, Unidentified

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

log = logging.getLogger("integrity.record")


@dataclass(frozen=True)
class Recorded:
    """What a recording found and changed."""

    outcome: Outcome
    changes: Changes
    judgements: tuple[tuple[Judgement, list[FindingRow]], ...]


def record(
    office: Office,
    period: date,
    *,
    run: str,
    since: datetime,
    channels: Channels,
    lineage: OpenLineageClient | None = None,
    connections: Connections | None = None,
    note: str = "",
    hold: timedelta = timedelta(),
) -> Recorded:
    """Record a period after a run, failed or not; recording twice changes nothing.

    Args:
        since: When the run began: a gate without an answer from then on did not run, which is ERROR.
        channels: How alerts go. What it does not take waits in the outbox; no verdict hangs on it.
        lineage: Where lineage events go; by default what the environment says, or a file.
        connections: Of the places that feedback is delivered to; by default what the environment says.
        note: A sentence for the owner on what the run does next, which waits for their word.
        hold: For how long news waits for more of its kind, to be told with it.
    """
    with transaction(office.engine) as session:
        # Before anything is read: what another run of the period records meanwhile must not be taken for cured.
        lock(session, "issues", office.name)
        note_rules(session, office.name, office.fingerprint)
        _note_silent_gates(session, office, period, run, since)
        outcome, changes, judgements = _refresh(session, office, period, run, note, hold)
        for later in judge_profiles_again(session, office, period, run):
            _refresh(session, office, later, run, hold=hold)
        _refresh_unidentified(session, office, run)
        refresh_standing(session, office, run)
    _give_feedback(office.engine, office, period, run)
    _deliver_feedback(office, connections or connections_from_environment())
    head = seal(office.engine)
    if head:
        _publish(office, head, period)
    emit_gates(
        lineage or lineage_client(office.settings.home),
        office.database_url,
        [pair for pair in judgements if pair[0].run == run],
        importance=office.registered.dependency.importance,
        head=str(head) if head else "",
    )
    deliver(office.engine, channels)
    return Recorded(outcome, changes, tuple(judgements))


def _publish(office: Office, head: Head, period: date) -> None:
    try:
        publish(office.settings.audit_heads, head, f"{office.name} {period}")
    except OSError as error:
        # The next head holds this one; and the owner must hear of the verdict all the same.
        log.error("%s: the audit trail's head is not published: %s", office.settings.audit_heads, error.strerror)  # noqa: TRY400


def _refresh(
    session: Session, office: Office, period: date, run: str, note: str = "", hold: timedelta = timedelta()
) -> tuple[Outcome, Changes, list[tuple[Judgement, list[FindingRow]]]]:
    """Bring the issues up to what the gates say of a period now."""
    latest = latest_submissions(session, office.name, period)
    judgements = judgements_in_force(session, office, period, latest)
    outcome = period_outcome(session, office, period)
    releases = current_releases(session, office.name, period)
    suppliers = {submission.id: supplier for supplier, submission in latest.items()}
    problems = problems_from(
        (row, suppliers.get(judgement.submission_id or 0)) for judgement, rows in judgements for row in rows
    )
    changes = refresh_issues(
        session,
        office.registered,
        period,
        problems,
        policy=office.policy,
        outcome=" ".join(filter(None, (what_was_done(outcome, releases, latest), note))),
        resolution=_cure(office.registered.dependency.reporting.label(period), latest),
        run=run,
        downstream=[f"{d.name} ({d.owner})" for d in dependents(office.settings, office.inventory, office.name)],
        causes=causes_of(session, office, period, problems),
        is_awaited=bool(note),
        hold=hold,
    )
    return outcome, changes, judgements


def _note_silent_gates(session: Session, office: Office, period: date, run: str, since: datetime) -> None:
    """A gate that should have answered and did not is a finding of its own."""
    silent = silent_gates(session, office, period, since)
    if not silent:
        drop_judgement(session, office.name, period, "pipeline")
        return
    findings: list[Finding] = [could_not_check(GATE_RAN, f"Without a verdict: {', '.join(silent)}.")]
    result = GateResult(gate="pipeline", verdict=Verdict.ERROR, findings=tuple(findings))
    save_judgement(session, result, dependency=office.name, period=period, run=run, subject="")


def silent_gates(session: Session, office: Office, period: date, since: datetime) -> list[str]:
    """Gates that should have answered on a period from a moment on, and did not."""
    silent = [
        f"structure of submission {submission.id}"
        for submission in latest_submissions(session, office.name, period).values()
        if judgement_of(session, office.name, period, "structure", submission.id) is None
    ]
    expected = ["coverage"]
    if candidate_landings(session, office, period):
        expected += ["profiling", "relations"] if office.policy.profiling.enabled else ["relations"]
    for gate in expected:
        answer = judgement_of(session, office.name, period, gate)
        if answer is None or answer.judged_at < since:
            silent.append(gate)
    return silent


def judgements_in_force(
    session: Session, office: Office, period: date, latest: dict[str, Submission]
) -> list[tuple[Judgement, list[FindingRow]]]:
    """What holds of the period now: of each supplier's latest submission, and of the period."""
    subjects: list[tuple[str, int | None]] = [("structure", submission.id) for submission in latest.values()]
    subjects += [(gate, None) for gate in ("coverage", "profiling", "relations", "pipeline")]
    found = [judgement_of(session, office.name, period, gate, submission) for gate, submission in subjects]
    return [(judgement, findings_of(session, [judgement])) for judgement in found if judgement]


def _cure(period: str, latest: dict[str, Submission]) -> str:
    revisions = [s for s in latest.values() if s.revision > 1]
    if revisions:
        return f"Revision {max(s.revision for s in revisions)} for {period} passed."
    return f"The figures for {period} passed when they were judged again."


def _refresh_unidentified(session: Session, office: Office, run: str) -> None:
    """Keep an issue for files that nobody can place; it is a person who closes it, with all that came until then."""
    rows = list(session.scalars(select(Unidentified).where(Unidentified.dependency == office.name)))
    answered = closed_on(session, office.name, IDENTIFIED.name)
    by_supplier: dict[str, list[Unidentified]] = {}
    for row in rows:
        if row.supplier not in answered or row.received_at > answered[row.supplier]:
            by_supplier.setdefault(row.supplier, []).append(row)
    problems = [
        Problem(
            rule=IDENTIFIED.name,
            supplier=supplier,
            dimension=IDENTIFIED.dimension,
            verdict=Verdict.FAIL,
            evaluated=len(files),
            failed=len(files),
            columns=(),
            message=f"{IDENTIFIED.message} {files[-1].reason} Archived as {files[-1].sha256[:12]}.",
            mend=IDENTIFIED.mend,
        )
        for supplier, files in by_supplier.items()
    ]
    _refresh_without_period(session, office, problems, run, outcome="Nothing was released from it.")


def refresh_standing(session: Session, office: Office, run: str) -> None:
    """Keep an issue for what the dependency lacks of what its class calls for, until it is there."""
    reporting = office.registered.dependency.reporting
    assessed = latest_assessment(session, office.name)
    found = standing_problems(
        office.registered,
        office.schema,
        office.policy,
        reporting.today(datetime.now(UTC)),
        controls_assessed_on=reporting.today(assessed.assessed_at) if assessed else None,
        shortfalls=assessed.shortfalls if assessed else (),
    )
    problems = [
        Problem(
            rule=finding.rule.name,
            supplier="",
            dimension=finding.rule.dimension,
            verdict=finding.verdict,
            evaluated=finding.evaluated,
            failed=finding.failed,
            columns=(),
            message=finding.message,
            mend=finding.rule.mend,
        )
        for finding in found
        if finding.verdict is not Verdict.PASS
    ]
    _refresh_without_period(
        session,
        office,
        problems,
        run,
        outcome="No figures are held back for it.",
        resolution="What its class calls for is there.",
        cures=frozenset(rule.name for rule in STANDING_RULES),
    )


def _refresh_without_period(
    session: Session,
    office: Office,
    problems: list[Problem],
    run: str,
    *,
    outcome: str,
    resolution: str = "",
    cures: frozenset[str] = frozenset(),
) -> None:
    refresh_issues(
        session,
        office.registered,
        None,
        problems,
        policy=office.policy,
        outcome=outcome,
        resolution=resolution,
        run=run,
        downstream=[],
        cures=cures,
    )


def _give_feedback(engine: Engine, office: Office, period: date, run: str) -> None:
    """A pack for every submission of the period, and for every file that could not be placed."""
    with transaction(engine) as session:
        query = (
            select(Submission, Judgement)
            .join(Judgement, Judgement.submission_id == Submission.id)
            .where(Submission.dependency == office.name, Submission.period == period, Judgement.gate == "structure")
        )
        found = [(s, j, findings_of(session, [j])) for s, j in session.execute(query).all()]
        unplaced = list(session.scalars(select(Unidentified).where(Unidentified.dependency == office.name)))
    dependency, outbox = office.registered.dependency, office.settings.outbox
    for submission, judgement, findings in found:
        if judgement.run != run and has_feedback(outbox, office.name, submission):
            continue  # Told already, and what it tells has not been judged again.
        days = office.policy.answer_days[impact_of(dependency.importance, Verdict(judgement.verdict))]
        write_feedback(
            outbox,
            office.registered,
            submission,
            judgement,
            findings,
            respond_by=dependency.reporting.today(submission.received_at) + timedelta(days=days),
            read=reading_of(office, submission),
        )
    for file in unplaced:
        write_unplaced(outbox, office.registered, file)


def _deliver_feedback(office: Office, connections: Connections) -> None:
    """Take the packs to where suppliers want them.

    What fails is tried again by the next recording; no verdict hangs on it.
    """
    delivering = Delivering(
        dependency=office.registered.dependency,
        outbox=office.settings.outbox,
        engine=office.engine,
        connections=connections,
    )
    for trouble in delivering.deliver():
        log.error("%s", trouble)
