"""Commands about what is on record: issues, the fate of files and rows, what lies downstream, what is out of reach."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

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
        views = [view.to_json() for view in listed(session, dependency=dependency, status=status)]
    if as_json:
        print_json(views)
        return
    rows = [
        [
            v["reference"],
            v["status"],
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
        told = view.to_json() | {"description": view.issue.description, "raised_by": view.issue.raised_by}
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
        "resolution",
        "closed_on",
    ):
        out.print(f"  {name.replace('_', ' ')}: {told[name] or '-'}", markup=False)
    periods = [
        [o["period"], o["verdict"], o["failed"], o["evaluated"], "closed" if o["closed_at"] else "open"]
        for o in told["occurrences"]
    ]
    out.print(table(["Period", "Verdict", "Failed", "Of", "State"], periods))


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
        ]
        out.print(table([c.replace("_", " ").capitalize() for c in columns], [[e[c] for c in columns] for e in told]))


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
