"""What tests share: settings in a folder of their own, a real PostgreSQL, real files, and no network."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from dbt_common.tests import enable_test_caching
from hypothesis import settings as hypothesis_settings
from integrity.alerts.message import Message
from integrity.pipeline.ingesting import Ingested, ingest
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT, Settings
from integrity.warehouse import embedded as embedded_server
from integrity.warehouse.connection import open_engine
from integrity.warehouse.migrate import migrate
from psycopg.rows import dict_row

DATA = PROJECT_ROOT / "include" / "demonstration"
REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
SUPPLIER = "protezione_civile"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Close the network to all but this machine itself, however pytest was called."""
    config.option.allow_hosts = "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True
    # The same draws each time, however long a busy machine takes for one.
    hypothesis_settings.register_profile("steady", deadline=None, derandomize=True)
    hypothesis_settings.load_profile("steady")
    # Each test has a dbt project of its own; dbt's own macros are in all of them, and parsed once.
    enable_test_caching()
    # pytest-alembic's own collector breaks on this pytest; test_migrations.py calls its tests by name.
    config.option.pytest_alembic_tests_path = "tests/no-such-file"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The project's own dependencies and policy, with all state in a folder that goes away."""
    for name in ("AIRFLOW_CONN_SLACK_DEFAULT", "OPENLINEAGE_URL", "OPENLINEAGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    return Settings(
        home=home,
        database_url=None,
        dependencies=PROJECT_ROOT / "include" / "dependencies",
        inbox=home / "inbox",
        outbox=home / "outbox",
        archive=home / "archive",
    )


