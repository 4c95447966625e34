"""Commands about the issues register: what is open, its story, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from integrity.inventory.reporting import Reporting
    from integrity.pipeline.answering import Answered
    from integrity.register.issue_views import IssueView
    from integrity.warehouse.models import AuditEvent, Waiver

issues = typer.Typer(help="The issues register.", no_args_is_help=True)
app.add_typer(issues, name="issues")


@issues.command("list")
def list_issues(
    dependency: Annotated[str | None, typer.Option(help="Only this dependency's.")] = None,
    status: Annotated[
        str | None, typer.Option(help="open, acknowledged, investigating, resolved or closed; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Issues, closed ones last."""
    from integrity.register.issue_views import list_issues as listed
    from integrity.register.life import STATUSES
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    if status is not None and status not in STATUSES:
        raise Rejected(f"'{status}' is no state of an issue. They are: {', '.join(STATUSES)}.")
    with transaction(engine()) as session:
        calendars = _calendars()
        found = listed(session, dependency=dependency, status=status)
        views = [_told(session, view, calendars.get(view.issue.dependency)) for view in found]
    if as_json:
        print_json(views)
        return
    rows = [
        [
            v["reference"],
            f"waived until {v['waived_until']}" if v["waived_until"] else v["status"],
            v["impact"],
            v["dependency"],
            v["rule"],
            v["supplier"],
            len(v["occurrences"]),
            v["owner"],
            v["due_on"],
        ]
        for v in views
    ]
    out = console()
    if not rows:
        out.print("No issues.")
        return
    out.print(table(["Issue", "Status", "Impact", "Dependency", "Rule", "Supplier", "Periods", "Owner", "Due"], rows))


@issues.command("show")
def show_issue(reference: str, as_json: AsJson = False) -> None:
    """One issue: what is wrong, the periods that show it, who must answer by when, and its story so far."""
    from integrity.register.issue_views import show_issue as shown
    from integrity.register.life import CLOSED, events_of, moves
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        view = shown(session, reference)
        reporting = _calendars().get(view.issue.dependency)
        told = _told(session, view, reporting) | {
            "description": view.issue.description,
            "raised_by": view.issue.raised_by,
        }
        told["story"] = [_event(event) for event in events_of(session, view.issue)]
        possible = moves(view.issue.status)
    if as_json:
        print_json(told)
        return
    out = console()
    out.print(f"{told['reference']}  {told['status']}, impact {told['impact']}", style="bold", markup=False)
    out.print(told["description"], markup=False)
    for name in (
        "dependency",
        "rule",
        "supplier",
        "dimension",
        "owner",
        "raised_on",
        "due_on",
        "waived_until",
        "root_cause",
        "resolution",
        "merged_into",
        "closed_on",
    ):
        out.print(f"  {name.replace('_', ' ')}: {told[name] or '-'}", markup=False)
    periods = [
        [
            reporting.label(each.period) if reporting and each.period else each.period,
            each.verdict,
            each.failed,
            each.evaluated,
            "closed" if each.closed_at else "open",
        ]
        for each in view.occurrences
    ]
    out.print(table(["Period", "Verdict", "Failed", "Of", "State"], periods))
    story = [[each["at"][:16].replace("T", " "), each["by"], each["what"], each["said"]] for each in told["story"]]
    out.print(table(["When", "Who", "What", "Said"], story))
    verbs = [_VERBS[move] for move in possible] + ([] if told["status"] == CLOSED else ["waive"])
    out.print(f"What can be done: integrity issues {'|'.join(verbs)} {told['reference']}", markup=False, soft_wrap=True)


_VERBS = {
    **{"acknowledged": "acknowledge", "investigated": "investigate", "assigned": "assign", "noted": "note"},
    **{"linked": "link", "resolved": "resolve", "closed": "close", "reopened": "reopen", "merged": "merge"},
}
"""The command of each move."""


def _event(event: AuditEvent) -> dict[str, Any]:
    """An event of an issue's story, in words."""
    from integrity.reports.trail import said, to_json

    told = to_json(event)
    period = f"for {event.period}" if event.period else ""
    return {
        "at": told["at"],
        "by": told["by"],
        "what": event.event.removeprefix("issue "),
        "said": "; ".join(filter(None, (period, said(event)))),
    }


def _calendars() -> dict[str, Reporting]:
    """By dependency, how its periods are counted; an issue may outlive its dependency, which then has none."""
    from integrity.inventory.loading import load_inventory

    known = load_inventory(Settings.from_environment()).dependencies
    return {name: registered.dependency.reporting for name, registered in known.items()}


