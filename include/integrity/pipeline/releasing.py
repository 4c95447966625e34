"""Release: one small transaction, refused unless every gate has passed on exactly what would be released."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, GateFailed, Misconfigured
from integrity.pipeline.judging import candidate_landings, judge_relations, relations_subject
from integrity.pipeline.office import Office
from integrity.register.judgements import judgement_of, subject_hash
from integrity.register.receipts import latest_submissions, periods_waiting
from integrity.register.releases import release_landings
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.models import Judgement

log = logging.getLogger("integrity.release")

_ATTEMPTS = 5


@dataclass(frozen=True)
class Outcome:
    """How a period stands.

    Attributes:
        verdict: The worst of its gates; ERROR where one has not answered.
        reasons: What blocks, one line a gate.
        stale: The relations were judged against neighbours or rows that have changed since.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    stale: bool


def release(office: Office, period: date, run: str) -> list[str]:
    """Release the period's candidate if every gate passed; judge its relations anew if a neighbour has just changed.

    Returns:
        Suppliers whose release changed; none if what passed was in force already.

    Raises:
        GateFailed: A gate blocks. It was stored when it was judged; what was released before stays in force.
    """
    for _ in range(_ATTEMPTS):
        with transaction(office.engine) as session:
            lock(session, "period", office.name, period)
            outcome = period_outcome(session, office, period)
            if outcome.verdict.blocks and not outcome.stale:
                raise GateFailed(f"{office.name} {period} is not released. " + " ".join(outcome.reasons))
            if not outcome.stale:
                landings = candidate_landings(session, office, period)
                return release_landings(
                    session, landings, dependency=office.name, period=period, verdict=outcome.verdict, run=run
                )
        judge_relations(office, period, run)
    raise CouldNotCheck(f"{office.name} {period}: its neighbours changed {_ATTEMPTS} times while it was judged.")


def period_outcome(session: Session, office: Office, period: date) -> Outcome:
    """The verdict on a period, from what its gates have stored."""
    latest = latest_submissions(session, office.name, period)
    structure = {
        supplier: judgement_of(session, office.name, period, "structure", submission.id)
        for supplier, submission in latest.items()
    }
    verdicts: list[Verdict] = []
    reasons: list[str] = []

    def add(gate: str, judgement: Judgement | None, subject: str | None = None) -> None:
        fits = judgement is not None and (subject is None or judgement.subject == subject)
        verdict = worst([judgement.verdict]) if judgement and fits else Verdict.ERROR
        verdicts.append(verdict)
        if verdict.blocks:
            reasons.append(f"{gate}: {verdict if judgement and fits else 'not judged'}.")

    for supplier, judgement in structure.items():
        add(f"structure of {supplier}'s file", judgement, office.fingerprint)
    came = subject_hash(office.fingerprint, sorted(s.id for s in latest.values()))
    add("coverage", judgement_of(session, office.name, period, "coverage"), came)
    stale = False
    landings = candidate_landings(session, office, period)
    if landings:
        relations = judgement_of(session, office.name, period, "relations")
        subject = relations_subject(session, office, period, landings)
        stale = relations is not None and relations.subject != subject
        add("relations", relations, subject)
    return Outcome(worst(verdicts), tuple(reasons), stale)


def periods_to_judge_again(office: Office, period: date) -> list[tuple[str, date]]:
    """Periods whose verdict may have changed with this run, as (dependency, period), without this one.

    Those that leaned on this period and were judged against another state of it, and those of this dependency
    that were judged before and have since received a file.
    """
    found: set[tuple[str, date]] = set()
    with transaction(office.engine) as session:
        found |= {(office.name, waiting) for waiting in periods_waiting(session, office.name)}
        for other_name, leaning in _leaning_periods(office, period):
            judged = session.scalar(
                select(Judgement.id).where(
                    Judgement.dependency == other_name, Judgement.period == leaning, Judgement.gate == "relations"
                )
            )
            if judged is None:
                continue
            try:
                other = office if other_name == office.name else Office.open(other_name, office.settings)
            except Misconfigured as error:
                log.warning("%s is not judged again, its folder is broken: %s", other_name, error)
                continue
            if period_outcome(session, other, leaning).stale:
                found.add((other_name, leaning))
    return sorted(found - {(office.name, period)})


def _leaning_periods(office: Office, period: date) -> list[tuple[str, date]]:
    return [
        (other.name, period + timedelta(days=neighbour.days_before))
        for other in map(office.inventory.get, office.inventory.leaning_on(office.name))
        for neighbour in {n for relation in other.relations for n in relation.neighbours}
        if neighbour.dependency == office.name
    ]
