"""Loading a dependency's pandera model and reading its data dictionary and rules from it."""

from __future__ import annotations

import importlib
import sys
import threading
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl

from integrity.errors import Misconfigured, place_within
from integrity.findings import Rule
from integrity.gates.rules import (
    CHECK_RULES,
    DECIMALS,
    FIELD_RULES,
    FIXED_RULES,
    MISSING_CODED,
    MOMENT,
    NUMBER,
    REQUIRED,
    WHOLE_NUMBER,
)
from integrity.inventory.dependency import Dependency, Registered, relation_of
from integrity.inventory.loading import rule_mistakes
from integrity.inventory.policy import Policy
from integrity.thresholds import Thresholds

_TYPE_RULES: dict[pl.DataType, Rule] = {pl.Int64(): WHOLE_NUMBER, pl.Float64(): NUMBER, pl.Datetime(): MOMENT}

_MOST_DECIMALS = 9
"""Numbers that differ by less are not told apart by their decimals."""


@dataclass(frozen=True)
class Column:
    """One entry of the data dictionary.

    Attributes:
        type_rule: The rule that a cell which cannot be cast fails; None for text.
        checks: Rule and pandera check of each built-in check on the field.
        required_rule: The rule that a blank cell fails, where the column is required.
        missing_codes: What suppliers write where a value is missing, with what each means. Such a cell is no blank, and
            has no value. As ``metadata={"missing_codes": {"UNK": "not known"}}`` of the field.
        coded_rule: The rule that counts them.
        decimals: The most that a number may have; None where it does not matter. As ``metadata={"decimals": 2}``.
        decimals_rule: The rule that a number with more fails.
    """

    name: str
    dtype: pl.DataType
    required: bool
    description: str
    type_rule: Rule | None
    checks: tuple[tuple[Rule, pa.Check], ...]
    required_rule: Rule = REQUIRED
    missing_codes: Mapping[str, str] = field(default_factory=dict)
    coded_rule: Rule = MISSING_CODED
    decimals: int | None = None
    decimals_rule: Rule = DECIMALS

    def rules(self) -> list[Rule]:
        """What is asked of each of its cells."""
        asked = [self.type_rule] if self.type_rule else []
        asked += [self.required_rule] if self.required else []
        asked += [self.coded_rule] if self.missing_codes else []
        asked += [self.decimals_rule] if self.decimals is not None else []
        return [*asked, *(rule for rule, _ in self.checks)]


