"""Fetching one file: go on where the last attempt stopped, keep within the limits, believe it only when it agrees."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from integrity.errors import Rejected, Transient
from integrity.sources.parts import Part
from integrity.sources.remote import Changed, Damaged, Patience, Remote, RemoteFile
from integrity.submissions.limits import Limits

T = TypeVar("T")


@dataclass(frozen=True)
class Fetching:
    """How files are fetched.

    Attributes:
        stopping: Set when the run ends before its time, so that no thread keeps it.
    """

    limits: Limits
    patience: Patience
    stopping: threading.Event

    def fetch(self, remote: Remote, file: RemoteFile, part: Part) -> dict[str, str]:
        """Bring the file into ``part``, whole and verified.

        Returns:
            Its hashes, by algorithm.

        Raises:
            Changed: It changed meanwhile; nothing is kept.
            Damaged: It differs in size or hash from what the source says, even when fetched from its beginning.
            Rejected: It is over the limit of size.
            Transient: The source is out of reach; what has arrived is kept.
        """
        try:
            return self._fetch(remote, file, part)
        except (Changed, Damaged, Rejected):
            part.drop()
            raise

    def _fetch(self, remote: Remote, file: RemoteFile, part: Part) -> dict[str, str]:
        if file.size is not None:
            self.limits.require("file_bytes", file.size, "bytes")
        part.begin(file.version, file.size)
        resumed = part.size > 0
        wrong = self._fetch_and_compare(remote, file, part)
        if isinstance(wrong, str) and resumed:
            # What an earlier run left may itself be at fault.
            part.drop()
            part.begin(file.version, file.size)
            wrong = self._fetch_and_compare(remote, file, part)
        if isinstance(wrong, str):
            raise Damaged(f"What arrived does not have the {wrong} that the source gives. It is not taken.")
        return wrong

    def _fetch_and_compare(self, remote: Remote, file: RemoteFile, part: Part) -> dict[str, str] | str:
        """The file's hashes, or what does not agree."""
        self._download(remote, file, part)
        self.retrying(lambda: remote.confirm(file))
        if file.size is not None and part.size != file.size:
            return "size"
        given = self.retrying(lambda: remote.digests(file))
        found = part.digests()
        wrong = [name for name, value in given.items() if name in found and found[name] != value.lower()]
        return f"hash ({', '.join(wrong)})" if wrong else found

    def _download(self, remote: Remote, file: RemoteFile, part: Part) -> None:
        ends_at = time.monotonic() + self.patience.file_seconds
        reached = part.size
        failures = 0
        while part.size == 0 or part.size != file.size:
            try:
                self._stream(remote, file, part, ends_at)
            except Transient:
                failures = 1 if part.size > reached else failures + 1
                reached = max(reached, part.size)
                if failures >= self.patience.tries or time.monotonic() > ends_at:
                    raise
                self.pause(self.patience.backoff_seconds * 2 ** (failures - 1))
            else:
                return

    def _stream(self, remote: Remote, file: RemoteFile, part: Part, ends_at: float) -> None:
        with remote.open(file, part.size) as stream, part.writing(stream.offset) as write:
            size = stream.offset
            for chunk in stream.chunks:
                size += len(chunk)
                # Whatever the source said of its size before.
                self.limits.require("file_bytes", size, "bytes")
                write(chunk)
                if time.monotonic() > ends_at or self.stopping.is_set():
                    raise Transient(
                        f"{remote.address}: the file did not arrive in {self.patience.file_seconds:g} seconds; "
                        "the next run goes on from there."
                    )

    def retrying(self, ask: Callable[[], T]) -> T:
        """Ask a source, again and again while it is out of reach, as long as there is patience."""
        failures = 0
        while True:
            try:
                return ask()
            except Damaged:
                raise
            except Transient:
                failures += 1
                if failures >= self.patience.tries:
                    raise
                self.pause(self.patience.backoff_seconds * 2 ** (failures - 1))

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is being ended.

        Raises:
            Transient: It is.
        """
        if self.stopping.wait(seconds):
            raise Transient("The run is being ended.")
