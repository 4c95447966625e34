"""Nil returns: a file without rows says that there is nothing to report, where that may be said, and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.inventory.dependency import Dependency
from integrity.settings import PROJECT_ROOT, Settings
from integrity.verdicts import Verdict
from pydantic import ValidationError

NATIONAL, REGIONAL = "national_hospital_activity", "regional_hospital_activity"
DAY = date(2020, 4, 28)


def declared(name: str) -> dict[str, Any]:
    path = PROJECT_ROOT / "include" / "dependencies" / name / "dependency.yml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.fixture
def taking_nil_returns(house: Any, tmp_path: Path) -> Any:
    """The product in which the national figures may be a nil return; each is held against the regions' sum."""
    folder = tmp_path / "dependencies"
    shutil.copytree(house.settings.dependencies, folder)
    told = declared(NATIONAL)
    told["reporting"]["nil_returns"] = True
    (folder / NATIONAL / "dependency.yml").write_text(yaml.safe_dump(told), encoding="utf-8")
    house.settings = replace(house.settings, dependencies=folder)
    return house


def nil(real: Callable[..., Any]) -> Any:
    file = real(NATIONAL, DAY.day)
    file.rows.clear()
    return file


def test_a_file_without_rows_is_released_as_nothing_to_report(taking_nil_returns: Any, real: Any) -> None:
    house = taking_nil_returns
    house.send(REGIONAL, real(REGIONAL, DAY.day))
    house.run(REGIONAL)
    house.send(NATIONAL, nil(real))
    ingested = house.run(NATIONAL)
    assert not ingested.verdict.blocks
    (submission,) = ingested.submissions
    assert (submission["rows"], submission["accepted"], submission["verdict"]) == (0, 0, "PASS")
    because = {each["rule"]: each["because"] for each in ingested.to_json()["not_judged"]}
    assert because["has_rows"] == "a nil return: the supplier has nothing to report"
    assert because["equals_sum_of_regions"] == "there is nothing to report, and so no row"
    (release,) = house.query("SELECT rows, verdict FROM register.releases WHERE dependency = %s", NATIONAL)
    assert release["rows"] == 0
    assert house.published(NATIONAL) == []
    assert "supplier_reported" not in {issue["rule"] for issue in house.open_issues()}
    (page,) = (house.settings.outbox / NATIONAL).rglob("*.html")
    assert "taken as your word that there is nothing to report" in page.read_text(encoding="utf-8")

    house.send(NATIONAL, real(NATIONAL, DAY.day))
    assert not house.run(NATIONAL).verdict.blocks
    assert len(house.published(NATIONAL)) == 1, "figures that come after all stand in its place"


def test_run_again_it_is_one_release(taking_nil_returns: Any, real: Any) -> None:
    house = taking_nil_returns
    house.send(REGIONAL, real(REGIONAL, DAY.day))
    house.run(REGIONAL)
    for _ in range(2):
        house.send(NATIONAL, nil(real))
        house.run(NATIONAL)
    assert len(house.query("SELECT 1 FROM register.release WHERE dependency = %s", NATIONAL)) == 1


def test_without_a_heading_it_says_nothing(taking_nil_returns: Any, real: Any) -> None:
    file = nil(real)
    file.headings.remove("tamponi")
    taking_nil_returns.send(NATIONAL, file)
    ingested = taking_nil_returns.run(NATIONAL)
    assert ingested.verdict.blocks
    assert {finding["rule"] for finding in ingested.submissions[0]["findings"]} == {"columns_present"}


def test_rows_that_were_all_set_aside_are_not_nothing_to_report(taking_nil_returns: Any, real: Any) -> None:
    house = taking_nil_returns
    path = house.settings.dependencies / NATIONAL / "dependency.yml"
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    reason = "For a test in which every row may be set aside."
    told["departures"].append({"setting": "quarantine_share", "to": 1, "reason": reason})
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    house.send(REGIONAL, real(REGIONAL, DAY.day))
    house.run(REGIONAL)
    house.send(NATIONAL, real(NATIONAL, DAY.day).change(stato="XX"))
    ingested = house.run(NATIONAL)
    (submission,) = ingested.submissions
    assert (submission["accepted"], submission["quarantined"], submission["verdict"]) == (0, 1, "WARN")
    assert ingested.verdict is Verdict.ERROR
    assert house.query("SELECT 1 FROM register.release WHERE dependency = %s", NATIONAL) == []


def test_where_it_may_not_be_said_no_rows_is_an_error(house: Any, real: Any) -> None:
    house.send(NATIONAL, nil(real))
    assert house.run(NATIONAL).verdict is Verdict.ERROR
    assert house.published(NATIONAL) == []


@pytest.mark.parametrize(
    ("name", "says"), [(REGIONAL, "nil_returns and population"), ("trust_spend", "no rows that tell its period")]
)
def test_it_is_refused_where_it_cannot_be_meant(settings: Settings, name: str, says: str) -> None:
    told = declared(name)
    told.setdefault("layouts", [{"name": "plain", "describes": "As it is"}])
    told["reporting"] |= {"nil_returns": True, "stated": []}
    with pytest.raises(ValidationError, match=says):
        Dependency.model_validate(told)
