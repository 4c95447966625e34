"""Whole nights on a real warehouse: what came in, what was found, who was told, what is published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from integrity.inventory.loading import load_inventory
from integrity.pipeline import judging, receiving
from integrity.register import issues
from integrity.reports.tracing import trace_row, trace_submission
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from sqlalchemy import text

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
OWNERS = {
    REGIONAL: "Giulia Bianchi, Head of Hospital Capacity Planning",
    NATIONAL: "Marco Ferri, Head of Public Briefing",
}
ABRUZZO, LOMBARDIA = "13", "03"


def rules_found(ingested: Any) -> set[str]:
    told = ingested.to_json()
    about_files = {finding["rule"] for file in told["submissions"] for finding in file["findings"]}
    return about_files | {finding["rule"] for finding in told["findings"]}


def assert_one_issue(house: Any, dependency: str, rule: str) -> None:
    """One problem is one open issue with the owner's name on it, and one alert."""
    assert [(i["dependency"], i["rule"], i["owner"]) for i in house.open_issues()] == [
        (dependency, rule, OWNERS[dependency])
    ]
    assert house.channels.told == [("opened", rule)]


def test_a_good_night_is_released_in_silence(settled: Any, real: Any) -> None:
    for dependency in (REGIONAL, NATIONAL):
        settled.send(dependency, real(dependency, 29), 29)
        assert settled.run(dependency, 29).verdict is Verdict.PASS
    assert {row["_period"].day for row in settled.published(REGIONAL)} == {27, 28, 29}
    assert len(settled.published(NATIONAL)) == 3
    assert settled.open_issues() == []
    assert settled.channels.told == []


BAD_FILES = [
    pytest.param(lambda f: f.drop(ABRUZZO), "population_complete", id="a-region-is-missing"),
    pytest.param(lambda f: f.change(ABRUZZO, terapia_intensiva=9), "hospitalised_total", id="intensive-care-changed"),
    pytest.param(lambda f: f.repeat(ABRUZZO), "row_once", id="a-row-twice"),
    pytest.param(lambda f: f.change(ABRUZZO, tamponi="n.d."), "whole_number", id="text-in-a-count"),
    pytest.param(lambda f: f.change(ABRUZZO, data="2020-04-30T17:00:00"), "not_in_future", id="date-in-the-future"),
    pytest.param(
        lambda f: f.change(ABRUZZO, variazione_totale_positivi=1), "change_agrees_with_day_before", id="wrong-change"
    ),
    pytest.param(lambda _: b"", "readable", id="empty-file"),
    pytest.param(lambda f: f.to_bytes().split(b"\n")[0] + b"\n", "has_rows", id="header-only"),
    pytest.param(lambda _: b"note_it,note_en\nx,y\n", "columns_present", id="none-of-the-columns"),
]


@pytest.mark.parametrize(("alter", "rule"), BAD_FILES)
def test_a_bad_file_is_one_issue_and_changes_nothing(
    settled: Any, real: Any, alter: Callable[[Any], Any], rule: str
) -> None:
    before = settled.published(REGIONAL)
    settled.send(REGIONAL, alter(real(REGIONAL, 29)), 29)
    ingested = settled.run(REGIONAL, 29)
    assert ingested.verdict.blocks
    assert rules_found(ingested) == {rule}
    assert_one_issue(settled, REGIONAL, rule)
    assert settled.published(REGIONAL) == before


def test_saturdays_file_sent_on_sunday(settled: Any, real: Any) -> None:
    before = settled.published(REGIONAL)
    settled.send(REGIONAL, real(REGIONAL, 25), 26)
    assert rules_found(settled.run(REGIONAL, 26)) == {"date_is_period"}
    assert_one_issue(settled, REGIONAL, "date_is_period")
    assert settled.published(REGIONAL) == before


def test_a_real_night_whose_totals_fall_is_released_with_a_note(house: Any, real: Any) -> None:
    for day in (23, 24):
        house.send(REGIONAL, real(REGIONAL, day), day)
    assert house.run(REGIONAL, 23).verdict is Verdict.PASS
    ingested = house.run(REGIONAL, 24)
    assert ingested.verdict is Verdict.WARN
    assert rules_found(ingested) == {"totals_never_fall"}
    assert_one_issue(house, REGIONAL, "totals_never_fall")
    assert house.open_issues()[0]["impact"] == "medium"
    assert len(house.published(REGIONAL)) == 42


def test_no_file_came(settled: Any) -> None:
    before = settled.published(REGIONAL)
    assert rules_found(settled.run(REGIONAL, 29)) == {"supplier_reported"}
    assert_one_issue(settled, REGIONAL, "supplier_reported")
    assert settled.published(REGIONAL) == before


