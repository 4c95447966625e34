"""What a release states of what is lacking in it: reporting units by weight, and cells by column."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from integrity.cli import app
from integrity.gates.coverage import judge_coverage
from integrity.pipeline import judging
from integrity.pipeline.office import Office
from typer.testing import CliRunner

REGIONAL = "regional_hospital_activity"
STATED = "SELECT units_expected, units_missing, weight_missing, blanks FROM register.releases WHERE period = %s"


def test_a_release_counts_blank_cells_and_units(house: Any, real: Callable[..., Any]) -> None:
    file = real(REGIONAL, 28)
    for row in file.rows[:3]:
        row["casi_testati"] = ""
    house.send(REGIONAL, file)
    house.run(REGIONAL)
    (stated,) = house.query(STATED, date(2020, 4, 28))
    assert (stated["units_expected"], stated["units_missing"], stated["weight_missing"]) == (21, 0, 0.0)
    assert stated["blanks"]["casi_testati"] == 3
    assert "tamponi" not in stated["blanks"]


def test_a_unit_that_is_missing_is_stated_with_its_weight(
    house: Any, real: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Class high wants all; so its wish is lowered here."""

    def lenient(*args: Any, **told: Any) -> Any:
        policy = told.pop("policy").model_copy(update={"coverage_wanted": None})
        return judge_coverage(*args, policy=policy, **told)

    monkeypatch.setattr(judging, "coverage_of", lenient)
    house.send(REGIONAL, real(REGIONAL, 28).drop("13"))
    house.run(REGIONAL)
    (stated,) = house.query(STATED, date(2020, 4, 28))
    assert (stated["units_expected"], stated["units_missing"]) == (21, 1)
    assert stated["weight_missing"] == pytest.approx(1 / 21)
    (event,) = house.query("SELECT details FROM register.audit WHERE event = 'released'")
    assert event["details"]["units_missing"] == 1


def test_the_command_lists_what_is_published(settled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(settled.settings.home))
    monkeypatch.setenv("INTEGRITY_DATABASE_URL", str(settled.settings.database_url))
    told = json.loads(CliRunner().invoke(app, ["releases", REGIONAL, "--json"]).stdout)
    assert [(each["period"], each["units_missing"]) for each in told] == [("2020-04-28", 0), ("2020-04-27", 0)]
    shown = CliRunner().invoke(app, ["releases", REGIONAL, "--last", "1"], env={"COLUMNS": "250"}).stdout
    assert "0 of 21" in shown
    assert "2020-04-27" not in shown


def test_of_nothing_nothing_is_stated(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(warehouse.home))
    monkeypatch.setenv("INTEGRITY_DATABASE_URL", str(warehouse.database_url))
    assert Office.open(REGIONAL, warehouse).name == REGIONAL
    assert f"Nothing of {REGIONAL} is released." in CliRunner().invoke(app, ["releases", REGIONAL]).stdout
