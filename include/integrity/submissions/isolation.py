"""Reading in a process of its own, with bounded memory and time: a parser's crash fails one file only.

The child is told files one by one and answers in JSON; rows come back as Arrow files. Nothing that it says is executed.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import polars as pl

from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.submissions.limits import Limits
from integrity.submissions.reading import Reading, Rows
from integrity.submissions.records import BadRow
from integrity.submissions.tables import Skipped

_HELD_BYTES = 256 << 20
"""Rows up to this size, as Arrow, are loaded when a reading ends; larger ones stay on disk."""
_MOST_SAID_BYTES = 1 << 30
_KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}
"""Blocks of a file are freed and asked for again and again; the C library shall not give each back to the system."""
_GOES_ON = b'{"begun": '
_NO_THREAD = "can't start new thread"
"""Python's own words where memory is too short for one more thread; it has no error of its own for that."""
_TOO_LARGE = (
    "The file needs more memory than one file may have ({:,} bytes, limit 'memory_bytes'). Please send it in parts."
)


@dataclass(frozen=True)
class Begun:
    """A part of a large file that is still being read.

    Attributes:
        headings: As the reading will have them.
        columns: For each heading the column of the part that holds it.
        part: Arrow file of the rows.
    """

    headings: tuple[str, ...]
    columns: dict[str, str]
    part: Path


Follower = Callable[[Begun], None]


class _Broken(Rejected):
    """Reading broke in a way that may have to do with what the child had read before."""