@pytest.mark.parametrize(
    ("name", "supplier"),
    [
        pytest.param("figures.csv", "protezione_civile", id="no-period-to-be-told"),
        pytest.param("dpc-covid19-ita-regioni-20200428.csv", "someone_else", id="unknown-supplier"),
    ],
)
def test_a_file_that_nobody_can_place_is_kept(settled: Any, name: str, supplier: str) -> None:
    before = settled.published(REGIONAL)
    settled.send(REGIONAL, b"a,b\n1,2\n", name=name, supplier=supplier)
    assert settled.run(REGIONAL).verdict is Verdict.PASS, "the night's own file is untouched by it"
    assert_one_issue(settled, REGIONAL, "identified")
    (kept,) = settled.query("SELECT file_name, supplier, sha256 FROM register.unidentified")
    assert (kept["file_name"], kept["supplier"]) == (name, supplier)
    assert (settled.settings.archive / kept["sha256"][:2] / kept["sha256"]).read_bytes() == b"a,b\n1,2\n"
    assert settled.published(REGIONAL) == before
    settled.run(REGIONAL)
    assert len(settled.channels.told) == 1, "it is told once"


def test_the_same_bytes_twice_are_one_submission(settled: Any, real: Any) -> None:
    before = settled.state()
    archived = sorted(settled.settings.archive.rglob("*"))
    settled.send(REGIONAL, real(REGIONAL, 28), name="again-20200428.csv")
    assert settled.run(REGIONAL).verdict is Verdict.PASS
    assert settled.state() == before
    assert sorted(settled.settings.archive.rglob("*")) == archived
    assert settled.query("SELECT 1 FROM register.audit WHERE event = 'duplicate acknowledged'")


def test_a_night_run_twice_changes_nothing(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)
    before = settled.state()
    for dependency, day in ((REGIONAL, 29), (REGIONAL, 28), (NATIONAL, 28)):
        settled.run(dependency, day)
    assert settled.state() == before


def test_a_corrected_revision_resolves_the_issue(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    ingested = settled.run(REGIONAL, 29)
    assert ingested.verdict is Verdict.PASS
    assert ingested.to_json()["submissions"][0]["revision"] == 2
    assert settled.channels.told == [("opened", "population_complete"), ("resolved", "population_complete")]
    assert settled.open_issues() == []
    (issue,) = settled.query("SELECT status, resolution, closed_on FROM register.issues")
    assert issue["status"] == "resolved", "its owner closes what had high impact"
    assert issue["resolution"] == "Revision 2 for 2020-04-29 passed."
    assert issue["closed_on"] is None
    assert len([row for row in settled.published(REGIONAL) if row["_period"].day == 29]) == 21


def test_a_second_bad_night_joins_the_open_issue(settled: Any, real: Any) -> None:
    for day in (29, 30):
        settled.send(REGIONAL, real(REGIONAL, day).drop(ABRUZZO), day)
        settled.run(REGIONAL, day)
    (issue,) = settled.open_issues()
    assert issue["occurrences"] == 2
    assert settled.channels.told == [("opened", "population_complete")], "told at once, once"


def test_a_failing_revision_leaves_the_last_good_one_published(settled: Any, real: Any) -> None:
    before = settled.published(REGIONAL)
    settled.send(REGIONAL, real(REGIONAL, 28).change(ABRUZZO, deceduti=9))
    assert rules_found(settled.run(REGIONAL)) == {"total_cases"}
    assert_one_issue(settled, REGIONAL, "total_cases")
    assert settled.published(REGIONAL) == before
    assert settled.channels.sent[0][1]["outcome"] == "The new file is blocked; the last good one stays published."


def test_a_good_revision_supersedes(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 28).change(ABRUZZO, lat="42.4"))
    assert settled.run(REGIONAL).verdict is Verdict.PASS
    releases = settled.query(
        "SELECT revision, superseded_at FROM register.releases WHERE dependency = %s AND period = %s ORDER BY release",
        REGIONAL,
        date(2020, 4, 28),
    )
    assert [(r["revision"], r["superseded_at"] is None) for r in releases] == [(1, False), (2, True)]
    published = [row for row in settled.published(REGIONAL) if row["_period"].day == 28]
    assert len(published) == 21
    assert {row["lat"] for row in published if row["codice_regione"] == ABRUZZO} == {42.4}
    with transaction(open_engine(settled.settings)) as session:
        fates = trace_submission(session, "dpc-covid19-ita-regioni-20200428.csv")
    assert [fate["status"] for fate in fates] == ["superseded", "released"]


