"""Who and what came, against who and what was expected."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

import pytest
from integrity.gates.coverage import judge_coverage, population
from integrity.gates.units import judge_units
from integrity.inventory.calendars import Due, Grace
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import load_inventory
from integrity.inventory.policy import load_policy
from integrity.settings import Settings
from integrity.verdicts import Verdict

DAY = date(2020, 4, 28)
WAITING = load_policy(Settings.from_environment({}).policy, "high")
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
        "reference_in_date": ("PASS", ""),
    }


def test_a_missing_unit_is_named(regional: Registered) -> None:
    units = frozenset(population(regional)) - {"13", "02"}
    found = outcome(regional, {"protezione_civile": units})
    told = "Missing: Valle d'Aosta (02), Abruzzo (13). That is 9.52 % of the units. Wanted are 100 %."
    assert found["population_complete"] == ("FAIL", told)


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
    monkeypatch.setattr("integrity.gates.units._NAMED", 2)
    found = outcome(regional, {"protezione_civile": frozenset()})
    assert "and 19 more. That is 100 % of the units." in found["population_complete"][1]


def test_a_lower_class_goes_on_without_a_supplier_but_not_without_all(settings: Any) -> None:
    trusts = load_inventory(settings).get("trust_spend")
    april = date(2020, 4, 1)
    went_on = judge_coverage(trusts, period=april, units={"BART": frozenset()}, policy=GOING_ON)
    assert went_on.verdict is Verdict.WARN
    assert {f.supplier for f in went_on.failures} == {s.code for s in trusts.dependency.suppliers} - {"BART"}
    assert judge_coverage(trusts, period=april, units={"BART": frozenset()}, policy=WAITING).verdict is Verdict.FAIL
    assert judge_coverage(trusts, period=april, units={}, policy=GOING_ON).verdict is Verdict.FAIL


def judged_units(registered: Registered, units: Any, *, share: str = "1", **known: Any) -> dict[str, tuple[str, str]]:
    policy = WAITING.model_copy(update={"coverage_wanted": Fraction(share)})
    assert registered.dependency.population
    told = {"period": date(2020, 4, 28), **known}
    found = judge_units(registered, registered.dependency.population, units, policy=policy, **told)
    return {f.rule.name: (str(f.verdict), f.detail) for f in found}


@pytest.mark.parametrize(("share", "verdict"), [("0.951", "FAIL"), ("0.95", "WARN"), ("0.949", "WARN")])
def test_what_is_missing_is_graded_by_its_usual_weight(regional: Registered, share: str, verdict: str) -> None:
    expected = population(regional)
    weights = dict.fromkeys(expected, 4.75) | {"13": 5.0}
    found = judged_units(
        regional, {"protezione_civile": frozenset(expected) - {"13"}}, share=share, usual_weights=weights
    )
    assert found["population_complete"][0] == verdict
    assert "4.76 % of the units, 5 % by weight" in found["population_complete"][1]


def declared(registered: Registered, **population_: Any) -> Registered:
    stated = registered.dependency.population
    assert stated
    changed = registered.dependency.model_copy(update={"population": stated.model_copy(update=population_)})
    return registered.model_copy(update={"dependency": changed})


def test_units_that_were_not_counted_are_no_pass(regional: Registered) -> None:
    once, everybody = declared(regional, rows="one"), {"protezione_civile": frozenset(population(regional))}
    assert judged_units(once, everybody)["units_once"] == ("ERROR", "The units' rows were not counted.")
    rows = dict.fromkeys(population(regional), 1)
    assert judged_units(once, everybody, rows_of_units={"protezione_civile": rows})["units_once"] == ("PASS", "")
    (not_kept,) = [
        f
        for f in judge_units(
            once,
            once.dependency.population,  # type: ignore[arg-type]
            everybody,
            period=date(2020, 4, 28),
            policy=WAITING,
            rows_of_units={},
        )
        if f.rule.name == "units_once"
    ]
    assert not_kept.not_judged == "rows of protezione_civile were not kept, so none is counted"
    rows["13"] = 2
    found = judged_units(once, everybody, rows_of_units={"protezione_civile": rows})
    assert found["units_once"] == ("FAIL", "Twice: Abruzzo (13).")


def test_a_unit_that_nobody_expects_is_counted_and_not_named(regional: Registered) -> None:
    known = declared(regional, others="refused")
    everybody = frozenset(population(regional))
    assert judged_units(known, {"protezione_civile": everybody})["units_known"] == ("PASS", "")
    found = judged_units(known, {"protezione_civile": everybody | {"99 secret"}})
    assert found["units_known"] == ("FAIL", "1 of 22.")


@pytest.mark.parametrize(
    ("period", "verdict"),
    [
        (date(2020, 2, 23), "WARN"),
        (date(2020, 2, 24), "PASS"),
        (date(2020, 5, 31), "PASS"),
        (date(2020, 6, 1), "WARN"),
    ],
)
def test_a_list_says_who_is_missing_only_while_it_holds(regional: Registered, period: date, verdict: str) -> None:
    held = declared(regional, holds_from=date(2020, 2, 24), holds_until=date(2020, 5, 31))
    everybody = {"protezione_civile": frozenset(population(regional))}
    assert judged_units(held, everybody, period=period)["reference_in_date"][0] == verdict
    silent = declared(regional, holds_from=None, holds_until=None)
    assert "reference_in_date" not in judged_units(silent, everybody, period=period)


@pytest.mark.parametrize(("minutes", "failed"), [(-1, 0), (0, 0), (1, 1)])
def test_a_submission_is_late_after_its_grace_only(regional: Registered, minutes: int, failed: int) -> None:
    due = {"days": 0, "at": time(20)}
    reporting = regional.dependency.reporting.model_copy(update={"due": Due(**due), "grace": Grace(hours=2)})
    changed = regional.model_copy(
        update={"dependency": regional.dependency.model_copy(update={"reporting": reporting})}
    )
    received = datetime(2020, 4, 28, 20, tzinfo=UTC) + timedelta(minutes=minutes)
    result = judge_coverage(
        changed,
        period=DAY,
        units={"protezione_civile": frozenset(population(regional))},
        policy=WAITING,
        as_of=received,
        received={"protezione_civile": received},
    )
    (finding,) = (f for f in result.findings if f.rule.name == "supplier_in_time")
    assert (finding.failed, finding.verdict, result.verdict) == (failed, Verdict.PASS, Verdict.PASS)
    assert ("protezione_civile 0 d 2 h 1 min" in finding.detail) == bool(failed)


def test_nobody_is_missing_on_a_day_on_which_nobody_reports(regional: Registered) -> None:
    closed = {"frequency": "business_days", "closed_on": [DAY]}
    reporting = regional.dependency.reporting.model_copy(update=closed)
    changed = regional.model_copy(
        update={"dependency": regional.dependency.model_copy(update={"reporting": reporting})}
    )
    result = judge_coverage(changed, period=DAY, units={}, policy=WAITING)
    assert {f.rule.name: (str(f.verdict), f.evaluated) for f in result.findings}["supplier_reported"] == ("PASS", 0)
    assert {f.rule.name: f.not_judged for f in result.findings}["population_complete"] == "nobody reports for this day"
    assert result.verdict is Verdict.PASS
