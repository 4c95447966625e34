"""One catalogue of a dependency's rules: what each asks, how strictly, where it is written, how it last came out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from integrity.findings import Rule
from integrity.gates.coverage import coverage_rules
from integrity.gates.profiling.rules import PROFILING_RULES
from integrity.gates.rules import CONTROL_TOTALS, DRIFT_RULES, FILE_RULES, IDENTIFIED, PARTS_KNOWN
from integrity.gates.schema import Schema
from integrity.gates.standing import STANDING_RULES
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import modules_of
from integrity.inventory.policy import Bounds, Policy
from integrity.register.results import LastResult

Level = Literal["file", "drift", "field", "row", "submission", "coverage", "profile", "relation", "dependency"]
"""What a rule looks at: a file, its layout against the last one's, a cell, a row, all rows together, who and what came,
what came before, other data, no data."""

_EVERYWHERE = "every dependency"
_DECLARING = ("rule", "submission_rule")
_PARSING = Lock()
"""Where two threads build a syntax tree at once, Python may break off with a SystemError (its issue 106905)."""


@dataclass(frozen=True)
class Entry:
    """One rule of a dependency.

    Attributes:
        rule: As it stands here: with the severity and thresholds that hold.
        bounds: The limits that hold, with who states each.
        columns: It is asked of each of them (a field's rule), or reads them all (a row's).
        written_in: File and line, or that every dependency has it.
        last: Its last result; None where there is none on record.
    """

    rule: Rule
    level: Level
    bounds: Bounds
    columns: tuple[str, ...]
    written_in: str
    last: LastResult | None

    @property
    def is_of_rows(self) -> bool:
        """Whether it counts rows, so that limits of how many may fail mean anything; others hold or do not."""
        return self.level not in ("submission", "profile")

    @property
    def warns_at(self) -> str:
        """When it says anything, in words; '' where it fails the submission, or sets rows aside, before it would."""
        if self.rule.severity not in ("warn", "note"):
            return ""
        return self.bounds.warns if self.is_of_rows else "if it does not hold"

    @property
    def fails_at(self) -> str:
        """When it fails the submission, in words; '' where it never does."""
        if self.is_of_rows:
            return self.bounds.blocks
        return "if it does not hold" if self.rule.severity == "block" else ""

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.name,
            "level": self.level,
            "kind": self.rule.kind,
            "dimension": self.rule.dimension,
            "limitations": list(self.rule.limitations),
            "severity": self.rule.severity,
            "thresholds": self.bounds.to_json() if self.is_of_rows else None,
            "columns": list(self.columns),
            "message": self.rule.message,
            "mend": self.rule.mend,
            "written_in": self.written_in,
            "last": self.last.to_json() if self.last else None,
        }


@dataclass(frozen=True)
class Catalogue:
    """All rules of a dependency, in the order in which they are asked."""

    registered: Registered
    entries: tuple[Entry, ...]

    def rule_of(self, name: str, column: str | None = None) -> Rule | None:
        """The rule of that name; the one that is asked of this column, where a field has thresholds of its own."""
        named = [entry for entry in self.entries if entry.rule.name == name]
        asked = [entry.rule for entry in named if column in entry.columns]
        return next(iter([*asked, *(entry.rule for entry in named)]), None)

    def to_json(self) -> dict[str, Any]:
        dependency = self.registered.dependency
        return {
            "dependency": self.registered.name,
            "importance": dependency.importance,
            "owner": dependency.owner.full_name,
            "departures": [departed.to_json() for departed in self.registered.departures],
            "rules": [entry.to_json() for entry in self.entries],
        }


def catalogue_of(
    registered: Registered, schema: Schema, policy: Policy, results: Mapping[str, LastResult] | None = None
) -> Catalogue:
    """Every rule that a dependency is judged by.

    Args:
        policy: Of its class, its departures applied.
        results: The last result of each rule by name, where the register can be asked.
    """
    last = results or {}
    entries = tuple(
        Entry(rule, level, policy.bounds(rule), columns, written_in, last.get(rule.name))
        for rule, level, columns, written_in in _rules(registered, schema, policy)
    )
    return Catalogue(registered, entries)


def _rules(
    registered: Registered, schema: Schema, policy: Policy
) -> Iterator[tuple[Rule, Level, tuple[str, ...], str]]:
    places = _written_in(registered.folder)
    yield from ((rule, "file", (), _EVERYWHERE) for rule in (IDENTIFIED, *FILE_RULES))
    if registered.dependency.tables:
        yield PARTS_KNOWN, "file", (), _EVERYWHERE
    if registered.dependency.control_totals:
        yield CONTROL_TOTALS, "file", (), _EVERYWHERE
    yield from ((rule, "drift", (), _EVERYWHERE) for rule in DRIFT_RULES)
    for rule, columns in _field_rules(schema).items():
        lines = list(dict.fromkeys(places.get(("field", _within(registered, column)), "") for column in columns))
        yield rule, "field", columns, lines[0] if len(lines) == 1 else _files(lines)
    for row_rule in schema.row_rules:
        yield row_rule.rule, "row", row_rule.columns, places.get(("rule", row_rule.rule.name), schema.path.name)
    for of_all in schema.submission_rules:
        yield of_all.rule, "submission", of_all.columns, places.get(("rule", of_all.rule.name), schema.path.name)
    yield from ((rule, "coverage", columns, _EVERYWHERE) for rule, columns in coverage_rules(registered, policy))
    if policy.profiling.enabled:
        severity = policy.profiling.severity
        yield from ((replace(rule, severity=severity), "profile", (), _EVERYWHERE) for rule in PROFILING_RULES)
    for relation in registered.relations:
        columns = (relation.column,) if relation.column else ()
        yield relation.rule, "relation", columns, f"dbt_project/models/gates/{registered.name}.yml"
    yield from ((rule, "dependency", (), _EVERYWHERE) for rule in STANDING_RULES)


def _within(registered: Registered, column: str) -> str:
    """A column as its model's source has it: ``Encounters.patient`` of several tables, which may share names."""
    models = {table.name: table.model for table in registered.dependency.tables}
    table, _, own = column.partition(".")
    return f"{models[table]}.{own}" if table in models else column


def _field_rules(schema: Schema) -> dict[Rule, tuple[str, ...]]:
    """Each rule of the fields, with the columns of which it is asked in just this way."""
    found: dict[Rule, tuple[str, ...]] = {}
    for column in schema.columns.values():
        for rule in column.rules():
            found[rule] = tuple(dict.fromkeys([*found.get(rule, ()), column.name]))
    return found


def _files(lines: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(line.rsplit(":", 1)[0] for line in lines if line))


def _written_in(folder: Path) -> dict[tuple[str, str], str]:
    """File and line of each field, also as its class's, and each ``@rule``; a schema's own before those it inherits."""
    found: dict[tuple[str, str], str] = {}
    files = sorted(modules_of(folder), key=lambda path: path.name == "schema.py")
    for path in [*sorted(folder.parent.glob("_*.py")), *files]:
        shown = path.name if path.parent == folder.parent else f"{folder.name}/{path.name}"
        with _PARSING:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                own = {each.target.id: each.lineno for each in fields if isinstance(each.target, ast.Name)}
                found |= {("field", f"{node.name}.{name}"): f"{shown}:{line}" for name, line in own.items()}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found["field", node.target.id] = f"{shown}:{node.lineno}"
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DECLARING:
                if node.args and isinstance(node.args[0], ast.Constant):
                    found["rule", str(node.args[0].value)] = f"{shown}:{node.lineno}"
    return found
