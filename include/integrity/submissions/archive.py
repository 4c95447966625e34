"""The archive: every file exactly as received, under its own hash, written once."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from integrity.errors import Rejected

_CHUNK = 1 << 20
_SYNCED_EVERY = 16 * _CHUNK


@dataclass(frozen=True)
class Archived:
    """A file in the archive.

    Attributes:
        identity: Device, inode, time of change (ns) and size of the source when it was read, to know it again by.
    """

    sha256: str
    size_bytes: int
    path: Path
    identity: tuple[int, int, int, int]

    def is_still(self, source: Path) -> bool:
        """Whether the very file that was archived still lies there, and not another one put under its name."""
        try:
            return _identity(source.stat(follow_symlinks=False)) == self.identity
        except FileNotFoundError:
            return False


def archived_path(archive: Path, sha256: str) -> Path:
    """Where a file with this hash lies."""
    return archive / sha256[:2] / sha256


def archive_file(source: Path, archive: Path) -> Archived:
    """Copy a file into the archive; the copy is on disk, fsync'd and read-only, before this returns.

    The same bytes again find their place taken and are left at that. A process killed on the way leaves at most a
    temporary file, never half a file under a hash.

    Raises:
        Rejected: The source is not a regular file, so its bytes cannot be trusted to stay.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as reader:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Rejected("This is not a regular file.")
        archive.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=archive, prefix=".receiving-", delete=False, buffering=0) as writer:
            temporary = Path(writer.name)
            try:
                with ThreadPoolExecutor(1) as aside, ThreadPoolExecutor(1) as ahead:
                    synced: Future[None] | None = None
                    while chunk := reader.read(_CHUNK):
                        digested = aside.submit(digest.update, chunk)
                        size += len(chunk)
                        _write(writer, chunk)
                        # What is on disk by the end need not be waited for then.
                        if size % _SYNCED_EVERY == 0 and (synced is None or synced.done()):
                            synced = ahead.submit(os.fdatasync, writer.fileno())
                        digested.result()
                os.fsync(writer.fileno())
                if _identity(os.fstat(descriptor)) != _identity(found):
                    raise Rejected("The file is still being written.")
                path = archived_path(archive, digest.hexdigest())
                _place(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
    return Archived(digest.hexdigest(), size, path, _identity(found))


def _write(writer: IO[bytes], chunk: bytes) -> None:
    """Write all of it: an unbuffered file may take a part only."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[writer.write(rest) :]


def verify(archived: Path, sha256: str) -> bool:
    """Whether an archived file still has the bytes that it was received with."""
    with archived.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest() == sha256


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _place(temporary: Path, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary.chmod(0o444)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    for folder in (path.parent, path.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
