"""Commands that measure how much the gates catch, and show what was measured and what else is known of the controls."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, WithDefault, app, console, engine, print_json
from integrity.errors import Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from integrity.assessment.results import Assessment
    from integrity.pipeline.office import Office
    from integrity.warehouse.models import AssessmentRow

_EXIT = {"PASS": 0, "FAIL": 1, "ERROR": 2}


class _MakesByDefault(WithDefault):
    default = "run"


assessments = typer.Typer(
    cls=_MakesByDefault,
    help="How much the gates catch. 'integrity assess DEPENDENCY' plants errors and counts; 'list' shows what is kept.",
    no_args_is_help=True,
)
app.add_typer(assessments, name="assess")


@assessments.command("run")
def assess(
    dependency: str,
    seed: Annotated[int, typer.Option(help="The same seed plants the same errors in the same files.")] = 0,
    per: Annotated[int, typer.Option(min=1, help="Submissions in which each error is planted.")] = 5,
    controls: Annotated[int, typer.Option(min=0, help="Further submissions, tried for false alarms only.")] = 10,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at work at once.")] = 2,
    since: Annotated[str | None, typer.Option(help="Only submissions for this period and later.")] = None,
    folders: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="[DEPENDENCY=]DIR",
            help="Folder of files instead of the archive; again for each dependency that the rules lean on.",
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only errors of this kind; again for more.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Put the result on record, as evidence.")] = False,
    as_json: AsJson = False,
) -> None:
    """Plant errors in real submissions and count what the gates catch. Exit 0 targets hold, 1 not, 2 ERROR."""
    from integrity.assessment.assessing import Wanted
    from integrity.assessment.assessing import assess as assess_dependency
    from integrity.assessment.catalogue import CORRUPTIONS
    from integrity.pipeline.office import Office

    office = Office.open(dependency)
    reporting = office.registered.dependency.reporting
    try:
        first = reporting.parse_period(since) if since else None
    except ValueError as error:
        raise Rejected(str(error)) from error
    known = [corruption.name for corruption in CORRUPTIONS]
    unknown = [name for name in only or [] if name not in known]
    if unknown:
        raise Rejected(f"There is no kind of error '{unknown[0]}'. There are: {', '.join(known)}.")
    given = dict(_folder(dependency, text) for text in folders) if folders else None
    wanted = Wanted(
        seed=seed,
        per=per,
        controls=controls,
        jobs=jobs,
        since=first,
        folders=given,
        corruptions=tuple(only or known),
    )
    if keep:
        if only:
            raise Rejected("Only an assessment with every kind of error is kept: leave out --only.")
        engine()
    found = assess_dependency(office, wanted, _tell)
    told = found.to_json()
    if keep:
        told |= {"reference": _keep(office, found)}
    if as_json:
        print_json(told)
    else:
        print_assessment(console().print, told)
    raise typer.Exit(_EXIT[told["verdict"]])


def _keep(office: Office, found: Assessment) -> str:
    from integrity.alerts.channels import Channels
    from integrity.assessment.keeping import keep

    run = f"cli-{uuid.uuid4().hex[:12]}"
    reference = keep(office, found, run, Channels.from_environment(office.settings.home)).reference
    _tell(f"Kept as {reference}.")
    return reference


@assessments.command("list")
def list_assessments(
    dependency: Annotated[str | None, typer.Argument(help="Only this dependency's.")] = None, as_json: AsJson = False
) -> None:
    """Assessments on record, the latest first."""
    from integrity.register.assessments import list_assessments as listed
    from integrity.reports.console import table
    from integrity.warehouse.connection import transaction

    with transaction(engine()) as session:
        found = listed(session, dependency)
    if as_json:
        print_json([_kept_told(row) for row in found])
        return
    if not found:
        console().print("No assessments on record.")
        return
    columns = ["Assessment", "Dependency", "When", "Verdict", "Planted", "Caught", "Missed", "Controls"]
    rows = [
        [row.reference, row.dependency, f"{row.assessed_at:%Y-%m-%d}", row.verdict, row.planted, row.caught]
        + [row.missed, row.controls, row.false_alarms, row.origin, " ".join(row.shortfalls) or None]
        for row in found
    ]
    console().print(table([*columns, "False alarms", "From", "Wanting"], rows))


def _kept_told(row: AssessmentRow) -> dict[str, Any]:
    names = ("reference", "dependency", "importance", "verdict", "seed", "per", "fingerprint", "origin", "planted")
    more = ("caught", "missed", "controls", "false_alarms", "shortfalls", "report", "run", "assessed_by")
    return {name: getattr(row, name) for name in (*names, *more)} | {"assessed_at": row.assessed_at.isoformat()}


@app.command()
def controls(
    dependency: Annotated[str | None, typer.Argument(help="Only this dependency's.")] = None, as_json: AsJson = False
) -> None:
    """The manual's sixteen controls of each dependency: whether its class calls for it, and the evidence known here."""
    from integrity.inventory.loading import load_inventory
    from integrity.register.evidence import recorded_evidence
    from integrity.reports.console import table
    from integrity.reports.controls import controls_of
    from integrity.warehouse.connection import transaction

    inventory = load_inventory(Settings.from_environment())
    names = [dependency] if dependency else list(inventory.dependencies)
    with transaction(engine()) as session:
        found = [(name, controls_of(inventory.get(name), recorded_evidence(session, name))) for name in names]
    if as_json:
        print_json(
            [
                {
                    "dependency": name,
                    "controls": [control.to_json() for control in listed],
                    "departures": [str(departed) for departed in inventory.get(name).departures],
                }
                for name, listed in found
            ]
        )
        return
    for name, listed in found:
        rows = [[c.id, c.name, "yes" if c.is_needed else "-", c.state, " ".join(c.evidence) or None] for c in listed]
        importance = inventory.get(name).dependency.importance
        console().print(
            table(["", "Control", "Needed", "State", "Evidence"], rows, title=f"\n{name}, class {importance}")
        )
        for departed in inventory.get(name).departures:
            console().print(f"Departs from its class: {departed}", markup=False, soft_wrap=True)