def test_national_figures_wait_for_the_regions_and_follow_by_themselves(settled: Any, real: Any) -> None:
    before = settled.published(NATIONAL)
    settled.send(NATIONAL, real(NATIONAL, 29), 29)
    waiting = settled.run(NATIONAL, 29)
    assert waiting.verdict is Verdict.ERROR
    assert rules_found(waiting) == {"equals_sum_of_regions"}
    assert_one_issue(settled, NATIONAL, "equals_sum_of_regions")
    assert settled.published(NATIONAL) == before

    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    settled.run(REGIONAL, 29)
    assert len(settled.published(NATIONAL)) == len(before) + 1
    assert settled.channels.told[1:] == [("resolved", "equals_sum_of_regions")]
    assert settled.open_issues() == []


def test_national_figures_that_are_not_the_sum(settled: Any, real: Any) -> None:
    one_more = int(real(NATIONAL, 28).row()["tamponi"]) + 1
    settled.send(NATIONAL, real(NATIONAL, 28).change(tamponi=one_more))
    ingested = settled.run(NATIONAL)
    (finding,) = ingested.to_json()["findings"]
    assert (finding["rule"], finding["column"], finding["rows"]) == ("equals_sum_of_regions", "tamponi", [2])
    assert_one_issue(settled, NATIONAL, "equals_sum_of_regions")


