"""Delivering: each supplier's feedback is taken from its folder of the outbox to the place that it shares with us."""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from integrity.connections import Connections, Credentials
from integrity.inventory.dependency import Dependency
from integrity.inventory.sources import MailOutbox, S3Outbox, SftpOutbox
from integrity.sources.fetching import Fetching
from integrity.sources.pulling import Trouble, troubles_of
from integrity.sources.remote import Patience
from integrity.submissions.limits import Limits
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Delivered

log = logging.getLogger("integrity.feedback")

AnyOutbox = S3Outbox | SftpOutbox | MailOutbox


@dataclass(frozen=True, kw_only=True)
class Delivering:
    """The outboxes of one dependency, and what is needed to deliver to them."""

    dependency: Dependency
    outbox: Path
    engine: Engine
    connections: Connections
    patience: Patience = field(default_factory=Patience)

    def deliver(self) -> list[Trouble]:
        """Take everything there that is not there yet, or has changed since.

        What it could not take is taken the next time. Killed at any moment, or at work twice at once, it puts the same
        bytes under the same name again.
        """
        troubles: list[Trouble] = []
        for place in self.dependency.outboxes:
            troubles += troubles_of(_described(place), functools.partial(self._deliver, place))
        return troubles

    def _deliver(self, place: AnyOutbox) -> list[Trouble]:
        waiting = list(self._waiting(place))
        if not waiting:
            return []
        asking = Fetching(Limits(), self.patience, threading.Event())
        with closing(_open(place, self.connections(place.connection), self.patience)) as remote:
            for path, sha256 in waiting:
                asking.retrying(lambda path=path: remote.put(path))  # type: ignore[misc]
                self._note(place, path.name, sha256)
        log.info("%s: delivered %d file(s)", _described(place), len(waiting))
        return []

    def _waiting(self, place: AnyOutbox) -> Iterator[tuple[Path, str]]:
        """Files of the supplier's folder that are not there as they are now, with their hashes."""
        folder = self.outbox / self.dependency.name / place.supplier
        if not folder.is_dir():
            return
        there = select(Delivered.name, Delivered.sha256).where(
            Delivered.dependency == self.dependency.name,
            Delivered.supplier == place.supplier,
            Delivered.place == _identity(place),
        )
        with transaction(self.engine) as session:
            known = {name: sha256 for name, sha256 in session.execute(there).all()}
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                if known.get(path.name) != sha256:
                    yield path, sha256

    def _note(self, place: AnyOutbox, name: str, sha256: str) -> None:
        subject = {
            "dependency": self.dependency.name,
            "supplier": place.supplier,
            "place": _identity(place),
            "name": name,
        }
        told = {"sha256": sha256, "delivered_at": datetime.now(UTC)}
        added = insert(Delivered).values(**subject, **told)
        with transaction(self.engine) as session:
            session.execute(added.on_conflict_do_update(index_elements=list(subject), set_=told))


def _described(place: AnyOutbox) -> str:
    return f"{place.kind} outbox of {place.supplier}"


def _identity(place: AnyOutbox) -> str:
    """The place itself; no credentials."""
    if isinstance(place, S3Outbox):
        where = f"{place.bucket}/{place.prefix}"
    else:
        where = place.to if isinstance(place, MailOutbox) else place.folder
    return f"{place.kind} {place.connection} {where}"


class _Place(Protocol):
    def put(self, path: Path) -> None: ...

    def close(self) -> None: ...


def _open(place: AnyOutbox, credentials: Credentials, patience: Patience) -> _Place:
    """Imports the client that is needed and no other."""
    if isinstance(place, S3Outbox):
        from integrity.sources.s3 import S3Place

        return S3Place(place, credentials, patience)
    if isinstance(place, MailOutbox):
        from integrity.sources.mailed import MailPlace

        return MailPlace(place, credentials)
    from integrity.sources.sftp import SftpPlace

    return SftpPlace(place, credentials, patience)
