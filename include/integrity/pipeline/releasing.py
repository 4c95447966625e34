"""Release: one small transaction, refused unless every gate has passed on exactly what would be released.

A gate that fails on nothing but what somebody entitled has waived lets pass. Where the dependency's release policy lets
suppliers through one by one, what holds one back does not hold back the others. Nobody lets an ERROR pass.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, GateFailed, Misconfigured
from integrity.gates.coverage import POPULATION_COMPLETE, SUPPLIER_REPORTED, population
from integrity.pipeline.candidates import Candidate, candidates, verdict_of_judgement
from integrity.pipeline.judging import judge_candidate, relations_subject
from integrity.pipeline.office import Office
from integrity.pipeline.profiling import profiling_subject
from integrity.pipeline.responses import coverage_subject
from integrity.pipeline.waiving import TO_BE_JUDGED_AGAIN
from integrity.register.judgements import judgement_of, structure_judgements
from integrity.register.profiles import judged_before_release
from integrity.register.receipts import latest_submissions, periods_waiting
from integrity.register.releases import Statement, current_releases, release_landings
from integrity.register.waivers import Waived, waivers_in_force, waivers_over
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import lock, transaction
from integrity.warehouse.models import Judgement, Release, Submission, Waiver

log = logging.getLogger("integrity.release")

_ATTEMPTS = 5


@dataclass(frozen=True)
class Outcome:
    """How a period stands.

    Attributes:
        verdict: The worst of its gates, waivers taken into account; ERROR where one has not answered.
        reasons: What blocks, one line a gate.
        stale: What would be released, or its neighbours, were judged as they are no more.
        is_held: Nothing of it may be released. Under a release policy that lets suppliers through one by one this may
            be false although the verdict blocks.
        waivers: References of the waivers without which more would block.
        held: Suppliers whose latest submission is not released.
        statements: By supplier, what would be released, and what that release would say.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    stale: bool
    is_held: bool = True
    waivers: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    statements: Mapping[str, Statement] = field(default_factory=dict)


def release(office: Office, period: date, run: str) -> list[str]:
    """Release what may be released of a period; judge its relations anew if a neighbour has just changed.

    Returns:
        Suppliers whose release changed; none if what passed was in force already.

    Raises:
        GateFailed: A gate blocks. It was stored when it was judged; what was released before stays in force.
    """
    for _ in range(_ATTEMPTS):
        with transaction(office.engine) as session:
            lock(session, "period", office.name, period)
            outcome = period_outcome(session, office, period)
            if outcome.is_held and not outcome.stale:
                raise GateFailed(f"{office.name} {period} is not released. " + " ".join(outcome.reasons))
            if not outcome.stale:
                return release_landings(session, outcome.statements, dependency=office.name, period=period, run=run)
        judge_candidate(office, period, run)
    raise CouldNotCheck(f"{office.name} {period}: its neighbours changed {_ATTEMPTS} times while it was judged.")


def period_outcome(session: Session, office: Office, period: date, at: datetime | None = None) -> Outcome:
    """The verdict on a period, from what its gates have stored and what is waived.

    Args:
        at: The moment of the decision, which tells what waivers are in force and whether the hour of a release policy
            has come; by default now.
    """
    moment = at or datetime.now(UTC)
    on = office.registered.dependency.reporting.today(moment)
    found = candidates(session, office, period, on)
    asking = _Asking(session, office, waivers_over(session, office.name, period, on), on, moment)
    structure = dict(asking.structure(period))
    coverage = asking.coverage(period)
    about_candidate, stale = asking.candidate(period, found)
    every = [*structure.values(), coverage, *about_candidate]
    outcome = Outcome(
        verdict=worst(answer.waived.verdict for answer in every),
        reasons=tuple(answer.reason for answer in every if answer.waived.verdict.blocks),
        stale=stale,
        waivers=_references(answer.waived for answer in every),
        held=tuple(supplier for supplier, answer in structure.items() if answer.waived.verdict.blocks),
    )
    is_in_parts = bool(found) and _is_in_parts(office, period, found, moment)
    if outcome.verdict.blocks and is_in_parts:
        coverage = asking.coverage(period, spared=_spared(office))
    shared = [coverage.waived, *(answer.waived for answer in about_candidate)]
    is_held = any(w.verdict.blocks for w in shared) if is_in_parts else outcome.verdict.blocks
    statements = {
        supplier: Statement(
            candidate.landing,
            worst([candidate.waived.verdict, *(w.verdict for w in shared)]),
            _references([candidate.waived, *shared]),
        )
        for supplier, candidate in found.items()
    }
    return replace(outcome, is_held=is_held, statements={} if is_held else statements)


