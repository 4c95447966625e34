"""A file on its way in: hidden beside its future place, known by its version, resumed after a kill."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from integrity.errors import Rejected, Transient

_CHUNK = 1 << 20
_SOMETHING_ELSE = (
    "A link or pipe lay in the inbox where a file that is being fetched is kept; the next run begins anew."
)
_DAY_SECONDS = 86_400


class Part:
    """What has arrived of one remote file, in ``.<key>.part``; ``.<key>.part.json`` says of which version it is.

    The folder may be one that the supplier writes to, so neither file is opened through a link.

    Args:
        folder: The supplier's folder of the inbox.
        subject: Source and remote name; the same again finds the same part.
    """

    def __init__(self, folder: Path, *subject: str) -> None:
        key = hashlib.sha256("\0".join(subject).encode("utf-8", "surrogateescape")).hexdigest()[:20]
        self._folder = folder
        self._path = folder / f".{key}.part"
        self._note = folder / f".{key}.part.json"
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        try:
            return self._path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def begin(self, version: str | None, size: int | None) -> None:
        """Keep what has arrived if it is of this version, otherwise forget it."""
        told = json.dumps({"version": version, "size": size})
        if version is None or self._noted() != told or (size is not None and self.size > size):
            self.drop()
            with self._opened(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as note:
                note.write(told.encode())

    @contextmanager
    def writing(self, offset: int) -> Iterator[Callable[[bytes], object]]:
        """Write from ``offset`` on; what stood behind it is cut off. On disk when this ends, however it ends."""
        try:
            with self._opened(self._path, os.O_RDWR | os.O_CREAT) as file:
                file.truncate(offset)
                file.seek(offset)
                try:
                    yield file.write
                finally:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise Transient(f"The inbox cannot be written to ({type(error).__name__} {error.errno}).") from error

    def digests(self) -> dict[str, str]:
        """Hashes of what has arrived, in hexadecimal."""
        md5, sha1, sha256, sha512 = (
            hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256", "sha512")
        )
        crc32 = 0
        with self._opened(self._path, os.O_RDONLY) as file:
            while chunk := file.read(_CHUNK):
                for digest in (md5, sha1, sha256, sha512):
                    digest.update(chunk)
                crc32 = zlib.crc32(chunk, crc32)
        found = {digest.name: digest.hexdigest() for digest in (md5, sha1, sha256, sha512)}
        return found | {"crc32": f"{crc32:08x}"}

    def place(self, name: str, sha256: str) -> None:
        """Give the file its name in the inbox, in one step.

        Another file that waits there under this name is left: this one then goes into a folder named by its hash.
        """
        # Whole as it is, it must not look fresh to an inbox that waits until files have settled.
        found = self._path.stat(follow_symlinks=False)
        os.utime(self._path, (found.st_atime, found.st_mtime - _DAY_SECONDS), follow_symlinks=False)
        try:
            os.link(self._path, self._folder / name, follow_symlinks=False)
        except FileExistsError:
            aside = self._folder / sha256[:12]
            aside.mkdir(exist_ok=True)
            self._path.replace(aside / name)
        self.drop()
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def drop(self) -> None:
        """Forget what has arrived."""
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _noted(self) -> str:
        try:
            with self._opened(self._note, os.O_RDONLY) as note:
                return note.read(10_000).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    @contextmanager
    def _opened(self, path: Path, flags: int) -> Iterator[IO[bytes]]:
        try:
            handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise Rejected(_SOMETHING_ELSE) from None
            raise
        mode = "rb" if flags & (os.O_WRONLY | os.O_RDWR) == 0 else "r+b" if flags & os.O_RDWR else "wb"
        with os.fdopen(handle, mode) as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise Rejected(_SOMETHING_ELSE)
            yield file


def waits_in(folder: Path, name: str, sha256: str, size_bytes: int) -> bool:
    """Whether a file that was placed is still there, not yet received."""
    for path in (folder / name, folder / sha256[:12] / name):
        try:
            if path.stat(follow_symlinks=False).st_size == size_bytes:
                return True
        except OSError:
            continue
    return False
