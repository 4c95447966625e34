"""Commands about files: reading them, judging them before they are sent, drafting a layout for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integrity.cli.base import AsJson, app, console, print_json, tell_judged
from integrity.errors import Rejected

if TYPE_CHECKING:
    from integrity.submissions.reading import Reading

layout = typer.Typer(help="Layouts: how a supplier's files are written.", no_args_is_help=True)
app.add_typer(layout, name="layout")


@app.command()
def read(
    files: list[Path],
    output: Annotated[
        Path | None, typer.Option(help="File to write, or folder for files under their own names.")
    ] = None,
    dependency: Annotated[str | None, typer.Option(help="Read as this dependency's layouts say.")] = None,
    supplier: Annotated[str, typer.Option(help="With --dependency: only this supplier's layouts.")] = "",
    table: Annotated[str, typer.Option(help="With --dependency: which of its tables, if it has several.")] = "",
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
    read_one = _reading_as(dependency, supplier, table) if dependency else partial(read_submission, hints=hints)
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
        print_json({"files": told})
    else:
        print_read(console(), told)
    raise typer.Exit(0 if all(entry["readable"] for entry in told) else 2)


def _reading_as(name: str, supplier: str, table: str) -> Callable[[Path], Reading]:
    from integrity.pipeline.office import Office
    from integrity.submissions.fitting import read_fitting

    office = Office.open(name)
    asked = office.table(table)
    dependency = asked.dependency
    if supplier and dependency.supplier(supplier) is None:
        known = ", ".join(each.code for each in dependency.suppliers)
        raise Rejected(f"{name} has no supplier '{supplier}'. It has: {known}.")
    return lambda path: read_fitting(path, path.name, dependency, supplier, asked.schema.names)


@app.command()
def check(
    dependency: str,
    files: Annotated[list[Path] | None, typer.Argument()] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Open a page on this machine to drop a file on.")] = False,
    port: Annotated[int, typer.Option(help="With --serve; 0 takes a free one.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Judge files as the gate would, with no database and no Airflow. Exit 0 PASS or WARN, 1 FAIL, 2 ERROR."""
    from integrity.pipeline.checking import check as check_files
    from integrity.pipeline.office import Office
    from integrity.submissions.isolation import shared_reader

    if not serve and not files:
        raise Rejected("Name a file to check, or give --serve.")
    shared_reader().start()  # It starts while the rules are loaded.
    office = Office.open(dependency)
    if serve:
        from integrity.pipeline.serving import serve as serve_page

        serve_page(office, port, announce=_tell_address)
        raise typer.Exit(0)
    tell_judged(check_files(office, files or []).to_json(), as_json)


def _tell_address(address: str) -> None:
    sys.stdout.write(f"Open {address} and drop a file there. Ctrl-C ends it.\n")
    sys.stdout.flush()


@layout.command("draft")
def draft(
    file: Path,
    dependency: Annotated[str | None, typer.Option(help="Which; told by the folder where it lies in an inbox.")] = None,
    supplier: Annotated[str | None, typer.Option(help="Who sent it; told by its folder.")] = None,
    table: Annotated[str, typer.Option(help="For which of its tables, if it has several.")] = "",
    as_json: AsJson = False,
) -> None:
    """Propose a layout for a new supplier's files, with reasons, for a person to edit. Writes nothing."""
    from integrity.inventory.dependency import ReadingHints
    from integrity.pipeline.office import Office
    from integrity.submissions.drafting import draft_layout
    from integrity.submissions.isolation import read_submission

    if not file.is_file():
        raise Rejected(f"There is no file {file}.")
    where = file.resolve().parent
    office = Office.open(dependency or where.parent.name)
    asked = office.table(table)
    reading = read_submission(file, hints=ReadingHints(part=asked.dependency.layouts[0].reading.part))
    drafted = draft_layout(reading, asked.schema.columns.values(), supplier or where.name)
    if as_json:
        print_json(
            {
                "name": drafted.name,
                "supplier": drafted.supplier,
                "layout": drafted.text,
                "undecided": list(drafted.undecided),
                "lacking": list(drafted.lacking),
            }
        )
    else:
        sys.stdout.write(drafted.text)