def end_state(house: Any) -> dict[str, Any]:
    """What must not depend on the order of runs; submissions are numbered by arrival."""
    published = {
        name: [{k: v for k, v in row.items() if k != "_submission"} for row in house.published(name)]
        for name in (REGIONAL, NATIONAL)
    }
    findings = house.query(
        'SELECT dependency, period, gate, rule, "column", verdict, evaluated, failed, rows, message, not_judged '
        "FROM register.findings ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    )
    return {**published, "findings": findings, "open": house.open_issues()}


def test_the_order_of_nights_does_not_matter(house: Any, settled: Any, real: Any) -> None:
    for day, dependency in ((28, NATIONAL), (28, REGIONAL), (27, REGIONAL), (27, NATIONAL)):
        house.send(dependency, real(dependency, day), day)
        house.run(dependency, day)
    assert end_state(house) == end_state(settled)


def test_a_revision_of_the_night_before_is_felt_by_all_that_lean_on_it(settled: Any, real: Any) -> None:
    before = [row for row in settled.published(REGIONAL) if row["_period"].day == 28]
    changed = real(REGIONAL, 27).row(ABRUZZO)
    more = {
        column: int(changed[column]) + 5
        for column in ("isolamento_domiciliare", "totale_positivi", "variazione_totale_positivi", "totale_casi")
    }
    settled.send(REGIONAL, real(REGIONAL, 27).change(ABRUZZO, **more), 27)
    assert settled.run(REGIONAL, 27).verdict is Verdict.PASS
    assert {(i["dependency"], i["rule"]) for i in settled.open_issues()} == {
        (REGIONAL, "change_agrees_with_day_before"),
        (REGIONAL, "new_cases_agree_with_day_before"),
        (NATIONAL, "equals_sum_of_regions"),
    }
    after = [row for row in settled.published(REGIONAL) if row["_period"].day == 28]
    assert after == before, "nothing is withdrawn in silence"

    settled.send(REGIONAL, real(REGIONAL, 27).change(ABRUZZO, lat="42.4"), 27)
    settled.run(REGIONAL, 27)
    assert settled.open_issues() == []


def test_a_rule_that_breaks_blocks(settled: Any, real: Any, tmp_path: Path) -> None:
    dependencies = tmp_path / "dependencies"
    shutil.copytree(settled.settings.dependencies, dependencies)
    schema = dependencies / REGIONAL / "schema.py"
    told = schema.read_text(encoding="utf-8").replace(
        "return frame.lazyframe.select(different_rows == 1)", "raise ValueError('a rule quotes cell 87654')"
    )
    schema.write_text(told, encoding="utf-8")
    before = settled.published(REGIONAL)
    broken = type(settled)(replace(settled.settings, dependencies=dependencies))
    broken.send(REGIONAL, real(REGIONAL, 29), 29)
    ingested = broken.run(REGIONAL, 29)
    assert ingested.verdict is Verdict.ERROR
    assert rules_found(ingested) == {"region_once"}
    assert_one_issue(broken, REGIONAL, "region_once")
    assert "87654" not in str(broken.channels.sent)
    assert broken.published(REGIONAL) == before
    open_engine(broken.settings).dispose()


@pytest.mark.parametrize("engine", ["read_again", "relations_of"])
def test_an_engine_that_breaks_blocks(settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a library quotes cell 87654")

    before = settled.published(REGIONAL)
    monkeypatch.setattr(judging, engine, crash)
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    ingested = settled.run(REGIONAL, 29)
    assert ingested.verdict is Verdict.ERROR
    assert rules_found(ingested) == {"gate_ran"}
    assert_one_issue(settled, REGIONAL, "gate_ran")
    assert "87654" not in str(settled.channels.sent)
    assert settled.published(REGIONAL) == before

    monkeypatch.undo()
    assert settled.run(REGIONAL, 29).verdict is Verdict.PASS
    assert settled.channels.told[1:] == [("resolved", "gate_ran")]


def test_a_coverage_gate_that_breaks_is_an_error(settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "coverage_of", lambda *_, **__: 1 / 0)
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    assert settled.run(REGIONAL, 29).verdict is Verdict.ERROR
    assert_one_issue(settled, REGIONAL, "gate_ran")
    assert {row["_period"].day for row in settled.published(REGIONAL)} == {27, 28}


def test_a_gate_that_never_answered_is_on_record(settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "judge_coverage", lambda *_, **__: 1 / 0)
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    with pytest.raises(ZeroDivisionError):
        settled.run(REGIONAL, 29)
    assert_one_issue(settled, REGIONAL, "gate_ran")
    assert {row["_period"].day for row in settled.published(REGIONAL)} == {27, 28}


def test_the_candidate_of_a_killed_run_is_swept_a_day_later(settled: Any) -> None:
    now = datetime.now(UTC)
    old, fresh = (judging.candidate_schema_name(now - timedelta(hours=hours)) for hours in (25, 1))
    with transaction(open_engine(settled.settings)) as session:
        for name in (old, fresh):
            session.execute(text(f'CREATE SCHEMA "{name}"'))
        judging.drop_abandoned_candidates(session, now)
    left = settled.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'candidate_%%'")
    assert [row["nspname"] for row in left] == [fresh]


def test_a_file_that_breaks_the_reader_keeps_no_other_waiting(
    settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.send(REGIONAL, b"anything", name="a-first.csv")
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    known = receiving.identify_periods
    monkeypatch.setattr(
        receiving,
        "identify_periods",
        lambda d, name, read, **who: known(d, name, read, **who) if "2020" in name else 1 / 0,
    )
    assert settled.run(REGIONAL, 29).verdict is Verdict.PASS
    assert [issue["rule"] for issue in settled.open_issues()] == ["identified"]


def test_a_broken_neighbour_stops_nobody_else(settled: Any, real: Any, tmp_path: Any) -> None:
    folder = tmp_path / "dependencies"
    shutil.copytree(settled.settings.dependencies, folder)
    (folder / NATIONAL / "schema.py").write_text("class Schema: pass\n", encoding="utf-8")
    settled.settings = replace(settled.settings, dependencies=folder)
    settled.send(REGIONAL, real(REGIONAL, 28).change("03", casi_testati=1), 28)
    assert not settled.run(REGIONAL, 28).verdict.blocks


def test_a_recording_that_breaks_leaves_nothing_half_done(
    settled: Any, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    with monkeypatch.context() as broken:
        broken.setattr(issues, "tell", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            settled.run(REGIONAL, 29)
    assert settled.open_issues() == []
    settled.run(REGIONAL, 29)
    assert_one_issue(settled, REGIONAL, "population_complete")


HISTORY = {
    f"landing.{REGIONAL}": "stato",
    "landing.quarantined": "dependency",
    "register.submission": "supplier",
    "register.landing": "fingerprint",
    "register.audit_event": "actor",
    "register.audit_seal": "hash",
}


_SET_ASIDE = """
    INSERT INTO landing.quarantined (_landing, _row, dependency, rules, record)
    SELECT id, 1, 'any', '{}', '{}' FROM register.landing LIMIT 1"""
"""A row that belongs to a registered landing; the transaction is never committed."""


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_history_cannot_be_changed(settled: Any, table: str, statement: str) -> None:
    with (
        psycopg.connect(settled.settings.database_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match=rf"{table} is append-only"),
    ):
        connection.execute(_SET_ASIDE)
        connection.execute(statement.format(table, HISTORY[table]))


def test_a_published_row_leads_back_to_file_and_line(settled: Any) -> None:
    registered = load_inventory(settled.settings).get(REGIONAL)
    with transaction(open_engine(settled.settings)) as session:
        (origin,) = trace_row(session, registered, ["2020-04-28", LOMBARDIA], str(settled.settings.archive))
    assert (origin.supplier, origin.period, origin.revision) == ("protezione_civile", date(2020, 4, 28), 1)
    line = Path(origin.archived_at).read_text(encoding="utf-8").splitlines()[origin.row - 1]
    assert line.startswith("2020-04-28T17:00:00,ITA,03,Lombardia,")