@dataclass(frozen=True)
class RowRule:
    rule: Rule
    columns: tuple[str, ...]
    check: pa.Check
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A dependency's schema: its columns in order, the rules over whole rows, and those over all rows together."""

    columns: dict[str, Column]
    row_rules: tuple[RowRule, ...]
    path: Path
    submission_rules: tuple[RowRule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def rules(self) -> list[Rule]:
        """Every rule that this schema can report beside those about the file itself, each once."""
        found: dict[str, Rule] = {}
        for column in self.columns.values():
            found.update({rule.name: rule for rule in column.rules()})
        found.update({each.rule.name: each.rule for each in (*self.row_rules, *self.submission_rules)})
        return list(found.values())


@dataclass(frozen=True)
class Table:
    """One table of a dependency's submissions, with its rules; of most dependencies the only one.

    Attributes:
        name: '' where it is the only one.
        title: What its rows are, for people.
        dependency: The dependency as if this table were all that is submitted.
        schema: Its columns and rules, by their own names.
    """

    name: str
    title: str
    dependency: Dependency
    schema: Schema

    @property
    def relation(self) -> str:
        """Its name in ``landing``, ``published`` and in candidates."""
        return relation_of(self.dependency.name, self.name)


def load_tables(registered: Registered) -> tuple[Table, ...]:
    """Import ``schema.py`` of a dependency and read its rules, table by table.

    Raises:
        Misconfigured: It does not load, or it states something that the product cannot judge;
            the text names file, line and mend.
    """
    path = registered.folder / "schema.py"
    shown = f"{registered.name}/schema.py"
    dependency = registered.dependency
    parts = [(t.name, t.title, t.model, dependency.of_table(t)) for t in dependency.tables]
    parts = parts or [("", dependency.title, "Schema", dependency)]
    try:
        module = _import(path)
        built = [getattr(module, model).to_schema() for _, _, model, _ in parts]
    except Exception as error:  # noqa: BLE001 - whatever a schema's author wrote, the message must say where
        place = place_within(path.parent.parent, error) or f"{shown}:1"
        raise Misconfigured(f"{place}: the schema does not load: {error!r:.300}. Mend the line.") from error
    tables = tuple(
        Table(name, title, part, _schema(shown, part, each, path, registered.policy))
        for (name, title, _, part), each in zip(parts, built, strict=True)
    )
    if mistakes := _mistaken_names(registered, schema_of(tables)):
        raise _mistaken(shown, mistakes)
    return tables


def load_schema(registered: Registered) -> Schema:
    """All columns and rules of a dependency, as ``schema_of`` its tables gives them.

    Raises:
        Misconfigured: As ``load_tables``.
    """
    return schema_of(load_tables(registered))


def schema_of(tables: Sequence[Table]) -> Schema:
    """All columns and rules of a dependency, each column named as findings name it: what is told of it to people."""
    if len(tables) == 1 and not tables[0].name:
        return tables[0].schema
    columns = {f"{table.name}.{name}": column for table in tables for name, column in table.schema.columns.items()}
    return Schema(
        columns={name: replace(column, name=name) for name, column in columns.items()},
        row_rules=tuple(_of_table(t.name, rule) for t in tables for rule in t.schema.row_rules),
        path=tables[0].schema.path,
        submission_rules=tuple(_of_table(t.name, rule) for t in tables for rule in t.schema.submission_rules),
    )


def _of_table(table: str, rule: RowRule) -> RowRule:
    return replace(
        rule,
        columns=tuple(f"{table}.{column}" for column in rule.columns),
        among=tuple(f"{table}.{column}" for column in rule.among),
    )


def _schema(shown: str, dependency: Dependency, built: Any, path: Path, policy: Policy) -> Schema:
    """The rules of one table's model."""
    columns = {name: _column(shown, name, column, policy) for name, column in built.columns.items()}
    stated = [(_row_rule(shown, check, columns, policy), check.statistics or {}) for check in built.checks]
    if not columns and not stated:
        raise Misconfigured(f"{shown}:1: the schema states no rules, and no rules is no gate. State at least one.")
    schema = Schema(
        columns=columns,
        row_rules=tuple(rule for rule, how in stated if "is_of_submission" not in how),
        path=path,
        submission_rules=tuple(rule for rule, how in stated if "is_of_submission" in how),
    )
    if mistakes := _mistakes(dependency, schema):
        raise _mistaken(shown, mistakes)
    return schema


_IMPORTING = threading.Lock()


def _import(path: Path) -> types.ModuleType:
    """Import the schema as part of a package that is its dependencies folder, so that ``from .._shared`` works.

    What it imports of that folder is read anew, as it is itself: a process that lives long judges by what is written
    now, which is what the fingerprint says of it.
    """
    root = path.parent.parent
    package = f"integrity_dependencies_{abs(hash(str(root))):x}"
    own = f"{package}.{path.parent.name}"
    with _IMPORTING:
        for name in [each for each in list(sys.modules) if each.startswith((f"{own}.", f"{package}._"))]:
            del sys.modules[name]
        for name, folder in ((package, root), (own, path.parent)):
            if name not in sys.modules:
                module = types.ModuleType(name)
                module.__path__ = [str(folder)]
                sys.modules[name] = module
        importlib.invalidate_caches()
        return importlib.import_module(f"{own}.schema")


def _column(shown: str, name: str, column: Any, policy: Policy) -> Column:
    dtype = column.dtype.type if column.dtype is not None else pl.String()
    dtype = dtype() if isinstance(dtype, type) else dtype
    if dtype != pl.String() and dtype not in _TYPE_RULES:
        raise Misconfigured(f"{shown}:1: column '{name}' has type {dtype}. Use String, Int64, Float64 or Datetime.")
    checks = []
    for check in column.checks:
        if check.name not in CHECK_RULES:
            known = ", ".join(CHECK_RULES)
            raise Misconfigured(f"{shown}:1: column '{name}' uses check '{check.name}'. Use {known}, or write a @rule.")
        checks.append((CHECK_RULES[check.name], check))
    type_rule = _TYPE_RULES.get(dtype)
    stated = column.metadata or {}
    own = stated.get("thresholds", {})
    codes, decimals = _missing_codes(shown, name, stated), _decimals(shown, name, dtype, stated)
    possible = [
        *([type_rule] if type_rule else []),
        REQUIRED,
        *([MISSING_CODED] if codes else []),
        *([DECIMALS] if decimals is not None else []),
        *(rule for rule, _ in checks),
    ]
    asked = {rule.name for rule in possible}
    for rule_name in own:
        if rule_name not in asked:
            raise Misconfigured(
                f"{shown}:1: column '{name}' has thresholds for '{rule_name}', which is not asked of it. "
                f"Asked are {', '.join(sorted(asked))}."
            )

    def settled(rule: Rule) -> Rule:
        return _settled(shown, replace(rule, thresholds=own.get(rule.name)), policy, is_engines=True)

    return Column(
        name=name,
        dtype=dtype,
        required=not column.nullable,
        description=column.description or "",
        type_rule=settled(type_rule) if type_rule else None,
        checks=tuple((settled(rule), check) for rule, check in checks),
        required_rule=settled(REQUIRED),
        missing_codes=codes,
        coded_rule=settled(MISSING_CODED),
        decimals=decimals,
        decimals_rule=settled(DECIMALS),
    )


def _missing_codes(shown: str, name: str, stated: Mapping[str, Any]) -> dict[str, str]:
    codes: dict[str, str] = stated.get("missing_codes", {})
    texts = [each for pair in codes.items() for each in pair] if isinstance(codes, dict) else [None]
    if not all(isinstance(each, str) and each for each in texts):
        how = 'Write metadata={"missing_codes": {"UNK": "not known"}}: each code with what it means.'
        raise Misconfigured(f"{shown}:1: column '{name}' has missing_codes that are no texts. {how}")
    return codes


def _decimals(shown: str, name: str, dtype: pl.DataType, stated: Mapping[str, Any]) -> int | None:
    decimals: int | None = stated.get("decimals")
    if decimals is None or (dtype == pl.Float64() and type(decimals) is int and 0 <= decimals <= _MOST_DECIMALS):
        return decimals
    how = f'Write metadata={{"decimals": 2}}, from 0 to {_MOST_DECIMALS}, of a Float64.'
    raise Misconfigured(f"{shown}:1: column '{name}' cannot have {decimals!r:.20} decimals. {how}")


def _settled(shown: str, rule: Rule, policy: Policy, *, states_severity: bool = True, is_engines: bool = False) -> Rule:
    """The rule as the dependency's class and departures have it."""
    if rule.thresholds is not None and not isinstance(rule.thresholds, Thresholds):
        raise Misconfigured(f"{shown}:1: thresholds of '{rule.name}' are no Thresholds. Write Thresholds(block=…).")
    try:
        settled = policy.settled(rule, states_severity=states_severity, is_engines=is_engines)
    except ValueError as error:
        raise Misconfigured(f"{shown}:1: {error}. Correct the thresholds, or the severity.") from error
    if rule.name in {each.name for each in _TYPE_RULES.values()} and settled.severity not in ("block", "quarantine"):
        why = "a cell that cannot be read has no value to release"
        raise Misconfigured(f"{shown}:1: rule '{rule.name}': {why}. Give it severity block or quarantine.")
    return settled


def _row_rule(shown: str, check: pa.Check, columns: dict[str, Column], policy: Policy) -> RowRule:
    statistics = check.statistics or {}
    if "rule" not in statistics:
        how = "Declare it with @rule(…) or @submission_rule(…)."
        raise Misconfigured(f"{shown}:1: '{check.name}' is a check without rule. {how}")
    among = statistics["among"]
    unknown = [c for c in [*statistics["columns"], *among] if c not in columns]
    if unknown:
        raise Misconfigured(f"{shown}:1: rule '{check.name}' reads '{unknown[0]}', which is no column of the schema.")
    rule = _settled(shown, statistics["rule"], policy, states_severity=statistics["states_severity"])
    return RowRule(rule=rule, columns=statistics["columns"], check=check, among=among)


def _mistaken(shown: str, mistakes: list[str]) -> Misconfigured:
    return Misconfigured(f"{shown}:1: " + "; ".join(mistakes) + ". Correct the name.")


def _mistakes(dependency: Dependency, schema: Schema) -> list[str]:
    """Columns that are spoken of and that there are none of, and words of rules that the manual does not know."""
    named = [*dependency.key]
    named += [dependency.file.period_from_column] if dependency.file.period_from_column else []
    named += [dependency.population.column] if dependency.population else []
    for layout in dependency.layouts:
        named += [*layout.rename.values(), *layout.may_lack, *layout.pad, *layout.fixed, *layout.turn_sign]
        named += [column for recode in layout.recode for column in [*recode.when, *recode.set]]
    mistakes = [
        f"'{name}' in dependency.yml or a layout is no column of the schema"
        for name in dict.fromkeys(named)
        if name not in schema.columns
    ]
    mistakes += [
        f"turn_sign of layout '{layout.name}' names '{name}', which is no number"
        for layout in dependency.layouts
        for name in layout.turn_sign
        if name in schema.columns and not schema.columns[name].dtype.is_numeric()
    ]
    return mistakes + [what for rule in schema.rules() for what in rule_mistakes(rule)]


def _mistaken_names(registered: Registered, schema: Schema) -> list[str]:
    """Rules that departures or the class speak of and that there are none of, or of which nobody may speak."""
    own = {rule.name for rule in schema.rules()} | {relation.rule.name for relation in registered.relations}
    fixed = {rule.name for rule in FIXED_RULES}
    engines = {rule.name for rule in FIELD_RULES}
    mistakes = [
        f"policy.yml speaks of '{name}', which is no rule that every schema has"
        for name in registered.policy.rules
        if name not in engines
    ]
    for name in registered.policy.departed:
        if name in fixed:
            mistakes.append(f"a departure speaks of '{name}', on which the gate itself rests")
        elif name not in own:
            mistakes.append(f"a departure speaks of '{name}', which is no rule of the schema or the relations")
    return mistakes
