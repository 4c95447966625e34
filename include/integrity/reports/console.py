"""What a person sees in a terminal: tables in colour there, plain text when piped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from integrity.reports.rows import ranges

_COLOURS = {
    "PASS": "green",
    "WARN": "yellow",
    "FAIL": "red",
    "ERROR": "bold red",
    "open": "red",
    "closed": "green",
    "released": "green",
    "rejected": "red",
}


def console() -> Console:
    """A console on standard output; wide when piped, so that no cell is cut."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=200)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table; words that are verdicts or states are coloured, numbers stand to the right."""
    built = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    listed = [list(row) for row in rows]
    for index, heading in enumerate(headings):
        numeric = bool(listed) and all(isinstance(row[index], int | float | None) for row in listed)
        built.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        built.add_row(*(_cell(value) for value in row))
    return built


def _cell(value: object) -> Text:
    if value is None:
        return Text("-", style="dim")
    words = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return Text(words, style=_COLOURS.get(words, ""))


def print_judged(out: Console, told: dict[str, Any]) -> None:
    """What ``check`` and ``ingest`` found, from the same document that ``--json`` prints."""
    for submission in told["submissions"]:
        out.print(
            Text.assemble(
                (submission["verdict"], _COLOURS[submission["verdict"]]),
                f"  {submission['file']}  period {submission['period'] or 'unknown'}, "
                f"{submission['rows'] or 0:,} rows, {submission['accepted'] or 0:,} accepted, "
                f"{submission['quarantined'] or 0:,} set aside",
            )
        )
        _print_findings(out, submission["findings"])
    if told["findings"]:
        out.print("The period as a whole:")
        _print_findings(out, told["findings"])
    reasons: dict[str, list[str]] = {}
    for entry in told.get("not_judged", []):
        reasons.setdefault(entry["rule"], []).append(entry["because"])
    for rule, because in reasons.items():
        more = f" (and {len(because) - 1} times more, of other tables or suppliers)" if len(because) > 1 else ""
        out.print(Text(f"not judged: {rule}, {because[0]}{more}", style="dim"))
    out.print(
        Text.assemble(f"{told['dependency']} {told['period'] or ''}: ", (told["verdict"], _COLOURS[told["verdict"]]))
    )


def _print_findings(out: Console, findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        column = f", column {finding['column']}" if finding["column"] else ""
        rows = f", rows {ranges(finding['rows'])}" if finding["rows"] else ""
        out.print(Text(f"  {finding['rule']} ({finding['severity']}{column}{rows}): {finding['message']}"))
        out.print(Text(f"    {finding['mend']}", style="dim"))
