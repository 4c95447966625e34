"""A text file as lines: a copy in UTF-8 where it needs one, and blocks of whole lines to read it by."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from integrity.submissions.encodings import Encoding

_CHUNK = 16 << 20
BLOCK_BYTES = 16 << 20
_BACK_LINES = 1_000
"""Lines that a cut may be moved back by, so as not to fall within a quoted cell."""


@dataclass(frozen=True)
class PlainText:
    """A text file in UTF-8 whose lines end with LF or CRLF.

    Attributes:
        begins: Bytes of the byte-order mark before the text.
        line_ends: What they end with in the file as received, for people.
    """

    path: Path
    begins: int
    line_ends: str

    @cached_property
    def lines(self) -> int:
        """Lines in it; a last one without an end counts."""
        return _count(self.path)

    def head(self, size: int) -> list[str]:
        """The first whole lines, without their ends; all of them where the file is no longer than ``size`` bytes."""
        with self.path.open("rb") as file:
            file.seek(self.begins)
            data = file.read(size)
        lines = data.decode("utf-8", "replace").split("\n")
        if len(data) == size or lines[-1] == "":
            lines.pop()
        return [line.removesuffix("\r") for line in lines]

    def offset_of(self, line: int) -> int:
        """Byte at which a line begins, the first being line 1."""
        offset, left = self.begins, line - 1
        with self.path.open("rb") as file:
            file.seek(offset)
            while left > 0 and (chunk := file.read(_CHUNK)):
                count = chunk.count(b"\n")
                if count < left:
                    offset, left = offset + len(chunk), left - count
                    continue
                place = -1
                for _ in range(left):
                    place = chunk.index(b"\n", place + 1)
                return offset + place + 1
        return offset

    def tail(self, begin: int, size: int) -> list[bytes]:
        """The last whole lines, with their ends; from ``begin`` on at the earliest."""
        length = self.path.stat().st_size
        start = max(begin, length - size)
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read()
        if start > begin:
            data = data[data.find(b"\n") + 1 :]
        ended = [line + b"\n" for line in data.split(b"\n")]
        ended[-1] = ended[-1][:-1]
        return ended if ended[-1] else ended[:-1]

    def blocks(self, begin: int, end: int, quote: str) -> Iterator[bytes]:
        """The bytes from ``begin`` to ``end`` in blocks of whole lines, cut outside quoted cells where that shows."""
        with self.path.open("rb") as file:
            file.seek(begin)
            left, carried, size = end - begin, b"", BLOCK_BYTES // 4  # Whoever follows waits for the first one.
            while left > 0:
                chunk = file.read(min(size, left))
                if not chunk:
                    break
                left, size = left - len(chunk), BLOCK_BYTES
                data = carried + chunk
                cut = len(data) if left <= 0 else _cut(data, quote.encode())
                carried = data[cut:]
                if cut:
                    yield data[:cut]
            if carried:
                yield carried


def _cut(data: bytes, quote: bytes) -> int:
    """Where to cut: after the last line's end that has an even number of quotes before it, or after the last at all."""
    last = data.rfind(b"\n") + 1
    if not quote or quote not in data:
        return last
    cut, odd = last, data.count(quote, 0, last) % 2
    for _ in range(_BACK_LINES):
        if not odd or cut <= 0:
            break
        before = data.rfind(b"\n", 0, cut - 1) + 1
        odd = (odd + data.count(quote, before, cut)) % 2
        cut = before
    return cut if not odd and cut > 0 else last


def plain_text(path: Path, encoding: Encoding, scratch: Path) -> PlainText:
    """The file itself where its text is UTF-8 with usual line ends; else a copy of that kind in ``scratch``."""
    breaks, returns, both = _line_ends(path) if encoding.name.startswith("utf-8") else (0, 1, 0)
    begins = len(codecs.BOM_UTF8) if encoding.name == "utf-8-sig" else 0
    lone = returns - both
    if not encoding.name.startswith("utf-8") or lone > 0.1 * breaks:
        copy = scratch / "text.utf8"
        kinds = _transcode(path, encoding, copy)
        return PlainText(copy, 0, kinds)
    kind = "CRLF" if both and both >= breaks else "LF and CRLF mixed" if both else "LF"
    return PlainText(path, begins, kind if breaks else "none")


def _line_ends(path: Path) -> tuple[int, int, int]:
    """How often LF, CR and both together occur; without any CR, all that is asked is whether there is an LF."""
    if not _holds(path, b"\r"):
        return int(_holds(path, b"\n")), 0, 0
    breaks = returns = both = 0
    last = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            breaks += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            both += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last = chunk[-1:]
    return breaks, returns, both


def _holds(path: Path, byte: bytes) -> bool:
    with path.open("rb") as file:
        return any(byte in chunk for chunk in iter(lambda: file.read(_CHUNK), b""))


def _transcode(path: Path, encoding: Encoding, copy: Path) -> str:
    """Write the text as UTF-8 with LF; the line ends that it had."""
    name = "utf-8" if encoding.name == "utf-8-sig" else encoding.name
    # newline=None brings every kind of line end to LF, and remembers which there were.
    with path.open(encoding=name, errors="replace", newline=None) as reader, copy.open("wb") as writer:
        while text := reader.read(_CHUNK):
            writer.write(text.removeprefix("\ufeff").encode("utf-8", "replace"))
        found = reader.newlines
    kinds = {"\n": "LF", "\r": "CR", "\r\n": "CRLF"}
    told = [found] if isinstance(found, str) else list(found or ())
    return " and ".join(kinds[kind] for kind in told) + (" mixed" if len(told) > 1 else "") or "none"


def _count(path: Path) -> int:
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")
