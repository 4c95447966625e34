"""Commands about the audit trail: whether it is whole, and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

audit = typer.Typer(help="The audit trail: who did what, when.", no_args_is_help=True)
app.add_typer(audit, name="audit")


@audit.command("verify")
def verify_trail(
    heads: Annotated[
        Path | None, typer.Option(help="File of published heads; by default the one that releases write.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that no event was changed, taken out, put in or cut off. Exit 1 if one was, and where."""
    from integrity.register.sealing import has_releases, published, verify

    file = heads or Settings.from_environment().audit_heads
    warehouse = engine()
    # Without what was published nobody can tell whether the last events were cut off.
    if not file.is_file() and (heads or has_releases(warehouse)):
        mend = "Name where it is: --heads FILE, or INTEGRITY_AUDIT_HEADS (docs/audit.md)."
        raise Rejected(f"There is no file {file} of published heads, so the end of the trail cannot be proved. {mend}")
    found = verify(warehouse, published(file) if file.is_file() else [])
    if as_json:
        print_json(
            {
                "is_whole": found.is_whole,
                "sealed": found.head.position if found.head else 0,
                "head": found.head.hash if found.head else None,
                "waiting": found.waiting,
                "heads": found.heads,
                "faults": [vars(fault) | {"told": str(fault)} for fault in found.faults],
            }
        )
    else:
        out = console()
        for fault in found.faults:
            out.print(f"BROKEN  {fault}", style="red", markup=False)
        sealed = found.head.position if found.head else 0
        state = "is whole" if found.is_whole else "is not what it was"
        out.print(
            f"The trail {state}: {sealed:,} events sealed, {found.waiting:,} since, held against {found.heads:,} "
            f"published heads{f'; head {found.head.hash}' if found.head else ''}.",
            markup=False,
            soft_wrap=True,
        )
    raise typer.Exit(0 if found.is_whole else 1)


@audit.command("show")
def show_trail(
    issue: Annotated[str | None, typer.Option(help="Of this issue.")] = None,
    submission: Annotated[str | None, typer.Option(help="Of a submission: its number, file name or hash.")] = None,
    row: Annotated[str | None, typer.Option(help="Of a published row of this dependency, with --key.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="With --row: values of its key, in order.")] = None,
    person: Annotated[str | None, typer.Option(help="By this person or user.")] = None,
    dependency: Annotated[str | None, typer.Option(help="Of this dependency.")] = None,
    last: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Tell what happened, in order. Exit 2 if there is nothing by that name."""
    from integrity.register.life import find
    from integrity.reports.console import table
    from integrity.reports.trail import events, said, to_json
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        submissions: list[int] = []
        if submission:
            from integrity.reports.tracing import trace_submission

            submissions = [fate["submission"] for fate in trace_submission(session, submission)]
        if row:
            submissions += _submissions_of_row(session, row, key or [])
        found = events(
            session,
            issue=find(session, issue).id if issue else None,
            submissions=submissions,
            dependency=dependency,
            person=person,
            most=last,
        )
        told = [to_json(event) for event in found]
        rows = [
            [each["at"][:19].replace("T", " "), each["by"], each["what"], each["dependency"], each["period"]]
            + [each["submission"], each["issue"], said(event)]
            for each, event in zip(told, found, strict=True)
        ]
    if as_json:
        print_json(told)
    elif rows:
        headings = ["When (UTC)", "Who", "What", "Dependency", "Period", "Submission", "Issue", "Said"]
        console().print(table(headings, rows))
    else:
        console().print("Nothing is on record of that.")


def _submissions_of_row(session: Any, dependency: str, key: list[str]) -> list[int]:
    from integrity.inventory.loading import load_inventory
    from integrity.reports.tracing import trace_row

    settings = Settings.from_environment()
    registered = load_inventory(settings).get(dependency)
    return [origin.submission for origin in trace_row(session, registered, key, str(settings.archive))]
