"""The profiling gate in the pipeline: asked of what would be released, against what is; it fails closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from integrity.assessment.sandbox import take_for_granted
from integrity.errors import GateFailed
from integrity.findings import GateResult
from integrity.gates.profiling.rules import PROFILING_RULES
from integrity.pipeline import judging, profiling
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import periods_to_judge_again, release
from integrity.verdicts import Verdict
from integrity.warehouse.connection import transaction

REGIONAL = "regional_hospital_activity"
PROFILED = "SELECT rule, verdict, supplier, not_judged FROM register.findings WHERE gate = 'profiling' AND period = %s"
NIGHT = date(2020, 4, 20)
EARLIER = range(13, 20)
"""Nights before it: as many as it takes to tell a change of scale."""


@pytest.fixture
def after_a_week(house: Any, real: Callable[..., Any]) -> Any:
    """The product with a week released, without having been asked about its neighbours."""
    for day in EARLIER:
        house.send(REGIONAL, real(REGIONAL, day), day)
    office = Office.open(REGIONAL, house.settings)
    receive(office, date(2020, 4, EARLIER[-1]))
    for day in EARLIER:
        take_for_granted(office, date(2020, 4, day))
    return house


def in_thousands(file: Any) -> Any:
    """Tests of every region, given in thousands: no rule on a row can tell."""
    for row in file.rows:
        row["tamponi"] = str(int(row["tamponi"]) // 1000)
        row["casi_testati"] = ""
    return file


def told(house: Any, day: int = NIGHT.day) -> dict[str, str]:
    rows = house.query(PROFILED, date(2020, 4, day))
    return {row["rule"]: row["verdict"] for row in rows if not row["not_judged"]}


def with_profiling(house: Any, **setting: Any) -> Office:
    office = Office.open(REGIONAL, house.settings)
    changed = office.policy.profiling.model_copy(update=setting)
    return replace(
        office,
        policy=office.policy.model_copy(update={"profiling": changed}),
        fingerprint=f"{office.fingerprint} {setting}",
    )


def test_a_usual_night_is_asked_every_rule_and_what_it_cannot_be_asked_is_said(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    after_a_week.run(REGIONAL, NIGHT.day)
    rows = after_a_week.query(PROFILED, NIGHT)
    assert {row["rule"] for row in rows} == {rule.name for rule in PROFILING_RULES}
    assert {row["supplier"] for row in rows} == {"protezione_civile"}
    assert {rule for rule, verdict in told(after_a_week).items() if verdict != "PASS"} == set()
    assert {"scale_kept", "nulls_usual", "not_copied"} <= set(told(after_a_week))
    assert any("7 earlier submissions" in row["not_judged"] for row in rows if row["rule"] == "volume_usual")


def test_what_stands_out_is_an_issue_and_is_released(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, in_thousands(real(REGIONAL, NIGHT.day)), NIGHT.day)
    ingested = after_a_week.run(REGIONAL, NIGHT.day)
    assert ingested.verdict is Verdict.WARN
    assert told(after_a_week)["scale_kept"] == "WARN"
    (issue,) = [issue for issue in after_a_week.open_issues() if issue["rule"] == "scale_kept"]
    assert issue["supplier"] == "protezione_civile"
    assert NIGHT in {row["_period"] for row in after_a_week.published(REGIONAL)}
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    after_a_week.run(REGIONAL, NIGHT.day)
    assert "scale_kept" not in {issue["rule"] for issue in after_a_week.open_issues()}


def judge_and_release(office: Office) -> None:
    receive(office, NIGHT)
    judging.judge_period(office, NIGHT, "run")
    release(office, NIGHT, "run")


def test_where_the_policy_blocks_it_is_not_released(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, in_thousands(real(REGIONAL, NIGHT.day)), NIGHT.day)
    with pytest.raises(GateFailed, match="profiling: FAIL"):
        judge_and_release(with_profiling(after_a_week, severity="block"))


def test_where_the_class_does_without_nobody_asks(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, in_thousands(real(REGIONAL, NIGHT.day)), NIGHT.day)
    judge_and_release(with_profiling(after_a_week, enabled=False))
    assert told(after_a_week) == {}
    assert NIGHT in {row["_period"] for row in after_a_week.published(REGIONAL)}


def test_a_gate_that_breaks_blocks(after_a_week: Any, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> GateResult:
        raise ValueError("cell 87654")

    monkeypatch.setattr(profiling, "judge_profile", breaks)
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    with pytest.raises(GateFailed, match="profiling: ERROR"):
        judge_and_release(Office.open(REGIONAL, after_a_week.settings))
    (row,) = after_a_week.query("SELECT rule, message FROM register.findings WHERE gate = 'profiling'")
    assert row["rule"] == "gate_ran"
    assert "ValueError" in row["message"]
    assert "87654" not in row["message"]


def test_without_its_answer_nothing_is_released(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    office = Office.open(REGIONAL, after_a_week.settings)
    receive(office, NIGHT)
    judging.judge_period(office, NIGHT, "run")
    after_a_week.execute("DELETE FROM register.judgement WHERE gate = 'profiling'")
    with pytest.raises(GateFailed, match="profiling: not judged"):
        release(office, NIGHT, "run")
    assert NIGHT not in {row["_period"] for row in after_a_week.published(REGIONAL)}


@pytest.mark.parametrize(
    "lost", ["DELETE FROM register.profile", "UPDATE register.profile SET hashing = 'of an older release'"]
)
def test_a_profile_that_is_not_there_is_made_from_what_was_landed(after_a_week: Any, real: Any, lost: str) -> None:
    def kept() -> dict[int, str]:
        rows = after_a_week.query("SELECT landing_id, digest FROM register.profile")
        return {row["landing_id"]: row["digest"] for row in rows}

    before = kept()
    assert len(before) == len(EARLIER)
    after_a_week.execute(lost)
    after_a_week.send(REGIONAL, in_thousands(real(REGIONAL, NIGHT.day)), NIGHT.day)
    after_a_week.run(REGIONAL, NIGHT.day)
    assert told(after_a_week)["scale_kept"] == "WARN"
    assert {landing: digest for landing, digest in kept().items() if landing in before} == before


def test_an_earlier_night_that_is_sent_again_is_felt_by_the_later_ones(after_a_week: Any, real: Any) -> None:
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    after_a_week.run(REGIONAL, NIGHT.day)
    assert "not_copied" not in {issue["rule"] for issue in after_a_week.open_issues()}
    # The night before turns out to have had the very figures of this one, so that one of the two is a copy.
    copy = real(REGIONAL, NIGHT.day)
    for row in copy.rows:
        row["data"] = row["data"].replace("04-20", "04-19")
    office = with_profiling(after_a_week)
    after_a_week.send(REGIONAL, copy, 19)
    receive(office, NIGHT)
    for submission in after_a_week.query("SELECT submission FROM register.submissions WHERE revision = 2"):
        judging.judge_submission(office, submission["submission"], "run")
    take_for_granted(office, date(2020, 4, 19))
    with transaction(office.engine) as session:
        assert profiling.judge_profiles_again(session, office, date(2020, 4, 19), "run") == [NIGHT]
    assert told(after_a_week)["not_copied"] == "WARN"
    with transaction(office.engine) as session:
        assert profiling.judge_profiles_again(session, office, date(2020, 4, 19), "run") == []


def test_what_only_its_history_held_back_is_judged_again_when_that_is_mended(after_a_week: Any, real: Any) -> None:
    office, before = with_profiling(after_a_week, severity="block"), date(2020, 4, 19)

    def release_again(file: Any, revision: int) -> None:
        after_a_week.send(REGIONAL, file, 19)
        receive(office, before)
        sent = after_a_week.query("SELECT submission FROM register.submissions WHERE revision = %s", revision)
        judging.judge_submission(office, sent[0]["submission"], "run")
        take_for_granted(office, before)

    copy = real(REGIONAL, NIGHT.day)
    for row in copy.rows:
        row["data"] = row["data"].replace("04-20", "04-19")
    release_again(copy, 2)
    after_a_week.send(REGIONAL, real(REGIONAL, NIGHT.day), NIGHT.day)
    with pytest.raises(GateFailed, match="profiling: FAIL"):
        judge_and_release(office)
    assert (REGIONAL, NIGHT) not in periods_to_judge_again(office, before)

    revised = real(REGIONAL, 19)
    revised.rows.reverse()
    release_again(revised, 3)
    with transaction(office.engine) as session:
        assert profiling.judge_profiles_again(session, office, before, "run") == [NIGHT]
    assert told(after_a_week)["not_copied"] == "PASS"
    assert NIGHT in {period for name, period in periods_to_judge_again(office, before) if name == REGIONAL}


def test_a_profile_tells_no_cell_and_its_key_is_nobodys(after_a_week: Any) -> None:
    kept = json.dumps(after_a_week.query("SELECT profile FROM register.profile"))
    for cell in ("Abruzzo", "Lombardia", "denominazione Abruzzo", "42.35"):
        assert cell not in kept
    after_a_week.execute(
        "CREATE ROLE reader_of_profiles; GRANT USAGE ON SCHEMA register TO reader_of_profiles; "
        "GRANT SELECT ON ALL TABLES IN SCHEMA register TO reader_of_profiles"
    )
    try:
        assert after_a_week.query("SELECT count(*) AS keys FROM secret.hashing_key") == [{"keys": 1}]
        with psycopg.connect(str(after_a_week.settings.database_url)) as connection:
            connection.execute("SET ROLE reader_of_profiles")
            assert connection.execute("SELECT count(*) FROM register.profile").fetchone() == (len(EARLIER),)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT key FROM secret.hashing_key")
    finally:
        after_a_week.execute("DROP OWNED BY reader_of_profiles; DROP ROLE reader_of_profiles")
