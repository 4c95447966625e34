"""Commands about what is on record: what is released, the fate of files and rows, what lies downstream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

_CELLS_SHOWN = 400
"""Characters of a row that are shown; the file has them all."""


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


@app.command("set-aside")
def show_set_aside(
    dependency: str,
    period: Annotated[str, typer.Option(help="Reporting period, such as 2020-04-23.")],
    supplier: Annotated[str | None, typer.Option(help="Only this one's.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many are shown.")] = 20,
    output: Annotated[Path | None, typer.Option(help="A CSV file to write them all to, instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rows that were set aside, with their cells. That you have looked is on record in the audit trail."""
    from integrity.inventory.loading import load_inventory
    from integrity.pipeline.looking import as_csv, look_at_set_aside
    from integrity.reports.cells import visible_text
    from integrity.reports.console import table

    settings = Settings.from_environment()
    reporting = load_inventory(settings).get(dependency).dependency.reporting
    try:
        day = reporting.parse_period(period)
    except ValueError as error:
        raise Rejected(str(error)) from error
    engine()
    found = look_at_set_aside(
        settings,
        dependency,
        day,
        supplier=supplier,
        most=None if output else most,
        into=output.name if output else None,
    )
    if output:
        output.write_text(as_csv(found), encoding="utf-8")
    if as_json:
        print_json([each.to_json() for each in found])
    elif output:
        console().print(f"{len(found)} row(s) written to {output}.", markup=False)
    elif found:
        rows = [
            [each.supplier, each.table, each.row, ", ".join(each.rules)]
            + [visible_text("; ".join(f"{name}: {cell}" for name, cell in each.record.items()), _CELLS_SHOWN)]
            for each in found
        ]
        console().print(table(["Supplier", "Table", "Row", "Breaks", "Cells"], rows))
    else:
        console().print("No row was set aside.")


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
