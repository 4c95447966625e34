"""Errors planted in what was released, with real gates in a sandbox: what is caught, where, and what is missed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from integrity.assessment.assessing import Wanted, assess
from integrity.assessment.catalogue import corruption_named
from integrity.assessment.holdings import from_register
from integrity.assessment.planting import Planted
from integrity.assessment.results import Assessment
from integrity.assessment.sandbox import Sandbox, temporary_server
from integrity.assessment.specimens import Sent, Specimen
from integrity.assessment.trials import Task, try_submission
from integrity.cli import app
from integrity.errors import CouldNotCheck, Rejected
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT, Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import Release, Submission, Unidentified
from sqlalchemy import func, select
from typer.testing import CliRunner

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
KINDS = (
    *("supplier_missing", "unit_missing", "old_file_resent", "old_figures_redated", "period_wrong"),
    *("heading_renamed", "total_broken", "control_characters", "biased", "encoding_garbled"),
)


def assessed(settings: Settings, kinds: Sequence[str] = KINDS, *, controls: int = 0, jobs: int = 1) -> Assessment:
    wanted = Wanted(seed=7, per=1, controls=controls, jobs=jobs, corruptions=tuple(kinds))
    return assess(Office.open(REGIONAL, settings), wanted)


def fates(found: Assessment) -> dict[str, tuple[str, str]]:
    """Fate and first gate of each error."""
    return {trial.corruption: (trial.fate, trial.gate) for trial in found.trials}


@pytest.fixture(scope="session")
def released(
    released_nights: Any, create_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A home in which 27 and 28 April are released, for all tests here: none may change it."""
    home = tmp_path_factory.mktemp("assessed")
    settings = Settings(
        home=home,
        database_url=create_database("assessed", released_nights.template),
        dependencies=PROJECT_ROOT / "include" / "dependencies",
        inbox=home / "inbox",
        outbox=home / "outbox",
        archive=released_nights.home / "archive",
    )
    yield settings
    open_engine(settings).dispose()


@pytest.fixture(scope="session")
def found(released: Settings) -> Assessment:
    """The errors of KINDS, planted in the file of 28 April; that of the 27th is tried for false alarms only."""
    return assessed(released, controls=1)


def test_errors_in_what_was_released_are_caught_at_the_gate_that_is_there_for_them(found: Assessment) -> None:
    told = fates(found)
    assert told.pop("biased")[0] in ("caught", "missed")  # it hangs on the column whether a rule sees it
    assert told == {
        "supplier_missing": ("caught", "coverage"),
        "unit_missing": ("caught", "coverage"),
        "old_file_resent": ("caught", "structure"),
        "old_figures_redated": ("caught", "relations"),
        "period_wrong": ("caught", "structure"),
        "heading_renamed": ("caught", "layout"),
        "total_broken": ("caught", "structure"),
        "control_characters": ("caught", "structure"),
        "encoding_garbled": ("not applicable", ""),
    }
    assert found.verdict is Verdict.PASS
    assert [entry["file"] for entry in found.to_json()["submissions"]] == ["dpc-covid19-ita-regioni-20200428.csv"]


def test_what_the_register_said_of_the_file_then_is_said_now_and_nothing_else(found: Assessment) -> None:
    assert [(c.period.day, c.change, c.alarms) for c in found.controls] == [
        (day, change, ())
        for day in (28, 27)
        for change in ("untouched", "rows_reordered", "line_ends_changed", "cells_quoted", "columns_reordered")
    ]


def test_the_same_seed_gives_the_same_report_however_many_processes(found: Assessment, released: Settings) -> None:
    assert json.dumps(found.to_json()) == json.dumps(assessed(released, controls=1, jobs=2).to_json())


def test_no_cell_is_in_the_report(found: Assessment) -> None:
    report = json.dumps(found.to_json())
    assert not any(name in report for name in ("Abruzzo", "Lombardia", "Veneto"))


