"""The three gates, each: gather what is to be judged, judge it, store the answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, IntegrityError, is_retryable
from integrity.findings import GateResult, Rule
from integrity.gates.coverage import judge_coverage as coverage_of
from integrity.gates.judged import JudgedRows
from integrity.gates.relations import judge_relations as relations_of
from integrity.gates.rules import could_not_check
from integrity.gates.structure import StructureResult
from integrity.inventory.dependency import Neighbour
from integrity.pipeline.office import Office
from integrity.pipeline.rereading import judged_as_read, read_again, shape_before
from integrity.register.judgements import (
    drop_judgement,
    judgement_of,
    save_judgement,
    subject_hash,
)
from integrity.register.receipts import latest_submissions
from integrity.register.releases import current_releases
from integrity.submissions.archive import archived_path, verify
from integrity.submissions.isolation import shared_reader
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict, worst
from integrity.warehouse.attempts import begin_attempt, holding_submission, register_attempt, sweep_attempts
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.landing import APART_ROWS, LandingRows, create_candidate, ensure_tables, land, land_apart
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
    """Judge one submission's structure and land its rows; both are recorded in one transaction.

    Whatever goes wrong with this file is recorded as ERROR on it; the others of its batch go on.
    """
    with transaction(office.engine) as session:
        submission = session.get_one(Submission, submission_id)
    with ExitStack() as readings:
        try:
            judged = _judge_file(office, submission, readings)
        except Exception as error:
            if is_retryable(error):
                raise
            judged = _not_judged(error)
        _store(office, submission, judged, run)
    return judged.verdict


def _store(office: Office, submission: Submission, judged: StructureResult, run: str) -> None:
    with _landed_apart(office, submission, judged) as apart, transaction(office.engine) as session:
        lock(session, "submission", submission.id)
        landing = _land(session, office, submission, judged, apart) if judged.is_landable else None
        save_judgement(
            session,
            judged.result,
            dependency=office.name,
            period=submission.period,
            run=run,
            subject=office.fingerprint,
            submission=submission.id,
            landing=landing,
            rows=judged.rows,
            accepted=judged.accepted.height if landing else 0,
            quarantined=judged.quarantined.height if landing else 0,
            units=judged.units if judged.layout else None,
            shape=judged.shape.to_json() if judged.shape else None,
        )


def _judge_file(office: Office, submission: Submission, readings: ExitStack) -> StructureResult:
    """Read and judge an archived file.

    Args:
        readings: Holds what was read, of which the result's rows are made.
    """
    path = archived_path(office.settings.archive, submission.sha256)
    if not path.is_file():
        raise CouldNotCheck("The archived file is missing.")
    with ThreadPoolExecutor(1) as aside:
        is_intact = aside.submit(verify, path, submission.sha256)
        reading = read_again(office, submission)
        if isinstance(reading, Reading):
            readings.callback(shared_reader().release, reading)
        if not is_intact.result():
            raise CouldNotCheck("The archived file's bytes no longer have the hash they were received with.")
    return judged_as_read(office, submission, reading, shape_before(office, submission))


def _not_judged(error: Exception) -> StructureResult:
    """ERROR in place of a verdict on one file."""
    nothing = JudgedRows(0, pl.Schema({ROW: pl.Int64()}))
    return StructureResult(
        _error("structure", error), accepted=nothing, quarantined=nothing, units=frozenset(), rows=0, layout=None
    )


def _error(gate: str, error: Exception) -> GateResult:
    """The answer of a gate that broke. Only an error of our own is quoted: others may hold cells."""
    reason = str(error) if isinstance(error, IntegrityError) else type(error).__name__
    return GateResult(gate=gate, verdict=Verdict.ERROR, findings=(could_not_check(GATE_RAN, reason),))


@contextmanager
def _landed_apart(office: Office, submission: Submission, judged: StructureResult) -> Iterator[int | None]:
    """Write the rows of a large file before the transaction that records them, for which its right to them is held.

    Gives:
        The id of a landing to be registered; None where the rows are few, not to be kept, or there already.
    """
    if not judged.is_landable or judged.accepted.height + judged.quarantined.height < APART_ROWS:
        yield None
        return
    sweep_attempts(office.engine, office.name)
    with holding_submission(office.engine, submission.id):
        with transaction(office.engine) as session:
            known = _landing_of(session, office, submission)
            if known is None:
                ensure_tables(session, office.name, office.schema)
                landing = begin_attempt(session, office.name, submission.id)
        if known is not None:
            yield None
            return
        land_apart(office.engine, _rows_of(office, submission, judged, landing))
        yield landing


def _landing_of(session: Session, office: Office, submission: Submission) -> int | None:
    """The landing of a submission under these rules, if its rows are there already."""
    found = session.execute(
        text("SELECT id FROM register.landing WHERE submission_id = :s AND fingerprint = :f"),
        {"s": submission.id, "f": office.fingerprint},
    ).scalar()
    return None if found is None else int(found)


def _land(session: Session, office: Office, submission: Submission, judged: StructureResult, apart: int | None) -> int:
    """Write the rows once for these rules, or register those written apart; a repeat finds them there."""
    known = _landing_of(session, office, submission)
    if known is not None:
        return known
    counts = {"accepted": judged.accepted.height, "quarantined": judged.quarantined.height}
    if apart is not None:
        register_attempt(session, apart, fingerprint=office.fingerprint, **counts)
        return apart
    ensure_tables(session, office.name, office.schema)
    landing = Landing(
        submission_id=submission.id, fingerprint=office.fingerprint, landed_at=datetime.now(UTC), **counts
    )
    session.add(landing)
    session.flush()
    land(session, _rows_of(office, submission, judged, landing.id))
    return landing.id


def _rows_of(office: Office, submission: Submission, judged: StructureResult, landing: int) -> LandingRows:
    return LandingRows(
        name=office.name,
        schema=office.schema,
        landing=landing,
        submission=submission.id,
        period=submission.period,
        accepted=judged.accepted,
        quarantined=judged.quarantined,
    )


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
