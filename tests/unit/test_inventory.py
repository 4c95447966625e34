"""A broken folder says what is wrong, in which file and line, and how to mend it; the others load."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from integrity.errors import Misconfigured
from integrity.gates.schema import load_schema
from integrity.inventory.loading import fingerprint, load_inventory
from integrity.settings import PROJECT_ROOT, Settings

NATIONAL, REGIONAL = "national_hospital_activity", "regional_hospital_activity"
OTHERS = {path.parent.name for path in (PROJECT_ROOT / "include" / "dependencies").glob("*/dependency.yml")} - {
    NATIONAL
}


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a copy of the project's dependencies and dbt project, for a test to break."""
    shutil.copytree(settings.dependencies, tmp_path / "dependencies")
    shutil.copytree(settings.dbt_project, tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    return replace(settings, dependencies=tmp_path / "dependencies", dbt_project=tmp_path / "dbt")


def edit(path: Path, old: str, new: str) -> int:
    """Replace text in a file; gives the line where it stood."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: mend this test"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def line_of(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").splitlines().index(text) + 1


def gate_file(folder: Path) -> Path:
    return folder.parents[1] / "dbt" / "models" / "gates" / f"{folder.name}.yml"


SECOND_SUPPLIER = (
    "suppliers:\n  - code: protezione_civile\n    name: Twice\n    contact: x@example.org\n"
    "  - code: protezione_civile\n"
)


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "mend"),
    [
        pytest.param(
            "title: National",
            "titel: x\ntitle: National",
            "titel: x",
            "unknown key 'titel'",
            "Remove it, or correct its spelling.",
            id="unknown-key",
        ),
        pytest.param(
            "  name: Marco Ferri\n",
            "",
            "owner:",
            "'owner.name' is missing",
            "Add it under 'owner'.",
            id="owner-without-name",
        ),
        pytest.param(
            "suppliers:\n  - code: protezione_civile\n",
            SECOND_SUPPLIER,
            None,
            "'protezione_civile' stands twice in suppliers",
            "Remove one, or give it a name of its own.",
            id="supplier-twice",
        ),
        pytest.param(
            "R: 3",
            "R: 9",
            None,
            "'assessment.scores.R': Input should be less than",
            "Correct the value.",
            id="score-out-of-scale",
        ),
        pytest.param("DI: 2", "XX: 2", None, "unknown question 'XX'", "The questions are DI,", id="unknown-question"),
        pytest.param(
            "{DI: 2, R: 3, FL: 1, SE: 3, LO: 1, SD: 2}",
            "{DI: 2, R: 3, FL: 1, SE: 3, SD: 2}",
            "  scores: {DI: 2, R: 3, FL: 1, SE: 3, SD: 2}",
            "question 'LO' (legal obligations) is not answered",
            "Score it from 0 (none) to 3 (severe).",
            id="unanswered-question",
        ),
        pytest.param(
            "{DI: 2, R: 3, FL: 1, SE: 3, LO: 1, SD: 2}",
            "{DI: 0, R: 0, FL: 0, SE: 0, LO: 0, SD: 0}",
            None,
            "every score is 0: this is no key data dependency",
            "Remove the folder.",
            id="no-key-data-dependency",
        ),
        pytest.param(
            "  assessed_by: Helena Brandt, Data Governance\n",
            "",
            None,
            "'assessment.assessed_by' is missing",
            "Add it under 'assessment'.",
            id="assessed-by-nobody",
        ),
        pytest.param(
            "  assessed_by: Tomas Eriksen, Internal Audit",
            "  assessed_by: Marco Ferri",
            "  assessed_by: Marco Ferri",
            "the owner cannot assess whether the controls work",
            "Have somebody independent of the owner do it.",
            id="controls-assessed-by-their-owner",
        ),
        pytest.param(
            "timezone: Europe/Rome",
            "timezone: Europe/Roma",
            "  timezone: Europe/Roma",
            "'Europe/Roma' is not a time zone of the IANA database",
            "Correct the value.",
            id="unknown-time-zone",
        ),
        pytest.param(
            r"(?P<period>\d{8})",
            r"\d{8}",
            None,
            "the pattern needs a group named period",
            "Correct the value.",
            id="no-group",
        ),
        pytest.param(
            f"name: {NATIONAL}",
            "name: other",
            "name: other",
            "the name 'other' differs from its folder's",
            f"Write name: {NATIONAL}.",
            id="another-name-than-the-folder",
        ),
        pytest.param(
            "title: National hospital activity",
            "title: [",
            None,
            "this is not YAML",
            "Mend the line.",
            id="not-yaml",
        ),
        pytest.param(
            "title: National hospital activity",
            "title: One\ntitle: Two",
            "title: Two",
            "this is not YAML: found duplicate key 'title'",
            "Mend the line.",
            id="a-key-twice",
        ),
        pytest.param(
            "title: National hospital activity",
            "title: 2026-02-30",
            None,
            "this is not YAML: day is out of range for month",
            "Mend the line.",
            id="a-day-that-is-none",
        ),
        pytest.param(
            "title: National hospital activity",
            "title: \x07",
            None,
            "this is not YAML: ",
            "Mend the line.",
            id="a-control-character",
        ),
    ],
)
def test_a_mistake_in_dependency_yml(own: Settings, old: str, new: str, at: str | None, what: str, mend: str) -> None:
    path = own.dependencies / NATIONAL / "dependency.yml"
    edit(path, old, new)
    inventory = load_inventory(own)
    assert set(inventory.dependencies) == OTHERS, "a broken folder stops no other"
    problem = inventory.broken[NATIONAL].problems[0]
    assert problem.file == f"{NATIONAL}/dependency.yml"
    assert what in problem.what
    assert problem.mend.startswith(mend)
    assert problem.line == line_of(path, at) if at else problem.line >= 1
    with pytest.raises(Misconfigured, match=rf"{NATIONAL}/dependency\.yml:{problem.line}: "):
        inventory.get(NATIONAL)


def test_an_owner_who_is_missing_altogether(own: Settings) -> None:
    path = own.dependencies / NATIONAL / "dependency.yml"
    owner = path.read_text(encoding="utf-8").split("owner:\n")[1].split("assessment:\n")[0]
    edit(path, f"owner:\n{owner}", "")
    assert "'owner' is missing. Add it." in str(load_inventory(own).broken[NATIONAL].error())


def test_every_mistake_is_told_at_once(own: Settings) -> None:
    path = own.dependencies / NATIONAL / "dependency.yml"
    edit(path, "  name: Marco Ferri\n", "")
    edit(path, "title: National", "titel: x\ntitle: National")
    (own.dependencies / NATIONAL / "schema.py").unlink()
    assert len(load_inventory(own).broken[NATIONAL].problems) == 3


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        pytest.param(lambda f: (f / "schema.py").unlink(), r"schema\.py:1: .* is missing\. Write", id="no-schema"),
        pytest.param(
            lambda f: edit(f / "schema.py", "def day_once(", "def day_once(("),
            r"schema\.py:\d+: this is not Python: .*Mend",
            id="not-python",
        ),
        pytest.param(
            lambda f: (f / "beside.py").write_text("x = 1\ndef y((\n", encoding="utf-8"),
            r"beside\.py:2: this is not Python: .*Mend",
            id="not-python-beside-it",
        ),
        pytest.param(
            lambda f: edit(f / "schema.py", "class Schema(", "class Other("),
            r"schema\.py:1: it defines no class Schema\. Write",
            id="no-class",
        ),
        pytest.param(
            lambda f: (f / "dependency.yml").unlink(),
            r"dependency\.yml:1: .* is missing\. Write",
            id="no-declaration",
        ),
        pytest.param(
            lambda f: edit(gate_file(f), "kind: relationship", "kind: relation"),
            r"national_hospital_activity\.yml:\d+: .*unknown kind 'relation'\. Use the manual's word",
            id="unknown-kind-of-a-relation",
        ),
        pytest.param(
            lambda f: gate_file(f).unlink(),
            r"dependency\.yml:1: no rule holds this dependency .*none_because",
            id="no-relations-and-no-reason",
        ),
    ],
)
def test_a_mistake_in_the_folder(own: Settings, break_it: Callable[[Path], Any], what: str) -> None:
    break_it(own.dependencies / NATIONAL)
    inventory = load_inventory(own)
    assert set(inventory.dependencies) == OTHERS
    with pytest.raises(Misconfigured, match=what):
        inventory.get(NATIONAL)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        pytest.param('kind="uniqueness"', 'kind="unique"', "rule 'day_once': unknown kind 'unique'", id="unknown-kind"),
        pytest.param('limitations=["1.4"', 'limitations=["99.4"', "unknown limitation '99.4'", id="unknown-limitation"),
        pytest.param('severity="block"', 'severity="stop"', "unknown severity 'stop'", id="unknown-severity"),
        pytest.param('columns=["data"]', 'columns=["date"]', "reads 'date', which is no column", id="unknown-column"),
        pytest.param(
            "import polars as pl", "import polarrs", r":3: the schema does not load: .*Mend", id="does-not-load"
        ),
        pytest.param(
            "class Schema(Figures):",
            "class Schema(Figures):\n    x: str = __import__('pandera').Field(str_startswith='x')",
            "uses check 'str_startswith'. Use .* or write a @rule",
            id="check-that-is-no-rule",
        ),
        pytest.param(
            "class Schema(Figures):",
            "class Schema(Figures):\n    x: str = __import__('pandera').Field(metadata={'missing_codes': ['UNK']})",
            "column 'x' has missing_codes that are no texts. Write",
            id="codes-without-a-meaning",
        ),
        pytest.param(
            "class Schema(Figures):",
            "class Schema(Figures):\n    x: str = __import__('pandera').Field(metadata={'decimals': 2})",
            "column 'x' cannot have 2 decimals. Write",
            id="decimals-of-a-text",
        ),
    ],
)
def test_a_mistake_in_the_schema(own: Settings, old: str, new: str, what: str) -> None:
    edit(own.dependencies / NATIONAL / "schema.py", old, new)
    registered = load_inventory(own).get(NATIONAL)
    with pytest.raises(Misconfigured, match=what) as raised:
        load_schema(registered)
    assert str(raised.value).startswith(f"{NATIONAL}/schema.py:")


def test_a_mistake_beside_the_schema_is_told_where_it_stands(own: Settings) -> None:
    folder = own.dependencies / NATIONAL
    (folder / "beside.py").write_text("LEAST = 2\nMOST = LAST\n", encoding="utf-8")
    edit(folder / "schema.py", "\nclass Schema(", "\nfrom .beside import MOST\n\nclass Schema(")
    with pytest.raises(Misconfigured, match=f"^{NATIONAL}/beside.py:2: the schema does not load: NameError"):
        load_schema(load_inventory(own).get(NATIONAL))


def test_a_layout_that_names_no_column(own: Settings) -> None:
    edit(own.dependencies / REGIONAL / "dependency.yml", "latitudine: lat,", "latitudine: latitude,")
    with pytest.raises(Misconfigured, match=r"'latitude' in dependency\.yml or a layout is no column of the schema"):
        load_schema(load_inventory(own).get(REGIONAL))


def test_an_unknown_dependency_is_told_those_there_are(settings: Settings) -> None:
    with pytest.raises(Misconfigured, match=f"Registered are: {NATIONAL}, patient_care, {REGIONAL}"):
        load_inventory(settings).get("nothing")


def test_no_folder_at_all(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="INTEGRITY_DEPENDENCIES: there is no folder"):
        load_inventory(replace(settings, dependencies=tmp_path / "nowhere"))


@pytest.mark.parametrize("file", ["dependency.yml", "schema.py", "reference/regions.csv", "../_civil_protection.py"])
def test_a_change_of_what_decides_changes_the_fingerprint(own: Settings, file: str) -> None:
    registered = load_inventory(own).get(REGIONAL)
    before = fingerprint(registered, own)
    with (registered.folder / file).open("a", encoding="utf-8") as opened:
        opened.write("\n")
    assert fingerprint(registered, own) != before


def test_a_module_beside_the_schema_decides_as_well(own: Settings) -> None:
    registered = load_inventory(own).get(REGIONAL)
    before = fingerprint(registered, own)
    (registered.folder / "spelling.py").write_text("LEAST = 2\n", encoding="utf-8")
    assert fingerprint(registered, own) != before


LAYOUT = """\
- name: first
  describes: The usual list
  rename: {Sum: data}
- name: second
  describes: Another list
  suppliers: [protezione_civile]
"""


def write_layouts(settings: Settings, text: str, name: str = "some.yml") -> Path:
    folder = settings.dependencies / NATIONAL / "layouts"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_layouts_may_stand_in_files_of_their_own(own: Settings) -> None:
    here = [layout.name for layout in load_inventory(own).get(NATIONAL).dependency.layouts]
    write_layouts(own, LAYOUT)
    write_layouts(own, "name: third\ndescribes: A single one\n", "third.yml")
    names = [layout.name for layout in load_inventory(own).get(NATIONAL).dependency.layouts]
    assert names == [*here, "first", "second", "third"]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        pytest.param("rename: {", "renam: {", 3, "unknown key '0.renam'", id="unknown-key"),
        pytest.param(
            "describes: Another list", "describes: x\n  x: 1", 6, "unknown key '1.x'", id="unknown-key-of-the-second"
        ),
        pytest.param("- name: second", "- name: first", 4, "'first' stands twice in layouts", id="twice"),
        pytest.param("protezione_civile]", "nobody]", 6, "'nobody' is no supplier", id="unknown-supplier"),
        pytest.param(
            "{Sum: data}",
            "{Sum: data, ' sum ': stato}",
            3,
            "headings 'Sum' and ' sum ' differ in nothing but case, blanks or punctuation",
            id="one-heading-twice",
        ),
        pytest.param(
            "{Sum: data}",
            "{Sum: data}\n  ignore: [Sum]",
            4,
            "heading 'Sum' is both taken in and ignored",
            id="ignored-too",
        ),
        pytest.param(
            "{Sum: data}",
            "{Sum: data}\n  datetime_formats: ['%d/%m/%Y', '%m/%d/%Y']",
            4,
            "'%d/%m/%Y' and '%m/%d/%Y' may read the same cell as different days, and nothing is ever guessed",
            id="day-or-month-first",
        ),
        pytest.param(
            "{Sum: data}",
            "{Sum: data}\n  datetime_formats: [TODO]",
            4,
            "'TODO' names no month and year",
            id="undecided",
        ),
        pytest.param("{Sum: data}", "{Sum: data}\n  numbers: TODO", 4, "'0.numbers'", id="numbers-undecided"),
        pytest.param("{Sum: data}", "{Sum: [", 4, "this is not YAML", id="not-yaml"),
        pytest.param(LAYOUT, "", 1, "it holds no layout", id="empty"),
    ],
)
def test_a_mistake_in_a_layout_file(own: Settings, old: str, new: str, line: int, what: str) -> None:
    assert old in LAYOUT
    write_layouts(own, LAYOUT.replace(old, new, 1))
    inventory = load_inventory(own)
    assert set(inventory.dependencies) == OTHERS
    problem = inventory.broken[NATIONAL].problems[0]
    assert (problem.file, problem.line) == (f"{NATIONAL}/layouts/some.yml", line)
    assert what in problem.what
    assert problem.mend


def test_every_supplier_needs_a_layout(own: Settings) -> None:
    path = own.dependencies / NATIONAL / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("layouts:")], encoding="utf-8")
    write_layouts(own, "name: only\ndescribes: One\nsuppliers: []\n")
    assert [layout.name for layout in load_inventory(own).get(NATIONAL).dependency.layouts] == ["only"]
    line = edit(path, "suppliers:\n", "suppliers:\n  - {code: other, name: Other, contact: x@example.org}\n") + 1
    write_layouts(own, "name: only\ndescribes: One\nsuppliers: [protezione_civile]\n")
    (problem,) = load_inventory(own).broken[NATIONAL].problems
    assert str(problem).startswith(
        f"{NATIONAL}/dependency.yml:{line}: no layout describes the files of supplier 'other'. Write one"
    )


def test_a_layout_file_is_part_of_the_fingerprint(own: Settings) -> None:
    registered = load_inventory(own).get(NATIONAL)
    before = fingerprint(registered, own)
    write_layouts(own, LAYOUT)
    assert fingerprint(registered, own) != before
