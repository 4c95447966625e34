"""Large landings, written over two connections before they are recorded: killed, met by another, swept, guarded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from integrity.errors import Transient
from integrity.pipeline.judging import judge_submission, judge_submissions
from integrity.pipeline.landing import LargeLanding, land_submission
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.rereading import judged_as_read
from integrity.settings import Settings
from integrity.submissions.archive import archived_path
from integrity.submissions.isolation import Reader
from integrity.submissions.lines import BLOCK_BYTES
from integrity.warehouse.attempts import (
    begin_attempt,
    holding_submission,
    join_attempt,
    register_attempt,
    sweep_attempts,
    withdraw_rows,
)
from integrity.warehouse.connection import transaction
from integrity.warehouse.landing import APART_ROWS, ensure_tables
from integrity.warehouse.models import Landing, Submission
from orchestration.bench.generated import DAY, FILE_NAME, generate, open_generated, send, take_in_whole
from psycopg.rows import dict_row

NAME = "generated"
ROWS = APART_ROWS + 20_000
STREAMED_ROWS = 300_000

HALF_DONE = """
import sys, threading, time
from integrity.pipeline.judging import judge_submission
from integrity.pipeline.landing import LargeLanding, land_submission
from integrity.pipeline.office import Office
from integrity.warehouse import landing

whole, first = landing._encoder, []

def encoder(rows):
    first.append(threading.get_ident())
    while threading.get_ident() != first[0]:
        time.sleep(1)
    return whole(rows)

landing._encoder = encoder
judge_submission(Office.open(sys.argv[1]), int(sys.argv[2]), "killed")
"""
WHOLE = """
import sys
from integrity.pipeline.judging import judge_submission
from integrity.pipeline.landing import LargeLanding, land_submission
from integrity.pipeline.office import Office

