"""What a period would release: of each supplier the submission that passed, or was let pass by a waiver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.pipeline.office import Office
from integrity.register.judgements import findings_of, structure_judgements
from integrity.register.receipts import latest_submissions
from integrity.register.releases import current_releases
from integrity.register.waivers import Waived, waivers_over, with_waivers
from integrity.verdicts import Verdict, worst
from integrity.warehouse.models import Judgement, Submission, Waiver


@dataclass(frozen=True)
class Candidate:
    """A supplier's submission that may be released.

    Attributes:
        waived: Its structure's verdict, waivers taken into account.
        units: Reporting units that it names.
    """

    landing: int
    waived: Waived
    units: frozenset[str]


def candidates(session: Session, office: Office, period: date, on: date) -> dict[str, Candidate]:
    """By supplier, what may be released of a period.

    That is the latest submission if it was accepted. Under a release policy that lets suppliers through one by one it
    is otherwise the latest before it that was accepted: so it makes no difference whether that was released meanwhile.

    Args:
        on: The day of the decision, where the dependency reports: which waivers are in force.
    """
    keeps_last_good = office.registered.dependency.release.keeps_last_good
    judgements = structure_judgements(session, office.name, period)
    waivers = waivers_over(session, office.name, period, on)
    in_force = {release.landing_id for release in current_releases(session, office.name, period).values()}
    found: dict[str, Candidate] = {}
    for submission in _newest_first(session, office.name, period, only_latest=not keeps_last_good):
        judgement = judgements.get(submission.id)
        if submission.supplier in found or judgement is None or judgement.landing_id is None:
            continue
        # Where one supplier's failure stops nobody else, nothing else stops what was judged under other rules.
        is_up_to_date = judgement.subject == office.fingerprint or judgement.landing_id in in_force
        waived = verdict_of_judgement(session, judgement, waivers, supplier=submission.supplier, on=on)
        if not waived.verdict.blocks and (is_up_to_date or not keeps_last_good):
            found[submission.supplier] = Candidate(judgement.landing_id, waived, frozenset(judgement.units or ()))
    return dict(sorted(found.items()))


def candidate_landings(session: Session, office: Office, period: date, on: date | None = None) -> dict[str, int]:
    """The landing of each supplier's submission that may be released; by default with the waivers of today."""
    day = on or office.registered.dependency.reporting.today(datetime.now(UTC))
    return {supplier: found.landing for supplier, found in candidates(session, office, period, day).items()}


def verdict_of_judgement(
    session: Session,
    judgement: Judgement,
    waivers: Sequence[Waiver],
    *,
    supplier: str | None,
    on: date,
    spared: frozenset[str] = frozenset(),
) -> Waived:
    """A stored verdict, waivers taken into account.

    Args:
        spared: Rules whose failure the release policy puts up with; it needs no waiver.
    """
    stated = worst([judgement.verdict])
    if stated is not Verdict.FAIL or not (waivers or spared):
        return Waived(stated)
    findings = findings_of(session, [judgement])
    remaining = [finding for finding in findings if finding.rule not in spared]
    if len(remaining) < len(findings) and not any(worst([f.verdict]).blocks for f in remaining):
        return Waived(Verdict.WARN)
    return with_waivers(stated, remaining, waivers, supplier=supplier, period=judgement.period, on=on)


def _newest_first(session: Session, dependency: str, period: date, *, only_latest: bool) -> Iterable[Submission]:
    if only_latest:
        return latest_submissions(session, dependency, period).values()
    query = select(Submission).where(Submission.dependency == dependency, Submission.period == period)
    return session.scalars(query.order_by(Submission.revision.desc(), Submission.supplier)).all()
