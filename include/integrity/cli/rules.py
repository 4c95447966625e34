"""Commands about rules: what a dependency is judged by, and what it would have said of what came before."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, WithDefault, app, console, engine, print_json
from integrity.errors import IntegrityError, Rejected
from integrity.settings import Settings

if TYPE_CHECKING:
    from integrity.pipeline.office import Office
    from integrity.pipeline.replaying import Replay
    from integrity.register.rejudging import RejudgedGate
    from integrity.reports.catalogue import Catalogue, Entry


class _ListsByDefault(WithDefault):
    default = "list"


rules = typer.Typer(
    cls=_ListsByDefault,
    help="Rules: what a dependency is judged by. 'integrity rules DEPENDENCY' lists them.",
    no_args_is_help=True,
)
app.add_typer(rules, name="rules")


@rules.command("list")
def list_rules(dependency: str, as_json: AsJson = False) -> None:
    """Every rule of a dependency, how strictly it holds, where it is written, how it last came out."""
    from integrity.pipeline.office import Office
    from integrity.reports.console import table

    catalogue = _catalogue(Office.open(dependency))
    if as_json:
        print_json(catalogue.to_json())
        return
    out = console()
    _print_head(out, catalogue)
    headings = ["Rule", "Of", "Kind", "Dimension", "Limitations", "Severity", "Warns at", "Fails at", "Written in"]
    out.print(table([*headings, "Last"], [_row(entry) for entry in catalogue.entries]))


def _print_head(out: Any, catalogue: Catalogue) -> None:
    declared = catalogue.registered.dependency
    out.print(f"{declared.title}, class {declared.importance}, {declared.owner.name}", style="bold", markup=False)
    for departed in catalogue.registered.departures:
        out.print(f"  departs from its class: {departed}", markup=False, soft_wrap=True)


def _row(entry: Entry) -> list[object]:
    last = entry.last
    came_out = f"{last.period} {last.verdict} {last.failed:,} of {last.evaluated:,}" if last else None
    return [
        entry.rule.name,
        entry.level,
        entry.rule.kind,
        entry.rule.dimension,
        ", ".join(entry.rule.limitations),
        entry.rule.severity,
        entry.warns_at or "-",
        entry.fails_at or "never",
        entry.written_in,
        came_out,
    ]


@rules.command("dictionary")
def dictionary(dependency: str, output: Annotated[Path, typer.Option(help="File to write.", dir_okay=False)]) -> None:
    """Write a page on what each column holds, what is asked of it and who answers for it."""
    from integrity.pipeline.office import Office
    from integrity.reports.catalogue import catalogue_of
    from integrity.reports.dictionary import dictionary_page

    office = Office.open(dependency)
    page = dictionary_page(catalogue_of(office.registered, office.schema, office.policy), office.schema)
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Rejected(f"{output} cannot be written: {error.strerror}.") from error


@rules.command("verdicts")
def verdicts(
    dependency: str,
    since: Annotated[str | None, typer.Option(help="First reporting period, such as 2020-04-23.")] = None,
    as_json: AsJson = False,
) -> None:
    """Apply the present thresholds to the counts on record, beside what was said then. Runs and changes nothing."""
    from integrity.pipeline.office import Office
    from integrity.register.rejudging import rejudge
    from integrity.reports.catalogue import catalogue_of
    from integrity.warehouse.connection import transaction

    office = Office.open(dependency)
    first = _first(office, since)
    catalogue = catalogue_of(office.registered, office.schema, office.policy)
    with transaction(engine()) as session:
        found = rejudge(session, office.name, catalogue.rule_of, office.policy, first)
    if as_json:
        print_json({"dependency": office.name, "gates": [gate.to_json() for gate in found]})
    else:
        _print_verdicts(found, office.registered.dependency.reporting.label)


def _print_verdicts(found: list[RejudgedGate], label: Any) -> None:
    from integrity.reports.console import table

    out = console()
    rows = [
        [label(gate.period), gate.gate, told.supplier, told.rule, told.column, told.failed, told.evaluated]
        + [str(told.then), str(told.now)]
        for gate in found
        for told in gate.outcomes
        if told.failed or told.then != told.now
    ]
    if rows:
        headings = ["Period", "Gate", "Supplier", "Rule", "Column", "Failed", "Of", "Then", "Now"]
        out.print(table(headings, rows))
    if not found:
        out.print("No verdict is on record.")
        return
    changed = sum(gate.then != gate.now for gate in found)
    another = f"{changed:,} of them" if changed else "none of them"
    out.print(f"{len(found):,} verdicts on record; {another} would be another now.", markup=False)


@rules.command("replay")
def replay(
    dependency: str,
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; again for more.")] = None,
    since: Annotated[str | None, typer.Option(help="First reporting period, such as 2020-04-23.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge archived files by the rules as now written, beside what was said then. Exit 2 if one could not be."""
    from integrity.pipeline.office import Office
    from integrity.pipeline.replaying import replay as replayed

    office = Office.open(dependency)
    engine()
    found = replayed(office, rules=rule or (), since=_first(office, since), tell=_tell_progress)
    if as_json:
        print_json(found.to_json())
    else:
        _print_replay(found, office.registered.dependency.reporting.label)
    raise typer.Exit(2 if found.not_replayed else 0)