judge_submission(Office.open(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
"""


@dataclass
class Large:
    """A dependency whose only file was received and waits to be judged."""

    office: Office
    submission: int

    def judge(self) -> None:
        judge_submission(self.office, self.submission, "test")

    def process(self, script: str, run: str = "test") -> subprocess.Popen[bytes]:
        settings = self.office.settings
        environment = {
            **os.environ,
            "INTEGRITY_HOME": str(settings.home),
            "INTEGRITY_DATABASE_URL": str(settings.database_url),
            "INTEGRITY_DEPENDENCIES": str(settings.dependencies),
        }
        return subprocess.Popen([sys.executable, "-c", script, NAME, str(self.submission), run], env=environment)

    def query(self, sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(str(self.office.settings.database_url), row_factory=dict_row) as connection:
            return connection.execute(sql).fetchall()

    def counts(self) -> dict[str, int]:
        """Rows that lie in landing, that are published, landings and attempts."""
        tables = {
            "rows": f"landing.{NAME}",
            "distinct rows": f"(SELECT DISTINCT _row FROM landing.{NAME}) AS each",
            "landings": "register.landing",
            "attempts": "register.landing_attempt",
        }
        return {what: self.query(f"SELECT count(*) AS n FROM {table}")[0]["n"] for what, table in tables.items()}


LANDED_ONCE = {"rows": ROWS, "distinct rows": ROWS, "landings": 1, "attempts": 0}


@pytest.fixture
def large(warehouse: Settings, tmp_path: Path) -> Iterator[Large]:
    settings = replace(warehouse, dependencies=tmp_path / "dependencies")
    office = open_generated(settings, NAME)
    send(settings, NAME, generate(tmp_path / "generated.csv", ROWS))
    (submission,) = receive(office, DAY)
    yield Large(office, submission)
    office.engine.dispose()


def test_a_large_file_is_landed_whole(large: Large) -> None:
    take_in_whole(large.office)
    assert large.counts() == LANDED_ONCE
    assert large.query(f"SELECT count(*) AS n FROM published.{NAME}") == [{"n": ROWS}]
    (told,) = large.query(
        f"SELECT min(day)::text AS day, sum(a) AS a, sum(cost)::numeric(12, 2) AS cost, min(_period)::text AS period, "
        f"count(DISTINCT unit) AS units FROM published.{NAME}"
    )
    index = range(ROWS)
    assert (told["day"], told["period"]) == ("2026-01-01 18:00:00", "2026-01-01")
    assert (told["a"], told["units"]) == (sum(i % 97 for i in index), ROWS)
    assert float(told["cost"]) == pytest.approx(sum(i % 100_000 for i in index) / 100)


def test_a_landing_killed_half_way_leaves_nothing_to_see_and_is_swept(large: Large) -> None:
    killed = large.process(HALF_DONE)
    with transaction(large.office.engine) as session:
        ensure_tables(session, large.office.tables)
    deadline = time.monotonic() + 60
    while not large.query(f"SELECT 1 FROM landing.{NAME} LIMIT 1"):
        assert killed.poll() is None and time.monotonic() < deadline, "one of two connections has written its share"
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = large.counts()
    assert 0 < left["rows"] < ROWS
    assert (left["landings"], left["attempts"]) == (0, 1)
    assert large.query(f"SELECT count(*) AS n FROM published.{NAME}") == [{"n": 0}]
    take_in_whole(large.office)
    assert large.counts() == LANDED_ONCE
    assert large.query(f"SELECT count(*) AS n FROM published.{NAME}") == [{"n": ROWS}]


def test_two_processes_that_judge_one_file_land_it_once(large: Large) -> None:
    both = [large.process(WHOLE, run) for run in ("one", "other")]
    assert [process.wait() for process in both] == [0, 0]
    assert large.counts() == LANDED_ONCE


def test_judging_again_finds_the_rows_there(large: Large) -> None:
    large.judge()
    large.judge()
    assert large.counts() == LANDED_ONCE


def test_an_attempt_that_is_under_way_is_not_swept_and_its_rows_stay(large: Large) -> None:
    engine = large.office.engine
    with transaction(engine) as session:
        ensure_tables(session, large.office.tables)
    with holding_submission(engine, large.submission):
        with transaction(engine) as session:
            landing = begin_attempt(session, NAME, large.submission)
        insert = f"INSERT INTO landing.{NAME} (_landing, _row) VALUES ({landing}, 2)"
        with psycopg.connect(str(large.office.settings.database_url)) as connection:
            connection.execute(insert)
        sweep_attempts(engine, NAME)
        assert (large.counts()["rows"], large.counts()["attempts"]) == (1, 1)
        with (
            psycopg.connect(str(large.office.settings.database_url)) as connection,
            pytest.raises(psycopg.errors.RaiseException, match=f"landing.{NAME} is append-only: DELETE is refused"),
        ):
            connection.execute(f"DELETE FROM landing.{NAME}")
    sweep_attempts(engine, NAME)
    assert (large.counts()["rows"], large.counts()["attempts"]) == (0, 0)


@pytest.fixture
def streamed(
    warehouse: Settings, tmp_path: Path
) -> Iterator[Callable[[Callable[[pl.DataFrame], pl.DataFrame]], Large]]:
    """A dependency whose only file is so large that it is landed while it is read, changed as told."""
    settings = replace(warehouse, dependencies=tmp_path / "dependencies")
    office = open_generated(settings, NAME)

    def receive_changed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Large:
        file = generate(tmp_path / "generated.csv", STREAMED_ROWS)
        change(pl.read_csv(file, infer_schema=False)).write_csv(file)
        send(settings, NAME, file)
        (submission,) = receive(office, DAY)
        return Large(office, submission)

    yield receive_changed
    office.engine.dispose()


def test_rows_written_before_the_verdict_are_taken_back_where_it_does_not_bear_them_out(streamed: Any) -> None:
    twice = pl.Series("unit", ["U00000007", "U00000008"])
    large = streamed(lambda rows: pl.concat([rows, rows.filter(pl.col("unit").is_in(twice.to_list()))]))
    large.judge()
    rows = large.query("SELECT accepted, quarantined FROM register.landing")
    assert rows == [{"accepted": STREAMED_ROWS - 2, "quarantined": 4}]
    assert large.counts()["rows"] == large.counts()["distinct rows"] == STREAMED_ROWS - 2
    aside = large.query("SELECT _row FROM landing.quarantined ORDER BY 1")
    assert [row["_row"] for row in aside] == [9, 10, STREAMED_ROWS + 2, STREAMED_ROWS + 3]
    assert large.query(f"SELECT count(*) AS n FROM landing.{NAME} WHERE unit IN ('U00000007', 'U00000008')") == [
        {"n": 0}
    ]


def test_nothing_stays_of_a_large_file_that_proves_broken_at_its_end(streamed: Any) -> None:
    large = streamed(lambda rows: rows.with_columns(pl.when(pl.int_range(pl.len()) < 1000).then("cost").alias("cost")))
    large.judge()
    assert large.query("SELECT verdict FROM register.judgement") == [{"verdict": "FAIL"}]
    path = archived_path(
        large.office.settings.archive, large.query("SELECT sha256 FROM register.submission")[0]["sha256"]
    )
    assert path.stat().st_size > BLOCK_BYTES, "it was judged while it was read"


def test_rows_that_the_verdict_does_not_vouch_for_are_given_up_and_landed_anew(large: Large) -> None:
    with transaction(large.office.engine) as session:
        submission = session.get_one(Submission, large.submission)
    path = archived_path(large.office.settings.archive, submission.sha256)
    with Reader() as reader, LargeLanding(large.office, submission) as landing:
        judged = judged_as_read(large.office, submission, {"": reader.read(path, submission.file_name)}, None)
        landing.accept(judged.accepted.frame().with_columns(pl.col("_row") + 1_000_000))
        landing.conclude(judged)
        with transaction(large.office.engine) as session:
            land_submission(session, large.office, submission, judged, landing)
    assert large.counts() == LANDED_ONCE
    assert large.query(f"SELECT max(_row) AS last FROM landing.{NAME}") == [{"last": ROWS + 1}]


def test_a_landing_that_ends_early_leaves_neither_rows_nor_an_attempt(large: Large) -> None:
    with transaction(large.office.engine) as session:
        submission = session.get_one(Submission, large.submission)
    path = archived_path(large.office.settings.archive, submission.sha256)
    with Reader() as reader, suppress(KeyboardInterrupt), LargeLanding(large.office, submission) as landing:
        landing.accept(judged_as_read(large.office, submission, {"": reader.read(path)}, None).accepted.frame())
        assert large.counts()["attempts"] == 1
        raise KeyboardInterrupt
    assert large.counts() == {"rows": 0, "distinct rows": 0, "landings": 0, "attempts": 0}


def test_a_batch_reads_ahead_and_gives_each_file_the_verdict_that_it_gets_alone(
    warehouse: Settings, tmp_path: Path
) -> None:
    codes = ["a_small", "b_tampered", "c_large", "d_unreadable", "e_last"]  # The order in which they are received.
    office = open_generated(replace(warehouse, dependencies=tmp_path / "dependencies"), NAME, codes)
    for number, code in enumerate(codes):
        rows = STREAMED_ROWS if code == "c_large" else 20 + number
        send(office.settings, NAME, generate(tmp_path / "generated.csv", rows), code)
    (office.settings.inbox / NAME / "d_unreadable" / FILE_NAME).write_bytes(b"\x00" * 100)
    submissions = receive(office, DAY)
    tampered = archived_path(office.settings.archive, sha256_of(office, "b_tampered"))
    tampered.chmod(0o644)
    tampered.write_bytes(tampered.read_bytes() + b" ")
    verdicts = judge_submissions(office, submissions, "test")
    assert [str(verdicts[submission]) for submission in submissions] == ["PASS", "ERROR", "PASS", "ERROR", "PASS"]
    with transaction(office.engine) as session:
        landed = {landing.submission_id: landing.accepted for landing in session.query(Landing)}
    assert landed == {submissions[0]: 20, submissions[2]: STREAMED_ROWS, submissions[4]: 24}
    office.engine.dispose()


def sha256_of(office: Office, supplier: str) -> str:
    with transaction(office.engine) as session:
        return session.query(Submission).filter_by(supplier=supplier).one().sha256


@pytest.mark.parametrize("step", ["join", "withdraw", "register"])
def test_an_attempt_that_was_given_up_goes_no_further(large: Large, step: str) -> None:
    engine = large.office.engine
    with transaction(engine) as session:
        ensure_tables(session, large.office.tables)
        landing = begin_attempt(session, NAME, large.submission)
    sweep_attempts(engine, NAME)
    with pytest.raises(Transient, match="was given up"), transaction(engine) as session:
        if step == "join":
            join_attempt(session, landing)
        elif step == "withdraw":
            withdraw_rows(session, NAME, landing, [2])
        else:
            register_attempt(session, landing, fingerprint="", accepted=0, quarantined=0)
    assert large.query("SELECT count(*) AS n FROM register.landing") == [{"n": 0}]
