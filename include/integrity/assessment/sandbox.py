"""The gates at work in a temporary home with a warehouse of its own: nothing here touches the real ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from sqlalchemy import func, select

from integrity.assessment.seeing import Seen, seen_in_register
from integrity.assessment.specimens import Sent
from integrity.errors import GateFailed
from integrity.gates.rules import IDENTIFIED
from integrity.pipeline.candidates import candidate_landings
from integrity.pipeline.judging import judge_candidate, judge_coverage, judge_submissions
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import release
from integrity.register.receipts import submissions_to_judge
from integrity.register.releases import Statement, release_landings
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse import embedded
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.migrate import migrate
from integrity.warehouse.models import Submission, Unidentified

_RUN = "assessment"
_EMPTY = "empty"
"""Name of the database that is migrated once and copied from then on."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that lives as long as the assessment; its data need not survive a loss of power.

    Attributes:
        address: Of a database, with its name left open as ``{}``.
    """

    folder: Path
    address: str

    def url(self, database: str) -> str:
        return self.address.format(database)

    def copy(self, database: str, template: str) -> None:
        """Make a database a copy of another, whatever it was before."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')


@contextmanager
def temporary_server(settings: Settings) -> Iterator[Server]:
    """A server in a temporary folder, with one migrated database."""
    import psycopg

    # A socket's path may have some 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="ig-"))
    try:
        started = embedded.start(folder)
        try:
            server = Server(folder, embedded.url(started, "{}").replace("%7B%7D", "{}"))
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            server.copy(_EMPTY, "template0")
            engine = open_engine(_settings(settings, server, _EMPTY, folder / "nobody"))
            migrate(engine)
            engine.dispose()
            yield server
        finally:
            started.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(settings: Settings, server: Server, database: str, home: Path) -> Settings:
    """The given rules and policy; all state under ``home`` and in this database."""
    return replace(
        settings,
        home=home,
        database_url=server.url(database),
        inbox=home / "inbox",
        outbox=home / "outbox",
        archive=home / "archive",
    )


@dataclass
class Sandbox:
    """A place in which a period is judged again and again, each time with the same neighbours.

    Recording is left out of a run's steps: issues, alerts, lineage and feedback change no verdict, and nobody is to
    hear of errors that were planted.

    Args:
        settings: The real ones, for the rules and the policy.
        number: Tells its databases from those of other sandboxes on the same server.
    """

    settings: Settings
    server: Server
    number: int
    _offices: dict[str, Office] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """One for each process, so that dbt's parsed project serves all of its sandboxes."""
        return self.server.folder / f"home_{os.getpid()}"

    def lay_ground(
        self, arrivals: Sequence[tuple[str, date, Sequence[Sent]]], history: Iterable[tuple[str, Sent]] = ()
    ) -> None:
        """Take in what is there before.

        Args:
            arrivals: The neighbours, in this order: dependency, period, and what came for it.
            history: Earlier submissions, each with its dependency, that a supplier's next one is held against. They
                are known to have passed: what their own rules lean on need not be there.
        """
        base = f"ground_{self.number}"
        self.server.copy(base, _EMPTY)
        for dependency, sent in history:
            office = self._office(dependency, base)
            self._deliver(dependency, [sent])
            receive(office, sent.periods[0])
            for period in sent.periods:
                take_for_granted(office, period)
        for dependency, period, files in arrivals:
            office = self._office(dependency, base)
            self._deliver(dependency, files)
            receive(office, period)
            take_steps(office, period)
        open_engine(_settings(self.settings, self.server, base, self.home)).dispose()

    def judge(self, dependency: str, sent: Sent | None, periods: Sequence[date]) -> list[Seen]:
        """What the gates say when this file comes for these periods, on the ground as it was laid.

        Args:
            sent: None where the supplier sends nothing.
            periods: Those for which a submission is expected. Another for which the file is taken is judged, too.
        """
        database = f"trial_{self.number}"
        self.server.copy(database, f"ground_{self.number}")
        office = self._office(dependency, database)
        engine = office.engine
        try:
            with transaction(engine) as session:
                last = session.scalar(select(func.max(Submission.id))) or 0
                unplaced = session.scalar(select(func.count(Unidentified.id))) or 0
            self._deliver(dependency, [sent] if sent else [])
            receive(office, periods[0])
            with transaction(engine) as session:
                received = list(session.scalars(select(Submission).where(Submission.id > last).order_by(Submission.id)))
                is_unplaced = (session.scalar(select(func.count(Unidentified.id))) or 0) > unplaced
            for period in sorted({*periods, *(submission.period for submission in received)}):
                take_steps(office, period)
            with transaction(engine) as session:
                seen = seen_in_register(session, dependency, periods, [submission.id for submission in received])
        finally:
            engine.dispose()
        return [*seen, *([_UNPLACED] if is_unplaced else [])]

    def _office(self, dependency: str, database: str) -> Office:
        """The dependency in this sandbox, without its sources: nothing is fetched from anybody."""
        if dependency not in self._offices:
            opened = Office.open(dependency, self.settings)
            declared = opened.registered.dependency.model_copy(update={"sources": []})
            registered = opened.registered.model_copy(update={"dependency": declared})
            self._offices[dependency] = replace(opened, registered=registered)
        settings = _settings(self.settings, self.server, database, self.home)
        return replace(self._offices[dependency], settings=settings)

    def _deliver(self, dependency: str, files: Sequence[Sent]) -> None:
        inbox = self.home / "inbox" / dependency
        shutil.rmtree(inbox, ignore_errors=True)
        for sent in files:
            folder = inbox / sent.supplier
            folder.mkdir(parents=True, exist_ok=True)
            (folder / sent.name).write_bytes(sent.content)


_UNPLACED = Seen(gate="receipt", rule=IDENTIFIED.name, kind=IDENTIFIED.kind, verdict=str(Verdict.FAIL), failed=1)


def take_for_granted(office: Office, period: date) -> None:
    """Release what came for a period if it is well in itself, whatever else it would have to be held against."""
    with transaction(office.engine) as session:
        to_judge = submissions_to_judge(session, office.name, period, office.fingerprint)
    judge_submissions(office, to_judge, _RUN)
    with transaction(office.engine) as session:
        landings = candidate_landings(session, office, period)
        statements = {supplier: Statement(landing, Verdict.PASS) for supplier, landing in landings.items()}
        release_landings(session, statements, dependency=office.name, period=period, run=_RUN)


def take_steps(office: Office, period: date) -> None:
    """Judge a period and release it if it passes: the steps of ``ingest`` between receiving and recording."""
    with transaction(office.engine) as session:
        to_judge = submissions_to_judge(session, office.name, period, office.fingerprint)
    judge_submissions(office, to_judge, _RUN)
    judge_coverage(office, period, _RUN)
    judge_candidate(office, period, _RUN)
    with suppress(GateFailed):
        release(office, period, _RUN)