def test_the_real_home_and_warehouse_are_left_as_they_were(found: Assessment, released: Settings) -> None:
    assert not list(released.home.iterdir())
    with transaction(open_engine(released)) as session:
        counted = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model))
            for model in (Submission, Release, Unidentified)
        }
    assert counted == {"submission": 4, "release": 4, "unidentified": 0}


def rules_without_relations(settings: Settings, tmp_path: Path) -> Settings:
    """The same rules but for the regional figures' relations, which are switched off in writing."""
    dependencies, project = tmp_path / "dependencies", tmp_path / "dbt_project"
    shutil.copytree(settings.dependencies, dependencies)
    shutil.copytree(settings.dbt_project, project)
    declaration = dependencies / REGIONAL / "dependency.yml"
    off = "\nrelations:\n  none_because: Switched off, to see what this costs.\n"
    declaration.write_text(declaration.read_text(encoding="utf-8") + off, encoding="utf-8")
    gates = project / "models" / "gates" / f"{REGIONAL}.yml"
    gates.unlink()
    return replace(settings, dependencies=dependencies, dbt_project=project)


def test_a_gate_that_is_switched_off_shows_as_misses(released: Settings, tmp_path: Path) -> None:
    without = rules_without_relations(released, tmp_path)
    found = assessed(without, ["old_figures_redated", "total_broken"])
    assert fates(found) == {"old_figures_redated": ("missed", ""), "total_broken": ("caught", "structure")}
    assert found.verdict is Verdict.FAIL
    assert [entry["corruption"] for entry in found.to_json()["missed"]] == ["old_figures_redated"]


def test_what_the_register_did_not_say_of_a_file_is_a_false_alarm(released: Settings, tmp_path: Path) -> None:
    stricter = replace(released, dependencies=tmp_path / "dependencies")
    shutil.copytree(released.dependencies, stricter.dependencies)
    figures = stricter.dependencies / "_civil_protection.py"
    rule = 'pl.col("casi_testati") <= pl.col("tamponi")'
    text = figures.read_text(encoding="utf-8")
    assert rule in text
    figures.write_text(text.replace(rule, 'pl.col("casi_testati") > pl.col("tamponi")'), encoding="utf-8")
    found = assessed(stricter, ["total_broken"])
    # The first is blocked untouched, so the other night is tried in its place.
    assert [(c.change, c.alarms) for c in found.controls] == [("untouched", ("tested_at_most_tests",))] * 2
    assert found.to_json()["false_alarms"]["share"] == 1.0
    assert found.verdict is Verdict.ERROR  # nothing could be planted in a file that is blocked as it is


def test_the_command_reads_examples_where_nothing_was_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(tmp_path))
    monkeypatch.delenv("INTEGRITY_DATABASE_URL", raising=False)
    arguments = ["assess", NATIONAL, "--per", "1", "--jobs", "1", "--only", "total_broken", "--only", "file_empty"]
    ran = CliRunner().invoke(app, [*arguments, "--json"])
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["verdict"], told["origin"]) == (0, "PASS", "the bundled examples")
    assert {c["corruption"]: c["share"] for c in told["corruptions"]} == {"total_broken": 1.0, "file_empty": 1.0}
    assert "submissions" in ran.stderr


