"""Pulling: every source of a dependency is looked at, and what is new and settled is put into the inbox.

Each source is served by a thread of its own, and each is kept from other runs by a lock in the warehouse. What one
source does wrong is collected and told at the end, so that it keeps nobody else waiting.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from sqlalchemy import Engine, text

from integrity.connections import Connections, Credentials
from integrity.errors import IntegrityError, Misconfigured, Rejected, Transient, is_retryable
from integrity.inventory.dependency import Dependency
from integrity.inventory.sources import HttpsSource, S3Source, SftpSource
from integrity.sources import memory
from integrity.sources.fetching import Fetching
from integrity.sources.memory import Subject
from integrity.sources.names import is_unfinished, local_name, shown
from integrity.sources.parts import Part, waits_in
from integrity.sources.remote import Changed, Damaged, Look, Patience, Remote, RemoteFile
from integrity.submissions.limits import Limits
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Pulled

log = logging.getLogger("integrity.sources")

AnySource = S3Source | SftpSource | HttpsSource

_AT_ONCE = 4
_CLOCKS_DIFFER = timedelta(hours=1)
"""By how much a server that tells no time may be out."""


@dataclass(frozen=True)
class Trouble:
    """A source, or a file of one, that could not be pulled or cleared.

    Attributes:
        source: Kind, host and supplier, for people.
    """

    source: str
    error: IntegrityError

    def __str__(self) -> str:
        return f"{self.source}: {self.error}"


def troubles_of(place: str, step: Callable[[], list[Trouble]]) -> list[Trouble]:
    """What a step tells of its troubles, or that it broke off: whatever a client raises, the other places are served.

    Args:
        place: Kind and supplier, for people.
    """
    try:
        return step()
    except IntegrityError as error:
        return [Trouble(place, error)]
    except Exception as error:  # noqa: BLE001 - see above
        # Not its own text, which may quote an address or a credential.
        kind = Transient if is_retryable(error) else Misconfigured
        return [Trouble(place, kind(f"It broke off ({type(error).__name__})."))]


@dataclass(frozen=True, kw_only=True)
class Pulling:
    """The sources of one dependency, and what is needed to pull from them."""

    dependency: Dependency
    inbox: Path
    engine: Engine
    connections: Connections
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    stopping: threading.Event = field(default_factory=threading.Event)

    def pull(self) -> list[Trouble]:
        """Put what is new into the suppliers' folders of the inbox. Killed at any moment, it can be called again."""
        return self._each(list(self.dependency.sources), self._pull)

    def settle(self) -> list[Trouble]:
        """Archive or delete at its source, as configured, whatever has been registered here since it was pulled."""
        clearing = [source for source in self.dependency.sources if not isinstance(source, HttpsSource)]
        return self._each([source for source in clearing if source.after != "leave"], self._settle)

    def _each(
        self, sources: Sequence[AnySource], step: Callable[[AnySource, Credentials], list[Trouble]]
    ) -> list[Trouble]:
        # Connections are asked for here, since Airflow answers the task's own thread only.
        told = [(source, self._credentials(source)) for source in sources]

        def one(source: AnySource, credentials: Credentials | IntegrityError) -> list[Trouble]:
            if isinstance(credentials, IntegrityError):
                return [Trouble(described(source), credentials)]
            return troubles_of(described(source), lambda: step(source, credentials))

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="source") as pool:
            try:
                return [trouble for troubles in pool.map(lambda pair: one(*pair), told) for trouble in troubles]
            except BaseException:
                self.stopping.set()
                raise

    def _credentials(self, source: AnySource) -> Credentials | IntegrityError:
        try:
            return self.connections(source.connection) if source.connection else Credentials()
        except IntegrityError as error:
            return error

    def _pull(self, source: AnySource, credentials: Credentials) -> list[Trouble]:
        subject = self._subject(source)
        fetching = Fetching(self.limits, self.patience, self.stopping)
        troubles: list[Trouble] = []
        with self._alone(subject), closing(_open(source, credentials, self.patience)) as remote:
            for file in self._new_files(source, remote, fetching):
                try:
                    self._take(source, remote, file, fetching)
                except Changed:
                    log.info("%s: %s changed while it was fetched: next run", described(source), shown(file.name))
                except (Rejected, Damaged) as error:
                    troubles.append(Trouble(f"{described(source)}, {shown(file.name)}", error))
        return troubles

    def _new_files(self, source: AnySource, remote: Remote, fetching: Fetching) -> list[RemoteFile]:
        """What is not here yet and has stopped growing; oldest first, so that a correction comes after its original."""
        subject = self._subject(source)
        with transaction(self.engine) as session:
            received = memory.registered(session, subject)
            here = [row for row in memory.pulled_before(session, subject) if self._is_here(source, row, received)]
        known = {(row.remote_name, row.version): row for row in here}
        latest = here[-1].version if here else None
        look = fetching.retrying(lambda: remote.look(latest))
        back = [row for file in look.files if (row := known.get((file.name, str(file.version)))) and row.cleared_at]
        with transaction(self.engine) as session:
            memory.note_back(session, back)
        new = [file for file in look.files if (file.name, str(file.version)) not in known]
        new = [file for file in new if not is_unfinished(file.name)]
        growing = [file for file in new if not _is_settled(file, look, source.settled_seconds)]
        if growing:
            fetching.pause(source.settled_seconds)
            again = fetching.retrying(lambda: remote.look(latest)).files
            for file in growing:
                if file not in again:
                    log.info("%s: %s is still growing: next run", described(source), shown(file.name))
                    new.remove(file)
        return sorted(new, key=lambda file: (file.modified_at or datetime.min.replace(tzinfo=UTC), file.name))

    def _take(self, source: AnySource, remote: Remote, file: RemoteFile, fetching: Fetching) -> None:
        name = local_name(file.name)
        subject = self._subject(source)
        part = Part(self._folder(source), subject.source, file.name)
        digests = fetching.fetch(remote, file, part)
        sha256, size = digests["sha256"], part.size
        with transaction(self.engine) as session:
            as_before = file.version is None and memory.is_registered(session, subject, sha256)
        if as_before:
            part.drop()
            return
        # In this order: killed in between, the file is fetched again and acknowledged as a duplicate, but never missed.
        part.place(name, sha256)
        with transaction(self.engine) as session:
            memory.remember(session, subject, file, sha256, size)
        log.info("%s: took %s, %d bytes", described(source), name, size)

    def _settle(self, source: AnySource, credentials: Credentials) -> list[Trouble]:
        subject = self._subject(source)
        if not self._waiting(subject):
            return []
        archives = not isinstance(source, HttpsSource) and source.after == "archive"
        fetching = Fetching(self.limits, self.patience, self.stopping)
        with self._alone(subject), closing(_open(source, credentials, self.patience)) as remote:
            for row in self._waiting(subject):
                # Stamped, since a supplier may send under one name every night.
                stamped = f"{row.pulled_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{local_name(row.remote_name)}"
                archive_as = stamped if archives else None
                try:
                    fetching.retrying(lambda row=row, as_=archive_as: remote.clear(row.remote_name, row.version, as_))  # type: ignore[misc]
                except Changed:
                    log.info("%s: %s was replaced meanwhile and stays", described(source), shown(row.remote_name))
                with transaction(self.engine) as session:
                    memory.note_cleared(session, row)
        return []

    def _waiting(self, subject: Subject) -> list[Pulled]:
        with transaction(self.engine) as session:
            return memory.waiting_to_be_cleared(session, subject)

    def _is_here(self, source: AnySource, row: Pulled, received: set[str]) -> bool:
        if row.sha256 in received:
            return True
        return waits_in(self._folder(source), local_name(row.remote_name), row.sha256, row.size_bytes)

    def _folder(self, source: AnySource) -> Path:
        return self.inbox / self.dependency.name / source.supplier

    def _subject(self, source: AnySource) -> Subject:
        return Subject(self.dependency.name, source.supplier, _identity(source))

    @contextmanager
    def _alone(self, subject: Subject) -> Iterator[None]:
        """Keep other runs from this source; a killed process gives it free with its connection."""
        ask = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        name = f"pull/{subject.dependency}/{subject.supplier}/{subject.source}"
        ends_at = monotonic() + self.patience.lock_seconds
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                while not connection.execute(ask, {"name": name}).scalar_one():
                    if monotonic() > ends_at or self.stopping.wait(0.2):
                        raise Transient("Another run is still pulling from it.")
                yield
            finally:
                # Not back into the pool, whose next user would hold the lock.
                connection.invalidate()


