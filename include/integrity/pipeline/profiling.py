"""The profiling gate: what a period would release is held against what is released for earlier periods.

It reads nothing but profiles, which is cheap: so a period whose history has changed is judged again on the spot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

import polars as pl
from psycopg import sql
from sqlalchemy.orm import Session

from integrity.errors import is_retryable
from integrity.findings import GateResult
from integrity.gates.profiling.answers import Past
from integrity.gates.profiling.hashing import Key
from integrity.gates.profiling.judging import GATE, judge_profile
from integrity.gates.profiling.measuring import profile_of
from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.sensitivity import DEFAULTS, Sensitivity
from integrity.gates.rules import gate_broke
from integrity.gates.schema import Table
from integrity.inventory.dependency import qualified
from integrity.pipeline.candidates import candidate_landings
from integrity.pipeline.office import Office
from integrity.register.judgements import drop_judgement, save_judgement, subject_hash
from integrity.register.profiles import (
    hashing_key,
    history_digests,
    judged_before_release,
    keep_profile,
    kept_profiles,
    released_before,
)
from integrity.submissions.reading import ROW
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.landing import ensure_tables, streamed

_BATCH_ROWS = 50_000
_WINDOW = DEFAULTS.window


def profile_rows(office: Office, key: Key, rows: Callable[[Table], Iterable[pl.DataFrame]]) -> Profile:
    """What the accepted rows of a submission look like.

    Args:
        rows: Gives a table's typed rows in batches: ``_row`` and the dictionary's columns.
    """
    profiles = {
        table.name: profile_of(rows(table), _columns(table), key=key, identifying=table.dependency.key)
        for table in office.tables
    }
    return profiles[""] if "" in profiles else Profile.of_tables(profiles)


def _columns(table: Table) -> dict[str, pl.DataType]:
    return {column.name: column.dtype for column in table.schema.columns.values()}


def profiles_of(session: Session, office: Office, landings: Iterable[int]) -> dict[int, Profile]:
    """By landing, what its rows look like; of which nothing is kept that can be compared, that is made up for here."""
    wanted = list(landings)
    found = kept_profiles(session, wanted)
    missing = [landing for landing in wanted if landing not in found]
    if missing:
        ensure_tables(session, office.tables)
        key = hashing_key(session)
        for landing in missing:
            found[landing] = profile_rows(office, key, partial(_landed_rows, session, landing))
            keep_profile(session, landing, found[landing])
    return found


def _landed_rows(session: Session, landing: int, table: Table) -> Iterator[pl.DataFrame]:
    """Typed rows of a landing: ``_row``, then the dictionary's columns."""
    wanted = {ROW: pl.Int64(), **_columns(table)}
    statement = sql.SQL("SELECT {} FROM {} WHERE _landing = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, wanted)), sql.Identifier("landing", table.relation)
    )
    for rows in streamed(session, statement, (landing,), _BATCH_ROWS):
        yield pl.DataFrame(rows, schema=wanted, orient="row")


def profiling_subject(session: Session, office: Office, period: date, landings: dict[str, int]) -> str:
    """Hash of what a judgement rests on: the candidate, the rules, and what the history looks like.

    Rows that were landed anew and are the same change nothing.
    """
    known = history_digests(session, office.name, period, _WINDOW)
    history = [(supplier, known.get(supplier, "")) for supplier in sorted(landings)]
    return subject_hash(office.fingerprint, sorted(landings.items()), history)


def judge_profiles(office: Office, period: date, run: str) -> Verdict | None:
    """Judge what each supplier's part of the candidate looks like, against its own history and the others.

    Returns:
        The verdict; None where the class does without, or nothing was accepted.
    """
    with transaction(office.engine) as session:
        landings = candidate_landings(session, office, period) if office.policy.profiling.enabled else {}
        if not landings:
            drop_judgement(session, office.name, period, GATE)
            return None
        return _judge(session, office, period, landings, run)


def judge_profiles_again(session: Session, office: Office, period: date, run: str) -> list[date]:
    """Judge later periods again that were held against another history than there is with this period's release.

    Returns:
        Those whose answer may have changed.
    """
    if not office.policy.profiling.enabled:
        return []
    judged = []
    for later, subject in judged_before_release(session, office.name, period, GATE):
        landings = candidate_landings(session, office, later)
        if landings and profiling_subject(session, office, later, landings) != subject:
            _judge(session, office, later, landings, run)
            judged.append(later)
    return judged


def _judge(session: Session, office: Office, period: date, landings: dict[str, int], run: str) -> Verdict:
    lock(session, "period", office.name, period)
    try:
        with session.begin_nested():
            result = _judged(session, office, period, landings)
    except Exception as error:
        if is_retryable(error):
            raise
        result = gate_broke(GATE, error)
    subject = profiling_subject(session, office, period, landings)
    save_judgement(session, result, dependency=office.name, period=period, run=run, subject=subject)
    return result.verdict


def _judged(session: Session, office: Office, period: date, landings: dict[str, int]) -> GateResult:
    """The gate's answer on all suppliers together; each finding names its supplier.

    Of one supplier at a time the whole history is held, of the others what came now and what came last.
    """
    settings = Sensitivity(severity=office.policy.profiling.severity, window=_WINDOW)
    before = released_before(session, office.name, period, _WINDOW)
    last = [was for supplier in landings for _, was in before.get(supplier, [])[-1:]]
    known = profiles_of(session, office, [*landings.values(), *last])
    moved: dict[str, Past] = {
        supplier: [(day, known[was]) for day, was in (*before.get(supplier, [])[-1:], (period, landing))]
        for supplier, landing in landings.items()
    }
    verdicts, findings = [], []
    for supplier, landing in landings.items():
        past = before.get(supplier, [])
        profiles = profiles_of(session, office, [was for _, was in past])
        for table in office.tables:
            result = judge_profile(
                known[landing].of(table.name),
                period=period,
                history=[(day, profiles[was].of(table.name)) for day, was in past],
                peers={o: [(d, p.of(table.name)) for d, p in two] for o, two in moved.items() if o != supplier},
                settings=settings,
            )
            verdicts.append(result.verdict)
            findings += [
                replace(finding, supplier=supplier, column=qualified(table.name, finding.column))
                for finding in result.findings
            ]
    return GateResult(gate=GATE, verdict=worst(verdicts), findings=tuple(findings))
