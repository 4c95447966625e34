"""Reading the inventory: every folder is loaded on its own, so that a broken one never stops the others."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from integrity.errors import Misconfigured
from integrity.findings import Rule, Severity
from integrity.inventory import manual
from integrity.inventory.dependency import Dependency, Layout, Neighbour, Registered, RelationRule
from integrity.inventory.headings import bare
from integrity.settings import Settings


@dataclass(frozen=True)
class Problem:
    """One mistake in a folder: where it stands, what it is, how to mend it."""

    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}. {self.mend}"


@dataclass(frozen=True)
class Broken:
    """A folder that could not be loaded, with every problem found in it."""

    name: str
    problems: tuple[Problem, ...]

    def error(self) -> Misconfigured:
        return Misconfigured("\n".join(str(problem) for problem in self.problems))


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
    for folder in sorted(settings.dependencies.iterdir()):
        if folder.is_dir() and not folder.name.startswith(("_", ".")):
            result = _load_folder(folder, settings)
            if isinstance(result, Broken):
                broken[folder.name] = result
            else:
                loaded[folder.name] = result
    return Inventory(loaded, broken)


def fingerprint(registered: Registered, settings: Settings) -> str:
    """Hash of everything that decides a verdict on this dependency; a judgement is repeated when it changes."""
    digest = hashlib.sha256()
    shared = sorted(registered.folder.parent.glob("_*/**/*.py")) + sorted(registered.folder.parent.glob("_*.py"))
    own = [registered.folder / "dependency.yml", registered.folder / "schema.py"]
    layouts = sorted((registered.folder / "layouts").glob("*.yml"))
    references = sorted((registered.folder / "reference").glob("*.csv"))
    for path in [*own, *layouts, *references, *shared, settings.policy]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _load_folder(folder: Path, settings: Settings) -> Registered | Broken:
    path = folder / "dependency.yml"
    if not path.is_file():
        return Broken(
            folder.name, (Problem(_shown(path), 1, "the file is missing", "Write it, or remove the folder."),)
        )
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8")) or {}
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        return Broken(folder.name, (_not_yaml(path, error),))
    problems: list[Problem] = []
    dependency: Dependency | None = None
    declared = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    own_layouts = len(declared.get("layouts") or []) if isinstance(declared, dict) else 0
    written, layout_problems = _load_layouts(folder)
    problems += layout_problems
    if written and isinstance(declared, dict):
        declared["layouts"] = [*(declared.get("layouts") or []), *(w.layout for w in written)]
    try:
        dependency = Dependency.model_validate(declared)
    except ValidationError as error:
        # Layouts that could not be loaded are told where they stand, and not once more as missing here.
        told = [d for d in error.errors() if not (layout_problems and d["loc"] == ("layouts",))]
        problems += [_from_validation(path, tree, dict(details)) for details in told]
    else:
        places = [_Place(path, tree, ("layouts", index)) for index in range(own_layouts)] + [w.place for w in written]
        problems += [
            Problem(_shown(path), _line(tree, at), what, mend) for at, what, mend in _contradictions(dependency, folder)
        ]
        problems += _layout_problems(dependency, places)
    problems += _schema_problems(folder / "schema.py")
    readme = folder / "README.md"
    if not readme.is_file():
        problems.append(Problem(_shown(readme), 1, "the file is missing", "Write what its owner does when it fails."))
    relations: list[RelationRule] = []
    if dependency is not None:
        relations, relation_problems = _load_relations(dependency, settings)
        problems += relation_problems
    if problems or dependency is None:
        return Broken(folder.name, tuple(problems))
    return Registered(
        dependency=dependency, folder=folder, relations=tuple(relations), readme=readme.read_text(encoding="utf-8")
    )


@dataclass(frozen=True)
class _Place:
    """Where a layout is written: the file, its tree, and the path to the layout within it."""

    path: Path
    tree: Any
    at: tuple[str | int, ...]

    def problem(self, at: tuple[str | int, ...], what: str, mend: str) -> Problem:
        return Problem(_shown(self.path), _line(self.tree, (*self.at, *at)), what, mend)


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
            tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
            plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (MarkedYAMLError, UnicodeDecodeError) as error:
            problems.append(_not_yaml(path, error))
            continue
        if not plain:
            problems.append(Problem(_shown(path), 1, "it holds no layout", "Write one, or remove the file."))
            continue
        for index, one in enumerate(plain if isinstance(plain, list) else [plain]):
            place = _Place(path, tree, (index,) if isinstance(plain, list) else ())
            try:
                written.append(_Written(Layout.model_validate(one), place))
            except ValidationError as error:
                problems += [
                    _from_validation(path, tree, dict(details) | {"loc": (*place.at, *details["loc"])})
                    for details in error.errors()
                ]
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


def _not_yaml(path: Path, error: MarkedYAMLError | UnicodeDecodeError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    what = f"this is not YAML: {getattr(error, 'problem', None) or 'it is not UTF-8 text'}"
    return Problem(_shown(path), line, what, "Mend the line.")


def _shown(path: Path) -> str:
    parts = path.parts[-3:] if path.parent.name == "layouts" else path.parts[-2:]
    return str(Path(*parts))


def _line(tree: Any, at: tuple[str | int, ...]) -> int:
    """The line in the file, from 1, of the deepest node on this path that exists."""
    line = 1
    for key in at:
        place = getattr(tree, "lc", None)
        try:
            line = (place.key(key) if isinstance(key, str) else place.item(key))[0] + 1  # type: ignore[union-attr]
            tree = tree[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


def _from_validation(path: Path, tree: Any, details: dict[str, Any]) -> Problem:
    at = tuple(details["loc"])
    name = ".".join(str(part) for part in at)
    match details["type"]:
        case "extra_forbidden":
            what, mend = f"unknown key '{name}'", "Remove it, or correct its spelling."
        case "missing":
            what, mend = f"'{name}' is missing", f"Add it under '{at[-2]}'." if len(at) > 1 else "Add it."
        case _:
            what, mend = f"'{name}': {details['msg'].removeprefix('Value error, ')}", "Correct the value."
    return Problem(_shown(path), _line(tree, at), what, mend)


def _contradictions(dependency: Dependency, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Mistakes that no single field shows, as (where, what, mend)."""
    if dependency.name != folder.name:
        yield ("name",), f"the name '{dependency.name}' differs from its folder's", f"Write name: {folder.name}."
    unknown = sorted(set(dependency.assessment.scores) - set(manual.questions()))
    if unknown:
        known = ", ".join(manual.questions())
        yield ("assessment", "scores", unknown[0]), f"unknown question '{unknown[0]}'", f"The questions are {known}."
    elif max(dependency.assessment.scores.values()) == 0:
        yield ("assessment", "scores"), "every score is 0: this is no key data dependency", "Remove the folder."
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