@dataclass(frozen=True)
class _Answer:
    """What a gate says on one subject, waivers taken into account."""

    gate: str
    waived: Waived
    is_judged: bool

    @property
    def reason(self) -> str:
        return f"{self.gate}: {self.waived.verdict if self.is_judged else 'not judged'}."


@dataclass(frozen=True)
class _Asking:
    """The stored answers of a dependency's gates; one that does not fit what would be released is none."""

    session: Session
    office: Office
    waivers: list[Waiver]
    on: date
    moment: datetime

    def structure(self, period: date) -> Iterator[tuple[str, _Answer]]:
        judgements = structure_judgements(self.session, self.office.name, period)
        for supplier, submission in latest_submissions(self.session, self.office.name, period).items():
            judgement = judgements.get(submission.id)
            gate = f"structure of {supplier}'s file"
            answer = self._answer(gate, judgement, self.office.fingerprint, supplier=supplier)
            if judgement and judgement.landing_id is None and not answer.waived.verdict.blocks:
                # A waiver that came after it was judged: its rows are not there to be released yet.
                answer = self._answer(gate, None, "")
            yield supplier, answer

    def coverage(self, period: date, spared: frozenset[str] = frozenset()) -> _Answer:
        came = coverage_subject(self.session, self.office, period, self.moment)
        judgement = judgement_of(self.session, self.office.name, period, "coverage")
        return self._answer("coverage", judgement, came, spared=spared)

    def candidate(self, period: date, found: Mapping[str, Candidate]) -> tuple[list[_Answer], bool]:
        """None where there is no candidate; and whether a gate judged another one, or beside other neighbours."""
        if not found:
            return [], False
        landings = {supplier: candidate.landing for supplier, candidate in found.items()}
        subjects = {"relations": relations_subject(self.session, self.office, period, landings)}
        if self.office.policy.profiling.enabled:
            subjects["profiling"] = profiling_subject(self.session, self.office, period, landings)
        judgements = {gate: judgement_of(self.session, self.office.name, period, gate) for gate in subjects}
        answers = [self._answer(gate, judgements[gate], subject) for gate, subject in subjects.items()]
        return answers, any(j is not None and j.subject != subjects[gate] for gate, j in judgements.items())

    def _answer(
        self,
        gate: str,
        judgement: Judgement | None,
        subject: str,
        *,
        supplier: str | None = None,
        spared: frozenset[str] = frozenset(),
    ) -> _Answer:
        if judgement is None or judgement.subject != subject:
            return _Answer(gate, Waived(Verdict.ERROR), is_judged=False)
        waived = verdict_of_judgement(
            self.session, judgement, self.waivers, supplier=supplier, on=self.on, spared=spared
        )
        return _Answer(gate, waived, is_judged=True)


def _references(answers: Iterable[Waived]) -> tuple[str, ...]:
    return tuple(sorted({reference for answer in answers for reference in answer.waivers}))


def _is_in_parts(office: Office, period: date, found: Mapping[str, Candidate], moment: datetime) -> bool:
    """Whether the release policy lets go what has passed, whatever else has not."""
    declared = office.registered.dependency
    begins = declared.release.begins(declared.reporting.next_period(period), declared.reporting.timezone)
    if declared.population:
        expected = frozenset(population(office.registered))
        passed = expected & {unit for candidate in found.values() for unit in candidate.units}
    else:
        expected = frozenset(s.code for s in declared.suppliers if s.reports_for(period))
        passed = expected & set(found)
    return declared.release.allows_parts(
        has_begun=begins is None or moment >= begins, passed=len(passed), expected=len(expected)
    )


