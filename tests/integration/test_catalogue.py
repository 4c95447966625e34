"""The catalogue of rules against a warehouse: complete, with last results; thresholds applied to what is on record."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.register.issue_views import list_issues
from integrity.register.rejudging import rejudge
from integrity.register.results import last_results
from integrity.reports.catalogue import catalogue_of
from integrity.reports.dictionary import dictionary_page
from integrity.warehouse.connection import open_engine, transaction

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
ABRUZZO, LOMBARDIA = "13", "03"


def on_record(office: Office, since: date | None = None) -> list[Any]:
    catalogue = catalogue_of(office.registered, office.schema, office.policy)
    with transaction(office.engine) as session:
        return rejudge(session, office.name, catalogue.rule_of, office.policy, since)


def departing(house: Any, tmp_path: Path, departure: str) -> Office:
    """The regional dependency with one departure more, on the same register."""
    shutil.copytree(house.settings.dependencies, tmp_path / "dependencies")
    path = tmp_path / "dependencies" / REGIONAL / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    entry = f"departures:\n  - {{{departure}, reason: 'For a test, which needs a reason as well.'}}\n"
    path.write_text(text.replace("departures:\n", entry, 1), encoding="utf-8")
    return Office.open(REGIONAL, replace(house.settings, dependencies=tmp_path / "dependencies"))


def test_every_rule_that_has_ever_answered_is_in_the_catalogue_with_its_last_result(settled: Any) -> None:
    for name in (REGIONAL, NATIONAL):
        office = Office.open(name, settled.settings)
        answered = settled.query(
            "SELECT DISTINCT rule FROM register.findings WHERE dependency = %s AND not_judged IS NULL", name
        )
        with transaction(office.engine) as session:
            results = last_results(session, name)
        assert set(results) == {row["rule"] for row in answered}
        listed = {
            entry.rule.name: entry
            for entry in catalogue_of(office.registered, office.schema, office.policy, results).entries
        }
        assert set(results) <= set(listed)
        assert {r.name for r in office.schema.rules()} <= {n for n, entry in listed.items() if entry.last}
        assert all(entry.last.period == date(2020, 4, 28) for entry in listed.values() if entry.last)
        assert listed["required"].last.evaluated == sum(
            row["evaluated"]
            for row in settled.query(
                "SELECT evaluated FROM register.findings WHERE dependency = %s AND period = %s AND rule = 'required'",
                name,
                date(2020, 4, 28),
            )
        )


def test_of_a_suppliers_revisions_the_last_one_counts(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 28).change(LOMBARDIA, deceduti=1), 28, name="again-20200428.csv")
    settled.run(REGIONAL, 28)
    with transaction(open_engine(settled.settings)) as session:
        last = last_results(session, REGIONAL)["total_cases"]
    assert (str(last.verdict), last.failed, last.evaluated) == ("FAIL", 1, 21)


def test_the_list_on_the_command_line(types: Any) -> None:
    told = json.loads(types("rules", REGIONAL, "--json").stdout)
    assert (told["dependency"], told["importance"]) == (REGIONAL, "high")
    assert [d["about"] for d in told["departures"]] == ["required_kinds of relationship"]
    listed = {entry["rule"]: entry for entry in told["rules"]}
    row_rule = listed["hospitalised_total"]
    assert row_rule["last"] == {"period": "2020-04-28", "verdict": "PASS", "failed": 0, "evaluated": 21}
    assert (row_rule["level"], row_rule["severity"], row_rule["limitations"]) == ("row", "quarantine", ["6.1"])
    assert row_rule["thresholds"] == {"warn": None, "block": [], "quarantine_share": 0.0}
    assert re.fullmatch(r"_civil_protection\.py:\d+", row_rule["written_in"])
    assert re.fullmatch(rf"{REGIONAL}/schema\.py:\d+", listed["region_once"]["written_in"])
    assert listed["readable"]["thresholds"]["block"] == [{"share": None, "count": 0, "by": "class"}]
    printed = types("rules", REGIONAL).stdout
    assert "departs from its class: required_kinds of relationship" in printed
    assert re.search(r"hospitalised_total .* 2020-04-28 PASS 0 of 21", printed)


def test_without_a_database_there_are_rules_and_no_results(types: Any, tmp_path: Path) -> None:
    nowhere = {"INTEGRITY_HOME": str(tmp_path / "empty"), "INTEGRITY_DATABASE_URL": ""}
    done = types("rules", REGIONAL, "--json", **nowhere)
    assert {entry["last"] for entry in json.loads(done.stdout)["rules"]} == {None}
    assert not (tmp_path / "empty").exists(), "no server is started to say that there is none"
    done = types("rules", REGIONAL, "--json", INTEGRITY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert {entry["last"] for entry in json.loads(done.stdout)["rules"]} == {None}
    assert "without last results" in done.stderr
    assert types("rules", "no_such_dependency").returncode == 2


def test_stored_counts_give_every_verdict_again(settled: Any, real: Any) -> None:
    bad = real(REGIONAL, 29).change(LOMBARDIA, terapia_intensiva=1).change(ABRUZZO, tamponi="n.d.").drop("02")
    settled.send(REGIONAL, bad, 29)
    settled.run(REGIONAL, 29)
    settled.run(NATIONAL, 29)
    settled.send(REGIONAL, b"", 30)
    settled.run(REGIONAL, 30)
    for name in (REGIONAL, NATIONAL):
        found = on_record(Office.open(name, settled.settings))
        assert found
        assert [gate for gate in found if gate.has_changed] == []
    verdicts = {gate.then for gate in on_record(Office.open(REGIONAL, settled.settings))}
    assert {"PASS", "FAIL", "ERROR"} <= verdicts
    assert "FAIL" in {gate.then for gate in on_record(Office.open(NATIONAL, settled.settings))}, "nobody has sent"


def test_a_changed_threshold_is_applied_to_what_is_on_record(settled: Any, real: Any, tmp_path: Path) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).change(LOMBARDIA, terapia_intensiva=1), 29)
    settled.run(REGIONAL, 29)
    before = settled.state()
    lenient = departing(settled, tmp_path, "setting: quarantine_share, to: 0.05")
    changed = [gate for gate in on_record(lenient) if gate.has_changed]
    assert [(g.period, g.gate, g.then, g.now) for g in changed] == [(date(2020, 4, 29), "structure", "FAIL", "WARN")]
    (outcome,) = [outcome for outcome in changed[0].outcomes if outcome.then != outcome.now]
    assert (outcome.rule, outcome.failed, outcome.evaluated) == ("hospitalised_total", 1, 21)
    assert settled.state() == before, "nothing was run, and nothing stored"
    assert [gate.period for gate in on_record(lenient, date(2020, 4, 29))] == [date(2020, 4, 29)] * 2


@pytest.mark.parametrize(("share", "verdict"), [("0.047", "FAIL"), ("0.048", "WARN")])
def test_a_night_within_its_threshold_is_released_and_the_release_says_how_many(
    settled: Any, real: Any, tmp_path: Path, share: str, verdict: str
) -> None:
    office = departing(settled, tmp_path, f"setting: quarantine_share, to: {share}")
    settled.send(REGIONAL, real(REGIONAL, 28).change(LOMBARDIA, deceduti=1), 28, name="again-20200428.csv")
    ingested = ingest(office, date(2020, 4, 28), settled.channels)
    assert str(ingested.verdict) == verdict
    release = settled.query(
        "SELECT rows, quarantined FROM register.releases "
        "WHERE dependency = %s AND period = %s AND superseded_at IS NULL",
        REGIONAL,
        date(2020, 4, 28),
    )
    assert release == [{"rows": 20, "quarantined": 1} if verdict == "WARN" else {"rows": 21, "quarantined": 0}]
    open_engine(office.settings).dispose()


def test_what_a_class_calls_for_and_is_not_there_is_an_issue_until_it_is(settled: Any, tmp_path: Path) -> None:
    def open_rules(dependencies: Path) -> set[str]:
        office = Office.open(REGIONAL, replace(settled.settings, dependencies=dependencies))
        ingest(office, date(2020, 4, 28))
        with transaction(office.engine) as session:
            return {view.issue.rule for view in list_issues(session, dependency=REGIONAL, status="open")}

    before = open_rules(settled.settings.dependencies)
    changed = shutil.copytree(settled.settings.dependencies, tmp_path / "dependencies")
    path = changed / REGIONAL / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub("assessed_on: [0-9-]+", "assessed_on: 2019-01-01", text), encoding="utf-8")
    assert open_rules(changed) - before == {"importance_assessed", "controls_assessed"}
    path.write_text(text, encoding="utf-8")
    assert open_rules(changed) == before


def test_rules_are_suggested_from_what_is_released(settled: Any, real: Any, types: Any) -> None:
    told = types("rules", "suggest", REGIONAL)
    assert told.returncode == 0
    assert told.stdout == f"0 suggestions for {REGIONAL}. At least 8 submissions must be released.\n"
    for day in range(20, 27):
        settled.send(REGIONAL, real(REGIONAL, day), day)
        settled.run(REGIONAL, day)
    found = json.loads(types("rules", "suggest", REGIONAL, "--json").stdout)
    assert {"completeness", "domain_range"} <= {each["kind"] for each in found}
    for each in found:
        assert each["evidence"]["submissions"] == 9
        assert each["evidence"]["rows"] == 9 * 21
    shown = types("rules", "suggest", REGIONAL).stdout
    assert "<dependency>" not in shown
    assert shown.endswith(f"{len(found)} suggestions for {REGIONAL}.\n")
    names = {row["denominazione_regione"] for row in real(REGIONAL, 28).rows}
    assert not [name for name in names if name in shown], "values stay in the warehouse"


def test_verdicts_on_the_command_line(settled: Any, real: Any, types: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).change(LOMBARDIA, terapia_intensiva=1), 29)
    settled.run(REGIONAL, 29)
    told = json.loads(types("rules", "verdicts", REGIONAL, "--since", "2020-04-29", "--json").stdout)
    assert {(gate["period"], gate["gate"], gate["then"], gate["now"]) for gate in told["gates"]} == {
        ("2020-04-29", "structure", "FAIL", "FAIL"),
        ("2020-04-29", "coverage", "PASS", "PASS"),
    }
    printed = types("rules", "verdicts", REGIONAL).stdout
    assert re.search(r"2020-04-29 +structure +\w+ +hospitalised_total", printed)
    assert "none of them would be another now" in printed
    assert types("rules", "verdicts", REGIONAL, "--since", "yesterday").returncode == 2


def test_the_data_dictionary_is_one_page_that_needs_nothing_else(types: Any, tmp_path: Path, settings: Any) -> None:
    done = types("rules", "dictionary", REGIONAL, "--output", str(tmp_path / "dictionary.html"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "dictionary.html").read_text(encoding="utf-8")
    office = Office.open(REGIONAL, settings)
    for column in office.schema.columns.values():
        assert f'<td class="name">{column.name}</td>' in page
        assert column.description in page
    for name in [rule.name for rule in office.schema.rules()] + ["population_complete", "totals_never_fall"]:
        assert f"<code>{name}</code>" in page
    for told in ("Giulia Bianchi", "class high", "severe", "Where it departs from its class", "35 to 48", "0 or more"):
        assert told in page
    assert not re.search(r"<script|<link|<img|src=|url\(|@import|https?://", page)
    assert "@media print" in page
    catalogue = catalogue_of(office.registered, office.schema, office.policy)
    assert dictionary_page(catalogue, office.schema) == page, "the same inputs give the same page"
    assert types("rules", "dictionary", REGIONAL, "--output", str(tmp_path / "no" / "x.html")).returncode == 2