@pytest.fixture(scope="session")
def embedded() -> Iterator[Callable[[str], str]]:
    """The embedded PostgreSQL for all tests; gives the address of one of its databases."""
    # A socket's path may have some 100 characters, which pytest's own folders exceed.
    home = Path(tempfile.mkdtemp(prefix="ig-"))
    server = embedded_server.start(home)
    with psycopg.connect(embedded_server.url(server, "postgres"), autocommit=True) as connection:
        # No test outlives its machine: nothing has to be on the disk when a statement ends.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield lambda database: embedded_server.url(server, database)
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def create_database(embedded: Callable[[str], str]) -> Callable[..., str]:
    """Create a database of that name, as a copy of another, and give its address."""

    def create(name: str, template: str = "template0") -> str:
        with psycopg.connect(embedded("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return embedded(name)

    return create


@pytest.fixture(scope="session")
def migrated(create_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database that is migrated once and copied from then on."""
    nowhere = tmp_path_factory.mktemp("nowhere")
    url = create_database("migrated")
    settings = Settings(
        home=nowhere, database_url=url, dependencies=nowhere, inbox=nowhere, outbox=nowhere, archive=nowhere
    )
    engine = open_engine(settings)
    migrate(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture
def own_database(
    create_database: Callable[..., str], embedded: Callable[[str], str], request: pytest.FixtureRequest
) -> Iterator[Callable[[str], str]]:
    """Copy a database for this test only; the copies are dropped with it."""
    made: list[str] = []

    def copy(template: str) -> str:
        made.append(f"test_{abs(hash(request.node.nodeid)):x}_{len(made)}")
        return create_database(made[-1], template)

    yield copy
    with psycopg.connect(embedded("postgres"), autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def warehouse(settings: Settings, migrated: str, own_database: Callable[[str], str]) -> Iterator[Settings]:
    """Settings with a fresh, migrated database of this test's own."""
    ready = replace(settings, database_url=own_database(migrated))
    yield ready
    open_engine(ready).dispose()


@dataclass
class SupplierFile:
    """A supplier's file that a test alters; rows are found by the region's code, or are the only one there is."""

    headings: list[str]
    rows: list[dict[str, str]]

    @classmethod
    def read(cls, path: Path) -> SupplierFile:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        return cls(list(reader.fieldnames or []), list(reader))

    def row(self, region: str | None = None) -> dict[str, str]:
        return next(row for row in self.rows if region in (None, row.get("codice_regione")))

    def change(self, region: str | None = None, **cells: str | int) -> SupplierFile:
        self.row(region).update({column: str(value) for column, value in cells.items()})
        return self

    def drop(self, region: str) -> SupplierFile:
        self.rows.remove(self.row(region))
        return self

    def repeat(self, region: str | None = None, **cells: str | int) -> SupplierFile:
        self.rows.append(self.row(region) | {column: str(value) for column, value in cells.items()})
        return self

    def to_bytes(self) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.headings, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue().encode()


_FILES = {
    REGIONAL: ("regions", "dpc-covid19-ita-regioni"),
    NATIONAL: ("national", "dpc-covid19-ita-andamento-nazionale"),
}


def file_name(dependency: str, day: int) -> str:
    return f"{_FILES[dependency][1]}-202004{day:02d}.csv"


@pytest.fixture(scope="session")
def real() -> Callable[[str, int], SupplierFile]:
    """The real file of a dependency for a day of April 2020, as the publisher revised it."""
    return lambda dependency, day: SupplierFile.read(DATA / _FILES[dependency][0] / file_name(dependency, day))


@dataclass
class RecordingChannel:
    """Takes every alert and keeps it."""

    messages: list[tuple[str, Message]] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    airflow_url: str = ""

    def of(self, route: str) -> RecordingChannel:
        """Itself, for every route."""
        self.route = route
        return self

    def send(self, message: Message) -> str | None:
        self.messages.append((self.route, message))
        self.sent += [(news.kind, news.content) for news in message.news]
        return message.thread or f"thread-{len(self.messages)}"

    @property
    def told(self) -> list[tuple[str, str]]:
        """Kind and rule of each news, in order."""
        return [(kind, content["rule"]) for kind, content in self.sent]


@dataclass
class House:
    """The product at work in a test: suppliers send, nights are run, the register is read."""

    settings: Settings
    channels: Any = field(default_factory=RecordingChannel)

    def send(
        self,
        dependency: str,
        content: SupplierFile | bytes,
        day: int = 28,
        *,
        name: str | None = None,
        supplier: str = SUPPLIER,
    ) -> None:
        """Put a file into a supplier's folder of the inbox, under its usual name unless another is given."""
        folder = self.settings.inbox / dependency / supplier
        folder.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.to_bytes()
        (folder / (name or file_name(dependency, day))).write_bytes(data)

    def run(self, dependency: str, day: int = 28) -> Ingested:
        return ingest(Office.open(dependency, self.settings), date(2020, 4, day), self.channels)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(str(self.settings.database_url), row_factory=dict_row) as connection:
            return connection.execute(sql, values).fetchall()

    def relations(self, dependency: str, period: date) -> dict[str, tuple[str, int]]:
        """What the relations say of a period: by rule, its verdict or why it was not judged, and the failed rows."""
        found = self.query(
            "SELECT rule, verdict, failed, not_judged FROM register.findings "
            "WHERE dependency = %s AND gate = 'relations' AND period = %s",
            dependency,
            period,
        )
        return {row["rule"]: (row["not_judged"] or row["verdict"], row["failed"]) for row in found}

    def execute(self, sql: str) -> None:
        with psycopg.connect(str(self.settings.database_url), autocommit=True) as connection:
            connection.execute(sql)

    def published(self, dependency: str) -> list[dict[str, Any]]:
        if not self.query("SELECT to_regclass(%s) AS found", f"published.{dependency}")[0]["found"]:
            return []
        return self.query(f'SELECT * FROM published."{dependency}" ORDER BY _period, _row')

    def open_issues(self) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM register.issues WHERE status = 'open' ORDER BY reference")

    def state(self) -> dict[str, Any]:
        """All that a second run on the same files must leave as it is."""
        return {
            REGIONAL: self.published(REGIONAL),
            NATIONAL: self.published(NATIONAL),
            "releases": self.query("SELECT * FROM register.releases ORDER BY release"),
            "issues": self.query("SELECT * FROM register.issues ORDER BY reference"),
            "submissions": self.query("SELECT submission, verdict, status FROM register.submissions ORDER BY 1"),
            "outbox": self.query("SELECT count(*) AS messages FROM register.outbox"),
        }


@pytest.fixture
def house(warehouse: Settings) -> House:
    """The product on its first day: nothing received yet."""
    return House(warehouse)


@dataclass(frozen=True)
class Story:
    """What has happened by some moment, to be gone on from in many tests: a database to be copied, and its home."""

    template: str
    home: Path


@pytest.fixture(scope="session")
def go_on(
    create_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Story, Callable[[House], None]], Story]:
    """Make a story of another one and what happens next, to be told once a session, however many tests go on from it.

    For fixtures of the session's scope: a worker may leave a module and come back to it, and would tell it again.
    """

    def tell(name: str, before: Story, next_: Callable[[House], None]) -> Story:
        home = tmp_path_factory.mktemp(name) / "home"
        shutil.copytree(before.home, home)
        settings = Settings(
            home=home,
            database_url=create_database(name, before.template),
            dependencies=PROJECT_ROOT / "include" / "dependencies",
            inbox=home / "inbox",
            outbox=home / "outbox",
            archive=home / "archive",
        )
        next_(House(settings))
        open_engine(settings).dispose()
        return Story(name, home)

    return tell


@pytest.fixture
def going_on(settings: Settings, own_database: Callable[[str], str]) -> Iterator[Callable[[Story], House]]:
    """Enter a story: the product as it stands then, which is this test's own from there on."""
    entered: list[Settings] = []

    def enter(story: Story) -> House:
        shutil.copytree(story.home, settings.home)
        entered.append(replace(settings, database_url=own_database(story.template)))
        return House(entered[-1])

    yield enter
    for ready in entered:
        open_engine(ready).dispose()


@pytest.fixture(scope="session")
def released_nights(migrated: str, go_on: Callable[..., Story], tmp_path_factory: pytest.TempPathFactory) -> Story:
    """27 and 28 April are released, regional and national."""

    def happen(house: House) -> None:
        for day in (27, 28):
            for dependency, (folder, _) in _FILES.items():
                name = file_name(dependency, day)
                house.send(dependency, (DATA / folder / name).read_bytes(), name=name)
                assert not house.run(dependency, day).verdict.blocks

    return go_on("released", Story(migrated, tmp_path_factory.mktemp("nothing_yet")), happen)


@pytest.fixture
def settled(released_nights: Story, going_on: Callable[[Story], House]) -> House:
    """The product at work: 27 and 28 April are released, regional and national."""
    return going_on(released_nights)


@dataclass
class Slack:
    """As much of Slack's API as alerts need; it can be taken down, lose answers, and ask to be left in peace.

    Attributes:
        posted: Messages as they were posted.
        shown: By time stamp, messages as they show now.
        loses_answers: Whatever comes is done, and nobody hears of it.
        hangs_up: The same, the connection breaking instead of an answer.
        deleted: Time stamps of messages that somebody has deleted.
        peace: Seconds for which it asks to be left in peace.
        may_look: Whether what was posted can be looked up.
        socket_url: Where Socket Mode is spoken; '' where the app is not let in.
        opened: Forms as they were opened.
        whispered: Who was told something alone, and what.
        tokens: By method, with which it was called.
    """

    url: str = ""
    is_down: bool = False
    loses_answers: bool = False
    hangs_up: bool = False
    deleted: set[str] = field(default_factory=set)
    peace: int = 0
    may_look: bool = True
    posted: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    socket_url: str = ""
    opened: list[dict[str, Any]] = field(default_factory=list)
    whispered: list[tuple[str, str]] = field(default_factory=list)
    tokens: dict[str, set[str]] = field(default_factory=dict)

    def answer(self, method: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.is_down:
            return 503, {"ok": False, "error": "service_unavailable"}
        if self.peace:
            return 429, {"ok": False, "error": "ratelimited"}
        said = getattr(self, "_" + method.replace(".", "_"))(asked)
        return (502, {"ok": False, "error": "bad_gateway"}) if self.loses_answers else (200, said)

    def _chat_postMessage(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("thread_ts") in self.deleted:
            return {"ok": False, "error": "thread_not_found"}
        self.posted.append(asked)
        ts = f"1588.{len(self.posted):06d}"
        self.shown[ts] = asked | {"ts": ts}
        return {"ok": True, "channel": "C1", "ts": ts}

    def _chat_update(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["channel"] == "C1"
        if asked["ts"] in self.deleted:
            return {"ok": False, "error": "message_not_found"}
        self.shown[asked["ts"]] |= {"text": asked["text"], "blocks": asked["blocks"]}
        return {"ok": True, "channel": "C1", "ts": asked["ts"]}

    def _chat_postEphemeral(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.whispered.append((asked["user"], asked["text"]))
        return {"ok": True, "message_ts": "1588.1"}

    def _views_open(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.opened.append(asked["view"] | {"id": f"V{len(self.opened)}"})
        return {"ok": True, "view": self.opened[-1]}

    def _apps_connections_open(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": self.socket_url} if self.socket_url else {"ok": False, "error": "invalid_auth"}

    def _conversations_list(self, asked: dict[str, Any]) -> dict[str, Any]:
        names = {message["channel"].removeprefix("#") for message in self.posted}
        return {"ok": True, "channels": [{"id": "C1", "name": name} for name in sorted(names)]}

    def _conversations_history(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.may_look:
            return {"ok": False, "error": "missing_scope"}
        return {"ok": True, "messages": [m for m in self.shown.values() if not m.get("thread_ts")]}

    def _conversations_replies(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.may_look:
            return {"ok": False, "error": "missing_scope"}
        if asked["ts"] in self.deleted:
            return {"ok": False, "error": "thread_not_found"}
        told = [m for m in self.shown.values() if asked["ts"] in (m["ts"], m.get("thread_ts"))]
        return {"ok": True, "messages": told}


@contextmanager
def serving_slack() -> Iterator[Slack]:
    """Slack's API, served on loopback."""
    served = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            self._answer(urlsplit(self.path).path, asked)

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = "json" in self.headers["Content-Type"]
            asked = json.loads(sent or "{}") if is_json else {k: v[0] for k, v in parse_qs(sent).items()}
            self._answer(self.path, asked)

        def _answer(self, path: str, asked: dict[str, Any]) -> None:
            method = path.rsplit("/", 1)[-1]
            served.tokens.setdefault(method, set()).add(self.headers["Authorization"].removeprefix("Bearer "))
            status, answer = served.answer(method, asked)
            if served.hangs_up:
                self.close_connection = True
                return
            body = json.dumps(answer).encode()
            self.send_response(status)
            if served.peace:
                self.send_header("Retry-After", str(served.peace))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/api/"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def slack() -> Iterator[Slack]:
    with serving_slack() as served:
        yield served


@pytest.fixture(scope="module")
def slack_of_the_module() -> Iterator[Slack]:
    with serving_slack() as served:
        yield served
