"""Reading the inventory: every folder is loaded on its own, so that a broken one never stops the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from symtable import symtable
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from integrity.errors import Misconfigured
from integrity.findings import Rule, Severity
from integrity.inventory import manual
from integrity.inventory.departing import Departed, depart
from integrity.inventory.dependency import (
    Dependency,
    Layout,
    Neighbour,
    Registered,
    RelationRule,
    qualified,
    relation_of,
)
from integrity.inventory.headings import bare
from integrity.inventory.policy import Policy, read_policies
from integrity.inventory.problems import Problem, from_validation, misconfigured, not_yaml, shown
from integrity.inventory.yaml_files import Place, YamlFile, read_yaml
from integrity.settings import Settings
from integrity.thresholds import Thresholds


@dataclass(frozen=True)
class Broken:
    """A folder that could not be loaded, with every problem found in it."""

    name: str
    problems: tuple[Problem, ...]

    def error(self) -> Misconfigured:
        return misconfigured(self.problems)


@dataclass(frozen=True)
class Inventory:
    dependencies: dict[str, Registered]
    broken: dict[str, Broken]

    def leaning_on(self, name: str) -> list[str]:
        """Dependencies whose verdict may change with this one's releases: itself, and those whose rules lean on it."""
        others = {
            other.name
            for other in self.dependencies.values()
            for relation in other.relations
            if any(neighbour.dependency == name for neighbour in relation.neighbours)
        }
        return sorted({name, *others})

    def get(self, name: str) -> Registered:
        """The dependency of that name.

        Raises:
            Misconfigured: There is none, or its folder is broken; the text says which and how to mend it.
        """
        if name in self.broken:
            raise self.broken[name].error()
        if name not in self.dependencies:
            known = ", ".join(sorted(self.dependencies)) or "none"
            raise Misconfigured(f"There is no key data dependency '{name}'. Registered are: {known}.")
        return self.dependencies[name]


def load_inventory(settings: Settings) -> Inventory:
    """Load every folder under ``settings.dependencies`` that does not begin with ``_`` or ``.``."""
    loaded: dict[str, Registered] = {}
    broken: dict[str, Broken] = {}
    if not settings.dependencies.is_dir():
        raise Misconfigured(f"INTEGRITY_DEPENDENCIES: there is no folder {settings.dependencies}.")
    policies = read_policies(settings.policy)
    for folder in sorted(settings.dependencies.iterdir()):
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            result = _load_folder(folder, settings, *policies)
            if isinstance(result, Broken):
                broken[folder.name] = result
            else:
                loaded[folder.name] = result
    return Inventory(loaded, broken)


def fingerprint(registered: Registered, settings: Settings) -> str:
    """Hash of everything that decides a verdict on this dependency; a judgement is repeated when it changes."""
    digest = hashlib.sha256()
    shared = sorted(registered.folder.parent.glob("_*/**/*.py")) + sorted(registered.folder.parent.glob("_*.py"))
    own = [registered.folder / "dependency.yml", *modules_of(registered.folder)]
    layouts = sorted((registered.folder / "layouts").glob("*.yml"))
    references = sorted((registered.folder / "reference").glob("*.csv"))
    for path in [*own, *layouts, *references, *shared, settings.policy]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def modules_of(folder: Path) -> list[Path]:
    """A dependency's own Python files: ``schema.py``, and those beside it that it imports."""
    return sorted(folder.glob("*.py"))


def _load_folder(
    folder: Path, settings: Settings, policies: dict[str, Policy], policy_problems: list[Problem]
) -> Registered | Broken:
    path = folder / "dependency.yml"
    if not path.is_file():
        return Broken(folder.name, (Problem(shown(path), 1, "the file is missing", "Write it, or remove the folder."),))
    try:
        file = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return Broken(folder.name, (not_yaml(shown(path), error),))
    dependency, problems = _load_declaration(path, file)
    models = [table.model for table in dependency.tables] if dependency else []
    problems += _schema_problems(folder, models or ["Schema"] if dependency else [])
    problems += policy_problems
    if dependency is None or dependency.importance not in policies:
        return Broken(folder.name, tuple(problems))
    policy, departures, departure_problems = _depart(dependency, policies[dependency.importance], path, file)
    relations, relation_problems = _load_relations(dependency, policy, settings)
    problems += [*departure_problems, *relation_problems]
    if problems:
        return Broken(folder.name, tuple(problems))
    readme = folder / "README.md"
    written = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    return Registered(
        dependency=dependency,
        folder=folder,
        relations=tuple(relations),
        policy=policy,
        departures=tuple(departures),
        readme=f"{written}\n{_class_in_words(dependency, departures)}",
        has_readme=bool(written.strip()),
        examples=frozenset(example.stem for example in (folder / "examples").glob("*")),
    )


