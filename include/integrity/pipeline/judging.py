"""The three gates, each: gather what is to be judged, judge it, store the answer."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, IntegrityError, Rejected, is_retryable
from integrity.findings import GateResult, Rule
from integrity.gates.coverage import judge_coverage as coverage_of
from integrity.gates.relations import judge_relations as relations_of
from integrity.gates.rules import could_not_check
from integrity.gates.structure import StructureResult, judge_structure
from integrity.inventory.dependency import Neighbour
from integrity.pipeline.checking import part_for
from integrity.pipeline.office import Office
from integrity.register.judgements import (
    drop_judgement,
    judgement_of,
    last_accepted_shape,
    save_judgement,
    subject_hash,
)
from integrity.register.receipts import latest_submissions, periods_of_file
from integrity.register.releases import current_releases
from integrity.submissions.archive import archived_path, verify
from integrity.submissions.drift import Shape
from integrity.submissions.fitting import read_fitting
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.landing import create_candidate, ensure_tables, land
from integrity.warehouse.models import Landing, Submission

_ABANDONED_SECONDS = 24 * 3600

GATE_RAN = Rule(
    name="gate_ran",
    kind="business",
    dimension="validity",
    limitations=("6.5",),
    severity="block",
    message="A gate ended without a verdict, and a gate that did not run did not pass.",
    mend="Read the run's log, mend what it names, and run the period again.",
)


def judge_submission(office: Office, submission_id: int, run: str) -> Verdict:
    """Judge one submission's structure and land its rows, in one transaction.

    Whatever goes wrong with this file is recorded as ERROR on it; the others of its batch go on.
    """
    with transaction(office.engine) as session:
        submission = session.get_one(Submission, submission_id)
    try:
        judged = _judge_file(office, submission)
    except Exception as error:
        if is_retryable(error):
            raise
        judged = _not_judged(error)
    with transaction(office.engine) as session:
        lock(session, "submission", submission_id)
        landing = _land(session, office, submission, judged) if judged.is_landable else None
        save_judgement(
            session,
            judged.result,
            dependency=office.name,
            period=submission.period,
            run=run,
            subject=office.fingerprint,
            submission=submission_id,
            landing=landing,
            rows=judged.rows,
            accepted=judged.accepted.height if landing else 0,
            quarantined=judged.quarantined.height if landing else 0,
            units=judged.units if judged.layout else None,
            shape=judged.shape.to_json() if judged.shape else None,
        )
    return judged.verdict


def _judge_file(office: Office, submission: Submission) -> StructureResult:
    path = archived_path(office.settings.archive, submission.sha256)
    if not path.is_file():
        raise CouldNotCheck("The archived file is missing.")
    if not verify(path, submission.sha256):
        raise CouldNotCheck("The archived file's bytes no longer have the hash they were received with.")
    with transaction(office.engine) as session:
        before = last_accepted_shape(session, submission)
    return judge_structure(
        read_again(office, submission),
        office.schema,
        office.registered.dependency,
        period=submission.period,
        as_of=office.registered.dependency.reporting.today(submission.received_at),
        policy=office.policy,
        supplier=submission.supplier,
        before=Shape.from_json(before) if before else None,
    )


def read_again(office: Office, submission: Submission) -> Reading | Rejected:
    """What the reader makes of a submission's archived file: the same today and in a year."""
    dependency, dictionary = office.registered.dependency, office.schema.names
    path = archived_path(office.settings.archive, submission.sha256)
    try:
        reading = read_fitting(path, submission.file_name, dependency, submission.supplier, dictionary)
    except Rejected as refusal:
        return refusal
    with transaction(office.engine) as session:
        covered = periods_of_file(
            session, dependency=office.name, supplier=submission.supplier, sha256=submission.sha256
        )
    return part_for(reading, dependency, dictionary, submission.supplier, submission.period, covered)


def _not_judged(error: Exception) -> StructureResult:
    """ERROR in place of a verdict on one file."""
    nothing = pl.DataFrame(schema={ROW: pl.Int64})
    return StructureResult(
        _error("structure", error), accepted=nothing, quarantined=nothing, units=frozenset(), rows=0, layout=None
    )


def _error(gate: str, error: Exception) -> GateResult:
    """The answer of a gate that broke. Only an error of our own is quoted: others may hold cells."""
    reason = str(error) if isinstance(error, IntegrityError) else type(error).__name__
    return GateResult(gate=gate, verdict=Verdict.ERROR, findings=(could_not_check(GATE_RAN, reason),))


def _land(session: Session, office: Office, submission: Submission, judged: StructureResult) -> int:
    """Write the rows once for these rules; a repeat finds them there."""
    existing = session.execute(
        text("SELECT id FROM register.landing WHERE submission_id = :s AND fingerprint = :f"),
        {"s": submission.id, "f": office.fingerprint},
    ).scalar()
    if existing is not None:
        return int(existing)
    ensure_tables(session, office.name, office.schema)
    landing = Landing(
        submission_id=submission.id,
        fingerprint=office.fingerprint,
        accepted=judged.accepted.height,
        quarantined=judged.quarantined.height,
        landed_at=datetime.now(UTC),
    )
    session.add(landing)
    session.flush()
    land(
        session,
        office.name,
        office.schema,
        landing=landing.id,
        submission=submission.id,
        period=submission.period,
        accepted=judged.accepted,
        quarantined=judged.quarantined,
    )
    return landing.id


