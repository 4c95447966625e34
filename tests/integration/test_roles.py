"""The database's roles: each may do its part and nothing else, and the pipeline cannot change what was decided."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
import pytest
from integrity.errors import IntegrityError, Misconfigured
from integrity.gates.dbt import run_dbt
from integrity.pipeline import answering
from integrity.pipeline.preparing import prepare
from integrity.pipeline.waiving import Request, revoke, waive
from integrity.settings import Settings
from integrity.warehouse import embedded as embedded_server
from integrity.warehouse.connection import open_engine
from orchestration.container import prepare_warehouse
from psycopg import errors

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
ABRUZZO = "13"
OWNER, SPONSOR = "Giulia Bianchi", "Anna Verdi <a.verdi@example.org>"

MAY = {
    "reader": (
        f"SELECT count(*) FROM published.{REGIONAL}",
        "SELECT count(*) FROM register.submissions",
        "SELECT count(*) FROM register.findings",
        "SELECT count(*) FROM register.issues",
        "SELECT count(*) FROM register.releases",
    ),
    "steward": (
        "SELECT count(*) FROM landing.quarantined",
        f"SELECT count(*) FROM published.{REGIONAL}",
        "UPDATE register.issue SET status = 'acknowledged'",
        "INSERT INTO register.audit_event (at, actor, event, dependency, details) VALUES (now(), 'a', 'b', 'c', '{}')",
    ),
    "auditor": (
        "SELECT count(*) FROM register.audit",
        "SELECT count(*) FROM register.audit_seal",
        "SELECT count(*) FROM register.finding",
    ),
    "loader": (
        f"SELECT count(*) FROM landing.{REGIONAL}",
        f"INSERT INTO landing.{REGIONAL} (_landing, _row) VALUES (4711, 1)",
    ),
    "gate": (
        "UPDATE register.release SET superseded_at = now() WHERE superseded_at IS NULL",
        "DELETE FROM register.judgement",
        'CREATE SCHEMA "candidate_of_a_run"',
    ),
}
MAY_NOT = {
    "reader": (
        "SELECT * FROM landing.quarantined",
        f"SELECT * FROM landing.{REGIONAL}",
        "SELECT * FROM register.audit_event",
        "SELECT * FROM secret.hashing_key",
        "UPDATE register.issue SET status = 'closed'",
    ),
    "steward": (
        "UPDATE register.release SET superseded_at = now()",
        "DELETE FROM register.issue",
        "DELETE FROM register.waiver",
        "SELECT * FROM secret.hashing_key",
        f"INSERT INTO landing.{REGIONAL} (_landing, _row) VALUES (4711, 1)",
    ),
    "auditor": (
        "SELECT * FROM landing.quarantined",
        f"SELECT * FROM landing.{REGIONAL}",
        f"SELECT * FROM published.{REGIONAL}",
        "SELECT * FROM secret.hashing_key",
        "INSERT INTO register.audit_event (at, actor, event, dependency, details) VALUES (now(), 'a', 'b', 'c', '{}')",
    ),
    "loader": (
        "INSERT INTO register.release (dependency) VALUES ('x')",
        "UPDATE register.issue SET status = 'closed'",
        "SELECT * FROM secret.hashing_key",
        "CREATE SCHEMA mine",
    ),
    "gate": (
        "UPDATE register.release SET verdict = 'PASS'",
        "UPDATE register.finding SET failed = 0",
        "UPDATE register.judgement SET verdict = 'PASS'",
        "DELETE FROM register.finding",
        "DELETE FROM register.release",
        "DELETE FROM register.issue",
        "UPDATE register.audit_event SET actor = 'nobody'",
        "DELETE FROM register.audit_seal",
        f"INSERT INTO landing.{REGIONAL} (_landing, _row) VALUES (4711, 1)",
        "ALTER TABLE register.release DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ),
    "pipeline": (
        "UPDATE register.release SET verdict = 'PASS'",
        "DELETE FROM register.release",
        "TRUNCATE register.release CASCADE",
        "UPDATE register.finding SET verdict = 'PASS'",
        "DELETE FROM register.finding",
        "UPDATE register.judgement SET verdict = 'PASS'",
        "UPDATE register.audit_event SET event = 'released'",
        "DELETE FROM register.audit_event",
        "DELETE FROM register.audit_seal",
        f"UPDATE landing.{REGIONAL} SET stato = 'x'",
        f"DELETE FROM landing.{REGIONAL}",
        "UPDATE register.submission SET sha256 = ''",
        "DROP TRIGGER append_only ON register.audit_event",
        "ALTER TABLE register.audit_event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "SET ROLE postgres",
    ),
}


def as_role(house: Any, role: str, statement: str) -> None:
    """Run a statement as whoever has this role and no other; nothing of it stays."""
    with psycopg.connect(_logged_in(house, role)) as connection:
        connection.execute(statement)
        connection.rollback()


def _logged_in(house: Any, role: str) -> str:
    login = f"login_of_{role}"
    with psycopg.connect(house.settings.database_url, autocommit=True) as owner:
        if owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone() is None:
            owner.execute(f"CREATE ROLE {login} LOGIN IN ROLE integrity_{role}")
        # A copy of a database, which this test's is, has not what was granted on the database itself.
        owner.execute(f'GRANT CREATE, TEMPORARY ON DATABASE "{owner.info.dbname}" TO integrity_gate')
    parts = urlsplit(house.settings.database_url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
def at_night(settled: Any, real: Any) -> Iterator[Any]:
    """A night that failed, beside those that are released."""
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)
    yield settled


def test_each_role_may_do_its_part(at_night: Any) -> None:
    for role, statements in MAY.items():
        for statement in statements:
            as_role(at_night, role, statement)


def test_no_role_may_do_anything_else(at_night: Any) -> None:
    for role, statements in MAY_NOT.items():
        for statement in statements:
            with pytest.raises((errors.InsufficientPrivilege, errors.RaiseException)):
                as_role(at_night, role, statement)
                raise AssertionError(f"{role} may: {statement}")


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE register.release SET rows = 0", "only superseding it is allowed"),
        ("UPDATE register.release SET superseded_at = NULL", "only superseding it is allowed"),
        ("DELETE FROM register.release", "register.release is append-only"),
        ("UPDATE register.finding SET failed = 0", "register.finding is append-only"),
        ("DELETE FROM register.finding", "goes with its judgement only"),
        ("TRUNCATE register.finding", "register.finding is append-only"),
        ("UPDATE register.judgement SET verdict = 'PASS'", "it is judged again, and not changed"),
        ("TRUNCATE register.judgement CASCADE", "is append-only"),
    ],
)
def test_what_was_decided_stays_whoever_asks(at_night: Any, statement: str, refusal: str) -> None:
    first = "(SELECT min(id) FROM register.release)"
    at_night.execute(f"UPDATE register.release SET superseded_at = now() WHERE id = {first}")
    with (
        psycopg.connect(at_night.settings.database_url) as owner,
        pytest.raises(errors.RaiseException, match=refusal),
    ):
        owner.execute(statement)


def test_a_night_runs_under_a_login_that_has_the_pipelines_role_and_no_other(settled: Any, real: Any) -> None:
    settled.settings = replace(settled.settings, database_url=_logged_in(settled, "pipeline"))
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    assert settled.run(REGIONAL, 29).verdict.blocks
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    assert not settled.run(REGIONAL, 29).verdict.blocks
    settled.send(NATIONAL, real(NATIONAL, 29), 29)
    assert not settled.run(NATIONAL, 29).verdict.blocks
    assert len([row for row in settled.published(REGIONAL) if row["_period"].day == 29]) == 21
    open_engine(settled.settings).dispose()


def test_people_answer_through_services_that_have_that_login(at_night: Any) -> None:
    """Pages and buttons have no other: each move, a waiver and its end."""
    at_night.settings = replace(at_night.settings, database_url=_logged_in(at_night, "pipeline"), sponsor=SPONSOR)
    settings = at_night.settings
    issue = next(i["reference"] for i in at_night.open_issues() if i["rule"] == "population_complete")
    answering.acknowledge(settings, issue, by=OWNER)
    answering.investigate(settings, issue, by=OWNER)
    answering.assign(settings, issue, to="Paolo Neri", by=OWNER)
    answering.note(settings, issue, text="Called the desk.", by=OWNER)
    answering.link(settings, issue, to="https://tickets.example.org/7", by=OWNER)
    until = datetime.now(UTC).date() + timedelta(days=5)
    waiver = waive(
        settings, Request(issue=issue, by=[OWNER, SPONSOR], reason="A correction follows.", expires_on=until)
    )
    revoke(settings, waiver.reference, by=OWNER, reason="It was meant for another night.")
    answering.resolve(settings, issue, resolution="The region has sent it.", cause="export", by=OWNER)
    answering.reopen(settings, issue, reason="It has not.", by=OWNER)
    (told,) = [i for i in at_night.open_issues() if i["reference"] == issue]
    assert told["owner"] == "Paolo Neri"
    open_engine(settings).dispose()


def test_who_may_read_what_is_published_may_read_what_the_nights_made_of_it(settled: Any) -> None:
    made = run_dbt(
        "run",
        project=settled.settings.dbt_project,
        database_url=_logged_in(settled, "pipeline"),
        select="hospital_pressure",
        gates=None,
        period=date(2020, 4, 28),
    )
    assert [node.status for node in made] == ["success"]
    as_role(settled, "reader", "SELECT count(*) FROM marts.hospital_pressure")
    with pytest.raises(errors.InsufficientPrivilege):
        as_role(settled, "loader", "SELECT count(*) FROM marts.hospital_pressure")


def test_a_dependency_whose_tables_are_missing_is_a_clear_message_to_that_login(house: Any, real: Any) -> None:
    owned = house.settings
    house.settings = replace(owned, database_url=_logged_in(house, "pipeline"))
    house.send(REGIONAL, real(REGIONAL, 28), 28)
    with pytest.raises(IntegrityError, match="integrity migrate"):
        house.run(REGIONAL, 28)
    assert REGIONAL in prepare(owned).ready
    assert prepare(owned) == prepare(owned)
    assert not house.run(REGIONAL, 28).verdict.blocks
    open_engine(house.settings).dispose()


def test_a_dependency_that_is_broken_keeps_no_other_waiting(settled: Any, types: Any, tmp_path: Path) -> None:
    dependencies = shutil.copytree(settled.settings.dependencies, tmp_path / "dependencies")
    (dependencies / NATIONAL / "dependency.yml").write_text("name: [", encoding="utf-8")
    done = types("migrate", INTEGRITY_DEPENDENCIES=str(dependencies))
    assert done.returncode == 1
    assert f"Not ready for {NATIONAL}: " in done.stdout
    ready = " ".join(done.stdout.split()).partition("The warehouse is ready for ")[2]
    assert REGIONAL in ready
    assert NATIONAL not in ready


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Address of a server on which no warehouse was ever made, as its administrator."""
    home = Path(tempfile.mkdtemp(prefix="ig-"))  # A socket's path must be short.
    server = embedded_server.start(home)
    yield embedded_server.url(server, "postgres")
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