def _load_declaration(path: Path, file: YamlFile) -> tuple[Dependency | None, list[Problem]]:
    """What ``dependency.yml`` and the layouts beside it declare, and every mistake in them."""
    declared = dict(file.says) if isinstance(file.says, dict) else file.says
    own_layouts = len(declared.get("layouts") or []) if isinstance(declared, dict) else 0
    written, problems = _load_layouts(path.parent)
    has_layout_problems = bool(problems)
    if written and isinstance(declared, dict):
        declared["layouts"] = [*(declared.get("layouts") or []), *(w.layout for w in written)]
    try:
        dependency = Dependency.model_validate(declared)
    except ValidationError as error:
        # Layouts that could not be loaded are told where they stand, and not once more as missing here.
        told = [d for d in error.errors() if not (has_layout_problems and d["loc"] == ("layouts",))]
        return None, problems + [from_validation(shown(path), file, dict(details)) for details in told]
    places = [_Place(path, file, ("layouts", index)) for index in range(own_layouts)] + [w.place for w in written]
    problems += [
        Problem(shown(path), file.line_of(at), what, mend)
        for at, what, mend in _contradictions(dependency, path.parent)
    ]
    problems += _layout_problems(dependency, places)
    return dependency, problems


def _depart(
    dependency: Dependency, policy: Policy, path: Path, file: YamlFile
) -> tuple[Policy, list[Departed], list[Problem]]:
    """The class's policy with the dependency's departures applied, one by one, and those in words."""
    told: list[Departed] = []
    problems: list[Problem] = []
    for index, departure in enumerate(dependency.departures):
        try:
            policy, departed = depart(policy, departure)
        except ValueError as error:
            line = file.line_of(("departures", index))
            problems.append(Problem(shown(path), line, str(error), "Correct the departure, or remove it."))
        else:
            told.append(departed)
    if dependency.relations:
        told.append(Departed("relations", "none", "rules against other data", dependency.relations.none_because))
    return policy, told, problems


def _class_in_words(dependency: Dependency, departures: list[Departed]) -> str:
    """Class and departures as a section of the README, so that they are seen where it is."""
    scores = ", ".join(f"{question} {score}" for question, score in dependency.assessment.scores.items())
    assessed = f"assessed on {dependency.assessment.assessed_on} by {dependency.assessment.assessed_by}"
    lines = ["## Importance", "", f"Class {dependency.importance} ({scores}), {assessed}.", ""]
    lines += ["Where it departs from its class:", "", *(f"- {each}" for each in departures)] if departures else []
    return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True)
class _Place:
    """Where a layout is written: the file, and the path to the layout within it."""

    path: Path
    file: YamlFile
    at: Place

    def problem(self, at: Place, what: str, mend: str) -> Problem:
        return Problem(shown(self.path), self.file.line_of((*self.at, *at)), what, mend)


@dataclass(frozen=True)
class _Written:
    layout: Layout
    place: _Place


def _load_layouts(folder: Path) -> tuple[list[_Written], list[Problem]]:
    """The layouts of ``layouts/*.yml``: each file holds one, or a list of them."""
    written: list[_Written] = []
    problems: list[Problem] = []
    for path in sorted((folder / "layouts").glob("*.yml")):
        try:
            file = read_yaml(path)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(not_yaml(shown(path), error))
            continue
        if not file.says:
            problems.append(Problem(shown(path), 1, "it holds no layout", "Write one, or remove the file."))
            continue
        for index, one in enumerate(file.says if isinstance(file.says, list) else [file.says]):
            place = _Place(path, file, (index,) if isinstance(file.says, list) else ())
            try:
                written.append(_Written(Layout.model_validate(one), place))
            except ValidationError as error:
                problems += [from_validation(shown(path), file, dict(details), place.at) for details in error.errors()]
    return written, problems