def _tell_progress(done: int, of: int) -> None:
    if sys.stderr.isatty() or done == of or done % 100 == 0:
        sys.stderr.write(f"replayed {done:,} of {of:,} submissions\n")
        sys.stderr.flush()


def _print_replay(found: Replay, label: Any) -> None:
    from integrity.reports.console import table

    out, told = console(), found.to_json()["summary"]
    if not told["submissions"]:
        out.print("No submission is on record that could be replayed.")
        return
    changed_now = f"of {told['changed']:,} of them something" if told["changed"] else "of none of them anything"
    out.print(
        f"{told['submissions']:,} submissions replayed; {changed_now} else is said now. Rules that need "
        "other days or data sets are not asked again.",
        markup=False,
        soft_wrap=True,
    )
    out.print(table(["Then", "Now", "Submissions"], [[v["then"], v["now"], v["count"]] for v in told["verdicts"]]))
    columns = ["failed_then", "failed_now", "submissions_then", "submissions_now", "new", "cured"]
    rows = [[entry["rule"], *(entry[column] for column in columns)] for entry in told["rules"]]
    if rows:
        headings = ["Rule", "Rows then", "Rows now", "Submissions then", "Submissions now", "New", "Cured"]
        out.print(table(headings, rows, title="\nBy rule"))
    changed = [
        [label(r.period), r.supplier, r.revision, r.then.verdict if r.then else None, r.now.verdict]
        + [_keys_told(r.new), _keys_told(r.cured)]
        for r in found.submissions
        if r.now and r.has_changed
    ]
    if changed:
        headings = ["Period", "Supplier", "Revision", "Then", "Now", "New", "Cured"]
        out.print(table(headings, changed, title="\nOf which something else is said"))
    for r in found.not_replayed:
        out.print(
            f"not replayed: {label(r.period)}, {r.supplier}, revision {r.revision}: {r.because}",
            style="red",
            markup=False,
            soft_wrap=True,
        )


def _keys_told(keys: list[tuple[str, str | None]]) -> str | None:
    return ", ".join(f"{rule} ({column})" if column else rule for rule, column in keys) or None


@rules.command("suggest")
def suggest(
    dependency: str,
    supplier: Annotated[str | None, typer.Option(help="Only this supplier's submissions.")] = None,
    since: Annotated[str | None, typer.Option(help="First reporting period, such as 2020-04-23.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rules that what was released so far speaks for, each with its evidence and what it would have caught."""
    from dataclasses import asdict

    from integrity.gates.profiling.suggesting import LEAST_SUBMISSIONS
    from integrity.pipeline.office import Office
    from integrity.pipeline.suggesting import suggest_rules

    office = Office.open(dependency)
    engine()
    found = suggest_rules(office, _first(office, since), supplier)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    out = console()
    for each in found:
        out.print(f"{each.column}: {each.proposal}", style="bold", markup=False, soft_wrap=True)
        told = ", ".join(f"{count:,} {what}" for what, count in each.evidence.items())
        caught = f"it would have caught {each.caught_cells:,} cells in {each.caught:,} submissions"
        out.print(f"  {each.kind}; from {told}; {caught}.", markup=False, soft_wrap=True)
        for line in filter(None, (each.declaration, each.how)):
            out.print(f"  {line}", markup=False, soft_wrap=True)
    why = f" At least {LEAST_SUBMISSIONS} submissions must be released." if not found else ""
    out.print(f"{len(found):,} suggestions for {dependency}.{why}", markup=False)


def _first(office: Office, since: str | None) -> date | None:
    try:
        return office.registered.dependency.reporting.parse_period(since) if since else None
    except ValueError as error:
        raise Rejected(str(error)) from error


def _catalogue(office: Office) -> Catalogue:
    """With the last results, where there is a register to ask."""
    from integrity.register.results import last_results
    from integrity.reports.catalogue import catalogue_of
    from integrity.warehouse.connection import transaction

    results = None
    settings = Settings.from_environment()
    # An embedded server that has never run is not started for this: it would have nothing to tell.
    if settings.database_url or (settings.home / "postgres").is_dir():
        try:
            with transaction(engine()) as session:
                results = last_results(session, office.name)
        except IntegrityError as error:
            sys.stderr.write(f"integrity: without last results: {error}\n")
    return catalogue_of(office.registered, office.schema, office.policy, results)