def _folder(dependency: str, text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    return (name, Path(folder)) if equals else (dependency, Path(text))


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def print_assessment(out: Callable[..., None], told: dict[str, Any]) -> None:
    """The assessment for people: what was caught, what was missed, what nobody can see, and what was a false alarm."""
    from integrity.reports.console import table

    count = len(told["submissions"])
    out(f"{told['dependency']}: errors planted in {count} submissions from {told['origin']}, seed {told['seed']}\n")
    columns = ["Dimension", "Planted", "Caught", "Blocked", "Share", "Target"]
    rows = [
        [d["dimension"], d["planted"], d["caught"], d["blocked"], _percent(d["share"]), _held(d["holds"])]
        for d in told["dimensions"]
    ]
    out(table(columns, rows, title="Errors of the kinds that a gate can see, by dimension"))
    columns = ["Error", "Planted", "Caught", "Blocked", "Share", "First gate", "First rule"]
    rows = [
        [c["corruption"], c["planted"], c["caught"], c["blocked"], _percent(c["share"]), _counted(c["gates"])]
        + [_counted(c["rules"])]
        for c in told["corruptions"]
        if c["planted"]
    ]
    out(table(columns, rows, title="\nBy kind of error"))
    columns = ["Limitation", "Planted", "Caught", "Share", "What it is"]
    rows = [
        [entry["limitation"], entry["planted"], entry["caught"], _percent(entry["share"]), entry["is"]]
        for entry in told["limitations"]
    ]
    out(table(columns, rows, title="\nBy limitation of the manual"))
    _print_lists(lambda line: out(line, markup=False, soft_wrap=True), told)


def _print_lists(line: Callable[[str], None], told: dict[str, Any]) -> None:
    for title, entries in (
        ("Missed, although a gate could see it:", told["missed"]),
        ("Missed, and no gate that is at work could see it:", told["unseen"]),
    ):
        line(f"\n{title}" if entries else f"\n{title} nothing.")
        for entry in entries:
            where = f" In: {', '.join(entry['columns'])}." if entry["columns"] else ""
            watchers = f" Could be seen by: {', '.join(entry['seen_by'])}."
            line(f"  {entry['corruption']}, {entry['times']} times: {entry['says']}{where}{watchers}")
    _print_not_yet_visible(line, told["not_yet_visible"])
    not_applicable = [c for c in told["corruptions"] if c["not_applicable"]]
    line("\nNot applicable:" if not_applicable else "\nNot applicable: nothing.")
    for entry in not_applicable:
        sometimes = "in some files: " if entry["planted"] else ""
        line(f"  {entry['corruption']}: {sometimes}{' '.join(entry['not_applicable'])}")
    for entry in told["left_out"]:
        line(f"  left out: {entry['file']}: {entry['because']}")
    alarms = told["false_alarms"]
    line(
        f"\nFalse alarms: {alarms['alarms']} of {alarms['controls']} files in which nothing is wrong"
        f" ({_percent(alarms['share'])}), made of {alarms['submissions']} submissions;"
        f" {alarms['untouched_judged']} of them are as the register knows them."
    )
    for entry in alarms["by"]:
        line(f"  {entry['change']}, {entry['file']}: {', '.join(entry['rules'])}")
    if told["on_untouched"] and not alarms["untouched_judged"]:
        line("Said of the untouched files, which no register vouches for: right or wrong is for a person to say.")
        for entry in told["on_untouched"]:
            line(f"  {entry['rule']}: {entry['files']} files")
    for entry in told["errors"]:
        line(f"ERROR: {entry['corruption']}, {entry['file']}: {entry['because']}")
    line(f"\n{told['dependency']}: {told['verdict']}")


def _print_not_yet_visible(line: Callable[[str], None], told: dict[str, Any]) -> None:
    """What only a longer history of the suppliers' could tell; it counts towards no target."""
    if not told["planted"]:
        line("\nNot yet visible: nothing.")
        return
    line(f"\nNot yet visible, since the supplier's history is too short: {told['planted']}, {told['caught']} caught.")
    for entry in told["kinds"]:
        there_are = f"{entry['history'][0]} to {entry['history'][-1]}"
        line(
            f"  {entry['corruption']}, {entry['planted']} times, {entry['caught']} caught: {entry['rule']} takes"
            f" {entry['history_needed']} earlier submissions; there are {there_are}."
        )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _held(holds: bool | None) -> str:
    return {None: "not measured", True: "holds", False: "MISSED"}[holds]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
