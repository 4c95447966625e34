"""Assessments kept as evidence: on record for good, an issue while a target is missed, due again before they end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from integrity.alerts.channels import Channels
from integrity.assessment.catalogue import CORRUPTIONS
from integrity.assessment.keeping import has_released, is_due, keep
from integrity.assessment.results import Assessment
from integrity.assessment.trials import Control, Trial, Tried
from integrity.cli import app
from integrity.errors import Rejected
from integrity.pipeline.office import Office
from integrity.verdicts import Verdict
from typer.testing import CliRunner

REGIONAL = "regional_hospital_activity"
NIGHT = date(2020, 4, 28)


def assessment(
    office: Office, *, missed: frozenset[str] = frozenset(), alarms: int = 0, left_out: int = 0
) -> Assessment:
    """Every kind of error once, all caught but these; a hundred controls, of which some raised an alarm."""
    about = {"file": "figures.csv", "supplier": "protezione_civile", "period": NIGHT}
    trials = tuple(
        Trial(corruption=kind.name, **about, earlier=60, fate="missed" if kind.name in missed else "caught")
        for kind in CORRUPTIONS[left_out:]
    )
    controls = tuple(
        Control(change="untouched", **about, alarms=("total_cases",) if number < alarms else ())
        for number in range(100)
    )
    tried = Tried(
        number=0,
        sent_name="figures.csv",
        supplier="protezione_civile",
        periods=(NIGHT,),
        sha256="0" * 64,
        trials=trials,
        controls=controls,
    )
    return Assessment(
        dependency=office.name,
        importance="high",
        fingerprint=office.fingerprint,
        seed=0,
        per=1,
        origin="the archive: what is released",
        tried=(tried,),
    )


@pytest.fixture
def office(house: Any) -> Office:
    return Office.open(REGIONAL, house.settings)


def kept(office: Office, **found: Any) -> Any:
    channels = Channels.from_environment(office.settings.home, {})
    return keep(office, assessment(office, **found), "run-of-today", channels)


def wanting(house: Any) -> list[dict[str, Any]]:
    return [issue for issue in house.open_issues() if issue["rule"] == "controls_work"]


def test_what_was_measured_is_on_record_for_every_reader_and_in_the_audit_trail(house: Any, office: Office) -> None:
    row = kept(office)
    (told,) = house.query("SELECT * FROM register.assessments")
    assert (told["reference"], told["verdict"], told["run"]) == (row.reference, "PASS", "run-of-today")
    assert (told["planted"], told["caught"], told["missed"]) == (len(CORRUPTIONS), len(CORRUPTIONS), 0)
    assert (told["controls"], told["false_alarms"], told["shortfalls"]) == (100, 0, [])
    assert told["fingerprint"] == office.fingerprint
    assert {entry["dimension"]: entry["share"] for entry in told["dimensions"]}["accuracy"] == 1.0
    assert {entry["corruption"] for entry in told["corruptions"]} == {kind.name for kind in CORRUPTIONS}
    (event,) = house.query("SELECT details FROM register.audit WHERE event = 'controls assessed'")
    assert event["details"]["reference"] == row.reference
    assert wanting(house) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE register.assessment SET verdict = 'PASS'", "DELETE FROM register.assessment"]
)
def test_the_database_keeps_it_as_it_was(house: Any, office: Office, statement: str) -> None:
    kept(office, missed=frozenset({"total_broken"}))
    with (
        psycopg.connect(str(house.settings.database_url)) as connection,
        pytest.raises(psycopg.Error, match="append-only"),
    ):
        connection.execute(statement)  # type: ignore[arg-type]


def test_a_target_that_is_missed_is_an_issue_until_an_assessment_meets_it(house: Any, office: Office) -> None:
    missed = frozenset({"row_duplicated", "total_broken", "decimal_shifted_cell"})
    kept(office, missed=missed)
    (issue,) = wanting(house)
    assert "against accuracy" in issue["description"]
    assert "95%" in issue["description"]
    kept(office, missed=missed)
    assert len(wanting(house)) == 1, "one problem is one issue"
    kept(office)
    assert wanting(house) == []
    (closed,) = house.query("SELECT status FROM register.issues WHERE rule = 'controls_work'")
    assert closed["status"] == "closed"
    alerts = (office.settings.home / "alerts.log").read_text(encoding="utf-8")
    assert "Resolved" in alerts


def test_too_many_false_alarms_are_an_issue(house: Any, office: Office) -> None:
    assert kept(office, alarms=1).verdict == "FAIL"
    (issue,) = wanting(house)
    assert "1 of 100 files in which nothing is wrong raised an alarm" in issue["description"]


def test_a_part_of_the_catalogue_is_no_evidence(house: Any, office: Office) -> None:
    with pytest.raises(Rejected, match="3 kinds were left out"):
        kept(office, left_out=3)
    assert house.query("SELECT 1 FROM register.assessment") == []


def test_what_was_made_of_examples_is_no_evidence(house: Any, office: Office) -> None:
    examples = replace(assessment(office), origin="the bundled examples")
    with pytest.raises(Rejected, match="Only an assessment of real submissions"):
        keep(office, examples, "run-of-today", Channels.from_environment(office.settings.home, {}))
    assert house.query("SELECT 1 FROM register.assessment") == []


def test_there_is_something_to_plant_in_once_something_is_released(office: Office, settled: Any) -> None:
    assert has_released(Office.open(REGIONAL, settled.settings))
    assert not has_released(Office.open("trust_spend", settled.settings))


def test_one_without_a_result_is_on_record_and_counts_as_none(house: Any, office: Office) -> None:
    nothing = replace(assessment(office), tried=(replace(assessment(office).tried[0], controls=()),))
    assert nothing.verdict is Verdict.ERROR
    channels = Channels.from_environment(office.settings.home, {})
    assert keep(office, nothing, "run-of-today", channels).shortfalls
    assert is_due(office)


def test_it_is_due_a_month_before_the_last_one_ends_to_hold(house: Any, office: Office) -> None:
    assert is_due(office)
    kept(office)
    now = datetime.now(UTC)
    assert not is_due(office, now)
    assert not is_due(office, now + timedelta(days=330))
    assert is_due(office, now + timedelta(days=337)), "class high: every twelve months"


def test_the_commands_list_what_is_kept_and_what_is_known_of_each_control(
    house: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(house.settings.home))
    monkeypatch.setenv("INTEGRITY_DATABASE_URL", str(house.settings.database_url))
    kept(office, alarms=3)
    ran = CliRunner().invoke(app, ["assess", "list", REGIONAL, "--json"])
    (told,) = json.loads(ran.stdout)
    assert (told["verdict"], told["false_alarms"], told["report"]["targets"]["caught_at_least"]) == ("FAIL", 3, 0.95)
    assert "AS-00001" in CliRunner().invoke(app, ["assess", "list"]).stdout

    ran = CliRunner().invoke(app, ["controls", REGIONAL, "--json"])
    (told,) = json.loads(ran.stdout)
    controls = {control["id"]: control for control in told["controls"]}
    assert list(controls) == list(range(1, 17))
    assert [number for number, control in controls.items() if not control["is_needed"]] == [5], "class high"
    assert controls[15]["state"] == "wanting"
    assert "3 false alarms in 100 files" in " ".join(controls[15]["evidence"])
    assert (controls[2]["state"], controls[12]["state"]) == ("evidence", "unknown")
    assert "ongoing assessment" in CliRunner().invoke(app, ["controls"]).stdout


def test_keeping_a_part_is_refused_before_anything_is_planted(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRITY_HOME", str(house.settings.home))
    monkeypatch.setenv("INTEGRITY_DATABASE_URL", str(house.settings.database_url))
    ran = CliRunner().invoke(app, ["assess", REGIONAL, "--keep", "--only", "total_broken"])
    assert isinstance(ran.exception, Rejected)
    assert "leave out --only" in str(ran.exception)
