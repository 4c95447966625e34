"""Real figures under other calendars than their own: by weeks, on business days only, by the books' months."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.cli import app
from integrity.errors import Rejected
from integrity.pages.standing import standing_of
from integrity.pages.strips import last_periods
from integrity.pipeline.ingesting import Ingested, ingest
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from typer.testing import CliRunner

REGIONAL, TRUSTS = "regional_hospital_activity", "trust_spend"
WEEK_16, WEEK_17 = date(2020, 4, 13), date(2020, 4, 20)
EASTER_MONDAY, FRIDAY, MONDAY = 13, 17, 20
REGIONS = 21
ABRUZZO, SWABS_ON_SUNDAY = "13", 27791
"""The last day of week 16."""


@pytest.fixture
def declared(house: Any, tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """The product with another calendar for a dependency, and only some of its relations."""

    def declare(name: str, relations: set[str], file: dict[str, Any] | None = None, **reporting: Any) -> Office:
        folder, project = tmp_path / "dependencies", tmp_path / "dbt_project"
        shutil.copytree(house.settings.dependencies, folder)
        shutil.copytree(house.settings.dbt_project, project, ignore=shutil.ignore_patterns("target", "logs"))
        path = folder / name / "dependency.yml"
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        told["reporting"] |= reporting
        told["file"] |= file or {}
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
        path = project / "models" / "gates" / f"{name}.yml"
        gates = yaml.safe_load(path.read_text(encoding="utf-8"))
        (table,) = gates["sources"][0]["tables"]
        table["data_tests"] = [t for t in table["data_tests"] if next(iter(t.values()))["name"] in relations]
        path.write_text(yaml.safe_dump(gates), encoding="utf-8")
        house.settings = replace(house.settings, dependencies=folder, dbt_project=project)
        return Office.open(name, house.settings)

    yield declare
    open_engine(house.settings).dispose()


def week_of(real: Any, monday: date) -> Any:
    """The files of seven days as one."""
    days = [real(REGIONAL, monday.day + n) for n in range(7)]
    return replace(days[0], rows=[row for day in days for row in day.rows])


@pytest.fixture
def weekly(house: Any, declared: Any, real: Any) -> Callable[..., Ingested]:
    """Send the figures of a week, named as ISO 8601 does, and judge it."""
    named = {"pattern": r"(?P<period>\d{4}-W\d\d)", "format": "%G-W%V"}
    office = declared(REGIONAL, {"totals_never_fall"}, {"period_from_name": named}, frequency="weekly")

    def judge(monday: date, alter: Callable[[Any], Any] = lambda file: file) -> Ingested:
        house.send(REGIONAL, alter(week_of(real, monday)), name=f"regions_{monday:%G-W%V}.csv")
        return ingest(office, monday, house.channels)

    return judge


def verdicts(house: Any, period: date) -> dict[str, str]:
    return {rule: verdict for rule, (verdict, _) in house.relations(REGIONAL, period).items()}


def test_a_week_is_one_submission_and_is_held_against_the_week_before(house: Any, weekly: Any) -> None:
    assert weekly(WEEK_16).verdict is Verdict.PASS
    assert verdicts(house, WEEK_16) == {
        "totals_never_fall": "regional_hospital_activity has no release in the period before"
    }
    # Cases tested in Lombardy were fewer on Monday than on Sunday, and those recovered in Friuli than on Tuesday.
    assert weekly(WEEK_17).verdict is Verdict.WARN
    assert verdicts(house, WEEK_17) == {"totals_never_fall": "WARN"}
    assert [len([r for r in house.published(REGIONAL) if r["_period"] == w]) for w in (WEEK_16, WEEK_17)] == [147, 147]
    (page,) = (house.settings.outbox / REGIONAL).rglob("2020-04-20.r1.html")
    assert "the week from 20 April 2020 (2020-W17)" in page.read_text(encoding="utf-8")


def test_a_total_below_that_of_the_week_before_is_found(house: Any, weekly: Any) -> None:
    weekly(WEEK_16)
    weekly(WEEK_17, lambda file: file.change(ABRUZZO, tamponi=SWABS_ON_SUNDAY - 1))
    found = house.query(
        "SELECT verdict, failed FROM register.findings WHERE rule = 'totals_never_fall' AND \"column\" = 'tamponi'"
    )
    assert [(row["verdict"], row["failed"]) for row in found] == [("WARN", 1)], "Monday is held against Sunday"
    told = [content for kind, content in house.channels.sent if kind == "opened"]
    assert {(content["period"], content["period_label"]) for content in told} == {("2020-04-20", "2020-W17")}


def test_an_issue_shows_weeks_as_people_write_them(house: Any, weekly: Any) -> None:
    weekly(WEEK_16)
    weekly(WEEK_17, lambda file: file.change(ABRUZZO, tamponi=SWABS_ON_SUNDAY - 1))
    (reference,) = house.query("SELECT reference FROM register.issues WHERE rule = 'totals_never_fall'")
    told = run_command(house.settings, "issues", "show", reference["reference"])
    assert "2020-W17" in told.stdout
    told = run_command(house.settings, "issues", "show", reference["reference"], "--json")
    assert json.loads(told.stdout)["occurrences"][0]["period"] == "2020-04-20"


def test_a_day_of_another_week_is_no_day_of_this_one(house: Any, weekly: Any, real: Any) -> None:
    def with_monday(file: Any) -> Any:
        return replace(file, rows=[*file.rows, *real(REGIONAL, 27).rows])

    assert weekly(WEEK_17, with_monday).verdict is Verdict.FAIL
    assert {issue["rule"] for issue in house.open_issues()} >= {"not_in_future"}


@pytest.fixture
def business(declared: Any) -> Office:
    relations = {"totals_never_fall", "change_agrees_with_day_before"}
    office: Office = declared(REGIONAL, relations, frequency="business_days", holidays="IT")
    return office


def test_the_business_day_before_a_monday_is_the_friday(house: Any, business: Office, real: Any) -> None:
    for day in (FRIDAY, MONDAY):
        house.send(REGIONAL, real(REGIONAL, day), day)
        ingest(business, date(2020, 4, day), house.channels)
    told = house.relations(REGIONAL, date(2020, 4, MONDAY))
    assert told["totals_never_fall"] == ("PASS", 0)
    verdict, failed = told["change_agrees_with_day_before"]
    # What changed in a single day does not explain what changed over the weekend.
    assert verdict == "FAIL"
    assert failed > REGIONS / 2


def test_the_earlier_business_day_has_the_next_one_judged_again(house: Any, business: Office, real: Any) -> None:
    for day, told in ((MONDAY, "regional_hospital_activity has no release in the period before"), (FRIDAY, "PASS")):
        house.send(REGIONAL, real(REGIONAL, day), day)
        ingest(business, date(2020, 4, day), house.channels)
        assert verdicts(house, date(2020, 4, MONDAY))["totals_never_fall"] == told


def test_figures_of_a_holiday_are_nobodys(house: Any, business: Office, real: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, EASTER_MONDAY), EASTER_MONDAY)
    found = ingest(business, date(2020, 4, EASTER_MONDAY), house.channels)
    assert found.verdict is Verdict.PASS
    assert house.published(REGIONAL) == []
    (unplaced,) = house.query("SELECT reason FROM register.unidentified")
    assert unplaced["reason"].startswith("The file is for 2020-04-13, which is no reporting period")


def test_a_holiday_has_no_period_and_nothing_to_do(house: Any, business: Office) -> None:
    found = ingest(business, date(2020, 4, EASTER_MONDAY), house.channels)
    assert (found.verdict, house.open_issues(), house.channels.sent) == (Verdict.PASS, [], [])


def test_a_holiday_is_no_period_on_the_pages_and_nobody_is_missing_on_it(
    house: Any, business: Office, real: Any
) -> None:
    for day in (FRIDAY, MONDAY):
        house.send(REGIONAL, real(REGIONAL, day), day)
    for day in (EASTER_MONDAY, FRIDAY, MONDAY):
        ingest(business, date(2020, 4, day), house.channels)
    with transaction(business.engine) as session:
        shown = standing_of(session, business.registered, datetime.now(UTC))
    assert list(shown.labels.values()) == ["2020-04-17", "2020-04-20"]
    assert [cell.kind for line in shown.suppliers for cell in line.cells] == ["released", "received"]


def test_what_was_sent_is_shown_where_the_calendar_has_changed_since(house: Any, declared: Any, real: Any) -> None:
    office = declared(REGIONAL, {"totals_never_fall"})
    house.send(REGIONAL, real(REGIONAL, EASTER_MONDAY), EASTER_MONDAY)
    ingest(office, date(2020, 4, EASTER_MONDAY), house.channels)
    dependency = office.registered.dependency
    changed = dependency.model_copy(
        update={"reporting": dependency.reporting.model_copy(update={"frequency": "business_days", "holidays": "IT"})}
    )
    assert not changed.reporting.is_period(date(2020, 4, EASTER_MONDAY))
    with transaction(office.engine) as session:
        assert last_periods(session, office.registered.model_copy(update={"dependency": changed})) == {
            date(2020, 4, EASTER_MONDAY): "2020-04-13"
        }


def test_a_command_does_not_take_a_holiday_for_a_period(house: Any, business: Office) -> None:
    done = run_command(house.settings, "ingest", REGIONAL, "--period", "2020-04-13")
    assert isinstance(done.exception, Rejected)
    assert "2020-04-13 is none of its periods" in str(done.exception)


def run_command(settings: Settings, *words: str) -> Any:
    environment = {
        "INTEGRITY_HOME": str(settings.home),
        "INTEGRITY_DATABASE_URL": settings.database_url,
        "INTEGRITY_DEPENDENCIES": str(settings.dependencies),
    }
    return CliRunner().invoke(app, words, env=environment)


def test_the_books_months_are_named_as_the_books_do(house: Any, declared: Any) -> None:
    named = {"pattern": r"(?P<period>\d{4}-M\d\d)", "format": "%Y-M%m", "months_later": 3}
    declared(TRUSTS, {"payment_listed_once"}, {"period_from_name": named}, fiscal_year_begins=4)
    # Paid in the first days of May, and listed with April.
    house.send(TRUSTS, croydon("01/05/2020"), name="spend_2020-M01.csv", supplier="CROY")
    told = json.loads(run_command(house.settings, "ingest", TRUSTS, "--period", "2020/21 M01", "--json").stdout)
    assert told["period"] == "2020-04-01"
    assert [submission["supplier"] for submission in told["submissions"]] == ["CROY"]
    (page,) = (house.settings.outbox / TRUSTS / "CROY").glob("2020-04-01.r1.html")
    assert "April 2020 (2020/21 M01)" in page.read_text(encoding="utf-8")
    last_year = run_command(house.settings, "ingest", TRUSTS, "--period", "2018/19 M01")
    assert "2018/19 M01 is none of its periods" in str(last_year.exception)


def croydon(day: str) -> bytes:
    header = "Supplier,Department family,Date,Expense area,Expense type,Transaction Number,Amount"
    return f"{header}\r\nExample Supplies Ltd,Facilities,{day},Pharmacy,Drugs,1,30000.00\r\n".encode()