def judge_coverage(office: Office, period: date, run: str) -> Verdict:
    """Judge who and what came for the period against who and what was expected."""
    with transaction(office.engine) as session:
        lock(session, "period", office.name, period)
        latest = latest_submissions(session, office.name, period)
        units: dict[str, frozenset[str] | None] = {}
        for supplier, submission in latest.items():
            judgement = judgement_of(session, office.name, period, "structure", submission.id)
            units[supplier] = frozenset(judgement.units) if judgement and judgement.units is not None else None
        try:
            result = coverage_of(office.registered, period=period, units=units, policy=office.policy)
        except Exception as error:  # noqa: BLE001 - whatever it is, the gate did not answer, and that blocks
            result = _error("coverage", error)
        subject = subject_hash(office.fingerprint, sorted(s.id for s in latest.values()))
        save_judgement(session, result, dependency=office.name, period=period, run=run, subject=subject)
    return result.verdict


def candidate_landings(session: Session, office: Office, period: date) -> dict[str, int]:
    """The landing of each supplier whose latest submission was accepted."""
    landings = {}
    for supplier, submission in latest_submissions(session, office.name, period).items():
        judgement = judgement_of(session, office.name, period, "structure", submission.id)
        if judgement and judgement.landing_id and not worst([judgement.verdict]).blocks:
            landings[supplier] = judgement.landing_id
    return landings


def relations_subject(session: Session, office: Office, period: date, landings: dict[str, int]) -> str:
    """Hash of what the relations of a period rest on: its candidate, the rules and the neighbours' releases."""
    neighbours = []
    for neighbour in _neighbours(office):
        releases = current_releases(session, neighbour.dependency, period - timedelta(days=neighbour.days_before))
        neighbours.append(
            (neighbour.dependency, neighbour.days_before, sorted(r.landing_id for r in releases.values()))
        )
    rules = [relation.model_dump_json() for relation in office.registered.relations]
    return subject_hash(office.fingerprint, rules, sorted(landings.items()), neighbours)


def judge_relations(office: Office, period: date, run: str) -> Verdict | None:
    """Judge the period's candidate against its neighbours as they are now.

    Returns:
        The verdict; None where no submission was accepted, so that there is no candidate.
    """
    schema = candidate_schema_name(datetime.now(UTC))
    with transaction(office.engine) as session:
        drop_abandoned_candidates(session, datetime.now(UTC))
        landings = candidate_landings(session, office, period)
        if not landings:
            drop_judgement(session, office.name, period, "relations")
            return None
        subject = relations_subject(session, office, period, landings)
        absent = frozenset(
            n
            for n in _neighbours(office)
            if not current_releases(session, n.dependency, period - timedelta(days=n.days_before))
        )
        ensure_tables(session, office.name, office.schema)
        for other in {n.dependency for n in _neighbours(office)} - {office.name}:
            neighbour = Office.open(other, office.settings)
            ensure_tables(session, other, neighbour.schema)
        session.execute(text(f'CREATE SCHEMA "{schema}"'))
        create_candidate(session, schema, office.name, office.schema, period=period, landings=landings)
        rows = sum(session.get_one(Landing, landing).accepted for landing in landings.values())
    try:
        result = relations_of(
            office.registered,
            period=period,
            candidate_schema=schema,
            absent=absent,
            rows=rows,
            policy=office.policy,
            project=office.settings.dbt_project,
            database_url=office.database_url,
            cache=office.settings.dbt_cache,
        )
    except Exception as error:
        if is_retryable(error):
            raise
        result = _error("relations", error)
    finally:
        with transaction(office.engine) as session:
            session.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
    with transaction(office.engine) as session:
        lock(session, "period", office.name, period)
        save_judgement(session, result, dependency=office.name, period=period, run=run, subject=subject)
    return result.verdict


def candidate_schema_name(now: datetime) -> str:
    """A name for a candidate's schema that no other run has, and that tells when it was made."""
    return f"candidate_{int(now.timestamp())}_{uuid.uuid4().hex[:8]}"


def drop_abandoned_candidates(session: Session, now: datetime) -> None:
    """Drop the schemas of runs that were killed, once they are surely not at work any more."""
    listed = text("SELECT nspname FROM pg_namespace WHERE nspname ~ '^candidate_[0-9]+_[0-9a-f]{8}$'")

    def abandoned() -> list[str]:
        names = session.scalars(listed).all()
        return [name for name in names if now.timestamp() - int(name.split("_")[1]) > _ABANDONED_SECONDS]

    if abandoned():
        # One sweeper at a time: two that drop the same schema at once would break each other's run.
        lock(session, "abandoned candidates")
        for name in abandoned():
            session.execute(text(f'DROP SCHEMA "{name}" CASCADE'))


def _neighbours(office: Office) -> list[Neighbour]:
    found = {n: None for relation in office.registered.relations for n in relation.neighbours}
    return sorted(found, key=lambda n: (n.dependency, n.days_before, n.required))
