"""Taking a file out of gzip, zip and zstd, however they are nested, without trusting a word of what they say.

Nothing is ever written under a name that came from the supplier.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import zstandard

from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.signatures import kind_of
from integrity.submissions.supplier_text import printable
from integrity.submissions.zip_members import DAMAGED, Allowance, open_zip, stream_member

_CONTAINERS = {"zip", "gzip", "zstd"}
_GZIP_WBITS = 31
_CHUNK = 1 << 20
_GZIP_CHUNK = 64 << 10
_ZSTD_CHUNK = 1 << 10
"""Four bytes of zstd may stand for 128 KiB, and the decoder gives out all that it makes of a chunk at once."""
_ZSTD_WINDOW_BYTES = 128 << 20
_COMPANIONS = {"pdf", "image", "docx", "doc", "odt", "rtf", "pptx", "ppt", "odp", "e-mail", "program"}
"""What lies beside the data in an archive and is left there."""
_COMPANION_ENDINGS = (".pdf", ".docx", ".doc", ".odt", ".rtf", ".pptx", ".png", ".jpg", ".jpeg", ".gif", ".eml", ".msg")
"""The same by their names, of what is not unpacked."""
_WORKBOOKS = {"xlsx", "xlsb", "xls", "ods"}
_PACKED = (".zip", ".gz", ".zst")
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Unpacked:
    """A file that is no archive any more.

    Attributes:
        path: Where it lies: as given, or in the scratch folder.
        name: What it was called within the innermost archive, fit to be shown; its last part only.
        containers: What it was taken out of, outermost first: ``zip: april.csv.gz``, ``gzip: april.csv``.
        notes: What was left in the archive, and other remarks.
        beside: Names of other data files in the same archive, where only one part of it was asked for.
    """

    path: Path
    name: str
    containers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def members(path: Path, name: str, limits: Limits, scratch: Path, part: str | None = None) -> list[Unpacked]:
    """Every data file that ``path`` is or contains, in the order of their names.

    Folders, hidden files and what operating systems leave behind are passed over; documents and pictures beside the
    data are left with a note.

    Args:
        part: Pattern of the names that are asked for; a workbook may have such a sheet, whatever its own name.

    Raises:
        Rejected: An archive is encrypted, damaged, nested too deep, over a limit, built to do harm, or without data; or
            nothing in it has such a name.
    """
    allowance = Allowance(limits, path.stat().st_size)
    unpacking = _Unpacking(limits, scratch, allowance, re.compile(part) if part is not None else None)
    found = unpacking.unpack(Unpacked(path, printable(name)), level=0)
    if part is None:
        return found
    wanted = [each for each in found if unpacking.may_hold_part(each)]
    beside = (*unpacking.passed_over, *(each.name for each in found if each not in wanted))
    if not wanted:
        raise Rejected(f"It holds no file of the name that is expected (pattern {part}).")
    return [replace(each, beside=beside) for each in wanted]


class _Unpacking:
    """One unpacking: numbers the files that it writes, so that no two meet."""

    def __init__(self, limits: Limits, scratch: Path, allowance: Allowance, part: re.Pattern[str] | None) -> None:
        self.limits, self.scratch, self.allowance = limits, scratch, allowance
        self.written = 0
        self.passed_over: list[str] = []
        self._part = part

    def may_hold_part(self, file: Unpacked) -> bool:
        """Whether it has the name of what is asked for, or may hold a sheet that has."""
        return self._part is None or bool(self._part.search(file.name)) or kind_of(file.path, file.name) in _WORKBOOKS

    def _is_passed_over(self, name: str) -> bool:
        """Whether nothing that is asked for can be in a member of this name, which is not even unpacked then."""
        if self._part is None or self._part.search(name) or name.lower().endswith(_PACKED):
            return False
        return PurePosixPath(name).suffix.lower().removeprefix(".") not in _WORKBOOKS

    def unpack(self, file: Unpacked, level: int) -> list[Unpacked]:
        kind = kind_of(file.path, file.name)
        if kind not in _CONTAINERS:
            return [file]
        if level == self.limits.nesting:
            raise Rejected(
                f"There are archives within archives, more than {self.limits.nesting} deep (limit 'nesting'). "
                "Please send the file packed once, or not packed."
            )
        if kind == "zip":
            return self._unzip(file, level)
        stream, ending = (_gunzip, ".gz") if kind == "gzip" else (_unzstd, ".zst")
        name = file.name.removesuffix(ending)
        inner = self._write(stream(file.path, self.allowance))
        self._drop(file)
        return self.unpack(Unpacked(inner, name, (*file.containers, f"{kind}: {name}"), file.notes), level + 1)

    def _unzip(self, file: Unpacked, level: int) -> list[Unpacked]:
        data: list[Unpacked] = []
        companions: list[Unpacked] = []
        with open_zip(file.path, self.limits.members) as archive:
            for info in sorted(archive.infolist(), key=lambda info: info.filename):
                # Not info.is_dir(), which breaks where a member has no name. Such a one goes by the archive's.
                if info.filename.endswith("/") or _is_litter(info):
                    continue
                name = printable(PurePosixPath(info.filename).name) or PurePosixPath(file.name).stem
                if self._is_passed_over(name):
                    self.passed_over += [] if name.lower().endswith(_COMPANION_ENDINGS) else [name]
                    continue
                inner = self._write(stream_member(archive, info, self.allowance))
                member = Unpacked(inner, name, (*file.containers, f"zip: {printable(info.filename)}"), file.notes)
                (companions if kind_of(inner, name) in _COMPANIONS else data).append(member)
        self._drop(file)
        if not data and not companions and self._part is None:
            raise Rejected("The archive holds no file. Please pack the data file and send it again.")
        if not data:
            return companions
        left = tuple(f"'{member.name}' was left in the archive: it is no data file" for member in companions)
        return [leaf for each in data for leaf in self.unpack(replace(each, notes=each.notes + left), level + 1)]

    def _write(self, chunks: Iterator[bytes]) -> Path:
        self.written += 1
        path = self.scratch / f"unpacked-{self.written}"
        with path.open("xb") as writer:
            for chunk in chunks:
                writer.write(chunk)
        return path

    def _drop(self, file: Unpacked) -> None:
        """Give back the space of an archive that was itself unpacked here."""
        if file.path.parent == self.scratch and file.containers:
            file.path.unlink()


def _is_litter(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename.lower()).parts
    return any(part.startswith((".", "~$")) or part in _LITTER for part in parts)


def _gunzip(path: Path, allowance: Allowance) -> Iterator[bytes]:
    """All members of a gzip file, one after the other; blank padding at its end is passed over."""
    stream = zlib.decompressobj(_GZIP_WBITS)
    with path.open("rb") as reader:
        try:
            while packed := reader.read(_GZIP_CHUNK):
                chunk = b""
                # The decoder may hold back what did not fit a chunk although it has taken all of its input.
                while packed or (len(chunk) == _CHUNK and not stream.eof):
                    if stream.eof:
                        packed = packed.lstrip(b"\0")
                        if not packed:
                            break
                        stream = zlib.decompressobj(_GZIP_WBITS)
                    chunk = stream.decompress(packed, _CHUNK)
                    allowance.take(len(chunk))
                    yield chunk
                    packed = stream.unused_data if stream.eof else stream.unconsumed_tail
        except zlib.error as error:
            raise Rejected(DAMAGED.format("the gzip file cannot be read to its end")) from error
    if not stream.eof:
        raise Rejected(DAMAGED.format("the gzip file ends too early"))


def _unzstd(path: Path, allowance: Allowance) -> Iterator[bytes]:
    """All frames of a zstd file, one after the other."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    stream = decompressor.decompressobj()
    with path.open("rb") as reader:
        try:
            while packed := reader.read(_ZSTD_CHUNK):
                while packed:
                    if stream.eof:
                        stream = decompressor.decompressobj()
                    chunk = stream.decompress(packed)
                    allowance.take(len(chunk))
                    yield chunk
                    packed = stream.unused_data
        except zstandard.ZstdError as error:
            raise Rejected(DAMAGED.format("the zstd file cannot be read to its end")) from error
    if not stream.eof:
        raise Rejected(DAMAGED.format("the zstd file ends too early"))
