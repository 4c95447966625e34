"""Taking a file out of gzip, zip and zstd, however they are nested, without trusting a word of what they say.

Nothing is ever written under a name that came from the supplier.
"""

from __future__ import annotations

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
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Unpacked:
    """A file that is no archive any more.

    Attributes:
        path: Where it lies: as given, or in the scratch folder.
        name: What it was called within the innermost archive, fit to be shown; its last part only.
        containers: What it was taken out of, outermost first: ``zip: april.csv.gz``, ``gzip: april.csv``.
        notes: What was left in the archive, and other remarks.
    """

    path: Path
    name: str
    containers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def members(path: Path, name: str, limits: Limits, scratch: Path) -> list[Unpacked]:
    """Every data file that ``path`` is or contains, in the order of their names.

    Folders, hidden files and what operating systems leave behind are passed over; documents and pictures beside the
    data are left with a note.

    Raises:
        Rejected: An archive is encrypted, damaged, nested too deep, over a limit, built to do harm, or without data.
    """
    allowance = Allowance(limits, path.stat().st_size)
    return _Unpacking(limits, scratch, allowance).unpack(Unpacked(path, printable(name)), level=0)


class _Unpacking:
    """One unpacking: numbers the files that it writes, so that no two meet."""

    def __init__(self, limits: Limits, scratch: Path, allowance: Allowance) -> None:
        self.limits, self.scratch, self.allowance = limits, scratch, allowance
        self.written = 0

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
                if info.is_dir() or _is_litter(info):
                    continue
                name = printable(PurePosixPath(info.filename).name)
                inner = self._write(stream_member(archive, info, self.allowance))
                member = Unpacked(inner, name, (*file.containers, f"zip: {printable(info.filename)}"), file.notes)
                (companions if kind_of(inner, name) in _COMPANIONS else data).append(member)
        self._drop(file)
        if not data and not companions:
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