def _stated_nowhere(dependency: Dependency) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    layouts = {layout.name for layout in dependency.layouts}
    for index, stated in enumerate(dependency.reporting.stated):
        for name in stated.layouts:
            if name not in layouts:
                what = f"'{name}' is no layout, so nothing would state its periods"
                yield ("reporting", "stated", index, "layouts"), what, "Write the name of one of the layouts."


def _schema_problems(path: Path) -> list[Problem]:
    """What can be said of the schema without importing it; importing is ``gates.schema.load_schema``."""
    if not path.is_file():
        return [Problem(_shown(path), 1, "the file is missing", "Write a class Schema with the rules.")]
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        return [Problem(_shown(path), error.lineno or 1, f"this is not Python: {error.msg}", "Mend the line.")]
    if not any(isinstance(node, ast.ClassDef) and node.name == "Schema" for node in module.body):
        return [
            Problem(_shown(path), 1, "it defines no class Schema", "Write one, a pandera DataFrameModel for polars.")
        ]
    return []


def _load_relations(dependency: Dependency, settings: Settings) -> tuple[list[RelationRule], list[Problem]]:
    """The rules that dbt judges, from the tests' ``meta`` in ``models/gates/<dependency>.yml``."""
    path = settings.dbt_project / "models" / "gates" / f"{dependency.name}.yml"
    if not path.is_file():
        if dependency.relations is not None:
            return [], []
        what = "no rule holds this dependency against other days or data sets"
        mend = f"Write dbt tests in {_shown(path)}, or say why there are none: relations: {{none_because: …}}."
        return [], [Problem(f"{dependency.name}/dependency.yml", 1, what, mend)]
    rules: list[RelationRule] = []
    problems: list[Problem] = []
    tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    for test in _tests(tree):
        ((_, body),) = test.items()
        line = test.lc.line + 1
        try:
            meta = dict(body["config"]["meta"])
            neighbours = [Neighbour.model_validate(dict(n)) for n in meta.pop("neighbours")]
            column = meta.pop("column", None)
            meta["limitations"] = tuple(str(code) for code in meta.get("limitations", ()))
            rules.append(RelationRule(rule=Rule(name=str(body["name"]), **meta), column=column, neighbours=neighbours))
        except (KeyError, TypeError, ValidationError) as error:
            what = f"the test's name and config.meta do not give a rule ({error!r:.200})"
            mend = "Give name, kind, dimension, limitations, severity, message, mend and neighbours."
            problems.append(Problem(_shown(path), line, what, mend))
        else:
            problems += [
                Problem(_shown(path), line, what, "Use the manual's word.") for what in rule_mistakes(rules[-1].rule)
            ]
    if not rules and not problems:
        problems.append(Problem(_shown(path), 1, "it holds no test", "Write one, or say why there is none."))
    return rules, problems


def _tests(tree: Any) -> Iterator[Any]:
    for source in tree.get("sources", []):
        for table in source.get("tables", []):
            yield from table.get("data_tests", [])


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
