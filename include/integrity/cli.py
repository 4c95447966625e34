"""The command line. Each command takes ``--json``, prints one document then, and ends with the exit code of DESIGN."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from integrity.errors import IntegrityError, Misconfigured, Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from integrity.submissions.reading import Reading

app = typer.Typer(
    help="Takes in what suppliers submit, judges it, releases only what holds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
issues = typer.Typer(help="The issues register.", no_args_is_help=True)
app.add_typer(issues, name="issues")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_EXIT = {"PASS": 0, "WARN": 0, "FAIL": 1, "ERROR": 2}


def main() -> None:
    """Entry point: our own errors are a sentence on standard error, never a traceback."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except IntegrityError as error:
        sys.stderr.write(f"integrity: {error}\n")
        sys.exit(2)


@app.command()
def read(
    files: list[Path],
    output: Annotated[
        Path | None, typer.Option(help="File to write, or folder for files under their own names.")
    ] = None,
    dependency: Annotated[str | None, typer.Option(help="Read as this dependency's layouts say.")] = None,
    supplier: Annotated[str, typer.Option(help="With --dependency: only this supplier's layouts.")] = "",
    encoding: Annotated[str | None, typer.Option(help="Encoding, instead of finding it out.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="What stands between cells.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Worksheet to take.")] = None,
    header_row: Annotated[int | None, typer.Option(help="Row of the headings; 0: there is none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write what the reader understood as plain UTF-8 CSV. Exit 2 if a file was unreadable."""
    from integrity.inventory.dependency import ReadingHints
    from integrity.reports.understood import print_read, refused, to_json, write_plain
    from integrity.submissions.isolation import read_submission, shared_reader

    if output and len(files) > 1 and not output.is_dir():
        raise Rejected(f"{output} is not a folder: several files need one to be written under their own names.")
    hints = ReadingHints(encoding=encoding, delimiter=delimiter, sheet=sheet, header_row=header_row)
    read_one = _reading_as(dependency, supplier) if dependency else partial(read_submission, hints=hints)
    told: list[dict[str, Any]] = []
    for path in files:
        try:
            reading = read_one(path)
        except Rejected as refusal:
            told.append(refused(path.name, str(refusal)))
            continue
        if output:
            write_plain(reading, output / path.name if output.is_dir() else output)
        told.append(to_json(path.name, reading))
        shared_reader().release(reading)
    if as_json:
        _print_json({"files": told})
    else:
        print_read(_console(), told)
    raise typer.Exit(0 if all(entry["readable"] for entry in told) else 2)


def _reading_as(name: str, supplier: str) -> Callable[[Path], Reading]:
    from integrity.pipeline.office import Office
    from integrity.submissions.fitting import read_fitting

    office = Office.open(name)
    dependency = office.registered.dependency
    if supplier and dependency.supplier(supplier) is None:
        known = ", ".join(each.code for each in dependency.suppliers)
        raise Rejected(f"{name} has no supplier '{supplier}'. It has: {known}.")
    return lambda path: read_fitting(path, path.name, dependency, supplier, office.schema.names)


@app.command()
def check(dependency: str, files: list[Path], as_json: AsJson = False) -> None:
    """Judge files as the gate would, with no database and no Airflow. Exit 0 PASS or WARN, 1 FAIL, 2 ERROR."""
    from integrity.pipeline.checking import check as check_files
    from integrity.pipeline.office import Office

    told = check_files(Office.open(dependency), files).to_json()
    _tell_judged(told, as_json)


@app.command()
def ingest(
    dependency: str,
    period: Annotated[str, typer.Option(help="Reporting period, such as 2020-04-23.")],
    as_json: AsJson = False,
) -> None:
    """Take the Dag's steps for one period, in this process. Exit 0 PASS or WARN, 1 FAIL, 2 ERROR."""
    from integrity.pipeline.ingesting import ingest as ingest_period
    from integrity.pipeline.office import Office
    from integrity.warehouse.migrate import migrate

    office = Office.open(dependency)
    day = _period(office, period)
    migrate(office.engine)
    _tell_judged(ingest_period(office, day).to_json(), as_json)


def _period(office: Any, given: str) -> date:
    try:
        period: date = office.registered.dependency.reporting.parse_period(given)
    except ValueError as error:
        raise Rejected(str(error)) from error
    if not office.registered.dependency.reporting.is_period(period):
        reporting = office.registered.dependency.reporting
        until = f" until {reporting.reports_until}" if reporting.reports_until else ""
        raise Rejected(f"{office.name} reports from {reporting.reports_from}{until}; {given} is none of its periods.")
    return period


def _tell_judged(told: dict[str, Any], as_json: bool) -> NoReturn:
    if as_json:
        _print_json(told)
    else:
        from integrity.reports.console import print_judged

        print_judged(_console(), told)
    raise typer.Exit(_EXIT[told["verdict"]])


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

    with transaction(_engine()) as session:
        views = [view.to_json() for view in listed(session, dependency=dependency, status=status)]
    if as_json:
        _print_json(views)
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
    out = _console()
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

    with transaction(_engine()) as session:
        view = shown(session, reference)
        told = view.to_json() | {"description": view.issue.description, "raised_by": view.issue.raised_by}
    if as_json:
        _print_json(told)
        return
    out = _console()
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
    out = _console()
    try:
        with transaction(_engine()) as session:
            if key:
                origins = _origins(session, settings, subject, key)
                told: list[dict[str, Any]] = [origin.to_json() for origin in origins]
            else:
                told = trace_submission(session, subject)
    except Rejected as refusal:
        sys.stderr.write(f"integrity: {refusal}\n")
        raise typer.Exit(1) from refusal
    if as_json:
        _print_json(told)
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
        _print_json([entry.to_json() for entry in found])
        return
    _console().print(table(["Kind", "Name", "Owner", "Through"], [[d.kind, d.name, d.owner, d.through] for d in found]))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is misconfigured or out of reach, and the mend. Exit 1 if anything is."""
    from integrity.reports.doctor import examine

    found = examine()
    if as_json:
        _print_json([entry.to_json() for entry in found])
    else:
        out = _console()
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


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open the warehouse in psql, the embedded server's own if need be; arguments are passed on."""
    import shutil
    import subprocess

    from integrity.warehouse import embedded

    settings = Settings.from_environment()
    if settings.database_url:
        client, url = shutil.which("psql"), settings.database_url
        if client is None:
            raise Rejected("There is no psql on this machine; use any PostgreSQL client with INTEGRITY_DATABASE_URL.")
    else:
        server = embedded.start(settings.home)
        client, url = str(embedded.psql(server)), embedded.url(server, embedded.WAREHOUSE)
    quiet = {"PAGER": "cat", **os.environ}
    done = subprocess.run([client, url, *context.args], check=False, env=quiet)  # noqa: S603 - the user's own words
    raise typer.Exit(done.returncode)


@app.command()
def migrate() -> None:
    """Bring the warehouse to the state that this version needs."""
    from integrity.warehouse.migrate import migrate as apply

    apply(_open_engine())


def _open_engine() -> Any:
    from integrity.warehouse.connection import open_engine

    return open_engine(Settings.from_environment())


def _engine() -> Any:
    """The warehouse, for commands that read its register."""
    from sqlalchemy import text

    engine = _open_engine()
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('register.audit')")).scalar() is None:
            raise Misconfigured("The warehouse has no register yet. Run: integrity migrate (or make run).")
    return engine


def _console() -> Console:
    from integrity.reports.console import console

    return console()


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
