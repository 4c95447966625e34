"""Commands about periods and the warehouse: taking the steps of one, bringing the warehouse up, looking into it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, print_json, tell_judged
from integrity.errors import CouldNotCheck, IntegrityError, Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from integrity.pipeline.watching import Overdue


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
    tell_judged(ingest_period(office, day).to_json(), as_json)


@app.command()
def watch(
    dependency: Annotated[str | None, typer.Argument(help="One dependency; all by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find what is overdue, judge the periods that it concerns, and list what is missing or came late."""
    from integrity.inventory.loading import load_inventory

    settings = Settings.from_environment()
    names = [dependency] if dependency else list(load_inventory(settings).dependencies)
    found: list[Overdue] = []
    broken: list[str] = []
    for name in names:
        try:
            found += _watched(name, settings)
        except Exception as error:
            if dependency:
                raise
            # One that breaks must not keep the others from being watched. A library's own text may hold cells.
            why = str(error) if isinstance(error, IntegrityError) else f"it broke off ({type(error).__name__})"
            broken.append(f"{name}: {why}")
    if as_json:
        print_json([each.to_json() for each in found])
    elif found:
        _print_overdue(found)
    elif not broken:
        console().print("Nothing that is watched is missing, and nothing came late.")
    if broken:
        raise CouldNotCheck("Not watched: " + "; ".join(broken))


def _watched(name: str, settings: Settings) -> list[Overdue]:
    from integrity.alerts.channels import Channels
    from integrity.pipeline.ingesting import judge_again
    from integrity.pipeline.office import Office
    from integrity.pipeline.tending import tend
    from integrity.pipeline.watching import overdue, watch
    from integrity.warehouse.migrate import migrate

    office = Office.open(name)
    migrate(office.engine)
    moment = datetime.now(UTC)
    channels = Channels.from_environment(settings.home)
    judge_again(office, watch(office, moment), channels)
    for difference in tend(office, channels, moment):
        sys.stderr.write(f"integrity: register, log and findings do not agree: {difference}\n")
    return overdue(office, moment)


def _print_overdue(found: list[Overdue]) -> None:
    from integrity.reports.console import table

    headings = ["Dependency", "Period", "Supplier", "", "In time until (UTC)", "Came (UTC)"]
    rows = [
        [
            each.dependency,
            each.label,
            each.supplier,
            each.state,
            f"{each.missed_at:%Y-%m-%d %H:%M}",
            f"{each.received_at.astimezone(UTC):%Y-%m-%d %H:%M}" if each.received_at else "not yet",
        ]
        for each in found
    ]
    console().print(table(headings, rows))


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
    """Bring the warehouse to the state that this version needs, as its owner: migrations, each dependency's tables.

    Exit 1 if the tables of a dependency cannot be made.
    """
    from integrity.pipeline.preparing import prepare

    prepared = prepare(Settings.from_environment())
    for name, error in prepared.refused.items():
        console().print(f"Not ready for {name}: {error}", markup=False)
    console().print(f"The warehouse is ready for {', '.join(prepared.ready) or 'dependencies to come'}.", markup=False)
    if prepared.refused:
        raise typer.Exit(1)
