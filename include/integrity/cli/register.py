"""Commands about what is on record: issues, the fate of files and rows, what lies downstream, what is out of reach."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from integrity.register.issues import IssueView
    from integrity.warehouse.models import Waiver

issues = typer.Typer(help="The issues register.", no_args_is_help=True)
app.add_typer(issues, name="issues")


@issues.command("list")
def list_issues(
    dependency: Annotated[str | None, typer.Option(help="Only this dependency's.")] = None,
    status: Annotated[str | None, typer.Option(help="open or closed; both by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issues, open ones first."""
    from integrity.register.issues import list_issues as listed
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        views = [_told(session, view) for view in listed(session, dependency=dependency, status=status)]
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
    """One issue: what is wrong, the periods that show it, who must answer by when."""
    from integrity.register.issues import show_issue as shown
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        view = shown(session, reference)
        told = _told(session, view) | {"description": view.issue.description, "raised_by": view.issue.raised_by}
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
        "resolution",
        "closed_on",
    ):
        out.print(f"  {name.replace('_', ' ')}: {told[name] or '-'}", markup=False)
    periods = [
        [o["period"], o["verdict"], o["failed"], o["evaluated"], "closed" if o["closed_at"] else "open"]
        for o in told["occurrences"]
    ]
    out.print(table(["Period", "Verdict", "Failed", "Of", "State"], periods))


def _told(session: Session, view: IssueView) -> dict[str, Any]:
    """An issue as ``--json`` tells it, and until when it is waived."""
    from integrity.register.waivers import waived_until, waivers_in_force

    issue, today = view.issue, datetime.now(UTC).date()
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
    from integrity.pipeline.waiving import Request, waive

    engine()
    request = Request(
        issue=reference,
        by=by,
        reason=reason,
        expires_on=_day(until),
        rule=rule,
        supplier=supplier,
        periods=periods,
    )
    waiver = waive(Settings.from_environment(), request)
    if as_json:
        print_json(_waiver_told(waiver))
        return
    out = console()
    out.print(f"{waiver.reference} lets {_extent_told(waiver)} pass until {waiver.expires_on}.", markup=False)
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
        [w.reference, f"IG-{w.issue_id:05d}", w.dependency, _extent_told(w), w.expires_on, _state(w)]
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


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise Rejected(f"'{given}' is no day. Write it as 2020-05-31.") from error


def _extent_told(waiver: Waiver) -> str:
    whose = f" of {waiver.supplier}" if waiver.supplier else ""
    return f"'{waiver.rule}'{whose} for {waiver.periods_from} to {waiver.periods_until}"


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


@app.command()
def releases(
    dependency: str,
    last: Annotated[int, typer.Option(min=1, help="At most so many, the latest periods first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What is published of a dependency: verdict, rows, and which reporting units and cells are lacking in it."""
    from integrity.inventory.loading import load_inventory
    from integrity.reports.console import table
    from integrity.reports.released import lacking_cells, lacking_units, releases_in_force
    from integrity.warehouse.connection import transaction

    reporting = load_inventory(Settings.from_environment()).get(dependency).dependency.reporting
    with transaction(engine()) as session:
        found = releases_in_force(session, dependency, last)
    if as_json:
        print_json(found)
        return
    if not found:
        console().print(f"Nothing of {dependency} is released.")
        return
    rows = [
        [reporting.label(each["period"]), each["supplier"], each["revision"], each["verdict"], each["rows"]]
        + [each["quarantined"], lacking_units(each), lacking_cells(each), ", ".join(each["waivers"]) or None]
        for each in found
    ]
    columns = ["Period", "Supplier", "Revision", "Verdict", "Rows", "Set aside", "Units missing", "Blank cells"]
    console().print(table([*columns, "Waivers"], rows))


@app.command()
def trace(
    subject: Annotated[str, typer.Argument(help="A submission's number, file name or hash; or a dependency or mart.")],
    key: Annotated[list[str] | None, typer.Argument(help="Values of the row's key, in order.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fate of a file, or origin of a published or mart row. Exit 1 if it is unknown."""
    from integrity.reports.console import table
    from integrity.reports.tracing import trace_submission
    from integrity.warehouse.connection import transaction

    settings = Settings.from_environment()
    out = console()
    try:
        with transaction(engine()) as session:
            if key:
                origins = _origins(session, settings, subject, key)
                told: list[dict[str, Any]] = [origin.to_json() for origin in origins]
            else:
                told = trace_submission(session, subject)
    except Rejected as refusal:
        sys.stderr.write(f"integrity: {refusal}\n")
        raise typer.Exit(1) from refusal
    if as_json:
        print_json(told)
    elif key:
        for entry in told:
            out.print(
                f"{entry['role']}: line {entry['row']} of {entry['file_name']}, from {entry['supplier']} "
                f"for {entry['period']}, submission {entry['submission']}, revision {entry['revision']}\n"
                f"  archived as {entry['archived_at']}",
                markup=False,
                soft_wrap=True,
            )
    else:
        columns = [
            "submission",
            "dependency",
            "supplier",
            "period",
            "revision",
            "file_name",
            "verdict",
            "rows",
            "accepted",
            "quarantined",
            "status",
            "waivers",
        ]
        rows = [[*(e[c] for c in columns[:-1]), ", ".join(e["waivers"] or []) or None] for e in told]
        out.print(table([c.replace("_", " ").capitalize() for c in columns], rows))


def _origins(session: Any, settings: Settings, subject: str, key: list[str]) -> list[Any]:
    from integrity.inventory.loading import load_inventory
    from integrity.reports.impact import marts
    from integrity.reports.tracing import trace_mart_row, trace_row

    if subject in marts(settings):
        return trace_mart_row(session, subject, key, str(settings.archive))
    return trace_row(session, load_inventory(settings).get(subject), key, str(settings.archive))


@app.command()
def impact(dependency: str, as_json: AsJson = False) -> None:
    """What lies downstream of a dependency, with owners."""
    from integrity.inventory.loading import load_inventory
    from integrity.reports.console import table
    from integrity.reports.impact import dependents

    settings = Settings.from_environment()
    inventory = load_inventory(settings)
    inventory.get(dependency)
    found = dependents(settings, inventory, dependency)
    if as_json:
        print_json([entry.to_json() for entry in found])
        return
    console().print(table(["Kind", "Name", "Owner", "Through"], [[d.kind, d.name, d.owner, d.through] for d in found]))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is misconfigured or out of reach, and the mend. Exit 1 if anything is."""
    from integrity.reports.doctor import examine

    found = examine()
    if as_json:
        print_json([entry.to_json() for entry in found])
    else:
        out = console()
        for entry in found:
            out.print(
                f"{'ok  ' if entry.ok else 'MEND'}  {entry.what}",
                style=None if entry.ok else "red",
                markup=False,
                soft_wrap=True,
            )
            if entry.mend:
                out.print(f"      {entry.mend}", markup=False, soft_wrap=True)
    raise typer.Exit(0 if all(entry.ok for entry in found) else 1)