class Reader:
    """Reads files in a child process, one file at a time.

    The child is started anew where a file has broken it, or has met the limits of its memory: some of that may still be
    held, and the next file must not be refused for it. A file that breaks a child that has read others is given to a
    fresh one, and refused only if it breaks that too.

    Used as a context: readings of large files last as long as it does, or until they are released.

    Args:
        limits: What one file may ask for.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_fresh = True
        self._folder = Path(tempfile.mkdtemp(prefix="integrity-reading-"))
        self._count = 0
        self._reading = threading.Lock()
        self._owner = os.getpid()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owner == os.getpid():
            self._end()
            shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the child, which takes a moment, while there is something else to do."""
        if self._child is None or self._child.poll() is not None:
            self._end()
            environment = {**os.environ, **_KEPT_MEMORY, "PYTHONDONTWRITEBYTECODE": "1", "RUST_BACKTRACE": "0"}
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                [sys.executable, "-m", "integrity.submissions.isolation"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # What a library says of a file may quote its cells.
                env=environment,
            )
            self._is_fresh = True

    def read(
        self,
        path: Path,
        name: str | None = None,
        hints: ReadingHints | None = None,
        follower: Follower | None = None,
    ) -> Reading:
        """Read a file of any kind that is taken in.

        Args:
            path: Where it lies.
            name: What its supplier called it, where that differs from its present name.
            hints: What its layout says of it.
            follower: Is told of a large text file's rows while the rest of it is still being read.

        Raises:
            Rejected: It cannot be read, or reading it broke, outlasted or outgrew its process.
        """
        if not path.is_file():
            raise Rejected("There is no such file, or it is a folder or a device.")
        with self._reading:
            return self._read(path, name or path.name, hints or ReadingHints(), follower)

    def _read(self, path: Path, name: str, hints: ReadingHints, follower: Follower | None) -> Reading:
        self.start()
        was_fresh, self._is_fresh = self._is_fresh, False
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        asked = {
            "path": str(path),
            "name": name,
            "hints": hints.model_dump(),
            "limits": asdict(self._limits),
            "folder": str(folder),
        }
        followed: list[Path] = []

        def follow(begun: Begun) -> None:
            if follower:
                followed.append(begun.part)
                follower(begun)

        try:
            said = self._ask(asked, folder, follow)
        except Rejected as refusal:
            shutil.rmtree(folder, ignore_errors=True)
            if was_fresh or followed or not isinstance(refusal, _Broken):
                raise
            return self._read(path, name, hints, follower)
        finally:
            shutil.rmtree(folder / "scratch", ignore_errors=True)
        reading = _reading(said, folder)
        # Parts that somebody has seen stay where they were seen.
        if followed or sum(part.stat().st_size for part in folder.iterdir()) > _HELD_BYTES:
            return reading
        held = tuple(pl.read_ipc(part) for part in reading.rows.parts if isinstance(part, Path))
        shutil.rmtree(folder, ignore_errors=True)
        return replace(reading, rows=replace(reading.rows, parts=held))

    def release(self, reading: Reading) -> None:
        """Let go of a reading's rows on disk; it must not be used any more."""
        for part in reading.rows.parts:
            if isinstance(part, Path):
                part.unlink(missing_ok=True)

    def _ask(self, asked: dict[str, Any], folder: Path, follower: Follower) -> dict[str, Any]:
        child = self._child
        assert child and child.stdin and child.stdout  # noqa: S101 - started with both
        answers = _Lines(child.stdout, self._limits.seconds)
        try:
            child.stdin.write(json.dumps(asked).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            raise self._broken() from None
        while begun := _begun(line := self._next(answers), folder):
            try:
                follower(begun)
            except BaseException:
                self._end()  # What the child still says would be taken for an answer about another file.
                raise
        said: dict[str, Any] = json.loads(line)
        if "refused" not in said:
            return dict(said["reading"])
        if said["is_broken"]:
            self._end()
            raise _Broken(said["refused"])
        raise Rejected(said["refused"])

    def _next(self, answers: _Lines) -> bytes:
        try:
            line = answers.next()
        except TimeoutError:
            self._end()
            raise Rejected(
                f"Reading the file took longer than {self._limits.seconds:,} seconds (limit 'seconds'). "
                "Please send it in parts, or in a simpler format such as CSV."
            ) from None
        if not line:
            raise self._broken()
        return line

    def _broken(self) -> _Broken:
        self._end()
        return _Broken(
            "The file broke the program that reads it, or needs more memory than one file may have "
            f"({self._limits.memory_bytes:,} bytes, limit 'memory_bytes'). Please export it again, as CSV if you can."
        )

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


_shared: dict[int, Reader] = {}
_sharing = threading.Lock()


def read_submission(
    path: Path, name: str | None = None, hints: ReadingHints | None = None, follower: Follower | None = None
) -> Reading:
    """Read one file by this process's own reader; arguments and errors as ``Reader.read``'s.

    Starting a reader costs a third of a second, so a batch of small files shares one. A process that was forked from
    this one starts its own.
    """
    return shared_reader().read(path, name, hints, follower)


def shared_reader() -> Reader:
    """This process's own reader, with the limits that the environment sets; it ends with the process."""
    with _sharing:
        reader = _shared.get(os.getpid())
        if reader is not None:
            return reader
        _shared.clear()  # What a fork has copied belongs to the process that it was forked from.
        reader = _shared[os.getpid()] = Reader(Limits.from_environment(os.environ))
        atexit.register(reader.__exit__, None, None, None)
    return reader


class _Lines:
    """The child's answers, line by line."""

    def __init__(self, stream: IO[bytes], seconds: float) -> None:
        self._descriptor, self._seconds, self._said = stream.fileno(), seconds, bytearray()

    def next(self) -> bytes:
        """One line; b'' where the child died.

        Raises:
            TimeoutError: It said nothing for too long.
        """
        looked_at = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while (end := self._said.find(b"\n", looked_at)) < 0:
                looked_at = len(self._said)
                if not selector.select(self._seconds):
                    raise TimeoutError
                chunk = os.read(self._descriptor, 1 << 20)
                if not chunk or looked_at > _MOST_SAID_BYTES:
                    return b""
                self._said += chunk
        line = bytes(self._said[: end + 1])
        del self._said[: end + 1]
        return line


def _begun(line: bytes, folder: Path) -> Begun | None:
    """What a line says of a reading that goes on; None where it is the answer itself."""
    if not line.startswith(_GOES_ON):
        return None
    said = json.loads(line)
    return Begun(tuple(said["headings"]), said["columns"], folder / Path(said["begun"]).name)


def _reading(said: dict[str, Any], folder: Path) -> Reading:
    rows = said.pop("rows")
    parts = tuple(folder / Path(part).name for part in rows["parts"])
    lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
    lists["skipped"] = tuple(Skipped(**skip) for skip in said["skipped"])
    lists["bad_rows"] = tuple(
        BadRow(bad["number"], bad["reason"], tuple(bad["mended"]) if bad["mended"] else None)
        for bad in said["bad_rows"]
    )
    return Reading(**{**said, **lists}, rows=Rows(parts, rows["columns"], rows["height"]))


def _serve() -> None:
    """The child: a request a line, an answer a line, until there is nobody to ask."""
    _die_with_parent()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # A library that prints must not be taken for an answer.
    from integrity.submissions.opening import open_submission  # noqa: F401 - imported before memory is bounded

    def say(said: dict[str, Any]) -> None:
        answers.write(json.dumps(said).encode() + b"\n")
        answers.flush()

    for line in sys.stdin.buffer:
        say(_answer(json.loads(line), say))


def _answer(asked: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    from integrity.submissions.opening import open_submission

    limits = Limits(**asked["limits"])
    _bound_memory(limits.memory_bytes)
    folder = Path(asked["folder"])
    scratch = folder / "scratch"
    scratch.mkdir()
    parts = _Parts(folder, say)
    try:
        with parts:
            reading = open_submission(
                Path(asked["path"]), asked["name"], ReadingHints(**asked["hints"]), limits, scratch, parts
            )
    except Rejected as refusal:
        return {"refused": str(refusal), "is_broken": False}
    except Exception as error:  # noqa: BLE001 - whatever a parser raises, its text may quote the file: its kind is told
        return {"refused": _why(error, limits), "is_broken": True}
    rows = {
        "parts": [str(part) for part in reading.rows.parts],
        "columns": reading.rows.columns,
        "height": reading.rows.height,
    }
    told = {name: value for name, value in vars(reading).items() if not name.startswith("_") and name != "rows"}
    told["skipped"] = [asdict(skip) for skip in reading.skipped]
    told["bad_rows"] = [asdict(bad) for bad in reading.bad_rows]
    return {"reading": {**told, "rows": rows}}


def _why(error: Exception, limits: Limits) -> str:
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and str(error) == _NO_THREAD):
        return _TOO_LARGE.format(limits.memory_bytes)
    return f"The file cannot be read ({type(error).__name__}); it may be damaged. Please export it again."


class _Parts:
    """Writes each part while the next one is read; at most one waits, so that memory stays bounded.

    Args:
        say: Tells whoever asked of parts that are written while more are to come.
    """

    def __init__(self, folder: Path, say: Callable[[dict[str, Any]], None]) -> None:
        self._folder, self._say, self._count = folder, say, 0
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._table: dict[str, Any] | None = None

    def __enter__(self) -> None:
        """Nothing is written before there is a part."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown()
        if kind is None:
            self._await()

    def begin(self, headings: Sequence[str], columns: dict[str, str]) -> None:
        self._table = {"headings": list(headings), "columns": columns}

    def keep(self, frame: pl.DataFrame) -> Path:
        self._await()
        self._count += 1
        part = self._folder / f"{self._count:06}.arrow"
        self._writing = self._writer.submit(self._write, frame, part)
        return part

    def _write(self, frame: pl.DataFrame, part: Path) -> None:
        frame.write_ipc(part, compression="uncompressed", compat_level=pl.CompatLevel.newest())
        if self._table:
            self._say({"begun": str(part), **self._table})

    def _await(self) -> None:
        if self._writing:
            self._writing.result()


def _bound_memory(size: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Not every system has it; then the machine's own limits hold.
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def _die_with_parent() -> None:
    """Ask Linux to end this process with the one that started it, whatever it is doing then."""
    with suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
