"""What is decided within a run: whether anybody must be asked, what they are asked, and what comes of their word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from integrity.errors import GateFailed, Misconfigured, Rejected
from integrity.inventory.accounts import account_of, accounts_of
from integrity.inventory.deciders import Decider, deciders
from integrity.pipeline.deciding import (
    Approval,
    Terms,
    agreed_question,
    approval_of,
    case_as_asked,
    case_of,
    let_pass_in_run,
    must_be_decided,
    note_answer,
    question,
    read_terms,
)
from integrity.pipeline.office import Office
from integrity.pipeline.releasing import release
from integrity.verdicts import Verdict

REGIONAL, ABRUZZO = "regional_hospital_activity", "13"
NIGHT = date(2020, 4, 29)
SPONSOR = "Anna Verdi <a.verdi@example.org>"
REASON = "Checked by telephone with the region; a correction follows."
CANARY = "918273645"
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def settled(settled: Any) -> Any:
    """27 and 28 April are released, and it is known who the sponsor is."""
    settled.settings = replace(settled.settings, sponsor=SPONSOR)
    return settled


def failing(house: Any, real: Any, **more: str) -> Office:
    """A night whose total does not agree with its parts."""
    house.send(REGIONAL, real(REGIONAL, 29).change(ABRUZZO, deceduti=9, **more), 29, name="total-20200429.csv")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    return Office.open(REGIONAL, house.settings)


def both(office: Office) -> list[Decider]:
    owner = office.registered.dependency.owner
    return [*deciders(owner, office.settings.sponsor, office.policy.waived_by).values()]


def terms(**changed: Any) -> Terms:
    given: dict[str, Any] = {"reason": REASON, "expires_on": datetime.now(UTC).date() + timedelta(days=3)}
    return Terms(**(given | changed))


# Whether anybody must be asked


def test_a_failure_must_be_decided_and_what_passed_must_not(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    assert must_be_decided(office, NIGHT, BEFORE)
    assert not must_be_decided(office, date(2020, 4, 28), BEFORE)


def test_no_word_helps_where_a_gate_could_not_judge(settled: Any) -> None:
    settled.send(REGIONAL, b"", 29)
    assert settled.run(REGIONAL, 29).verdict is Verdict.ERROR
    with pytest.raises(GateFailed, match="cannot be let pass"):
        must_be_decided(Office.open(REGIONAL, settled.settings), NIGHT, BEFORE)


def test_no_word_helps_where_a_gate_did_not_run_this_time(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    with pytest.raises(GateFailed, match="without a verdict: coverage"):
        must_be_decided(office, NIGHT, datetime.now(UTC))


def test_what_is_waived_already_need_not_be_decided_again(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    let_pass_in_run(office, NIGHT, "run", terms(), case_of(office, NIGHT), both(office))
    assert not must_be_decided(office, NIGHT, BEFORE)
    with pytest.raises(GateFailed, match="nothing to let pass"):
        case_of(office, NIGHT)


# What is asked


def test_the_question_tells_counts_and_names_and_no_cell(settled: Any, real: Any) -> None:
    office = failing(settled, real, tamponi=f"-{CANARY}")
    case = case_of(office, NIGHT)
    failures = case.failures
    assert {failure.problem.rule for failure in failures} >= {"total_cases", "in_range"}
    asked = question(office, NIGHT, case, datetime(2020, 4, 30, 6, tzinfo=UTC))
    assert "**total_cases** of protezione_civile: 1 of 21" in asked
    assert "2020-04-30 06:00 UTC" in asked
    assert CANARY not in asked
    assert all(failure.issue in asked for failure in failures)


def test_the_second_person_reads_the_first_ones_terms() -> None:
    told = agreed_question(Approval(terms(rules=("total_cases",), supplier="all"), "Giulia <Bianchi>", ""))
    assert REASON in told
    assert "every supplier" in told
    assert "total_cases" in told
    assert "<" not in told, "no markup of anybody's"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"reason": "ok"}, "15 characters", id="reason-too-short"),
        pytest.param({}, "15 characters", id="no-reason"),
        pytest.param({"reason": REASON, "until": "soon"}, "is no day", id="no-day"),
        pytest.param({"reason": REASON, "until": "2020-05-01"}, "would have ended", id="in-the-past"),
        pytest.param({"reason": REASON, "until": "2099-05-01"}, "92 days at most", id="too-far"),
        pytest.param({"reason": REASON, "rules": ["in_range"]}, "do not fail", id="a-rule-that-does-not-fail"),
        pytest.param({"reason": REASON, "periods": "April"}, "no reporting period", id="no-period"),
    ],
)
def test_an_answer_that_cannot_be_taken_says_why(settled: Any, real: Any, given: Any, told: str) -> None:
    office = failing(settled, real)
    with pytest.raises(Rejected, match=told):
        read_terms(office, given, case_of(office, NIGHT), datetime.now(UTC))


def test_what_the_form_leaves_open_is_the_run_s_own(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    read = read_terms(office, {"reason": f" {REASON} "}, case_of(office, NIGHT), datetime.now(UTC))
    today = office.registered.dependency.reporting.today(datetime.now(UTC))
    assert read == Terms(reason=REASON, expires_on=today + timedelta(days=14))
    assert Terms.of(read.to_json()) == read


# What comes of it


def test_their_word_makes_the_waiver_that_the_command_makes_and_the_period_goes(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    (waiver,) = let_pass_in_run(office, NIGHT, "run", terms(), case_of(office, NIGHT), both(office))
    assert (waiver.periods_from, waiver.periods_until, waiver.supplier) == (NIGHT, NIGHT, "protezione_civile")
    assert waiver.waived_by[1] == SPONSOR
    assert release(office, NIGHT, "run") == ["protezione_civile"]
    (released,) = settled.query("SELECT waivers FROM register.releases WHERE period = '2020-04-29'")
    assert released["waivers"] == [waiver.reference]


def test_what_was_not_landed_is_landed_by_their_word(settled: Any, real: Any) -> None:
    night = real(REGIONAL, 29)
    settled.send(REGIONAL, night.change(ABRUZZO, codice_regione="03"), 29, name="twice-20200429.csv")
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    office = Office.open(REGIONAL, settled.settings)
    case = case_of(office, NIGHT)
    let_pass_in_run(office, NIGHT, "run", terms(), case, both(office))
    assert not {f.problem.rule for f in case.failures} & {f.problem.rule for f in _left(office)}


def _left(office: Office) -> list[Any]:
    try:
        return list(case_of(office, NIGHT).failures)
    except GateFailed:
        return []


def test_a_word_for_one_of_two_rules_lets_nothing_go(settled: Any, real: Any) -> None:
    office = failing(settled, real, tamponi="-7")
    let_pass_in_run(office, NIGHT, "run", terms(rules=("total_cases",)), case_of(office, NIGHT), both(office))
    assert "total_cases" not in {failure.problem.rule for failure in case_of(office, NIGHT).failures}
    with pytest.raises(GateFailed):
        release(office, NIGHT, "run")


def test_an_answer_holds_for_what_was_asked_and_for_nothing_that_came_since(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    asked = case_of(office, NIGHT)
    assert case_as_asked(office, NIGHT, asked.subject) == asked
    settled.send(REGIONAL, real(REGIONAL, 29).change(ABRUZZO, deceduti=8), 29, name="again-20200429.csv")
    settled.run(REGIONAL, 29)
    assert [f.told for f in case_of(office, NIGHT).failures] == [f.told for f in asked.failures], "as many rows"
    with pytest.raises(GateFailed, match="has changed since it was asked"):
        case_as_asked(office, NIGHT, asked.subject)


def test_one_word_is_not_enough_where_two_are_needed(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    with pytest.raises(Rejected, match="missing: sponsor"):
        let_pass_in_run(office, NIGHT, "run", terms(), case_of(office, NIGHT), both(office)[:1])
    assert settled.query("SELECT 1 FROM register.waiver") == []


def test_the_first_word_is_kept_until_the_second_and_cannot_be_made_up(settled: Any, real: Any) -> None:
    office = failing(settled, real)
    owner, at = both(office)[0], datetime.now(UTC)
    number = note_answer(office, NIGHT, "run", whom=owner, account="a", at=at, subject="s", terms=terms())
    assert approval_of(office, number) == Approval(terms(), str(owner), "s")
    refused = note_answer(office, NIGHT, "run", whom=owner, account="a", at=at, subject="s")
    silent = note_answer(office, NIGHT, "run", whom=owner, account=None, at=at, subject="s")
    for other in (refused, silent, 10**9):
        with pytest.raises(Rejected, match="approves nothing"):
            approval_of(office, other)
    events = settled.query("SELECT event FROM register.audit WHERE event LIKE 'waiver %%' ORDER BY event_number")
    assert [entry["event"] for entry in events] == ["waiver approved", "waiver refused", "waiver not answered"]


# Whose account is whose


def test_an_account_is_the_address_unless_it_is_said_otherwise(settled: Any) -> None:
    office = Office.open(REGIONAL, settled.settings)
    owner, sponsor = both(office)
    assert account_of(sponsor, {}) == "a.verdi@example.org"
    assert account_of(sponsor, {"INTEGRITY_ACCOUNTS": "x@y.org=3, A.Verdi@example.org = 7"}) == "7"
    assert account_of(Decider("Anna Verdi", ""), {}) == "Anna Verdi"
    with pytest.raises(Misconfigured, match="address=account"):
        account_of(owner, {"INTEGRITY_ACCOUNTS": "a.verdi@example.org"})
    everybody = list(accounts_of(office.inventory, SPONSOR))
    assert everybody.count("a.verdi@example.org") == 1
    assert owner.address in everybody
    assert "a.verdi@example.org" not in list(accounts_of(office.inventory, None))
