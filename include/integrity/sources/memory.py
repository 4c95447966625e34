"""What has been fetched from a source before, as the register remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from integrity.sources.remote import RemoteFile
from integrity.warehouse.models import Pulled, Submission, Unidentified


@dataclass(frozen=True)
class Subject:
    """Whose memory it is: a source of a dependency's supplier."""

    dependency: str
    supplier: str
    source: str


def pulled_before(session: Session, subject: Subject) -> Sequence[Pulled]:
    """Everything fetched from the source, oldest first."""
    return session.scalars(_of(subject).order_by(Pulled.pulled_at, Pulled.id)).all()


def registered(session: Session, subject: Subject) -> set[str]:
    """Hashes of what was fetched from the source and has been received since, identified or not."""
    hashes = _of(subject).with_only_columns(Pulled.sha256)
    found: set[str] = set()
    for table in (Submission, Unidentified):
        found |= set(
            session.scalars(
                select(table.sha256).where(
                    table.dependency == subject.dependency,
                    table.supplier == subject.supplier,
                    table.sha256.in_(hashes),
                )
            )
        )
    return found


def is_registered(session: Session, subject: Subject, sha256: str) -> bool:
    """Whether the supplier's file with this hash has been received, wherever it came from."""
    queries = [
        select(table.id).where(
            table.dependency == subject.dependency, table.supplier == subject.supplier, table.sha256 == sha256
        )
        for table in (Submission, Unidentified)
    ]
    return any(session.scalar(query.limit(1)) is not None for query in queries)


def remember(session: Session, subject: Subject, file: RemoteFile, sha256: str, size_bytes: int) -> None:
    """Note that this version now lies in the inbox, to be cleared at the source once it is registered."""
    news = {"sha256": sha256, "size_bytes": size_bytes, "pulled_at": datetime.now(UTC), "cleared_at": None}
    session.execute(
        insert(Pulled)
        .values(
            dependency=subject.dependency,
            supplier=subject.supplier,
            source=subject.source,
            remote_name=file.name,
            version=file.version or f"sha256:{sha256}",
            **news,
        )
        .on_conflict_do_update(index_elements=["dependency", "supplier", "source", "remote_name", "version"], set_=news)
    )


def waiting_to_be_cleared(session: Session, subject: Subject) -> list[Pulled]:
    """What is registered and still lies at the source, as far as we know."""
    received = registered(session, subject)
    rows = session.scalars(_of(subject).where(Pulled.cleared_at.is_(None)).order_by(Pulled.id))
    return [row for row in rows if row.sha256 in received]


def note_cleared(session: Session, pulled: Pulled) -> None:
    """Note that this version is no longer at the source."""
    session.execute(update(Pulled).where(Pulled.id == pulled.id).values(cleared_at=func.now()))


def note_back(session: Session, back: Sequence[Pulled]) -> None:
    """Note that versions which had been cleared lie at the source again, so that they are cleared again."""
    session.execute(update(Pulled).where(Pulled.id.in_([row.id for row in back])).values(cleared_at=None))


def _of(subject: Subject) -> Select[Pulled]:
    return select(Pulled).where(
        Pulled.dependency == subject.dependency, Pulled.supplier == subject.supplier, Pulled.source == subject.source
    )
