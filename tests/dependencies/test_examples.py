"""Every dependency's folder: its good example passes, each bad one triggers exactly the rule it is named for."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from integrity.cli import app, main
from integrity.findings import Rule
from integrity.gates.coverage import POPULATION_COMPLETE
from integrity.gates.rules import FILE_RULES, IDENTIFIED, PARTS_KNOWN
from integrity.gates.schema import load_schema
from integrity.inventory import manual
from integrity.inventory.loading import load_inventory
from integrity.settings import PROJECT_ROOT, Settings
from typer.testing import CliRunner

INVENTORY = load_inventory(Settings.from_environment({}))
NAMES = sorted({*INVENTORY.dependencies, *INVENTORY.broken})
EXAMPLES = [
    pytest.param(name, path, id=f"{name}-{path.stem}")
    for name in NAMES
    for path in sorted((PROJECT_ROOT / "include" / "dependencies" / name / "examples").iterdir())
]
SOURCES = {
    "regional_hospital_activity": ("CC BY 4.0", "pcm-dpc/COVID-19"),
    "national_hospital_activity": ("CC BY 4.0", "pcm-dpc/COVID-19"),
    "trust_spend": ("Open Government Licence v3.0", "crahal/NHSSpend"),
    "patient_care": ("Apache License 2.0", "OHDSI/dbt-synthea"),
}
"""Licence and repository of each dependency's real data, which its README must name."""
EXIT = {"PASS": 0, "WARN": 0, "FAIL": 1, "ERROR": 2}


def checked_rules(name: str) -> dict[str, Rule]:
    """Rules that ``integrity check`` can judge on a dependency."""
    registered = INVENTORY.get(name)
    rules = [*load_schema(registered).rules(), *FILE_RULES, IDENTIFIED]
    rules += [PARTS_KNOWN] if registered.dependency.tables else []
    if registered.dependency.population:
        rules.append(POPULATION_COMPLETE)
    return {rule.name: rule for rule in rules}


ALL_RULES = [
    pytest.param(rule, id=f"{name}-{rule.name}")
    for name in NAMES
    for rule in [*checked_rules(name).values(), *(relation.rule for relation in INVENTORY.get(name).relations)]
]


def rules_found(told: dict[str, Any]) -> set[str]:
    about_files = {finding["rule"] for file in told["submissions"] for finding in file["findings"]}
    return about_files | {finding["rule"] for finding in told["findings"]}


def test_every_folder_loads() -> None:
    assert INVENTORY.broken == {}


def packed(example: Path, folder: Path) -> Path:
    """An example of several tables as it is sent: what differs is laid over the sound one."""
    tables = {path.name: path for base in (example.parent / "good", example) for path in sorted(base.glob("*.csv"))}
    named = example / "NAME"
    name = named.read_text(encoding="utf-8").strip() if named.is_file() else "patient_care_202402.zip"
    with zipfile.ZipFile(folder / name, "w") as sent:
        for table, path in tables.items():
            sent.write(path, table)
    return folder / name


def sent(name: str, example: Path, folder: Path) -> Path:
    """An example as it is sent: a file, in its sender's folder where it matters whose it is; or a packed submission."""
    if example.is_file():
        return example
    if INVENTORY.get(name).dependency.tables:
        return packed(example, folder)
    return next(path for path in example.rglob("*") if path.is_file())


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_triggers_exactly_its_rule(name: str, example: Path, tmp_path: Path) -> None:
    file = sent(name, example, tmp_path)
    ran = CliRunner().invoke(app, ["check", name, str(file), "--json"])
    told = json.loads(ran.stdout)
    expected = set() if example.stem == "good" else {example.stem.removeprefix("bad_")}
    assert rules_found(told) == expected
    assert ran.exit_code == EXIT[told["verdict"]]
    assert (told["verdict"] == "PASS") == (example.stem == "good")


def test_a_file_that_is_not_there_is_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["integrity", "check", NAMES[0], "nowhere.csv", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "integrity: There is no file nowhere.csv.\n")


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_an_example(name: str) -> None:
    examples = {path.stem for path in (INVENTORY.get(name).folder / "examples").iterdir()}
    expected = {f"bad_{rule}" for rule in checked_rules(name)}
    assert examples == {"good", *expected}


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_rule_speaks_the_manuals_language(rule: Rule) -> None:
    assert rule.kind in manual.kinds()
    assert rule.dimension in manual.dimensions()
    assert rule.limitations
    assert set(rule.limitations) <= set(manual.limitations())
    assert rule.severity in {"block", "quarantine", "warn", "note"}
    for sentence in (rule.message, rule.mend):
        assert sentence.endswith(".")
        assert len(sentence) > 10


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_tells_the_owner_what_to_do(name: str) -> None:
    registered = INVENTORY.get(name)
    for needed in (
        registered.dependency.owner.name,
        registered.dependency.owner.email,
        registered.dependency.suppliers[0].contact,
        *SOURCES[name],
        "integrity issues show IG-",
        f"integrity check {name}",
        "integrity trace",
    ):
        assert needed in registered.readme, needed
    for relation in registered.relations:
        assert f"`{relation.rule.name}`" in registered.readme


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("_hospital_activity")])
def test_examples_hold_no_free_text_notes(name: str) -> None:
    header, *rows = (INVENTORY.get(name).folder / "examples" / "good.csv").read_text(encoding="utf-8").splitlines()
    notes = [i for i, heading in enumerate(header.split(",")) if heading.startswith("note")]
    assert notes
    assert {row.split(",")[i] for row in rows for i in notes} == {""}
