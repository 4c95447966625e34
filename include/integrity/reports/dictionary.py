"""The data dictionary of a dependency as a page: what each column holds, what is asked of it, who answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandera.polars as pa
import polars as pl

from integrity.gates.rules import TEXT_LENGTH
from integrity.gates.schema import Column, Schema
from integrity.inventory import manual
from integrity.reports.catalogue import Catalogue, Entry
from integrity.reports.feedback import PAGES

_TYPES = {pl.Int64(): "whole number", pl.Float64(): "number", pl.Datetime(): "date and time", pl.String(): "text"}
_LISTED = 40
"""At most so many allowed values are listed; the rest stand in the reference that the schema reads."""

_LEVELS = {
    "file": "About a file",
    "drift": "About a file's layout, against the supplier's last accepted file",
    "field": "About a cell",
    "row": "About a row",
    "submission": "About all rows together",
    "coverage": "About who and what is missing",
    "profile": "Against what earlier submissions looked like",
    "relation": "Against other days and other data",
    "dependency": "About the dependency itself",
}
_CONSEQUENCE = {
    "block": "The submission fails",
    "quarantine": "The row is set aside",
    "warn": "The row is released, and the owner is told",
    "note": "It is noted, and stops nothing",
}


def dictionary_page(catalogue: Catalogue, schema: Schema) -> str:
    """The page, complete in itself; the same inputs give the same text."""
    return PAGES.get_template("dictionary.html.jinja").render(content_of(catalogue, schema))


def content_of(catalogue: Catalogue, schema: Schema) -> dict[str, Any]:
    """What the page tells, as plain data."""
    registered, dependency = catalogue.registered, catalogue.registered.dependency
    asked = {
        column: [entry.rule.name for entry in catalogue.entries if entry.level == "field" and column in entry.columns]
        for column in schema.names
    }
    return {
        "title": dependency.title,
        "name": registered.name,
        "dependency": dependency,
        "scores": [
            {"question": name, "score": manual.scores()[dependency.assessment.scores[key]]}
            for key, name in manual.questions().items()
        ],
        "departures": [str(departed) for departed in registered.departures],
        "columns": [_column(column, asked[column.name]) for column in schema.columns.values()],
        "keys": [(table.name, table.title, table.key) for table in dependency.tables] or [("", "", dependency.key)],
        "levels": _levels(catalogue.entries),
    }


def _column(column: Column, rules: list[str]) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": _TYPES[column.dtype],
        "required": column.required,
        "allowed": "; ".join(_allowed_in(column)) or "any",
        "meaning": column.description,
        "rules": rules,
    }


def _allowed_in(column: Column) -> Iterator[str]:
    """What a column's rules allow, in words."""
    for rule, check in column.checks:
        yield f"{_allowed(check)} characters" if rule.name == TEXT_LENGTH.name else _allowed(check)
    if column.decimals is not None:
        yield f"at most {column.decimals} decimals"
    if column.missing_codes:
        yield "if missing: " + ", ".join(f"{code} ({meaning})" for code, meaning in column.missing_codes.items())


def _allowed(check: pa.Check) -> str:
    """What a built-in check allows, in words."""
    stated = check.statistics or {}
    if "allowed_values" in stated:
        values = sorted(str(value) for value in stated["allowed_values"])
        more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
        return ", ".join(values[:_LISTED]) + more
    least, most = stated.get("min_value"), stated.get("max_value")
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"{least} or more" if least is not None else f"{most} or less"


def _levels(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    listed = list(entries)
    told = [
        {"title": title, "rules": [_sentence(entry) for entry in listed if entry.level == level]}
        for level, title in _LEVELS.items()
    ]
    return [level for level in told if level["rules"]]


def _sentence(entry: Entry) -> dict[str, Any]:
    """A rule in words: what it asks, and what comes of failing it."""
    rule = entry.rule
    return {
        "name": rule.name,
        "message": rule.message,
        "mend": rule.mend,
        "consequence": _consequence(entry),
        "kind": rule.kind.replace("_", " "),
        "dimension": rule.dimension,
        "limitations": list(rule.limitations),
        "columns": list(entry.columns),
        "written_in": entry.written_in,
    }


def _consequence(entry: Entry) -> str:
    """What comes of failing it, as strictly as it holds here."""
    severity, warns, blocks = entry.rule.severity, entry.warns_at, entry.fails_at
    told = _CONSEQUENCE[severity]
    if not entry.is_of_rows:
        return f"{told.replace('The row', 'The submission')}."
    if severity == "warn" and not warns.startswith("any row"):
        told += f" of {warns}"
    if severity == "block" and not blocks.startswith("any row"):
        return f"{told} with {blocks}; up to that, the rows are set aside."
    if severity in ("quarantine", "warn") and blocks:
        told += (
            "; any such row fails the submission" if "any row" in blocks else f"; the submission fails with {blocks}"
        )
    return f"{told}."