def _told(session: Session, view: IssueView, reporting: Reporting | None) -> dict[str, Any]:
    """An issue as ``--json`` tells it, and until when it is waived."""
    from integrity.register.waivers import waived_until, waivers_in_force

    issue, now = view.issue, datetime.now(UTC)
    today = reporting.today(now) if reporting else now.date()
    until = waived_until(
        waivers_in_force(session, issue.dependency, today),
        rule=issue.rule,
        supplier=issue.supplier or None,
        occurrences=view.occurrences,
        on=today,
    )
    return view.to_json() | {"waived_until": until.isoformat() if until else None}


@issues.command("waive")
def waive_issue(
    reference: str,
    reason: Annotated[str, typer.Option(help="Why it may pass; it is kept, and told with the release.")],
    until: Annotated[str, typer.Option(help="Last day on which it may pass, such as 2020-05-31.")],
    by: Annotated[list[str], typer.Option(help="Who decides, by name or address; again for the sponsor.")],
    rule: Annotated[str | None, typer.Option(help="Another rule than the issue's.")] = None,
    supplier: Annotated[str | None, typer.Option(help="Another supplier than the issue's, or: all.")] = None,
    periods: Annotated[
        str | None, typer.Option(help="FROM..TO, or one; by default those that the issue shows.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a failure pass, in writing, until a day. Exit 2 if it is refused. The next run of its periods releases."""
    from integrity.pipeline.waiving import Request, parse_day, waive, waived_in_words

    engine()
    request = Request(
        issue=reference,
        by=by,
        reason=reason,
        expires_on=parse_day(until),
        rule=rule,
        supplier=supplier,
        periods=periods,
    )
    waiver = waive(Settings.from_environment(), request)
    if as_json:
        print_json(_waiver_told(waiver))
        return
    out = console()
    out.print(waived_in_words(waiver), markup=False)
    out.print(
        f"It is released when its period is run next: integrity ingest {waiver.dependency} --period "
        f"{waiver.periods_until}",
        markup=False,
        soft_wrap=True,
    )


@issues.command("waivers")
def list_waivers(
    dependency: Annotated[str | None, typer.Option(help="Only this dependency's.")] = None, as_json: AsJson = False
) -> None:
    """Every waiver there ever was, the latest first."""
    from integrity.register.waivers import Extent
    from integrity.register.waivers import list_waivers as listed
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        found = listed(session, dependency)
    if as_json:
        print_json([_waiver_told(waiver) for waiver in found])
        return
    if not found:
        console().print("No waivers.")
        return
    rows = [
        [w.reference, f"IG-{w.issue_id:05d}", w.dependency, str(Extent.of(w)), w.expires_on, _state(w)]
        + [", ".join(w.waived_by), w.reason]
        for w in found
    ]
    headings = ["Waiver", "Issue", "Dependency", "Lets pass", "Until", "State", "By", "Reason"]
    console().print(table(headings, rows))


@issues.command("revoke")
def revoke_waiver(
    reference: Annotated[str, typer.Argument(help="A waiver's, such as WV-00001.")],
    reason: Annotated[str, typer.Option(help="Why it may not pass any longer.")],
    by: Annotated[str, typer.Option(help="Who decides: the owner or the sponsor, by name or address.")],
    as_json: AsJson = False,
) -> None:
    """End a waiver before its day. What was released under it stays released. Exit 2 if it is refused."""
    from integrity.pipeline.waiving import revoke

    engine()
    waiver = revoke(Settings.from_environment(), reference, by=by, reason=reason)
    if as_json:
        print_json(_waiver_told(waiver))
    else:
        console().print(f"{waiver.reference} lets nothing pass any more.")


def _state(waiver: Waiver) -> str:
    if waiver.revoked_at:
        return "revoked"
    return "expired" if waiver.expires_on < datetime.now(UTC).date() else "in force"


def _waiver_told(waiver: Waiver) -> dict[str, Any]:
    return {
        "reference": waiver.reference,
        "issue": f"IG-{waiver.issue_id:05d}",
        "dependency": waiver.dependency,
        "rule": waiver.rule,
        "supplier": waiver.supplier,
        "periods_from": waiver.periods_from.isoformat(),
        "periods_until": waiver.periods_until.isoformat(),
        "expires_on": waiver.expires_on.isoformat(),
        "state": _state(waiver),
        "reason": waiver.reason,
        "waived_by": waiver.waived_by,
        "created_at": waiver.created_at.isoformat(),
        "revoked_at": waiver.revoked_at.isoformat() if waiver.revoked_at else None,
        "revoked_by": waiver.revoked_by,
        "revoked_because": waiver.revoked_because,
    }


@issues.command("measures")
def measure_issues(
    by: Annotated[str, typer.Option(help="dependency, supplier or dimension.")] = "dependency", as_json: AsJson = False
) -> None:
    """How quickly issues are answered and resolved, how many are overdue, and how many came back."""
    from typing import get_args

    from integrity.register import measures
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    if by not in get_args(measures.By):
        raise Rejected(f"Issues are measured by {', '.join(get_args(measures.By))}; not by '{by}'.")
    with transaction(engine()) as session:
        found = measures.measured(session, by, datetime.now(UTC).date())  # type: ignore[arg-type]
    told = [{by: name} | each.to_json() for name, each in found.items()]
    if as_json:
        print_json(told)
    elif told:
        columns = [name.replace("_", " ").capitalize() for name in told[0]]
        console().print(table(columns, [list(each.values()) for each in told]))
    else:
        console().print("No issues.")


By = Annotated[str | None, typer.Option(help="Who says so, where that is not the user whose terminal this is.")]


def _answer(settled: Callable[[Settings, str], Answered], by: str | None, *, as_json: bool) -> None:
    """Make a move as a person, and tell what became of the issue."""
    from integrity.register.audit import actor

    engine()
    answered = settled(Settings.from_environment(), by or actor())
    if as_json:
        print_json(vars(answered))
    else:
        console().print(f"{answered.reference} is {answered.status}, for {answered.owner}.", markup=False)


@issues.command("acknowledge")
def acknowledge_issue(reference: str, by: By = None, as_json: AsJson = False) -> None:
    """Say that you have seen it and will act. Exit 2 if it is refused, as everywhere here."""
    from integrity.pipeline.answering import acknowledge

    _answer(lambda settings, who: acknowledge(settings, reference, by=who), by, as_json=as_json)


@issues.command("investigate")
def investigate_issue(reference: str, by: By = None, as_json: AsJson = False) -> None:
    """Say that its cause is being looked for."""
    from integrity.pipeline.answering import investigate

    _answer(lambda settings, who: investigate(settings, reference, by=who), by, as_json=as_json)


@issues.command("assign")
def assign_issue(
    reference: str,
    to: Annotated[str, typer.Argument(help="Who is to act: a name, and an address if you like.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Have another person answer for it."""
    from integrity.pipeline.answering import assign

    _answer(lambda settings, who: assign(settings, reference, to=to, by=who), by, as_json=as_json)


@issues.command("note")
def note_issue(
    reference: str,
    text: Annotated[str, typer.Argument(help="What is to be remembered; no cell of any file.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Write something into its story."""
    from integrity.pipeline.answering import note

    _answer(lambda settings, who: note(settings, reference, text=text, by=who), by, as_json=as_json)


@issues.command("link")
def link_issue(
    reference: str,
    to: Annotated[str, typer.Argument(help="Another issue, or the address of a page such as a ticket.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Point at what belongs to it."""
    from integrity.pipeline.answering import link

    _answer(lambda settings, who: link(settings, reference, to=to, by=who), by, as_json=as_json)


Cause = Annotated[
    str | None,
    typer.Option(
        help="Its root cause: capture, export, late, definition, mapping, system, real or other; a text after a colon."
    ),
]


@issues.command("resolve")
def resolve_issue(
    reference: str,
    resolution: Annotated[str, typer.Option(help="What was done.")],
    cause: Cause = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say what was done about it. A gate that still finds it opens it again."""
    from integrity.pipeline.answering import resolve

    _answer(
        lambda settings, who: resolve(settings, reference, resolution=resolution, cause=cause, by=who),
        by,
        as_json=as_json,
    )


@issues.command("close")
def close_issue(
    reference: str,
    cause: Cause = None,
    resolution: Annotated[str | None, typer.Option(help="What was done, where that is not on record yet.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Close it for good, unless it comes back. High impact is closed with its root cause only."""
    from integrity.pipeline.answering import close

    _answer(
        lambda settings, who: close(settings, reference, cause=cause, resolution=resolution, by=who),
        by,
        as_json=as_json,
    )


@issues.command("reopen")
def reopen_issue(
    reference: str,
    reason: Annotated[str, typer.Option(help="Why it is taken up again.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Take it up again, under the same reference; its story stays."""
    from integrity.pipeline.answering import reopen

    _answer(lambda settings, who: reopen(settings, reference, reason=reason, by=who), by, as_json=as_json)


@issues.command("merge")
def merge_issue(
    reference: str,
    into: Annotated[str, typer.Option(help="The issue that is to tell of both.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Make it part of another issue of the same dependency."""
    from integrity.pipeline.answering import merge

    _answer(lambda settings, who: merge(settings, reference, into=into, by=who), by, as_json=as_json)
