"""gzip, zip and zstd around tables, honest and hostile, and files that are something else altogether."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib

import zstandard

from tests.corpus.cases import Case
from tests.corpus.raw_workbooks import packed

_TABLE = "Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n"
_CSV = _TABLE.encode()
_GZIP = gzip.compress(_CSV, mtime=0)
_RLO = "\u202e"


def _link() -> bytes:
    target = io.BytesIO()
    info = zipfile.ZipInfo("april.csv")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return target.getvalue()


def _encrypted() -> bytes:
    """A zip whose one member claims to be encrypted, in both of its headers."""
    data = bytearray(packed({"april.csv": _CSV}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def _tar() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("april.csv")
        info.size = len(_CSV)
        archive.addfile(info, io.BytesIO(_CSV))
    return target.getvalue()


def _zip_bomb() -> bytes:
    return packed({"april.csv": b"1,2,3\n" * 8_000_000})


def _gzip_bomb() -> bytes:
    return gzip.compress(b"\n" * (40 << 20), mtime=0)


def _zstd_bomb() -> bytes:
    return zstandard.compress(b"1,2\n" * (10 << 20))


def _overlapping() -> bytes:
    """Two entries of the directory that point at the same bytes."""
    body = zlib.compress(_CSV)[2:-4]
    local = (
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, zlib.crc32(_CSV), len(body), len(_CSV), 5, 0) + b"a.csv"
    )
    entries = b""
    for name in (b"a.csv", b"b.csv"):
        entries += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 33, zlib.crc32(_CSV), len(body), len(_CSV), 5, 0, 0, 0, 0, 0, 0
        )
        entries += name
    data = local + body
    return data + entries + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, len(entries), len(data), 0)


def _truncated_zip() -> bytes:
    return packed({"april.csv": _CSV})[:-30]


CASES = [
    Case(name="packed.csv.gz", data=_GZIP, about="gzip", table=_TABLE, told=("gzip: packed.csv",)),
    Case(
        name="two_members.csv.gz",
        data=gzip.compress(_CSV[:20], mtime=0) + gzip.compress(_CSV[20:], mtime=0),
        about="gzip files that were joined, which is allowed",
        table=_TABLE,
    ),
    Case(
        name="zipped.zip",
        data=packed({"data/april.csv": _CSV}),
        about="zip",
        table=_TABLE,
        told=("zip: data/april.csv",),
    ),
    Case(name="packed.csv.zst", data=zstandard.compress(_CSV), about="zstd", table=_TABLE, told=("zstd: packed.csv",)),
    Case(
        name="gzip_in_zip.zip",
        data=packed({"april.csv.gz": _GZIP}),
        about="two deep",
        table=_TABLE,
        told=("zip: april.csv.gz", "gzip: april.csv"),
    ),
    Case(
        name="three_deep.zip",
        data=packed({"a.zip": packed({"april.csv.gz": _GZIP})}),
        about="three deep",
        refused="limit 'nesting'",
    ),
    Case(name="json.json.gz", data=gzip.compress(b'[{"a": 1}]', mtime=0), about="JSON within gzip", table="a\n1\n"),
    Case(
        name="with_a_letter.zip",
        data=packed({"april.csv": _CSV, "read me.pdf": b"%PDF-1.4\n", "__MACOSX/._april.csv": b"x"}),
        about="a document beside the data, and a Mac's litter",
        table=_TABLE,
        told=("was left in the archive",),
    ),
    Case(
        name="several.zip",
        data=packed({"april.csv": _CSV, "may.csv": _CSV.replace(b"-04-", b"-05-")}),
        numbers=(2, 3, 5, 6),
        about="two files that are one table",
        table=_TABLE + _TABLE.split("\n", 1)[1].replace("-04-", "-05-"),
        told=("'may.csv': row 1 is counted as row 4",),
    ),
    Case(
        name="several_with_totals.zip",
        data=packed({"april.csv": _CSV + b"Total,,4.00\n", "may.csv": _CSV}),
        about="the same with a total below the first: no number may be two rows'",
        table=_TABLE + _TABLE.split("\n", 1)[1],
        skipped=(4,),
        numbers=(2, 3, 6, 7),
    ),
    Case(
        name="several_unlike.zip",
        data=packed({"april.csv": _CSV, "lookup.csv": b"Code,Meaning\nA,accepted\n"}),
        about="two files that are two tables",
        refused="not one table",
    ),
    Case(name="no_member.zip", data=packed({}), about="an empty archive", refused="holds no file"),
    Case(
        name="many.zip",
        data=lambda: packed({f"{i}.csv": b"a\n" for i in range(101)}),
        about="101 members",
        refused="limit 'members'",
    ),
    Case(name="bomb.zip", data=_zip_bomb, about="48 MB in 47 kB", refused="limit 'unpacked_ratio'"),
    Case(name="bomb.csv.gz", data=_gzip_bomb, about="40 MB of line ends in 40 kB", refused="limit 'unpacked_ratio'"),
    Case(name="bomb.csv.zst", data=_zstd_bomb, about="40 MB in a few kB", refused="limit 'unpacked_ratio'"),
    Case(
        name="too_large_unpacked.csv.gz",
        data=gzip.compress(_CSV * 100, mtime=0),
        about="more than may be unpacked",
        limits={"unpacked_bytes": 1_000},
        refused="limit 'unpacked_bytes'",
    ),
    Case(
        name="overlapping.zip",
        data=_overlapping,
        about="members that share their bytes (after David Fifield's bomb)",
        refused="overlap",
    ),
    Case(
        name="path_out.zip",
        data=packed({"../../etc/april.csv": _CSV}),
        about="a path that leads out of the archive",
        refused="leads out of it",
    ),
    Case(
        name="absolute_path.zip",
        data=packed({"/etc/april.csv": _CSV}),
        about="an absolute path",
        refused="leads out of it",
    ),
    Case(
        name="windows_path.zip",
        data=packed({"C:\\april.csv": _CSV}),
        about="a path of Windows'",
        refused="leads out of it",
    ),
    Case(name="link.zip", data=_link, about="a symbolic link to /etc/passwd", refused="a link in place of a file"),
    Case(name="encrypted.zip", data=_encrypted, about="an encrypted member", refused="password"),
    Case(name="truncated.csv.gz", data=_GZIP[:-12], about="cut off", refused="ends too early"),
    Case(
        name="damaged.csv.gz",
        data=_GZIP[:15] + b"\xff\xff\xff\xff" + _GZIP[19:],
        about="bytes overwritten",
        refused="cannot be read to its end",
    ),
    Case(name="truncated.zip", data=_truncated_zip, about="cut off before its directory ends", refused="damaged"),
    Case(name="truncated.csv.zst", data=zstandard.compress(_CSV)[:-5], about="cut off", refused="ends too early"),
    Case(
        name="wrong_sum.zip",
        data=packed({"april.csv": _CSV}).replace(struct.pack("<I", zlib.crc32(_CSV)), b"\0\0\0\0"),
        about="a checksum that does not hold",
        refused="damaged",
    ),
    Case(
        name="strange_member.zip",
        data=packed({f"x{_RLO}vsc.exe\x07.csv": _CSV}),
        about="control and direction marks in a member's name",
        table=_TABLE,
        told=("zip: xvsc.exe .csv",),
    ),
    Case(name="april.tar", data=_tar, about="a tar archive", refused="a tar archive"),
    Case(name="april.7z", data=b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 40, about="a 7-Zip archive", refused="7-Zip"),
    Case(name="april.pdf", data=b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n", about="a PDF", refused="PDF document"),
    Case(
        name="pdf_named.csv",
        data=b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
        about="a PDF renamed",
        refused="PDF document",
    ),
    Case(name="picture.csv", data=b"\x89PNG\r\n\x1a\n" + b"\0" * 40, about="a picture renamed", refused="a picture"),
    Case(name="program.csv", data=b"\x7fELF" + b"\0" * 60, about="a program renamed", refused="a program"),
    Case(
        name="web_page.xls",
        data=b"<html><body><table><tr><td>Paid</td></tr></table></body></html>",
        about="a web page saved as xls, as many finance systems export it",
        refused="web page",
    ),
    Case(
        name="error_page.csv",
        data=b"<!DOCTYPE html>\n<html><head><title>404</title></head></html>",
        about="the error page that came in place of the download",
        refused="web page",
    ),
    Case(
        name="xml_spreadsheet.xls",
        data=b'<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>',
        about="XML Spreadsheet 2003",
        refused="XML Spreadsheet 2003",
    ),
    Case(name="data.xml", data=b'<?xml version="1.0"?><rows><row a="1"/></rows>', about="XML", refused="XML document"),
    Case(
        name="too_large.csv",
        data=_CSV,
        about="more bytes than one file may have",
        limits={"file_bytes": 10},
        refused="limit 'file_bytes'",
    ),
    Case(
        name="too_many_rows.csv",
        data=_CSV * 5,
        about="more rows than one file may have",
        limits={"rows": 3},
        refused="limit 'rows'",
    ),
    Case(name="april\x1b[31m\x07\n.csv", data=_CSV, about="control characters in the file's name", table=_TABLE),
    Case(name=f"april{_RLO}xslx.csv", data=_CSV, about="a mark in the file's name that turns its ending", table=_TABLE),
    Case(
        name="a" * 3_996 + ".zip", data=packed({"b" * 4_000 + ".csv": _CSV}), about="names of 4,000 bytes", table=_TABLE
    ),
    Case(name="../../april.csv", data=_CSV, about="a name that leads somewhere else", table=_TABLE),
]
