"""Running again, being killed, and meeting another run of the same period: the same end in every case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from integrity.pipeline import recording
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT

REGIONAL = "regional_hospital_activity"
APRIL = [date(2020, 4, day) for day in range(1, 31)]


def command_line(house: Any, day: int) -> subprocess.Popen[bytes]:
    """``integrity ingest`` of a day of April 2020, as a process that can be killed."""
    settings = house.settings
    environment = {
        **os.environ,
        "INTEGRITY_HOME": str(settings.home),
        "INTEGRITY_DATABASE_URL": str(settings.database_url),
    }
    command = [Path(sys.executable).parent / "integrity", "ingest", REGIONAL, "--period", f"2020-04-{day:02d}"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rows(house: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "_submission"} for row in house.published(REGIONAL)]


@pytest.mark.timeout(900)
def test_thirty_nights_twice_give_the_same_rows_to_the_byte(house: Any, real: Callable[..., Any]) -> None:
    for period in APRIL:
        house.send(REGIONAL, real(REGIONAL, period.day), period.day)
    office = Office.open(REGIONAL, house.settings)
    verdicts = [str(ingest(office, period, house.channels).verdict) for period in APRIL]
    assert set(verdicts) <= {"PASS", "WARN"}
    first = house.state()
    assert len(first[REGIONAL]) == 30 * 21
    assert [str(ingest(office, period, house.channels).verdict) for period in APRIL] == verdicts
    assert house.state() == first


@pytest.mark.parametrize("seconds", [1.2, 2.2, 3.2, 4.2])
def test_a_run_that_is_killed_is_finished_by_the_next(settled: Any, real: Callable[..., Any], seconds: float) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    killed = command_line(settled, 29)
    time.sleep(seconds)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert command_line(settled, 29).wait() == 0
    published = [row for row in settled.published(REGIONAL) if row["_period"] == date(2020, 4, 29)]
    assert len(published) == 21
    assert settled.query("SELECT count(*) AS n FROM register.submission WHERE period = '2020-04-29'") == [{"n": 1}]
    assert settled.query("SELECT count(*) AS n FROM register.release WHERE period = '2020-04-29'") == [{"n": 1}]
    landed = f"SELECT count(*) AS n FROM landing.{REGIONAL} JOIN register.landing of ON of.id = _landing"
    assert settled.query(f"{landed} JOIN register.submission s ON s.id = submission_id AND period = '2020-04-29'") == [
        {"n": 21}
    ]
    left = settled.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'candidate_%%'")
    assert len(left) <= 1, "at most the candidate of the run that was killed"


def test_two_runs_of_one_period_at_once_release_it_once(settled: Any, real: Callable[..., Any]) -> None:
    bad = real(REGIONAL, 29).change("03", terapia_intensiva=1)
    settled.send(REGIONAL, bad, 29)
    both = [command_line(settled, 29) for _ in range(2)]
    assert [process.wait() for process in both] == [1, 1]
    assert len([i for i in settled.open_issues() if i["rule"] == "hospitalised_total"]) == 1
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    both = [command_line(settled, 29) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert settled.query("SELECT count(*) AS n FROM register.release WHERE period = '2020-04-29'") == [{"n": 1}]
    assert settled.open_issues() == []
    messages = settled.query("SELECT kind, count(*) AS n FROM register.outbox GROUP BY 1 ORDER BY 1")
    assert messages == [{"kind": "opened", "n": 1}, {"kind": "resolved", "n": 1}]


def test_what_another_run_records_meanwhile_is_not_taken_for_cured(
    settled: Any, real: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run has looked at the period and not yet written, when another finds a problem and opens its issue."""
    office, night = Office.open(REGIONAL, settled.settings), date(2020, 4, 29)
    looked, recorded = threading.Event(), threading.Event()
    read = recording.judgements_in_force

    def looking(*arguments: Any) -> Any:
        found = read(*arguments)
        if threading.current_thread() is slow:
            looked.set()
            recorded.wait(6)
        return found

    def record_slowly() -> None:
        recording.record(office, night, run="slow", since=datetime.now(UTC), channels=settled.channels)

    monkeypatch.setattr(recording, "judgements_in_force", looking)
    slow = threading.Thread(target=record_slowly)
    slow.start()
    assert looked.wait(30)
    settled.send(REGIONAL, real(REGIONAL, 29).change("03", terapia_intensiva=1), 29)
    settled.run(REGIONAL, 29)
    recorded.set()
    slow.join()
    assert "hospitalised_total" in {issue["rule"] for issue in settled.open_issues()}


def test_the_order_of_nights_does_not_matter(house: Any, real: Callable[..., Any]) -> None:
    def end(order: list[int]) -> list[dict[str, Any]]:
        for day in order:
            house.send(REGIONAL, real(REGIONAL, day), day)
            house.run(REGIONAL, day)
        return list(
            house.query(
                "SELECT period, rule, verdict, evaluated, failed, not_judged FROM register.findings "
                "WHERE gate = 'relations' AND period BETWEEN '2020-04-21' AND '2020-04-23' ORDER BY 1, 2, 5"
            )
        )

    backwards = end([23, 22, 21])
    assert any(f["failed"] for f in backwards), "totals fell on the 22nd, and were judged once the 21st was there"
    assert backwards == end([21, 22, 23])


def test_the_project_holds_the_month_that_this_module_needs() -> None:
    for folder in ("regions", "national", "first_capture_regions"):
        assert len(list((PROJECT_ROOT / "include" / "demonstration" / folder).glob("*202004*.csv"))) == 30
