"""People decide: a failure that is waived in writing is released, and says so; a part of a period may go alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from integrity.alerts.delivery import deliver
from integrity.errors import Rejected
from integrity.inventory.deciders import entitled
from integrity.pipeline import ingesting, releasing
from integrity.pipeline.answering import close
from integrity.pipeline.office import Office
from integrity.pipeline.releasing import period_outcome, what_was_done
from integrity.pipeline.waiving import LONGEST_DAYS, Request, revoke, waive
from integrity.register.receipts import latest_submissions
from integrity.register.releases import current_releases
from integrity.register.waivers import with_waivers
from integrity.reports.tracing import trace_submission
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import FindingRow, Waiver

REGIONAL = "regional_hospital_activity"
ABRUZZO, LOMBARDIA = "13", "03"
OWNER, SPONSOR = "Giulia Bianchi", "Anna Verdi <a.verdi@example.org>"
NIGHT = date(2020, 4, 29)
REASON = "Checked by telephone with the region; a correction follows."
TODAY = datetime.now(UTC).date()
UNTIL = TODAY + timedelta(days=10)
BEYOND = datetime.now(UTC) + timedelta(days=12)


@pytest.fixture
def settled(settled: Any) -> Any:
    """27 and 28 April are released, and it is known who the sponsor is."""
    settled.settings = replace(settled.settings, sponsor=SPONSOR)
    return settled


def request(issue: str, **changed: Any) -> Request:
    given: dict[str, Any] = {"issue": issue, "by": [OWNER, "a.verdi@example.org"], "reason": REASON}
    return Request(**(given | {"expires_on": UNTIL} | changed))


def issue_of(house: Any, rule: str) -> str:
    (reference,) = [i["reference"] for i in house.open_issues() if i["rule"] == rule]
    return str(reference)


def let_pass(house: Any, rule: str, /, **changed: Any) -> Waiver:
    return waive(house.settings, request(issue_of(house, rule), **changed))


def fail(house: Any, real: Any, day: int = 29) -> None:
    """A night whose total does not agree with its parts: a row is set aside, and the class allows none."""
    house.send(REGIONAL, real(REGIONAL, day).change(ABRUZZO, deceduti=9), day, name=f"total-202004{day}.csv")
    assert house.run(REGIONAL, day).verdict is Verdict.FAIL


def rows_of(house: Any, day: int) -> int:
    return len([row for row in house.published(REGIONAL) if row["_period"].day == day])


# What a waiver covers


def finding(rule: str, verdict: str = "FAIL", supplier: str | None = None) -> FindingRow:
    return FindingRow(rule=rule, verdict=verdict, supplier=supplier)


def waiver(rule: str = "total_cases", number: int = 1, **changed: Any) -> Waiver:
    given: dict[str, Any] = {"supplier": None, "periods_from": NIGHT, "periods_until": NIGHT, "expires_on": UNTIL}
    return Waiver(id=number, rule=rule, **(given | changed))


def decided(findings: list[FindingRow], *waivers: Waiver, verdict: str = "FAIL", on: date = TODAY) -> Any:
    return with_waivers(verdict, findings, waivers, supplier="dpc", period=NIGHT, on=on)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(waiver(), id="every-supplier"),
        pytest.param(waiver(supplier="dpc"), id="the-supplier"),
        pytest.param(waiver(periods_from=NIGHT - timedelta(3), periods_until=NIGHT + timedelta(3)), id="a-week"),
        pytest.param(waiver(expires_on=TODAY), id="its-last-day"),
    ],
)
def test_a_failure_that_is_covered_becomes_a_warning(given: Waiver) -> None:
    told = decided([finding("total_cases"), finding("row_once", "PASS")], given)
    assert (told.verdict, told.waivers) == (Verdict.WARN, ("WV-00001",))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(waiver(expires_on=TODAY - timedelta(1)), id="expired"),
        pytest.param(waiver(revoked_at=datetime.now(UTC)), id="revoked"),
        pytest.param(waiver(supplier="other"), id="another-supplier"),
        pytest.param(waiver("hospitalised_total"), id="another-rule"),
        pytest.param(waiver(periods_from=NIGHT + timedelta(1), periods_until=NIGHT + timedelta(9)), id="later-periods"),
        pytest.param(
            waiver(periods_from=NIGHT - timedelta(9), periods_until=NIGHT - timedelta(1)), id="earlier-periods"
        ),
    ],
)
def test_what_is_not_covered_blocks(given: Waiver) -> None:
    told = decided([finding("total_cases")], given)
    assert (told.verdict, told.waivers) == (Verdict.FAIL, ())


def test_every_failing_rule_needs_a_waiver() -> None:
    failing = [finding("total_cases"), finding("row_once")]
    assert decided(failing, waiver()).verdict is Verdict.FAIL
    assert decided(failing, waiver(), waiver("row_once", 2)).waivers == ("WV-00001", "WV-00002")


def test_an_error_is_never_let_pass() -> None:
    assert decided([finding("total_cases", "ERROR")], waiver(), verdict="ERROR").verdict is Verdict.ERROR
    mixed = [finding("total_cases"), finding("row_once", "ERROR")]
    assert decided(mixed, waiver(), waiver("row_once", 2)).verdict is Verdict.FAIL
    assert decided([finding("total_cases")], waiver(), verdict="nonsense").verdict is Verdict.ERROR


def test_a_failure_that_no_finding_explains_is_not_let_pass() -> None:
    assert decided([], waiver()).verdict is Verdict.FAIL


def test_a_waiver_for_a_supplier_does_not_cover_the_period_as_a_whole() -> None:
    told = with_waivers(
        "FAIL", [finding("total_cases")], [waiver(supplier="dpc")], supplier=None, period=NIGHT, on=TODAY
    )
    assert told.verdict is Verdict.FAIL


# Who decides


@pytest.mark.parametrize(
    ("by", "sponsor", "waived_by", "told"),
    [
        pytest.param(["Mario Rossi"], None, "owner", "'Mario Rossi' has no say", id="somebody-else"),
        pytest.param(["Mario Rossi", OWNER], None, "owner", "'Mario Rossi' has no say", id="somebody-else-as-well"),
        pytest.param([""], None, "owner", "'' has no say", id="nobody"),
        pytest.param([], None, "owner", "missing: owner Giulia", id="not-a-name"),
        pytest.param([SPONSOR], SPONSOR, "owner", "missing: owner Giulia", id="the-sponsor-alone"),
        pytest.param([OWNER], SPONSOR, "owner and sponsor", "missing: sponsor Anna Verdi", id="class-high-without"),
        pytest.param([OWNER], None, "owner and sponsor", "Set INTEGRITY_SPONSOR", id="no-sponsor-is-known"),
        pytest.param([OWNER], "x <capacity-planning@example.org>", "owner and sponsor", "two people", id="one-person"),
    ],
)
def test_nobody_else_decides(settled: Any, by: list[str], sponsor: str | None, waived_by: Any, told: str) -> None:
    owner = Office.open(REGIONAL, settled.settings).registered.dependency.owner
    with pytest.raises(Rejected, match=told):
        entitled(by, owner, sponsor, waived_by)


def test_who_decides_is_kept_as_configured_however_they_are_named(settled: Any) -> None:
    owner = Office.open(REGIONAL, settled.settings).registered.dependency.owner
    kept = [f"{OWNER} <{owner.email}>"]
    assert entitled([owner.email.upper()], owner, None, "owner") == kept
    assert entitled(["anna verdi", OWNER], owner, SPONSOR, "owner and sponsor") == [*kept, SPONSOR]
    assert entitled(["Anna Verdi", OWNER], owner, "Anna Verdi", "owner and sponsor") == [*kept, "Anna Verdi"]


# What is refused


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"reason": "ok"}, "15 characters or more", id="reason-too-short"),
        pytest.param({"reason": "ok" + " " * 20}, "15 characters or more", id="reason-of-blanks"),
        pytest.param({"expires_on": TODAY - timedelta(days=2)}, "would have ended", id="in-the-past"),
        pytest.param({"expires_on": TODAY + timedelta(days=LONGEST_DAYS + 2)}, "92 days at most", id="too-far"),
        pytest.param({"rule": "no_such_rule"}, "has no rule 'no_such_rule'", id="no-such-rule"),
        pytest.param({"rule": "gate_ran"}, "did not run cannot be waived", id="a-gate-that-did-not-run"),
        pytest.param({"rule": "identified"}, "holds back nothing", id="a-file-without-a-place"),
        pytest.param({"supplier": "nobody"}, "has no supplier 'nobody'", id="no-such-supplier"),
        pytest.param({"periods": "2020-04"}, "no reporting period", id="no-such-period"),
        pytest.param({"periods": "2020-04-29..2020-04-28"}, "comes after", id="periods-the-wrong-way-round"),
        pytest.param({"by": ["Mario Rossi"]}, "has no say", id="somebody-else"),
        pytest.param({"by": [OWNER]}, "missing: sponsor", id="without-the-sponsor"),
    ],
)
def test_a_request_that_is_refused_leaves_nothing(settled: Any, real: Any, changed: Any, told: str) -> None:
    fail(settled, real)
    with pytest.raises(Rejected, match=told):
        let_pass(settled, "total_cases", **changed)
    assert settled.query("SELECT 1 FROM register.waiver") == []
    assert settled.query("SELECT 1 FROM register.audit WHERE event = 'waived'") == []


def test_what_could_not_be_judged_cannot_be_waived(settled: Any) -> None:
    settled.send(REGIONAL, b"", 29)
    assert settled.run(REGIONAL, 29).verdict is Verdict.ERROR
    with pytest.raises(Rejected, match="'readable' is ERROR: it could not be judged"):
        let_pass(settled, "readable")


def test_a_closed_issue_has_nothing_to_let_pass(settled: Any, real: Any) -> None:
    fail(settled, real)
    reference = issue_of(settled, "total_cases")
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    settled.run(REGIONAL, 29)
    close(settled.settings, reference, cause="export", resolution=None, by="Giulia Bianchi")
    with pytest.raises(Rejected, match=f"{reference} is closed"):
        waive(settled.settings, request(reference))


# What it does


def test_a_waived_failure_is_released_and_everything_says_so(settled: Any, real: Any) -> None:
    fail(settled, real)
    granted = let_pass(settled, "total_cases")
    assert (granted.rule, granted.supplier) == ("total_cases", "protezione_civile")
    assert (granted.periods_from, granted.periods_until) == (NIGHT, NIGHT)
    assert settled.run(REGIONAL, 29).verdict is Verdict.WARN
    assert rows_of(settled, 29) == 20, "the row that fails stays set aside"
    (release,) = settled.query("SELECT verdict, waivers FROM register.releases WHERE period = %s", NIGHT)
    assert (release["verdict"], release["waivers"]) == ("WARN", [granted.reference])
    events = settled.query("SELECT event, details FROM register.audit WHERE event IN ('waived', 'released')")
    (waived,) = [event["details"] for event in events if event["event"] == "waived"]
    assert (waived["reference"], waived["reason"]) == (granted.reference, REASON)
    assert waived["waived_by"] == [f"{OWNER} <capacity-planning@example.org>", SPONSOR]
    assert [e["details"]["waivers"] for e in events if "waivers" in e["details"]] == [[granted.reference]]
    office = Office.open(REGIONAL, settled.settings)
    with transaction(open_engine(settled.settings)) as session:
        assert trace_submission(session, "total-20200429.csv")[0]["waivers"] == [granted.reference]
        outcome = period_outcome(session, office, NIGHT)
        told = what_was_done(
            outcome, current_releases(session, REGIONAL, NIGHT), latest_submissions(session, REGIONAL, NIGHT)
        )
    assert told == f"The period's figures are released with what is noted here, by waiver {granted.reference}."
    assert [i["rule"] for i in settled.open_issues()] == ["total_cases"], "it is let pass, and not cured"
    assert settled.channels.told == [("opened", "total_cases"), ("waived", "total_cases")]


def test_the_next_run_of_any_night_releases_it(settled: Any, real: Any) -> None:
    fail(settled, real)
    let_pass(settled, "total_cases")
    assert rows_of(settled, 29) == 0
    settled.run(REGIONAL, 28)
    assert rows_of(settled, 29) == 20


def without(file: Any, column: str) -> Any:
    file.headings.remove(column)
    for row in file.rows:
        del row[column]
    return file


def test_what_was_never_landed_is_landed_once_it_is_waived(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, without(real(REGIONAL, 29), "tamponi"), 29)
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    landed = (
        "SELECT count(*) AS n FROM register.landing l JOIN register.submission s ON s.id = l.submission_id "
        "WHERE s.period = '2020-04-29'"
    )
    assert settled.query(landed) == [{"n": 0}]
    granted = let_pass(settled, "columns_present")
    assert settled.run(REGIONAL, 29).verdict is Verdict.WARN
    assert rows_of(settled, 29) == 21
    assert {row["tamponi"] for row in settled.published(REGIONAL) if row["_period"] == NIGHT} == {None}
    (release,) = settled.query("SELECT waivers FROM register.releases WHERE period = %s", NIGHT)
    assert release["waivers"] == [granted.reference]
    before = settled.state()
    settled.run(REGIONAL, 29)
    assert settled.state() == before


def test_a_waiver_may_come_before_the_file(settled: Any, real: Any) -> None:
    fail(settled, real)
    let_pass(settled, "total_cases", rule="columns_present", periods="2020-04-30..2020-05-02")
    settled.send(REGIONAL, without(real(REGIONAL, 30), "tamponi"), 30)
    assert settled.run(REGIONAL, 30).verdict is Verdict.WARN
    assert rows_of(settled, 30) == 21


def test_two_failures_need_two_waivers(settled: Any, real: Any) -> None:
    bad = real(REGIONAL, 29).change(ABRUZZO, deceduti=9).change(LOMBARDIA, terapia_intensiva=1)
    settled.send(REGIONAL, bad, 29)
    settled.run(REGIONAL, 29)
    first = let_pass(settled, "total_cases")
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert rows_of(settled, 29) == 0
    second = let_pass(settled, "hospitalised_total")
    assert settled.run(REGIONAL, 29).verdict is Verdict.WARN
    (release,) = settled.query("SELECT waivers FROM register.releases WHERE period = %s", NIGHT)
    assert release["waivers"] == [first.reference, second.reference]


def test_it_covers_no_other_night(settled: Any, real: Any) -> None:
    fail(settled, real)
    let_pass(settled, "total_cases")
    settled.run(REGIONAL, 29)
    fail(settled, real, 30)
    assert rows_of(settled, 30) == 0


def test_after_its_day_it_lets_nothing_pass_and_what_was_released_stays(settled: Any, real: Any) -> None:
    fail(settled, real)
    let_pass(settled, "total_cases")
    settled.run(REGIONAL, 29)
    office = Office.open(REGIONAL, settled.settings)
    with transaction(open_engine(settled.settings)) as session:
        assert period_outcome(session, office, NIGHT).is_held is False
        beyond = period_outcome(session, office, NIGHT, BEYOND)
    assert (beyond.verdict, beyond.is_held, beyond.waivers) == (Verdict.FAIL, True, ())
    assert rows_of(settled, 29) == 20


def test_a_revoked_waiver_lets_nothing_pass_and_what_was_released_stays(settled: Any, real: Any) -> None:
    fail(settled, real)
    granted = let_pass(settled, "total_cases")
    settled.run(REGIONAL, 29)
    revoke(settled.settings, granted.reference, by=OWNER, reason="The region has withdrawn its figures.")
    worse = real(REGIONAL, 29).change(ABRUZZO, deceduti=8)
    settled.send(REGIONAL, worse, 29, name="worse-20200429.csv")
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    (release,) = settled.query("SELECT revision, superseded_at FROM register.releases WHERE period = %s", NIGHT)
    assert (release["revision"], release["superseded_at"]) == (1, None)
    assert settled.query("SELECT 1 FROM register.audit WHERE event = 'waiver revoked'")
    with pytest.raises(Rejected, match="was revoked on"):
        revoke(settled.settings, granted.reference, by=OWNER, reason="The region has withdrawn its figures.")


def test_a_waiver_that_is_revoked_at_once_releases_nothing(settled: Any, real: Any) -> None:
    fail(settled, real)
    granted = let_pass(settled, "total_cases")
    with pytest.raises(Rejected, match="no say"):
        revoke(settled.settings, granted.reference, by="Mario Rossi", reason="I should like to see it gone.")
    revoke(settled.settings, granted.reference, by="Anna Verdi", reason="It was meant for another night.")
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert rows_of(settled, 29) == 0


def test_the_database_keeps_a_waiver_as_it_was(settled: Any, real: Any) -> None:
    fail(settled, real)
    granted = let_pass(settled, "total_cases")
    for statement in (
        "UPDATE register.waiver SET expires_on = expires_on + 365",
        "UPDATE register.waiver SET revoked_at = now(), reason = 'another'",
        "DELETE FROM register.waiver",
        "TRUNCATE register.waiver",
    ):
        with pytest.raises(psycopg.errors.RaiseException):
            settled.query(statement)
    revoke(settled.settings, granted.reference, by=OWNER, reason="It was meant for another night.")
    with pytest.raises(psycopg.errors.RaiseException, match="can only be revoked, once"):
        settled.query("UPDATE register.waiver SET revoked_at = NULL")


def test_asked_twice_it_is_one_waiver_and_run_again_it_is_one_release(settled: Any, real: Any) -> None:
    fail(settled, real)
    assert let_pass(settled, "total_cases").id == let_pass(settled, "total_cases").id
    settled.run(REGIONAL, 29)
    before = settled.state()
    settled.run(REGIONAL, 29)
    settled.run(REGIONAL, 28)
    assert settled.state() == before


def test_a_run_that_breaks_off_before_the_release_is_finished_by_the_next(
    settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.send(REGIONAL, without(real(REGIONAL, 29), "tamponi"), 29)
    settled.run(REGIONAL, 29)
    let_pass(settled, "columns_present")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(releasing, "release_landings", killed)
        with pytest.raises(KeyboardInterrupt):
            settled.run(REGIONAL, 29)
    assert rows_of(settled, 29) == 0
    settled.run(REGIONAL, 28)
    assert rows_of(settled, 29) == 21
    assert settled.query("SELECT count(*) AS n FROM register.release WHERE period = %s", NIGHT) == [{"n": 1}]


def test_a_supplier_that_sent_nothing_may_be_waived_and_nothing_is_made_up(settled: Any) -> None:
    assert settled.run(REGIONAL, 29).verdict is Verdict.FAIL
    granted = let_pass(settled, "supplier_reported")
    assert settled.run(REGIONAL, 29).verdict is Verdict.WARN
    assert rows_of(settled, 29) == 0
    office = Office.open(REGIONAL, settled.settings)
    with transaction(open_engine(settled.settings)) as session:
        told = what_was_done(period_outcome(session, office, NIGHT), {}, {})
    assert told == f"Nothing came that could be released, by waiver {granted.reference}."


def test_on_the_command_line(settled: Any, real: Any) -> None:
    def types(*arguments: str) -> subprocess.CompletedProcess[str]:
        settings = settled.settings
        environment = {
            **os.environ,
            "INTEGRITY_HOME": str(settings.home),
            "INTEGRITY_DATABASE_URL": str(settings.database_url),
            "INTEGRITY_SPONSOR": SPONSOR,
        }
        command = [Path(sys.executable).parent / "integrity", "issues", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    fail(settled, real)
    reference = issue_of(settled, "total_cases")
    asked = ["waive", reference, "--reason", REASON, "--until", UNTIL.isoformat(), "--by", OWNER]
    refused = types(*asked)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "missing: sponsor Anna Verdi" in refused.stderr
    granted = json.loads(types(*asked, "--by", "Anna Verdi", "--json").stdout)
    assert (granted["reference"], granted["state"], granted["expires_on"]) == ("WV-00001", "in force", str(UNTIL))
    (listed,) = json.loads(types("list", "--json", "--status", "open").stdout)
    assert (listed["status"], listed["waived_until"]) == ("open", str(UNTIL))
    assert f"waived until {UNTIL}" in types("list").stdout
    assert f"waived until: {UNTIL}" in types("show", reference).stdout
    assert json.loads(types("waivers", "--json", "--dependency", REGIONAL).stdout) == [granted]
    assert "in force" in types("waivers").stdout
    ended = types("revoke", "WV-1", "--by", OWNER, "--reason", "It was meant for another night.")
    assert (ended.returncode, ended.stdout) == (0, "WV-00001 lets nothing pass any more.\n")
    assert json.loads(types("list", "--json").stdout)[0]["waived_until"] is None
    assert types("waive", reference, "--reason", REASON, "--until", "soon", "--by", OWNER).returncode == 2
    assert types("revoke", "WV-9", "--by", OWNER, "--reason", REASON).returncode == 2


# A part of a period


@pytest.fixture
def shared(house: Any, tmp_path: Path) -> Callable[[str], Any]:
    """The regional figures from two suppliers, under a release policy; the second is ``seconda``."""

    def under(policy: str) -> Any:
        folder = tmp_path / "dependencies"
        shutil.copytree(house.settings.dependencies, folder)
        path = folder / REGIONAL / "dependency.yml"
        text = path.read_text(encoding="utf-8")
        second = "suppliers:\n  - {code: seconda, name: Seconda, contact: seconda@example.org}\n"
        path.write_text(text.replace("suppliers:\n", f"release: {policy}\n{second}", 1), encoding="utf-8")
        house.settings = replace(house.settings, dependencies=folder, sponsor=SPONSOR)
        return house

    return under


def send_shares(house: Any, real: Any, bad: str = "", day: int = 29, first: int = 11) -> None:
    """The first so many regions from one supplier, the others from the second; a bad share has a wrong total."""
    for supplier, part in (("protezione_civile", slice(0, first)), ("seconda", slice(first, None))):
        file = real(REGIONAL, day)
        file.rows = file.rows[part]
        if supplier == bad:
            file.rows[0]["deceduti"] = "9"
        name = f"{supplier}-{'bad' if supplier == bad else 'good'}-202004{day}.csv"
        house.send(REGIONAL, file, name=name, supplier=supplier)


def suppliers_of(house: Any, day: int = 29) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in house.published(REGIONAL):
        if row["_period"].day == day:
            found[row["_supplier"]] = found.get(row["_supplier"], 0) + 1
    return found


def test_one_suppliers_failure_holds_all_back_unless_it_is_said_otherwise(shared: Any, real: Any) -> None:
    house = shared("all")
    send_shares(house, real, bad="seconda")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {}


def test_by_supplier_what_passed_is_released_and_the_verdict_says_what_did_not(shared: Any, real: Any) -> None:
    house = shared("by_supplier")
    send_shares(house, real, bad="seconda")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {"protezione_civile": 11}
    (release,) = house.query("SELECT verdict, waivers FROM register.releases")
    assert (release["verdict"], release["waivers"]) == ("PASS", [])
    office = Office.open(REGIONAL, house.settings)
    with transaction(open_engine(house.settings)) as session:
        told = what_was_done(period_outcome(session, office, NIGHT), {}, {})
    assert told == "What passed is released. Of seconda the last good file stays published, if there is one."
    before = house.state()
    house.run(REGIONAL, 29)
    assert house.state() == before


@pytest.mark.parametrize("meanwhile", [True, False], ids=["run-between", "both-at-once"])
def test_by_supplier_the_last_good_file_is_kept_whenever_the_run_was(shared: Any, real: Any, meanwhile: bool) -> None:
    house = shared("by_supplier")
    send_shares(house, real)
    if meanwhile:
        house.run(REGIONAL, 29)
    else:
        # Received in this order by one run: a file's name decides.
        for path in (house.settings.inbox / REGIONAL / "seconda").iterdir():
            path.rename(path.with_name("a-" + path.name))
    send_shares(house, real, bad="seconda")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {"protezione_civile": 11, "seconda": 10}
    revisions = house.query(
        "SELECT revision FROM register.releases WHERE supplier = 'seconda' AND superseded_at IS NULL"
    )
    assert revisions == [{"revision": 1}]


def test_by_supplier_one_that_sent_nothing_holds_back_nobody(shared: Any, real: Any) -> None:
    house = shared("by_supplier")
    send_shares(house, real)
    shutil.rmtree(house.settings.inbox / REGIONAL / "seconda")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {"protezione_civile": 11}


def test_by_supplier_where_nobody_passed_nothing_is_released(shared: Any, real: Any) -> None:
    house = shared("by_supplier")
    send_shares(house, real, bad="protezione_civile")
    send_shares(house, real, bad="seconda")
    for path in (house.settings.inbox / REGIONAL).rglob("*good*"):
        path.unlink()
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {}


@pytest.mark.parametrize(
    ("coverage", "released"),
    [
        pytest.param("0.52", {"protezione_civile": 11}, id="11-of-21-is-more"),
        pytest.param("0.53", {}, id="11-of-21-is-less"),
    ],
)
def test_from_the_hour_on_enough_units_are_released(shared: Any, real: Any, coverage: str, released: Any) -> None:
    house = shared(f'{{coverage: {coverage}, from: "06:00"}}')
    send_shares(house, real, bad="seconda")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == released


def test_before_the_hour_all_must_pass(shared: Any, real: Any) -> None:
    house = shared('{coverage: 0.5, from: "06:00"}')
    send_shares(house, real, bad="seconda")
    house.run(REGIONAL, 29)
    office = Office.open(REGIONAL, house.settings)
    with transaction(open_engine(house.settings)) as session:
        held = [
            period_outcome(session, office, NIGHT, moment).is_held
            for moment in (datetime(2020, 4, 30, 3, 59, tzinfo=UTC), datetime(2020, 4, 30, 4, 0, tzinfo=UTC))
        ]
    assert held == [True, False], "six in Rome is four in Greenwich"


def test_units_that_are_missing_hold_back_by_supplier_and_are_counted_by_coverage(shared: Any, real: Any) -> None:
    house = shared('{coverage: 0.9, from: "06:00"}')
    send_shares(house, real)
    (file,) = (house.settings.inbox / REGIONAL / "seconda").iterdir()
    file.write_bytes(b"\r\n".join(file.read_bytes().split(b"\r\n")[:-2]) + b"\r\n")
    ingested = house.run(REGIONAL, 29)
    assert [f["rule"] for f in ingested.to_json()["findings"]] == ["population_complete"]
    assert ingested.verdict is Verdict.FAIL
    assert suppliers_of(house) == {"protezione_civile": 11, "seconda": 9}


def test_units_that_are_missing_hold_back_the_period_where_no_share_is_stated(shared: Any, real: Any) -> None:
    house = shared("by_supplier")
    send_shares(house, real)
    (file,) = (house.settings.inbox / REGIONAL / "seconda").iterdir()
    file.write_bytes(b"\r\n".join(file.read_bytes().split(b"\r\n")[:-2]) + b"\r\n")
    assert house.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert suppliers_of(house) == {}


def test_what_is_to_be_judged_again_is_not_released_by_a_waiver_alone(settled: Any, real: Any) -> None:
    """Between the waiver and the next run: the rows are not there, and nothing may say that they passed."""
    settled.send(REGIONAL, without(real(REGIONAL, 29), "tamponi"), 29)
    settled.run(REGIONAL, 29)
    let_pass(settled, "columns_present")
    office = Office.open(REGIONAL, settled.settings)
    with transaction(open_engine(settled.settings)) as session:
        outcome = period_outcome(session, office, NIGHT)
    assert (outcome.verdict, outcome.is_held) == (Verdict.ERROR, True)


def test_a_failing_supplier_that_is_waived_goes_with_the_others(shared: Any, real: Any) -> None:
    house = shared("by_supplier")
    send_shares(house, real, bad="seconda")
    house.run(REGIONAL, 29)
    granted = let_pass(house, "total_cases")
    assert granted.supplier == "seconda"
    assert house.run(REGIONAL, 29).verdict is Verdict.WARN
    assert suppliers_of(house) == {"protezione_civile": 11, "seconda": 9}
    told = house.query("SELECT supplier, waivers FROM register.releases ORDER BY supplier")
    assert told == [
        {"supplier": "protezione_civile", "waivers": []},
        {"supplier": "seconda", "waivers": [granted.reference]},
    ]


def test_the_steps_are_those_that_the_command_line_takes() -> None:
    assert ingesting.release is releasing.release
    assert Settings.from_environment({"INTEGRITY_SPONSOR": f" {SPONSOR} "}).sponsor == SPONSOR
    assert Settings.from_environment({"INTEGRITY_SPONSOR": " "}).sponsor is None


def test_alerts_say_that_it_passes_until_the_day_is_over_where_the_dependency_reports(settled: Any, real: Any) -> None:
    fail(settled, real)
    let_pass(settled, "total_cases")

    def told_at(moment: datetime) -> str | None:
        settled.execute(
            "INSERT INTO register.outbox (issue_id, route, kind, content, created_at) "
            "SELECT issue_id, route, 'noted', content, now() FROM register.outbox ORDER BY id LIMIT 1"
        )
        deliver(open_engine(settled.settings), settled.channels, moment=moment)
        _, message = settled.channels.messages[-1]
        until: str | None = message.standing[0]["waived_until"]
        return until

    midnight = datetime.combine(UNTIL + timedelta(days=1), time(), ZoneInfo("Europe/Rome"))
    assert told_at(midnight - timedelta(minutes=30)) == str(UNTIL)
    assert told_at(midnight + timedelta(minutes=30)) is None, "by UTC it is still the day before"