def _spared(office: Office) -> frozenset[str]:
    """Rules of coverage that do not hold back those who did report.

    Units that are missing from the files of those who did are nobody's alone: they hold the period back, unless the
    policy states which share of them is enough.
    """
    is_by_share = office.registered.dependency.release.coverage is not None
    return frozenset({SUPPLIER_REPORTED.name} | ({POPULATION_COMPLETE.name} if is_by_share else set()))


def what_was_done(outcome: Outcome, releases: Mapping[str, Release], latest: Mapping[str, Submission]) -> str:
    """What became of a period's figures, in a sentence for the owner.

    Args:
        releases: In force, by supplier.
        latest: The latest submission of each supplier.
    """
    by = f", by waiver {', '.join(outcome.waivers)}" if outcome.waivers else ""
    if not outcome.is_held and not outcome.statements:
        return f"Nothing came that could be released{by}."
    if not outcome.is_held and outcome.verdict.blocks:
        kept = f" Of {', '.join(outcome.held[:5])} the last good file stays published, if there is one."
        return f"What passed is released{by}.{kept if outcome.held else ''}"
    if not outcome.is_held:
        noted = " with what is noted here" if outcome.verdict is Verdict.WARN else ""
        return f"The period's figures are released{noted}{by}."
    if not releases:
        return "Nothing of this period is released; other periods are untouched."
    if {release.submission_id for release in releases.values()} == {submission.id for submission in latest.values()}:
        return "What was released before stays in force until this is cleared up."
    return "The new file is blocked; the last good one stays published."


def periods_to_judge_again(office: Office, period: date) -> list[tuple[str, date]]:
    """Periods whose verdict may have changed with this run, as (dependency, period), without this one.

    Those that leaned on this period and were judged against another state of it, and those of this dependency
    that were judged before and have since received a file, a waiver, or the hour from which parts may be released.
    """
    found: set[tuple[str, date]] = set()
    with transaction(office.engine) as session:
        found |= {(office.name, waiting) for waiting in periods_waiting(session, office.name)}
        found |= {(office.name, decided) for decided in _periods_decided_since(session, office)}
        found |= {(office.name, later) for later in _periods_cleared(session, office, period)}
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


def _periods_decided_since(session: Session, office: Office) -> Iterator[date]:
    """Periods that failed, and may be released by now although no file has come: something else was decided."""
    declared = office.registered.dependency
    waivers = waivers_in_force(session, office.name, declared.reporting.today(datetime.now(UTC)))
    failing = select(Judgement.period).where(
        Judgement.dependency == office.name, Judgement.verdict == str(Verdict.FAIL)
    )
    for period in session.scalars(failing.distinct().order_by(Judgement.period)).all():
        is_waived = any(waiver.periods_from <= period <= waiver.periods_until for waiver in waivers)
        if not is_waived and declared.release.hour is None:
            continue
        judgements = structure_judgements(session, office.name, period)
        latest = latest_submissions(session, office.name, period).values()
        marked = {judgements[s.id].subject for s in latest if s.id in judgements}
        statements = period_outcome(session, office, period).statements
        in_force = {release.landing_id for release in current_releases(session, office.name, period).values()}
        if TO_BE_JUDGED_AGAIN in marked or not {s.landing for s in statements.values()} <= in_force:
            yield period


def _periods_cleared(session: Session, office: Office, period: date) -> Iterator[date]:
    """Later periods that only their history held back, and now that this one is released holds back no more."""
    if not office.policy.profiling.enabled or office.policy.profiling.severity != "block":
        return
    for later, _ in judged_before_release(session, office.name, period, "profiling"):
        statements = period_outcome(session, office, later).statements
        in_force = {release.landing_id for release in current_releases(session, office.name, later).values()}
        if not {s.landing for s in statements.values()} <= in_force:
            yield later


def _leaning_periods(office: Office, period: date) -> list[tuple[str, date]]:
    return [
        (other.name, neighbour.judged_with(period, other.dependency.reporting))
        for other in map(office.inventory.get, office.inventory.leaning_on(office.name))
        for neighbour in {n for relation in other.relations for n in relation.neighbours}
        if neighbour.dependency == office.name
    ]