def described(source: AnySource) -> str:
    """Kind and supplier, for people; the host is in what the source itself says."""
    return f"{source.kind} source of {source.supplier}"


def _identity(source: AnySource) -> str:
    """The place itself: another prefix is another source, another pattern is not."""
    match source:
        case S3Source():
            return f"s3 {source.connection} {source.bucket}/{source.prefix}"
        case SftpSource():
            return f"sftp {source.connection} {source.folder}"
        case HttpsSource():
            # The query may hold a secret: its hash tells addresses apart as well.
            parts = urlsplit(source.url)
            query = hashlib.sha256(parts.query.encode()).hexdigest()[:12] if parts.query else ""
            return f"https {parts.netloc}{parts.path} {query}".rstrip()


def _open(source: AnySource, credentials: Credentials, patience: Patience) -> Remote:
    """Imports the client that is needed and no other."""
    match source:
        case S3Source():
            from integrity.sources.s3 import S3Remote

            return S3Remote(source, credentials, patience)
        case SftpSource():
            from integrity.sources.sftp import SftpRemote

            return SftpRemote(source, credentials, patience)
        case HttpsSource():
            from integrity.sources.https import HttpsRemote

            return HttpsRemote(source, credentials, patience)


def _is_settled(file: RemoteFile, look: Look, settled_seconds: int) -> bool:
    """Whether one look is enough to tell that the file has stopped growing."""
    if file.is_whole or settled_seconds == 0:
        return True
    if file.modified_at is None:
        return False
    patience = timedelta(seconds=settled_seconds)
    if look.at is not None:
        return look.at - file.modified_at >= patience
    return datetime.now(UTC) - file.modified_at >= patience + _CLOCKS_DIFFER
