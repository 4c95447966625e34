"""What a form in Slack asks for each move, and the register's own function that is called with what was entered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from integrity.alerts.buttons import ACKNOWLEDGE, ASSIGN, LABELS, NOTE, RESOLVE, possible
from integrity.alerts.modals import Field, Form
from integrity.errors import Rejected
from integrity.inventory.answerers import people
from integrity.inventory.deciders import meant, said_to_decide
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import Inventory
from integrity.pipeline import answering
from integrity.pipeline.agreeing import agree, spelt_periods
from integrity.pipeline.waiving import LONGEST_DAYS, REASON_CHARACTERS, USUAL_DAYS, Request, parse_day
from integrity.register.audit import Way
from integrity.register.life import CAUSES, open_occurrences
from integrity.register.proposals import proposals
from integrity.settings import Settings
from integrity.warehouse.models import Issue

_TO, _OTHER, _TEXT, _RESOLUTION, _CAUSE, _MORE = "to", "other", "text", "resolution", "cause", "more"
_REASON, _UNTIL, _PERIODS = "reason", "until", "periods"


def make(settings: Settings, form: Form, given: Mapping[str, str], *, by: str, way: Way) -> str:
    """Make a move as somebody who may, and say what became of the issue.

    Args:
        given: What was entered, by field.

    Raises:
        Rejected: It is refused; ``about`` names the field where it is about one.
    """
    reference = form.reference
    if form.what == ACKNOWLEDGE:
        done = answering.acknowledge(settings, reference, by=by, way=way)
    elif form.what == ASSIGN:
        done = answering.assign(settings, reference, to=given[_OTHER] or given[_TO], by=by, way=way)
    elif form.what == NOTE:
        done = answering.note(settings, reference, text=given[_TEXT], by=by, way=way)
        return f"Noted in {done.reference}."
    elif form.what == RESOLVE:
        more = f": {given[_MORE]}" if given[_MORE] else ""
        cause = f"{given[_CAUSE]}{more}" or None
        done = answering.resolve(settings, reference, resolution=given[_RESOLUTION], cause=cause, by=by, way=way)
    else:
        request = Request(
            issue=reference,
            by=(),
            reason=given[_REASON],
            expires_on=parse_day(given[_UNTIL]),
            periods=given[_PERIODS] or None,
        )
        return agree(settings, request, by=by, way=way)
    return f"{done.reference} is {done.status}, for {done.owner}."


def form_view(
    session: Session, form: Form, issue: Issue, inventory: Inventory, *, by: str, sponsor: str | None
) -> dict[str, Any]:
    """The form for a move, as Slack opens it.

    Args:
        by: Who asks for it.
        sponsor: The entity's, as ``Name <address>`` or either.

    Raises:
        Rejected: The issue's state does not allow the move, or who asks has no say in it.
    """
    if form.what not in possible({"status": issue.status, "verdict": "FAIL"}):
        raise Rejected(f"{issue.reference} is {issue.status}: that cannot be done with it any more.")
    title = f"{LABELS[form.what].rstrip('…')} {issue.reference}"
    if form.what == ASSIGN:
        return form.view(title, _assign(inventory))
    if form.what == NOTE:
        told = "It stands in the issue's story, and nowhere else. No cell of any file."
        return form.view(title, [Field(_TEXT, "text", "What is to be remembered", told)])
    if form.what == RESOLVE:
        return form.view(title, _resolve(), "A gate that still finds it opens it again.")
    registered = inventory.get(issue.dependency)
    meant(by, registered.dependency.owner, sponsor)
    return form.view(title, *_waive(session, issue, registered))


def _assign(inventory: Inventory) -> list[Field]:
    known = [(person.full_name, person.full_name) for person in people(inventory.dependencies.values())]
    return [
        Field(_TO, "choice", "Who is to act", is_optional=True, choices=known),
        Field(_OTHER, "line", "Somebody else", "A name, and an address if you like.", is_optional=True, most=200),
    ]


def _resolve() -> list[Field]:
    causes = [(word, f"{word}: {meaning}") for word, meaning in CAUSES.items()]
    return [
        Field(_RESOLUTION, "text", "What was done"),
        Field(_CAUSE, "choice", "Root cause", is_optional=True, choices=causes),
        Field(_MORE, "line", "More of the root cause", is_optional=True, most=500),
    ]


def _waive(session: Session, issue: Issue, registered: Registered) -> tuple[list[Field], str]:
    """Its fields, filled with the terms that another one has proposed, or with the usual ones."""
    reporting = registered.dependency.reporting
    today = reporting.today(datetime.now(UTC))
    shown = [reporting.label(each.period) for each in open_occurrences(session, issue) if each.period]
    if not shown:
        raise Rejected(f"{issue.reference} is not about any period, so it holds nothing back.")
    reason, until, periods, says = "", today + timedelta(days=USUAL_DAYS), f"{shown[0]}..{shown[-1]}", ""
    for proposed in proposals(session, issue)[-1:]:
        reason, until, periods = proposed.reason, proposed.expires_on, spelt_periods(proposed.extent, reporting)
        says = f"{proposed.by} has proposed these terms. Who agrees sends them as they are."
    fields = [
        Field(_REASON, "text", "Why it may pass", f"{REASON_CHARACTERS} characters or more.", initial=reason),
        Field(
            _UNTIL,
            "day",
            "Last day on which it may pass",
            f"At most {LONGEST_DAYS} days from now, {today + timedelta(days=LONGEST_DAYS)}.",
            initial=until.isoformat(),
        ),
        Field(_PERIODS, "line", "Periods", "FROM..TO, or one.", initial=periods, most=100),
    ]
    return fields, says or f"{said_to_decide(registered.policy.waived_by)}."