def _layout_problems(dependency: Dependency, places: list[_Place]) -> Iterator[Problem]:
    """Layouts that contradict each other, themselves or the list of suppliers."""
    names: set[str] = set()
    for layout, place in zip(dependency.layouts, places, strict=True):
        if layout.name in names:
            yield place.problem(
                ("name",), f"'{layout.name}' stands twice in layouts", "Remove one, or give it a name of its own."
            )
        names.add(layout.name)
        for index, code in enumerate(layout.suppliers):
            if dependency.supplier(code) is None:
                yield place.problem(
                    ("suppliers", index), f"'{code}' is no supplier", "Correct it, or add it under suppliers."
                )
        yield from _heading_problems(layout, place)


def _heading_problems(layout: Layout, place: _Place) -> Iterator[Problem]:
    """Headings that count as the same one and are told to be different things."""
    known: dict[str, tuple[str, str]] = {}
    told = [*(("rename", heading, column) for heading, column in layout.rename.items())]
    told += [("ignore", heading, "") for heading in layout.ignore]
    for field, heading, column in told:
        meant = known.setdefault(bare(heading), (column, heading))
        if meant[0] != column and heading == meant[1]:
            yield place.problem((field,), f"heading '{heading}' is both taken in and ignored", "Keep one of them.")
        elif meant[0] != column:
            what = f"headings '{meant[1]}' and '{heading}' differ in nothing but case, blanks or punctuation"
            yield place.problem((field,), what, "Keep the one that the supplier writes.")


def _contradictions(dependency: Dependency, folder: Path) -> Iterator[tuple[Place, str, str]]:
    """Mistakes that no single field shows, as (where, what, mend)."""
    if dependency.name != folder.name:
        yield ("name",), f"the name '{dependency.name}' differs from its folder's", f"Write name: {folder.name}."
    questions = manual.questions()
    for question in sorted(set(dependency.assessment.scores) - set(questions)):
        known = ", ".join(questions)
        yield ("assessment", "scores", question), f"unknown question '{question}'", f"The questions are {known}."
    for question in [q for q in questions if q not in dependency.assessment.scores]:
        what = f"question '{question}' ({questions[question]}) is not answered"
        yield ("assessment", "scores"), what, "Score it from 0 (none) to 3 (severe)."
    yield from _mistaken_assessment(dependency)
    codes = [supplier.code for supplier in dependency.suppliers]
    for index, code in enumerate(codes):
        if code in codes[:index]:
            what = f"'{code}' stands twice in suppliers"
            yield ("suppliers", index), what, "Remove one, or give it a name of its own."
        if not any(not layout.suppliers or code in layout.suppliers for layout in dependency.layouts):
            what = f"no layout describes the files of supplier '{code}'"
            yield ("suppliers", index), what, "Write one that names it, or one that names no supplier."
    yield from _stated_nowhere(dependency)
    if dependency.population and not (folder / dependency.population.reference).is_file():
        at = ("population", "reference")
        yield at, f"there is no file {dependency.population.reference} in the folder", "Add the list of units."


def _mistaken_assessment(dependency: Dependency) -> Iterator[tuple[Place, str, str]]:
    if max(dependency.assessment.scores.values()) == 0:
        yield ("assessment", "scores"), "every score is 0: this is no key data dependency", "Remove the folder."
    owner = dependency.owner.name.casefold()
    if dependency.controls and owner in dependency.controls.assessed_by.casefold():
        what = "the owner cannot assess whether the controls work"
        yield ("controls", "assessed_by"), what, "Have somebody independent of the owner do it."


def _stated_nowhere(dependency: Dependency) -> Iterator[tuple[Place, str, str]]:
    layouts = {layout.name for layout in dependency.layouts}
    for index, stated in enumerate(dependency.reporting.stated):
        for name in stated.layouts:
            if name not in layouts:
                what = f"'{name}' is no layout, so nothing would state its periods"
                yield ("reporting", "stated", index, "layouts"), what, "Write the name of one of the layouts."