def _as(url: str, login: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc.rpartition('@')[2]}", path=f"/{database}"))


def test_an_owner_who_may_not_make_roles_is_told_once_all_that_has_to_be_typed(
    elsewhere: str, settings: Settings
) -> None:
    with psycopg.connect(elsewhere, autocommit=True) as administrator:
        administrator.execute("CREATE ROLE plain LOGIN")
        administrator.execute("CREATE DATABASE theirs OWNER plain")
        plain = replace(settings, database_url=_as(elsewhere, "plain", "theirs"))
        with pytest.raises(Misconfigured, match="plain may not make the roles") as told:
            prepare(plain)
        typed = re.search(r"type: (.*;)", str(told.value))
        assert typed, told.value
        administrator.execute(typed.group(1).encode())
        administrator.execute("CREATE ROLE guest LOGIN")
    guest = replace(settings, database_url=_as(elsewhere, "guest", "theirs"))
    with pytest.raises(Misconfigured, match="permission denied.* a login that owns the database"):
        prepare(guest)
    assert REGIONAL in prepare(plain).ready
    for each in (guest, plain):
        open_engine(each).dispose()


def test_the_services_of_compose_have_the_nights_login_and_only_migrate_has_the_owners(
    elsewhere: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = parse_qs(urlsplit(elsewhere).query)["host"][0]
    for name, value in (("PGHOST", socket), ("PGUSER", "postgres"), ("PGDATABASE", "postgres")):
        monkeypatch.setenv(name, value)
    owned = replace(settings, database_url=_as(elsewhere, "integrity_owner:a", "theirs"))
    services = _as(elsewhere, "integrity:b", "theirs")
    for _ in range(2):
        prepare_warehouse(owned, services)
    with psycopg.connect(services, autocommit=True) as nights:
        nights.execute("CREATE SCHEMA candidate_of_a_run")
        nights.execute("CREATE TEMPORARY TABLE passing (n integer)")
        for statement in ("DROP TABLE register.release", "SET ROLE integrity_owner", "CREATE ROLE another"):
            with pytest.raises(errors.InsufficientPrivilege):
                nights.execute(statement)
    open_engine(owned).dispose()


def test_the_doctor_says_what_the_login_may(settled: Any, types: Any) -> None:
    assert "owns the warehouse, its guards included" in types("doctor", "--json").stdout
    at_night = types("doctor", "--json", INTEGRITY_DATABASE_URL=_logged_in(settled, "pipeline"))
    assert "integrity_gate, integrity_loader, integrity_pipeline; not its owner" in at_night.stdout
