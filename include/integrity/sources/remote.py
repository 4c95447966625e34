"""What every kind of source can do, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from integrity.errors import IntegrityError, Transient

MOST_FILES = 100_000
"""Entries of a folder or bucket that are looked at; a listing without end must not fill the memory."""


class Changed(IntegrityError):
    """The file at the source is no longer the one that was looked at. It is left for another look."""

    def __init__(self, text: str, *, is_gone: bool = False) -> None:
        super().__init__(text)
        self.is_gone = is_gone


class Damaged(Transient):
    """What arrived is not what the source says it holds. Nothing of it is kept."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a source is waited for.

    Attributes:
        connect_seconds: For a connection, and for each answer while signing in.
        idle_seconds: Between two pieces of a file.
        file_seconds: For one file in one run; the next run goes on from where it stopped.
        tries: Attempts without progress before a source is given up for this run.
        backoff_seconds: Pause after a failed attempt; doubled each time.
        lock_seconds: For another run that pulls from the same source.
    """

    connect_seconds: float = 15
    idle_seconds: float = 60
    file_seconds: float = 3600
    tries: int = 4
    backoff_seconds: float = 1
    lock_seconds: float = 900


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file at a source.

    Attributes:
        name: What the source calls it: key, path or address.
        size: Bytes; None where the source does not say.
        version: Differs whenever the content differs; None where the source gives nothing to tell by.
        modified_at: By the source's clock.
        is_whole: The source shows a file only once it is complete, so there is no growing.
    """

    name: str
    size: int | None
    version: str | None
    modified_at: datetime | None
    is_whole: bool = False


@dataclass(frozen=True)
class Look:
    """What a source holds now.

    Attributes:
        at: The source's own clock; None where it tells no time.
    """

    files: tuple[RemoteFile, ...]
    at: datetime | None


@dataclass(frozen=True)
class Stream:
    """Content from ``offset`` on, which may be less than what was asked for."""

    offset: int
    chunks: Iterator[bytes]


class Remote(Protocol):
    """A source's server. Used by one thread at a time; connects when first asked and again after a failure.

    Every method raises Transient when the server cannot be reached or breaks off, and Misconfigured when it refuses
    us; neither text holds a credential or the query of an address.
    """

    @property
    def address(self) -> str:
        """Kind and host, for people."""

    def look(self, latest: str | None) -> Look:
        """The files that match.

        Args:
            latest: Version that was taken last; a source that can say "as before" gives no file then.
        """

    def open(self, file: RemoteFile, offset: int) -> AbstractContextManager[Stream]:
        """The content of that very version.

        Raises:
            Changed: There is another version now, or none.
        """

    def digests(self, file: RemoteFile) -> dict[str, str]:
        """Hashes in hexadecimal that the source gives for this version, by algorithm (``md5``, ``sha256``, …)."""

    def confirm(self, file: RemoteFile) -> None:
        """Make sure that the file is still that version.

        Raises:
            Changed: It is not.
        """

    def clear(self, name: str, version: str, archive_as: str | None) -> None:
        """Move that version out of the way under this name, or delete it where no name is given; gone is good too.

        Raises:
            Changed: There is another version now, which is not touched.
        """

    def close(self) -> None:
        """Give the connection back."""