def _schema_problems(folder: Path, models: list[str]) -> list[Problem]:
    """What can be said of the schema without importing it; importing is ``gates.schema.load_tables``."""
    schema = folder / "schema.py"
    if not schema.is_file():
        return [Problem(shown(schema), 1, "the file is missing", "Write a class Schema with the rules.")]
    problems = []
    there: set[str] = set()
    for path in modules_of(folder):
        try:
            # No syntax tree: two clicks in Slack that build one at once may break off (issue 106905 of Python).
            table = symtable(path.read_text(encoding="utf-8"), str(path), "exec")
        except SyntaxError as error:
            what = f"this is not Python: {error.msg}"
            problems.append(Problem(shown(path), error.lineno or 1, what, "Mend the line."))
        else:
            if path == schema:
                there = {each.get_name() for each in table.get_children() if each.get_type() == "class"}
                there |= {each.get_name() for each in table.get_symbols() if each.is_imported()}
    if problems:
        return problems
    mend = "Write one, a pandera DataFrameModel for polars, or import it from a file beside it."
    return [Problem(shown(schema), 1, f"it defines no class {model}", mend) for model in models if model not in there]


def _load_relations(
    dependency: Dependency, policy: Policy, settings: Settings
) -> tuple[list[RelationRule], list[Problem]]:
    """The rules that dbt judges, from the tests' ``meta`` in ``models/gates/<dependency>.yml``."""
    path = settings.dbt_project / "models" / "gates" / f"{dependency.name}.yml"
    if not path.is_file():
        if dependency.relations is not None:
            return [], []
        what = "no rule holds this dependency against other days or data sets"
        mend = f"Write dbt tests in {shown(path)}, or say why there are none: relations: {{none_because: …}}."
        return [], [Problem(f"{dependency.name}/dependency.yml", 1, what, mend)]
    rules: list[RelationRule] = []
    problems: list[Problem] = []
    try:
        file = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [], [not_yaml(shown(path), error)]
    tables = {relation_of(dependency.name, table.name): table.name for table in dependency.tables}
    for relation, at, test in _tests(file.says):
        ((_, body),) = test.items()
        line = file.line_of(at)
        try:
            meta = dict(body["config"]["meta"])
            neighbours = [Neighbour.model_validate(dict(n)) for n in meta.pop("neighbours")]
            column = meta.pop("column", None)
            rule = _relation_of(str(body["name"]), meta, policy)
            table = tables[relation] if tables else ""
            column = qualified(table, column)
            rules.append(RelationRule(rule=rule, column=column, table=table, neighbours=neighbours))
        except (KeyError, TypeError, ValueError) as error:
            what = f"the test's name and config.meta do not give a rule ({error!r:.200})"
            mend = "Give name, kind, dimension, limitations, severity, message, mend and neighbours."
            problems.append(Problem(shown(path), line, what, mend))
        else:
            problems += [
                Problem(shown(path), line, what, "Use the manual's word.") for what in rule_mistakes(rules[-1].rule)
            ]
    if not rules and not problems:
        problems.append(Problem(shown(path), 1, "it holds no test", "Write one, or say why there is none."))
    return rules, problems


def _relation_of(name: str, meta: dict[str, Any], policy: Policy) -> Rule:
    """The rule that a test's ``meta`` states, as the dependency's class and departures have it."""
    meta["limitations"] = tuple(str(code) for code in meta.get("limitations", ()))
    if meta.get("thresholds"):
        meta["thresholds"] = Thresholds.model_validate(meta["thresholds"])
    states_severity = "severity" in meta
    return policy.settled(Rule(name=name, **{"severity": "block", **meta}), states_severity=states_severity)


def _tests(says: dict[str, Any]) -> Iterator[tuple[str, Place, Any]]:
    """Each test, after the name of the relation that it is asked of and where it stands."""
    for i, source in enumerate(says.get("sources", [])):
        for j, table in enumerate(source.get("tables", [])):
            for k, test in enumerate(table.get("data_tests", [])):
                yield str(table["name"]), ("sources", i, "tables", j, "data_tests", k), test


def rule_mistakes(rule: Rule) -> Iterator[str]:
    """Words of a rule that the manual does not know."""
    if rule.kind not in manual.kinds():
        yield f"rule '{rule.name}': unknown kind '{rule.kind}'"
    if rule.dimension not in manual.dimensions():
        yield f"rule '{rule.name}': unknown dimension '{rule.dimension}'"
    for code in rule.limitations:
        if code not in manual.limitations():
            yield f"rule '{rule.name}': unknown limitation '{code}'"
    if rule.severity not in get_args(Severity):
        yield f"rule '{rule.name}': unknown severity '{rule.severity}'"
