"""The audit trail as a chain: whatever is done to it behind the product's back shows."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from integrity.errors import Misconfigured
from integrity.pipeline.answering import close, reopen
from integrity.pipeline.office import Office
from integrity.pipeline.reconciling import disagreements
from integrity.register import audit
from integrity.register.sealing import Head, published, seal, verify
from integrity.warehouse.connection import open_engine, transaction

REGIONAL, ABRUZZO = "regional_hospital_activity", "13"

_REWRITE = """
    DO $$
    DECLARE before bytea := decode(repeat('00', 32), 'hex'); place bigint := 0; e register.audit_event;
    BEGIN
        UPDATE register.audit_event SET actor = 'nobody' WHERE id = (SELECT min(id) FROM register.audit_event);
        DELETE FROM register.audit_seal;
        FOR e IN SELECT * FROM register.audit_event ORDER BY id LOOP
            place := place + 1;
            before := sha256(before || convert_to(jsonb_build_array(e.id,
                to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.actor, e.event, e.dependency,
                e.period, e.submission_id, e.issue_id, e.details)::text, 'UTF8'));
            INSERT INTO register.audit_seal VALUES (place, e.id, before);
        END LOOP;
    END $$"""
_NTH = "(SELECT event_id FROM register.audit_seal WHERE position = {})"
_LAST = "(SELECT max(position) FROM register.audit_seal)"
_COPY = "SELECT {}, at, actor, event, dependency, period, submission_id, details, issue_id FROM register.audit_event"


def behind_our_back(house: Any, *statements: str) -> None:
    """Run statements as somebody whom no trigger and no constraint stops."""
    with psycopg.connect(str(house.settings.database_url), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def heads(house: Any) -> list[Head]:
    return published(house.settings.audit_heads)


@pytest.fixture(scope="session")
def corrected(released_nights: Any, go_on: Any, real: Any) -> Any:
    """A bad night and its correction, each with its head published."""

    def happen(house: Any) -> None:
        for file in (real(REGIONAL, 29).drop(ABRUZZO), real(REGIONAL, 29)):
            house.send(REGIONAL, file, 29)
            house.run(REGIONAL, 29)

    return go_on("corrected", released_nights, happen)


@pytest.fixture
def settled(corrected: Any, going_on: Any) -> Any:
    """The product after that."""
    return going_on(corrected)


def test_what_the_product_writes_is_whole_and_held_by_what_it_publishes(settled: Any) -> None:
    found = verify(open_engine(settled.settings), heads(settled))
    assert (found.faults, found.waiting, found.heads) == ((), 0, 6)
    assert found.head == heads(settled)[-1]
    assert seal(open_engine(settled.settings)) == found.head, "there is nothing more to seal"


TAMPERED = {
    "another actor": (f"UPDATE register.audit_event SET actor = 'nobody' WHERE id = {_NTH.format(3)}", "was changed"),
    "another moment": (
        f"UPDATE register.audit_event SET at = at - interval '1 us' WHERE id = {_NTH.format(1)}",
        "changed",
    ),
    "another period": (f"UPDATE register.audit_event SET period = '2020-01-01' WHERE id = {_NTH.format(2)}", "changed"),
    "another detail": (
        f'UPDATE register.audit_event SET details = details || \'{{"verdict": "FINE"}}\' WHERE id = {_NTH.format(4)}',
        "was changed",
    ),
    "another issue": (f"UPDATE register.audit_event SET issue_id = 7 WHERE id = {_NTH.format(5)}", "was changed"),
    "an event gone": (f"DELETE FROM register.audit_event WHERE id = {_NTH.format(4)}", "its event is gone"),
    "the last event gone": (f"DELETE FROM register.audit_event WHERE id = {_NTH.format(_LAST)}", "its event is gone"),
    "a seal gone": ("DELETE FROM register.audit_seal WHERE position = 4", "seals are missing before it"),
    "the first seal gone": ("DELETE FROM register.audit_seal WHERE position = 1", "seals are missing before it"),
    "another hash": (f"UPDATE register.audit_seal SET hash = sha256('x') WHERE position = {_LAST}", "was changed"),
    "an event put in between": (
        "INSERT INTO register.audit_event (id, at, actor, event, dependency, period, submission_id, details, issue_id) "
        f"OVERRIDING SYSTEM VALUE {_COPY.format(-1)} WHERE id = {_NTH.format(2)}",
        "written behind the seals",
    ),
    "two events exchanged": (
        f"""WITH a AS (SELECT * FROM register.audit_event WHERE id = {_NTH.format(2)}),
                 b AS (SELECT * FROM register.audit_event WHERE id = {_NTH.format(3)})
            UPDATE register.audit_event e SET event = CASE e.id WHEN a.id THEN b.event ELSE a.event END,
                details = CASE e.id WHEN a.id THEN b.details ELSE a.details END FROM a, b WHERE e.id IN (a.id, b.id)""",
        "was changed",
    ),
    "two seals exchanged": (
        f"""UPDATE register.audit_seal s
            SET event_id = CASE position WHEN 2 THEN {_NTH.format(3)} ELSE {_NTH.format(2)} END
            WHERE position IN (2, 3)""",
        "stands in another place",
    ),
    "the end cut off": (
        f"""WITH cut AS (DELETE FROM register.audit_seal WHERE position > {_LAST} - 2 RETURNING event_id)
            DELETE FROM register.audit_event WHERE id IN (SELECT event_id FROM cut)""",
        "the trail was cut off",
    ),
    "all of it gone": ("TRUNCATE register.audit_seal, register.audit_event", "the trail was cut off"),
    "all of it written anew": (_REWRITE, "the trail was written anew"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_whatever_is_done_to_it_shows(settled: Any, how: str) -> None:
    statement, told = TAMPERED[how]
    if how == "two seals exchanged":
        behind_our_back(settled, "ALTER TABLE register.audit_seal DROP CONSTRAINT audit_seal_event_id_key")
    behind_our_back(settled, statement)
    found = verify(open_engine(settled.settings), heads(settled))
    assert not found.is_whole
    assert any(told in str(fault) for fault in found.faults), found.faults


def test_without_what_was_published_only_the_end_can_be_cut_off_unseen(settled: Any) -> None:
    behind_our_back(settled, TAMPERED["the end cut off"][0])
    assert verify(open_engine(settled.settings)).is_whole, "which is why heads are published"


def test_events_of_many_at_once_are_sealed_once_each_in_their_order(settled: Any) -> None:
    engine = open_engine(settled.settings)

    class Broken(Exception):
        """Something that makes a transaction end without a trace."""

    def write(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - chance that can be repeated
        with suppress(Broken), transaction(engine) as session:
            for each in range(chance.randint(1, 3)):
                audit.note(session, "tried", dependency=REGIONAL, number=number, each=each)
                session.flush()
            if chance.random() < 0.3:
                raise Broken
        if chance.random() < 0.5:
            seal(engine)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(120)))
    seal(engine)
    found = verify(engine, [])
    assert (found.faults, found.waiting) == ((), 0)
    assert settled.query("SELECT count(*) AS n FROM register.audit_event") == [
        {"n": found.head.position if found.head else 0}
    ]


def test_the_command_line_says_where_it_is_broken(settled: Any, types: Any, tmp_path: Path) -> None:
    whole = types("audit", "verify")
    assert whole.returncode == 0
    assert whole.stdout.startswith("The trail is whole: ")
    behind_our_back(settled, TAMPERED["an event gone"][0])
    broken = types("audit", "verify", "--json")
    assert broken.returncode == 1
    told = json.loads(broken.stdout)
    assert [fault["position"] for fault in told["faults"]] == [4]
    assert types("audit", "verify", "--heads", str(tmp_path / "none")).returncode == 2


def test_the_end_is_not_proved_where_what_was_published_is_gone(settled: Any, types: Any, tmp_path: Path) -> None:
    behind_our_back(settled, "TRUNCATE register.audit_seal, register.audit_event CASCADE")
    elsewhere = types("audit", "verify", INTEGRITY_AUDIT_HEADS=str(tmp_path / "none"))
    assert elsewhere.returncode == 2
    assert "so the end of the trail cannot be proved. Name where it is: --heads FILE" in elsewhere.stderr


@pytest.mark.parametrize("line", ["", "2026-01-01 x " + "a" * 64, "2026-01-01 3 abc of", "3"])
def test_a_line_that_is_no_head_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "heads").write_text(f"2026-01-01T00:00:00+00:00 1 {'a' * 64} of\n{line}\n")
    with pytest.raises(Misconfigured, match=r"heads:2: this is no head"):
        published(tmp_path / "heads")


def test_the_trail_tells_by_issue_file_row_and_person(settled: Any, types: Any) -> None:
    def told(*options: str) -> list[str]:
        return [each["what"] for each in json.loads(types("audit", "show", *options, "--json").stdout)]

    assert told("--issue", "IG-00001") == ["issue opened", "issue seen", "issue cured", "issue resolved"]
    assert told("--submission", "dpc-covid19-ita-regioni-20200428.csv")[:2] == ["received", "judged structure"]
    assert "released" in told("--row", REGIONAL, "--key", "2020-04-29", "--key", "03")
    assert types("issues", "acknowledge", "IG-00001").returncode == 2
    assert types("issues", "reopen", "IG-00001", "--reason", "Look again", "--by", "Ada Rossi").returncode == 0
    assert told("--person", "ada rossi") == ["issue reopened"]
    assert told("--person", "nobody at all") == []
    assert "configured" in told("--dependency", REGIONAL)
    assert types("audit", "show", "--issue", "IG-99").returncode == 2
    assert "Look again" in types("audit", "show", "--issue", "IG-00001").stdout


DIFFERENCES = {
    "state": ("UPDATE register.issue SET status = 'closed'", "IG-00001 is closed, and open by its log"),
    "owner": ("UPDATE register.issue SET owner = 'Nobody'", "IG-00001 has another owner than by its log"),
    "occurrence": (
        "UPDATE register.occurrence SET closed_at = now()",
        "IG-00001 is shown by 0 periods, and by 1 by its log",
    ),
    "finding gone": (
        "UPDATE register.finding SET verdict = 'PASS' WHERE rule = 'population_complete'",
        "IG-00001 is shown by 2020-04-29, which no longer fails by it",
    ),
    "issue gone": (
        "UPDATE register.issue SET rule = 'another'",
        "fails by 'population_complete', and no issue says so",
    ),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_difference_between_register_log_and_findings_is_told(
    released_nights: Any, going_on: Any, real: Any, what: str
) -> None:
    house = going_on(released_nights)
    house.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    house.run(REGIONAL, 29)
    behind_our_back(house, "UPDATE register.judgement SET judged_at = judged_at - interval '2 hours'")
    office = Office.open(REGIONAL, house.settings)
    assert disagreements(office) == []
    statement, told = DIFFERENCES[what]
    behind_our_back(house, statement)
    assert any(told in each for each in disagreements(office)), disagreements(office)


def test_what_a_person_has_reopened_agrees_with_gates_that_find_nothing(settled: Any, real: Any) -> None:
    for file in (real(REGIONAL, 29).drop(ABRUZZO), real(REGIONAL, 29)):
        settled.send(REGIONAL, file, 29)
        settled.run(REGIONAL, 29)
    close(settled.settings, "IG-00001", cause="export", resolution=None, by="Giulia Bianchi")
    reopen(settled.settings, "IG-00001", reason="The source is not mended yet.", by="Giulia Bianchi")
    settled.run(REGIONAL, 29)
    assert [row["status"] for row in settled.query("SELECT status FROM register.issues")] == ["open"]
    assert disagreements(Office.open(REGIONAL, settled.settings)) == []
