"""Opening a zip file that may be hostile: its directory is checked before, its sizes while it is unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.supplier_text import printable

_CHUNK = 1 << 20
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_UNKNOWN_SIZE = 1 << 62

DAMAGED = "The archive is damaged or was cut off on its way ({}). Please pack it again and send it again."

_UNCOMMON = "The archive is packed in an uncommon way. Please pack it as a plain zip file."


@dataclass
class Allowance:
    """What may still be unpacked. The bytes that come out are counted; no header is believed.

    Attributes:
        packed_bytes: Size of the file as received.
        ratio_counts_from: Bytes below which the ratio is not looked at; a small file of equal rows packs very well.
    """

    limits: Limits
    packed_bytes: int
    ratio_counts_from: int = 16 << 20
    unpacked_bytes: int = 0

    def take(self, size: int) -> None:
        """Count ``size`` more unpacked bytes.

        Raises:
            Rejected: That is more than a limit allows.
        """
        self.unpacked_bytes += size
        self.limits.require("unpacked_bytes", self.unpacked_bytes, "bytes once unpacked (or more)")
        if self.unpacked_bytes > self.ratio_counts_from:
            ratio = self.unpacked_bytes // max(self.packed_bytes, 1)
            if ratio > self.limits.unpacked_ratio:
                raise Rejected(
                    f"The file unpacks to more than {self.limits.unpacked_ratio} times its size, as files do that are "
                    "made to flood a machine (limit 'unpacked_ratio'). Please send it unpacked, "
                    "or ask for the limit to be raised."
                )


@contextmanager
def open_zip(path: Path, most_members: int) -> Iterator[zipfile.ZipFile]:
    """Open a zip file whose directory is sound: no password, no way out of the folder, no link, nothing twice.

    Args:
        most_members: How many entries it may have, folders included.

    Raises:
        Rejected: The directory is unsound, or the file cannot be read; also for what is read within the context.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_unsound(archive, most_members)
            yield archive
    except NotImplementedError as error:
        raise Rejected(_UNCOMMON) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, struct.error) as error:
        raise Rejected(DAMAGED.format("the zip file cannot be read")) from error


def stream_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: Allowance) -> Iterator[bytes]:
    """The member's bytes, counted against the allowance as they come.

    The size in the header is put aside: other programs unpack to the end of the data, whatever the header says.
    """
    info.file_size = _UNKNOWN_SIZE
    with archive.open(info) as reader:
        while chunk := reader.read(_CHUNK):
            allowance.take(len(chunk))
            yield chunk


def _refuse_unsound(archive: zipfile.ZipFile, most_members: int) -> None:
    infos = archive.infolist()
    if len(infos) > most_members:
        raise Rejected(
            f"The archive has {len(infos):,} files, and {most_members:,} is the most that is taken in "
            "(limit 'members'). Please send it in parts, or ask for the limit to be raised."
        )
    seen: set[str] = set()
    for info in infos:
        _refuse_unsound_member(info)
        if info.orig_filename in seen:
            raise Rejected(f"The archive has two files named '{printable(info.orig_filename)}'. Please pack it again.")
        seen.add(info.orig_filename)
    _refuse_overlaps(infos)


def _refuse_unsound_member(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        raise Rejected(
            "The archive is protected by a password, so it cannot be read. Please send it without the password."
        )
    is_outside = name.startswith(("/", "\\")) or name[1:2] == ":" or ".." in name.replace("\\", "/").split("/")
    if is_outside or "\\" in name or "\0" in name:
        raise Rejected(
            f"The archive has a file whose name leads out of it ('{printable(name)}'). Please pack the files again "
            "without their folders."
        )
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise Rejected(_UNCOMMON)
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Rejected(
            f"The archive holds a link in place of a file ('{printable(name)}'). Please pack the file itself."
        )


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Members that share bytes unpack to far more than the archive holds."""
    ended = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < ended:
            raise Rejected("Files within the archive overlap, as in an archive that is made to flood a machine.")
        ended = info.header_offset + _LOCAL_HEADER_BYTES + len(info.orig_filename) + info.compress_size
