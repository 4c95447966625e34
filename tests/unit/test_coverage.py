"""Who and what came, against who and what was expected."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from integrity.gates.coverage import judge_coverage, population
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import load_inventory
from integrity.inventory.policy import Policy
from integrity.verdicts import Verdict

DAY = date(2020, 4, 28)
WAITING = Policy(quarantine_share=0, missing_supplier="block", answer_days={})
GOING_ON = WAITING.model_copy(update={"missing_supplier": "warn"})


@pytest.fixture
def regional(settings: Any) -> Registered:
    return load_inventory(settings).get("regional_hospital_activity")


def outcome(registered: Registered, units: dict[str, frozenset[str] | None]) -> dict[str, tuple[str, str]]:
    """Verdict and detail, or the reason for having none, by rule."""
    result = judge_coverage(registered, period=DAY, units=units, policy=WAITING)
    return {f.rule.name: (str(f.verdict), f.not_judged or f.detail) for f in result.findings}


def test_everything_came(regional: Registered) -> None:
    assert outcome(regional, {"protezione_civile": frozenset(population(regional))}) == {
        "supplier_reported": ("PASS", ""),
        "population_complete": ("PASS", ""),
    }


def test_a_missing_unit_is_named(regional: Registered) -> None:
    units = frozenset(population(regional)) - {"13", "02"}
    found = outcome(regional, {"protezione_civile": units})
    assert found["population_complete"] == ("FAIL", "Missing: Valle d'Aosta (02), Abruzzo (13).")


def test_a_missing_supplier_is_one_finding(regional: Registered) -> None:
    found = outcome(regional, {})
    assert found["supplier_reported"][0] == "FAIL"
    assert found["population_complete"] == ("PASS", "a supplier's file is missing")
    assert judge_coverage(regional, period=DAY, units={}, policy=WAITING).verdict is Verdict.FAIL


def test_units_of_an_unreadable_file_are_not_judged(regional: Registered) -> None:
    found = outcome(regional, {"protezione_civile": None})
    assert found["population_complete"] == ("PASS", "a file could not be read")


def test_a_supplier_is_expected_only_while_it_reports(regional: Registered) -> None:
    dependency = regional.dependency
    ended = dependency.suppliers[0].model_copy(update={"reports_until": date(2020, 4, 27)})
    registered = regional.model_copy(update={"dependency": dependency.model_copy(update={"suppliers": [ended]})})
    assert outcome(registered, {})["supplier_reported"][0] == "PASS"


def test_many_missing_units_are_not_a_flood(regional: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrity.gates.coverage._NAMED", 2)
    found = outcome(regional, {"protezione_civile": frozenset()})
    assert found["population_complete"][1].endswith("and 19 more.")


def test_a_lower_class_goes_on_without_a_supplier_but_not_without_all(settings: Any) -> None:
    trusts = load_inventory(settings).get("trust_spend")
    april = date(2020, 4, 1)
    went_on = judge_coverage(trusts, period=april, units={"BART": frozenset()}, policy=GOING_ON)
    assert went_on.verdict is Verdict.WARN
    assert {f.supplier for f in went_on.failures} == {s.code for s in trusts.dependency.suppliers} - {"BART"}
    assert judge_coverage(trusts, period=april, units={"BART": frozenset()}, policy=WAITING).verdict is Verdict.FAIL
    assert judge_coverage(trusts, period=april, units={}, policy=GOING_ON).verdict is Verdict.FAIL
