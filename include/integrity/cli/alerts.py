"""Commands about alerts: what waits, sending it now, and trying whether they arrive."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.settings import Settings

alerts = typer.Typer(help="Alerts: what waits to be delivered, and how it travels.", no_args_is_help=True)
app.add_typer(alerts, name="alerts")

_ANY_TIME = timedelta(days=366)


@alerts.command("waiting")
def list_waiting(as_json: AsJson = False) -> None:
    """List news that has not been delivered yet, with why and until when."""
    from integrity.alerts.delivery import waiting
    from integrity.reports.console import table

    found = waiting(engine())
    if as_json:
        print_json([each.to_json() for each in found])
    elif not found:
        console().print("Nothing waits: all news has been delivered.")
    else:
        rows = [[each.reference, each.kind, each.route, str(each.attempts), each.until, each.why] for each in found]
        console().print(table(["Issue", "News", "To", "Tried", "Not before (UTC)", "Why"], rows))


@alerts.command("send")
def send_waiting(as_json: AsJson = False) -> None:
    """Deliver now what waits: what was not taken, and what is held until a backfill or quiet hours end."""
    from integrity.alerts.channels import Channels
    from integrity.alerts.delivery import deliver, waiting

    settings = Settings.from_environment()
    delivered = deliver(engine(), Channels.from_environment(settings.home), ahead=_ANY_TIME)
    left = waiting(engine())
    if as_json:
        print_json({"delivered": delivered, "waiting": len(left)})
    else:
        more = f"; {len(left)} wait still: integrity alerts waiting" if left else ""
        console().print(f"Delivered {delivered}{more}.")
    if left:
        raise typer.Exit(1)


@alerts.command("listen")
def listen_to_slack(
    alive: Annotated[
        Path | None, typer.Option(help="A file that is touched every few seconds while Slack is connected.")
    ] = None,
) -> None:
    """Do what people click in Slack, until Ctrl-C or SIGTERM. Needs the app's token (docs/alerts.md, Buttons)."""
    import signal
    from threading import Event

    from integrity.alerts.channels import Channels
    from integrity.alerts.slack_client import SLACK_CONNECTION, tokens, web_client
    from integrity.alerts.socket_mode import Listener
    from integrity.connections import connections_from_environment
    from integrity.pipeline.slack_desk import Desk

    settings, stopped = Settings.from_environment(), Event()
    credentials = connections_from_environment()(SLACK_CONNECTION)
    tokens(credentials)
    engine()
    desk = Desk(settings, web_client(credentials), Channels.from_environment(settings.home))
    listener = Listener(credentials, desk)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    listener.run(stopped, console().print, alive.touch if alive else None)


@alerts.command("try")
def try_routes(
    dependency: Annotated[str, typer.Argument(help="Whose routes are tried.")],
    as_json: AsJson = False,
) -> None:
    """Send a trial to each place where news of a dependency goes. Exit 1 if one of them is not taken."""
    from integrity.alerts.channels import Channels
    from integrity.alerts.trying import try_out
    from integrity.inventory.loading import load_inventory

    settings = Settings.from_environment()
    registered = load_inventory(settings).get(dependency)
    told = try_out(registered, settings.sponsor, Channels.from_environment(settings.home), settings.sponsor_slack)
    if as_json:
        print_json([{"route": route, "taken": not why, "why": why or None} for route, why in told])
    else:
        for route, why in told:
            console().print(f"{route}: {why or 'taken'}", markup=False)
    if any(why for _, why in told):
        raise typer.Exit(1)
