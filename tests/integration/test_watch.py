"""Due times: who is missing, who came late, which periods are judged because of it; units that are counted twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from integrity.pipeline.ingesting import judge_again
from integrity.pipeline.judging import judge_coverage, judge_submissions
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import period_outcome
from integrity.pipeline.watching import overdue, watch
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction

REGIONAL, DAY = "regional_hospital_activity", date(2020, 4, 28)
DUE = datetime(2020, 4, 28, 18, tzinfo=UTC)
"""20:00 in Rome."""
MISSED = DUE + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
ABRUZZO = "13"


@pytest.fixture
def declared(house: Any, tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """The product with the regional figures due at 20:00 of their day, with two hours of grace."""

    def declare(*, reporting: dict[str, Any] | None = None, **changed: Any) -> Office:
        folder = tmp_path / "dependencies"
        shutil.copytree(house.settings.dependencies, folder)
        path = folder / REGIONAL / "dependency.yml"
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        told["reporting"] |= {"due": {"days": 0, "at": "20:00"}, "grace": {"hours": 2}, "watched_periods": 1}
        told["reporting"] |= reporting or {}
        told |= changed
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
        house.settings = replace(house.settings, dependencies=folder)
        return Office.open(REGIONAL, house.settings)

    yield declare
    open_engine(house.settings).dispose()


def states(office: Office, moment: datetime) -> list[tuple[date, str]]:
    return [(found.period, found.state) for found in overdue(office, moment)]


def test_what_is_overdue_is_one_issue_until_the_file_comes(house: Any, declared: Any, real: Any) -> None:
    office = declared()
    assert (states(office, MISSED), watch(office, MISSED)) == ([], []), "at the last moment it is in time"
    after = MISSED + MINUTE
    assert (states(office, after), watch(office, after)) == ([(DAY, "missing")], [DAY])
    for _ in range(2):
        judge_again(office, [DAY], house.channels)
        assert watch(office, after) == [], "it has been judged since"
    assert [(issue["rule"], issue["supplier"]) for issue in house.open_issues()] == [
        ("supplier_reported", "protezione_civile")
    ]
    assert house.channels.told == [("opened", "supplier_reported")]

    house.send(REGIONAL, real(REGIONAL, 28))
    assert watch(office, after) == [DAY], "what came is taken in, and its period judged"
    judge_again(office, [DAY], house.channels)
    assert house.open_issues() == []
    assert (states(office, after), watch(office, after)) == ([(DAY, "late")], [])
    (found,) = overdue(office, after)
    assert (found.missed_at, found.label) == (MISSED, "2020-04-28")


def test_what_is_due_long_after_its_period_is_missed_all_the_same(declared: Any) -> None:
    office = declared(reporting={"reports_from": DAY, "due": {"days": 10, "at": "20:00"}, "watched_periods": 2})
    after = MISSED + timedelta(days=10) + MINUTE
    assert (DAY, "missing") in states(office, after)
    assert DAY in watch(office, after)
    assert DAY not in [period for period, _ in states(office, after - 2 * MINUTE)]


def test_watchers_at_once_open_one_issue(house: Any, declared: Any) -> None:
    yesterday = datetime.now(ZoneInfo("Europe/Rome")).date() - timedelta(days=1)
    declared(reporting={"reports_from": yesterday, "reports_until": None, "watched_periods": 2})
    environment = {
        **os.environ,
        "INTEGRITY_HOME": str(house.settings.home),
        "INTEGRITY_DATABASE_URL": house.settings.database_url,
        "INTEGRITY_DEPENDENCIES": str(house.settings.dependencies),
    }
    command = [Path(sys.executable).parent / "integrity", "watch", REGIONAL, "--json"]
    watchers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    for watcher in watchers:
        told, _ = watcher.communicate()
        assert watcher.returncode == 0
        assert {found["state"] for found in json.loads(told)} == {"missing"}
    assert [issue["rule"] for issue in house.open_issues()] == ["supplier_reported"]
    (seen,) = house.query("SELECT count(*) AS times, count(DISTINCT period) AS periods FROM register.occurrence")
    assert seen["times"] == seen["periods"]


def test_a_period_that_no_run_has_judged_is_noticed_once_its_own_run_had_time(
    house: Any, declared: Any, real: Any
) -> None:
    office = declared(reporting={"reports_from": DAY, "watched_periods": 2})
    house.send(REGIONAL, real(REGIONAL, 28))
    receive(office, DAY)
    midnight = datetime(2020, 4, 28, 22, tzinfo=UTC)
    assert watch(office, midnight + timedelta(minutes=59)) == []
    assert watch(office, midnight + timedelta(minutes=60)) == [DAY]


def test_before_it_is_due_a_period_waits_and_nobody_is_missing(house: Any, declared: Any) -> None:
    office = declared()
    assert judge_coverage(office, DAY, "early", at=MISSED) is Verdict.FAIL, "class high waits for every supplier"
    (finding,) = house.query("SELECT verdict, not_judged FROM register.finding WHERE rule = 'supplier_reported'")
    assert (finding["verdict"], finding["not_judged"].split(":")[0]) == ("PASS", "late since 2020-04-28 20")
    with transaction(office.engine) as session:
        early, later = (period_outcome(session, office, DAY, at=at) for at in (MISSED, MISSED + MINUTE))
    assert early.reasons == ("coverage: FAIL.",)
    assert later.reasons == ("coverage: not judged.",), "an answer from before it was due is none afterwards"
    assert judge_coverage(office, DAY, "later", at=MISSED + MINUTE) is Verdict.FAIL
    (finding,) = house.query("SELECT verdict, not_judged FROM register.finding WHERE rule = 'supplier_reported'")
    assert (finding["verdict"], finding["not_judged"]) == ("FAIL", "")


def test_a_unit_that_stands_twice_is_found_though_its_rows_are_set_aside(house: Any, declared: Any, real: Any) -> None:
    population = yaml.safe_load((house.settings.dependencies / REGIONAL / "dependency.yml").read_text())["population"]
    office = declared(population=population | {"rows": "one"})
    for file, verdict, told in (
        (real(REGIONAL, 28), Verdict.PASS, ""),
        (real(REGIONAL, 28).repeat(ABRUZZO), Verdict.FAIL, "Twice: Abruzzo (13)."),
    ):
        house.send(REGIONAL, file)
        judge_submissions(office, receive(office, DAY), "run")
        assert judge_coverage(office, DAY, "run") is verdict
        (finding,) = house.query("SELECT verdict, message FROM register.finding WHERE rule = 'units_once'")
        assert finding["verdict"] == str(verdict)
        assert finding["message"].endswith(told)


def test_two_suppliers_that_send_the_same_unit_are_found(house: Any, declared: Any, real: Any) -> None:
    suppliers = yaml.safe_load((house.settings.dependencies / REGIONAL / "dependency.yml").read_text())["suppliers"]
    office = declared(suppliers=[*suppliers, suppliers[0] | {"code": "second"}])
    house.send(REGIONAL, real(REGIONAL, 28))
    second = real(REGIONAL, 28)
    second.rows = [second.row(ABRUZZO)]
    house.send(REGIONAL, second, supplier="second")
    judge_submissions(office, receive(office, DAY), "run")
    assert judge_coverage(office, DAY, "run") is Verdict.FAIL
    (finding,) = house.query("SELECT verdict, failed, message FROM register.finding WHERE rule = 'units_once'")
    assert (finding["verdict"], finding["failed"]) == ("FAIL", 1)
    assert finding["message"].endswith("Twice: Abruzzo (13).")
