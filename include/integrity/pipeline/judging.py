"""The gates on files, coverage and relations, each: gather what is to be judged, judge it, store the answer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import zip_longest

import polars as pl
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, is_retryable
from integrity.gates.coverage import judge_coverage as coverage_of
from integrity.gates.judged import JudgedRows
from integrity.gates.linked import Readings
from integrity.gates.profiling.profile import Profile
from integrity.gates.relations import judge_relations as relations_of
from integrity.gates.rules import gate_broke
from integrity.gates.structure import JudgedWhileRead, StructureResult
from integrity.gates.units import population
from integrity.inventory.dependency import Neighbour
from integrity.pipeline.candidates import candidate_landings
from integrity.pipeline.landing import LargeLanding, land_submission
from integrity.pipeline.office import Office
from integrity.pipeline.profiling import judge_profiles, profile_rows
from integrity.pipeline.rereading import ahead_of, judged_as_read, read_again, release_readings, shape_before
from integrity.pipeline.responses import coverage_subject, responses
from integrity.pipeline.waiving import TO_BE_JUDGED_AGAIN, let_pass
from integrity.register.judgements import (
    drop_judgement,
    save_judgement,
    subject_hash,
)
from integrity.register.profiles import hashing_key, keep_profile
from integrity.register.receipts import submissions_to_judge
from integrity.register.releases import current_releases
from integrity.submissions.archive import archived_path, verify
from integrity.submissions.lines import BLOCK_BYTES
from integrity.submissions.reading import ROW
from integrity.verdicts import Verdict
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.landing import create_candidate, ensure_tables
from integrity.warehouse.models import Landing, Release, Submission

_ABANDONED_SECONDS = 24 * 3600


def judge_period(office: Office, period: date, run: str) -> None:
    """Ask all gates about a period, one after the other: the steps between receiving and release."""
    with transaction(office.engine) as session:
        waiting = submissions_to_judge(session, office.name, period, office.fingerprint)
    judge_submissions(office, waiting, run)
    judge_coverage(office, period, run)
    judge_candidate(office, period, run)


def judge_candidate(office: Office, period: date, run: str) -> dict[str, Verdict]:
    """Ask the gates that look at what the period would release; none where nothing was accepted."""
    answers = {"profiling": judge_profiles(office, period, run), "relations": judge_relations(office, period, run)}
    return {gate: verdict for gate, verdict in answers.items() if verdict is not None}


def judge_submissions(office: Office, submissions: Sequence[int], run: str) -> dict[int, Verdict]:
    """Judge the structure of several submissions and land their rows, one after the other.

    While one is judged the next file is read already, unless it is large: those are judged while they are read.
    """
    verdicts: dict[int, Verdict] = {}
    with ThreadPoolExecutor(1) as aside:
        upcoming: Future[_Opened | None] | None = None
        for this, following in zip_longest(submissions, submissions[1:]):
            opened, upcoming = upcoming, aside.submit(_open_small, office, following) if following else None
            verdicts[this] = _judge(office, this, run, opened)
    return verdicts


def judge_submission(office: Office, submission: int, run: str) -> Verdict:
    """Judge one submission's structure and land its rows; both are recorded in one transaction.

    Whatever goes wrong with this file is recorded as ERROR on it; the others of its batch go on.
    """
    return judge_submissions(office, [submission], run)[submission]


@dataclass(frozen=True)
class _Opened:
    """A submission whose archived file was found intact and read, or refused, table by table."""

    submission: Submission
    readings: Readings


def _open_small(office: Office, submission_id: int) -> _Opened | None:
    submission = _submission(office, submission_id)
    return _open(office, submission) if submission.size_bytes < BLOCK_BYTES else None


def _open(office: Office, submission: Submission, ahead: JudgedWhileRead | None = None) -> _Opened:
    path = archived_path(office.settings.archive, submission.sha256)
    if not path.is_file():
        raise CouldNotCheck("The archived file is missing.")
    with ThreadPoolExecutor(1) as aside:
        is_intact = aside.submit(verify, path, submission.sha256)
        readings = read_again(office, submission, ahead)
        if not is_intact.result():
            raise CouldNotCheck("The archived file's bytes no longer have the hash they were received with.")
    return _Opened(submission, readings)


def _submission(office: Office, submission_id: int) -> Submission:
    with transaction(office.engine) as session:
        return session.get_one(Submission, submission_id)


def _judge(office: Office, submission_id: int, run: str, opened: Future[_Opened | None] | None) -> Verdict:
    submission = _submission(office, submission_id)
    with ExitStack() as kept, LargeLanding(office, submission) as landing:
        try:
            ahead = ahead_of(office, submission, landing) if len(office.tables) == 1 else None
            read = (opened.result() if opened else None) or _open(office, submission, ahead)
            kept.callback(release_readings, read.readings)
            judged = judged_as_read(office, submission, read.readings, shape_before(office, submission), ahead)
            with transaction(office.engine) as session:
                judged = let_pass(session, office, submission, judged)
            profile = _profile(office, judged)
        except Exception as error:
            if is_retryable(error):
                raise
            judged, profile = _not_judged(error), None
        landing.conclude(judged)
        _store(office, submission, judged, profile, run, landing)
    return judged.verdict


def _profile(office: Office, judged: StructureResult) -> Profile | None:
    """What the rows that will be landed look like; None where there are none, or the class does without."""
    if not judged.is_landable or not office.policy.profiling.enabled:
        return None
    with transaction(office.engine) as session:
        key = hashing_key(session)
    return profile_rows(office, key, lambda table: judged.of(table.name).accepted.batches())


def _store(
    office: Office,
    submission: Submission,
    judged: StructureResult,
    profile: Profile | None,
    run: str,
    ahead: LargeLanding,
) -> None:
    with transaction(office.engine) as session:
        lock(session, "submission", submission.id)
        landing = land_submission(session, office, submission, judged, ahead) if judged.is_landable else None
        if landing is not None and profile:
            keep_profile(session, landing, profile)
        is_waived_meanwhile = landing is None and let_pass(session, office, submission, judged).is_landable
        save_judgement(
            session,
            judged.result,
            dependency=office.name,
            period=submission.period,
            run=run,
            subject=TO_BE_JUDGED_AGAIN if is_waived_meanwhile else office.fingerprint,
            submission=submission.id,
            landing=landing,
            rows=judged.rows,
            accepted=judged.accepted.height if landing else 0,
            quarantined=judged.quarantined.height if landing else 0,
            units=_units_on_record(session, office, judged.units) if judged.layout else None,
            shape=judged.shape.to_json() if judged.shape else None,
            blanks=judged.blanks or None,
        )


def _units_on_record(session: Session, office: Office, units: frozenset[str]) -> frozenset[str]:
    """The units that a file names; those that are in no list of ours are cells of the file, and only told apart."""
    unlisted = units - population(office.registered).keys()
    if not unlisted:
        return units
    key = hashing_key(session)
    return units - unlisted | {f"unlisted {key.name('unit', code)}" for code in unlisted}


def _not_judged(error: Exception) -> StructureResult:
    """ERROR in place of a verdict on one file."""
    nothing = JudgedRows(0, pl.Schema({ROW: pl.Int64()}))
    return StructureResult(
        gate_broke("structure", error), accepted=nothing, quarantined=nothing, units=frozenset(), rows=0, layout=None
    )


def judge_coverage(office: Office, period: date, run: str, at: datetime | None = None) -> Verdict:
    """Judge who and what came for the period against who and what was expected.

    Args:
        at: The moment, which tells who is missing and who only awaited; by default now.
    """
    moment = at or datetime.now(UTC)
    with transaction(office.engine) as session:
        lock(session, "period", office.name, period)
        came = responses(session, office, period)
        try:
            result = coverage_of(office.registered, period=period, policy=office.policy, as_of=moment, **vars(came))
        except Exception as error:  # noqa: BLE001 - whatever it is, the gate did not answer, and that blocks
            result = gate_broke("coverage", error)
        subject = coverage_subject(session, office, period, moment)
        save_judgement(session, result, dependency=office.name, period=period, run=run, subject=subject)
    return result.verdict


def relations_subject(session: Session, office: Office, period: date, landings: dict[str, int]) -> str:
    """Hash of what the relations of a period rest on: its candidate, the rules and the neighbours' releases."""
    neighbours = []
    for neighbour in _neighbours(office):
        releases = _released(session, office, neighbour, period)
        neighbours.append((str(neighbour), sorted(r.landing_id for r in releases.values())))
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
        absent = frozenset(n for n in _neighbours(office) if not _released(session, office, n, period))
        ensure_tables(session, office.tables)
        for other in {n.dependency for n in _neighbours(office)} - {office.name}:
            ensure_tables(session, Office.open(other, office.settings).tables)
        session.execute(text(f'CREATE SCHEMA "{schema}"'))
        for table in office.tables:
            create_candidate(session, schema, table, period=period, landings=landings)
            if len(office.tables) > 1:
                # Links between tables that nobody has counted yet are planned as if each had a handful of rows.
                session.execute(text(f'ANALYZE landing."{table.relation}"'))
        counted = select(func.sum(Landing.accepted), func.sum(Landing.quarantined))
        rows, set_aside = map(int, session.execute(counted.where(Landing.id.in_(landings.values()))).one())
    try:
        result = relations_of(
            office.registered,
            period=period,
            candidate_schema=schema,
            absent=absent,
            rows=rows,
            is_nil=rows + set_aside == 0,
            policy=office.policy,
            project=office.settings.dbt_project,
            database_url=office.database_url,
            cache=office.settings.dbt_cache,
        )
    except Exception as error:
        if is_retryable(error):
            raise
        result = gate_broke("relations", error)
    finally:
        with transaction(office.engine) as session:
            session.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
    with transaction(office.engine) as session:
        lock(session, "period", office.name, period)
        save_judgement(session, result, dependency=office.name, period=period, run=run, subject=subject, rows=rows)
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


def _released(session: Session, office: Office, neighbour: Neighbour, period: date) -> dict[str, Release]:
    """By supplier, what is released of a neighbour of this period."""
    their_period = neighbour.period_for(period, office.registered.dependency.reporting)
    return current_releases(session, neighbour.dependency, their_period)


def _neighbours(office: Office) -> list[Neighbour]:
    found = {n: None for relation in office.registered.relations for n in relation.neighbours}
    return sorted(found, key=lambda n: (str(n), n.required))