def test_the_command_takes_folders_and_exits_1_where_a_target_is_missed(tmp_path: Path) -> None:
    for part in ("BART", "nobody"):
        (tmp_path / part).mkdir()
    example = (PROJECT_ROOT / "include" / "dependencies" / "trust_spend" / "examples" / "good.csv").read_bytes()
    (tmp_path / "BART" / "april.csv").write_bytes(example)
    (tmp_path / "nobody" / "april.csv").write_bytes(example)
    kinds = ["--only", "digits_rounded", "--only", "truncated_between_rows"]
    arguments = ["assess", "trust_spend", "--from", str(tmp_path), "--per", "1", *kinds]
    ran = CliRunner().invoke(app, [*arguments, "--json"])
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["verdict"]) == (1, "FAIL")
    assert [entry["corruption"] for entry in told["missed"]] == ["digits_rounded"]  # of five rows no share is said
    (early,) = told["not_yet_visible"]["kinds"]
    assert (early["corruption"], early["history_needed"], early["history"]) == ("truncated_between_rows", 14, [0])
    (left_out,) = told["left_out"]
    assert left_out["because"] == "It does not lie in the folder of a registered supplier."
    for_people = CliRunner().invoke(app, arguments)
    assert for_people.exit_code == 1
    for words in (
        "accuracy",
        "volume_usual takes 14 earlier submissions; there are 0 to 0.",
        "Missed, although a gate could see it:",
        "False alarms: 0 of 4 files",
        "trust_spend: FAIL",
    ):
        assert words in for_people.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--since", "2024-01-01"], "There is no accepted submission"),
        (["--since", "yesterday"], "is no reporting period"),
        (["--only", "meteorite"], "There is no kind of error 'meteorite'"),
        (["--from", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_assessed_is_refused_with_the_reason(
    options: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(tmp_path))
    monkeypatch.delenv("INTEGRITY_DATABASE_URL", raising=False)
    ran = CliRunner().invoke(app, ["assess", REGIONAL, *options])
    assert isinstance(ran.exception, Rejected)
    assert reason in str(ran.exception)


def test_an_empty_warehouse_has_nothing_to_plant_in(warehouse: Settings) -> None:
    assert from_register(warehouse, [REGIONAL]) is None


def test_a_sandbox_restores_its_ground_after_each_trial(settings: Settings, real: Any) -> None:
    def sent(day: int) -> Sent:
        name = f"dpc-covid19-ita-regioni-202004{day}.csv"
        return Sent(real(REGIONAL, day).to_bytes(), name, "protezione_civile", (date(2020, 4, day),))

    with temporary_server(settings) as server:
        sandbox = Sandbox(settings, server, 0)
        sandbox.lay_ground([(REGIONAL, date(2020, 4, 27), [sent(27)])])
        whole = sandbox.judge(REGIONAL, sent(28), [date(2020, 4, 28)])
        nothing = sandbox.judge(REGIONAL, None, [date(2020, 4, 28)])
        again = sandbox.judge(REGIONAL, sent(28), [date(2020, 4, 28)])
        elsewhere = sandbox.judge(
            REGIONAL, replace(sent(28), name="figures.csv", content=b"a,b\n1,2\n"), [date(2020, 4, 28)]
        )
        folder = server.folder
    assert whole == again
    assert [seen.rule for seen in nothing] == ["supplier_reported"]
    assert {seen.rule for seen in elsewhere} == {"supplier_reported", "identified"}
    assert not folder.exists()


def test_a_trial_that_breaks_is_an_error_and_no_miss(
    settings: Settings, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(specimen: Specimen, chance: Random) -> Planted:
        raise IndexError(specimen.cell(specimen.rows[0], "denominazione_regione"))

    broken = replace(corruption_named("total_broken"), make=breaks)
    monkeypatch.setattr("integrity.assessment.trials.CORRUPTIONS", (broken,))
    name = "dpc-covid19-ita-regioni-20200428.csv"
    sent = Sent(real(REGIONAL, 28).to_bytes(), name, "protezione_civile", (date(2020, 4, 28),))
    with temporary_server(settings) as server:
        task = Task(
            number=0,
            dependency=REGIONAL,
            settings=settings,
            server=server,
            seed=0,
            corruptions=(broken.name,),
            sent=sent,
            neighbours=(),
            ground=(),
            history=(),
            known=None,
            earlier=0,
        )
        (trial,) = try_submission(task).trials
    assert (trial.fate, trial.because) == ("error", "IndexError")


def test_a_process_that_breaks_is_no_result(released: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *arguments: Any, **more: Any) -> None: ...

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *error: object) -> None: ...

        def map(self, *arguments: Any) -> Iterator[Any]:
            raise BrokenProcessPool
            yield

    monkeypatch.setattr("integrity.assessment.assessing.ProcessPoolExecutor", Broken)
    with pytest.raises(CouldNotCheck, match="BrokenProcessPool"):
        assessed(released)
