"""Letting a failure pass where two must agree and each says so alone: the first one's terms wait for the other's word.

They wait in the audit trail, and let nothing pass by themselves. The other one agrees by asking for the very same.
"""

from __future__ import annotations

from dataclasses import replace

from integrity.errors import Rejected
from integrity.inventory.deciders import Decider, deciders, meant, said_to_decide
from integrity.inventory.dependency import Registered
from integrity.inventory.people import EMAIL
from integrity.inventory.reporting import Reporting
from integrity.pipeline.answering import refuse_repeated
from integrity.pipeline.office import Office
from integrity.pipeline.waiving import EVERY_SUPPLIER, Asked, Request, asked, waive_asked, waived_in_words
from integrity.register import life
from integrity.register.audit import Way
from integrity.register.proposals import Proposal, note_proposal, proposals
from integrity.register.telling import tell
from integrity.register.waivers import Extent
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction


def agree(settings: Settings, request: Request, *, by: str, way: Way) -> str:
    """Let a failure pass by the word of one person, or keep their word until those have agreed who must.

    Args:
        request: With nobody's name in it.
        by: Name or address of who asks.

    Returns:
        What came of it, as a sentence.

    Raises:
        Rejected: It is refused; the text says why.
    """
    with transaction(open_engine(settings)) as session:
        issue = life.held(session, request.issue)
        refuse_repeated(session, issue, way)
        case = asked(session, settings, request)
        person, others = _who(case, by)
        proposal = _proposal(case, request, person)
        agreed = [other for other in others if replace(proposal, by=str(other)) in proposals(session, issue)]
        if len(agreed) == len(others):
            whole = replace(request, by=[str(each) for each in (person, *agreed)], reason=proposal.reason)
            waiver = waive_asked(session, case, whole, way)
            return f"{waived_in_words(waiver)} It is released when its period is run next."
        waits = " and ".join(str(other) for other in others if other not in agreed)
        note_proposal(session, issue, proposal, waits_for=waits, **way.told)
        said = f"{person}: {proposal.extent} may pass until {proposal.expires_on}. "
        said += f"{proposal.reason} It waits for {waits}, who agrees by the same terms."
        registered = case.office.registered
        asked_too = [route for other in others if other not in agreed for route in _routes(registered, other)]
        tell(session, registered, issue, "proposed", beside=asked_too, said=said)
        return f"Your word is on record. Nothing passes before {waits} has agreed to the same terms."


def on_the_terms_of(settings: Settings, reference: str, person: str) -> Request:
    """What agreeing with somebody's proposal asks for.

    Raises:
        Rejected: They have proposed nothing, or not since the issue was opened again.
    """
    with transaction(open_engine(settings)) as session:
        issue = life.find(session, reference)
        found = next((p for p in proposals(session, issue) if p.by == person), None)
        if found is None:
            raise Rejected(f"{issue.reference} has no proposal of {person}, or not any more.")
        reporting = Office.open(issue.dependency, settings).registered.dependency.reporting
    return Request(
        issue=reference,
        by=(),
        reason=found.reason,
        expires_on=found.expires_on,
        rule=found.extent.rule,
        supplier=found.extent.supplier or EVERY_SUPPLIER,
        periods=spelt_periods(found.extent, reporting),
    )


def spelt_periods(extent: Extent, reporting: Reporting) -> str:
    """The periods as a request for a waiver spells them."""
    return f"{reporting.label(extent.first)}..{reporting.label(extent.last)}"


def _who(case: Asked, by: str) -> tuple[Decider, list[Decider]]:
    """Who asks, and who must agree beside them."""
    owner, sponsor = case.office.registered.dependency.owner, case.office.settings.sponsor
    needed = list(deciders(owner, sponsor, case.office.policy.waived_by).values())
    person = meant(by, owner, sponsor)
    if person not in needed:
        who = " and ".join(map(str, needed))
        raise Rejected(f"{said_to_decide(case.office.policy.waived_by)}: {who}.")
    return person, [each for each in needed if each != person]


def _proposal(case: Asked, request: Request, person: Decider) -> Proposal:
    # Not every form keeps the blanks of a text that it was opened with: the other one's terms must stay the same.
    reason = " ".join(request.reason.split())
    return Proposal(by=str(person), reason=reason, expires_on=request.expires_on, extent=case.extent)


def _routes(registered: Registered, person: Decider) -> list[str]:
    """Where a message reaches one of those who decide, alone."""
    owner = registered.dependency.owner
    if person.is_meant(owner.email):
        return [owner.route]
    return [f"{EMAIL}:{person.address}"] if person.address else []
