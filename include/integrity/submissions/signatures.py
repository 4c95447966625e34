"""What a file is, by its bytes: names and extensions are a supplier's habit, and often wrong."""

from __future__ import annotations

import json
import mmap
import re
import zipfile
from pathlib import Path, PurePosixPath

_HEAD = 64 << 10

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PAR1", "parquet"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x1f\x9d", "compress"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"SQLite format 3\x00", "database"),
    (b"\x00\x01\x00\x00Standard", "database"),
    (b"ARROW1\x00\x00", "arrow"),
    (b"\x7fELF", "program"),
    (b"\x09\x00\x04\x00", "excel 4"),
    (b"\x09\x02\x06\x00", "excel 4"),
    (b"\x09\x04\x06\x00", "excel 4"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = (
    ("EncryptedPackage", "encrypted office"),
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("__properties_version1.0", "e-mail"),
    ("Workbook", "xls"),
    ("Book", "excel 5"),
)
_IN_ZIP = (
    ("xl/workbook.bin", "xlsb"),
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("Index/Document.iwa", "numbers"),
)
_OPEN_DOCUMENT = {"spreadsheet": "ods", "text": "odt", "presentation": "odp"}
_MARKUP = re.compile(r"<(!doctype\s+html|html|head|body|table|meta|style|div)[\s>]", re.IGNORECASE)
_SQL = re.compile(
    r"(?:--[^\n]*+\n\s*+|/\*(?:[^*]|\*(?!/))*+\*/;?\s*+)*+"
    r"(?:(?:CREATE|DROP|LOCK)\s+(?:TABLE|TABLES|DATABASE|SCHEMA)|INSERT\s+INTO)\b",
    re.IGNORECASE,
)
"""A database's dump, below its comments."""

_SAVE_AS = "Please open it in the program that made it, save it as an Excel workbook (.xlsx) or as CSV, and send that."
_REFUSALS = {
    "encrypted office": "The workbook is protected by a password, so it cannot be read. "
    "Please save it without the password and send it again.",
    "html": f"The file is a web page and no workbook, although Excel opens it. {_SAVE_AS}",
    "spreadsheetml": f"The file is an 'XML Spreadsheet 2003', which Excel opens and few other programs do. {_SAVE_AS}",
    "excel 4": f"The workbook was saved in a form of Excel from before 1997. {_SAVE_AS}",
    "excel 5": f"The workbook was saved in a form of Excel from before 1997. {_SAVE_AS}",
    "numbers": f"The file is an Apple Numbers document. {_SAVE_AS}",
    "pdf": "The file is a PDF document, whose tables cannot be read reliably. "
    "Please send the spreadsheet or CSV file that it was made from.",
    "image": "The file is a picture. Please send the spreadsheet or CSV file that it shows.",
}
_CALLED = {
    "docx": "a Word document",
    "doc": "a Word document",
    "odt": "a text document",
    "rtf": "a text document (RTF)",
    "pptx": "a PowerPoint presentation",
    "ppt": "a PowerPoint presentation",
    "odp": "a presentation",
    "e-mail": "an e-mail message",
    "office": "an Office document that is no workbook",
    "xml": "an XML document",
    "sql": "a list of SQL commands",
    "database": "a database",
    "arrow": "an Arrow or Feather file",
    "program": "a program",
}
_ARCHIVES = {
    "7z": "a 7-Zip archive",
    "rar": "a RAR archive",
    "tar": "a tar archive",
    "bzip2": "packed with bzip2",
    "xz": "packed with xz",
    "compress": "packed with compress",
    "lz4": "packed with lz4",
}
_EXTENSIONS = {
    "xlsx": {"xlsx", "xlsm", "xltx", "xltm"},
    "xlsb": {"xlsb"},
    "xls": {"xls", "xlt"},
    "ods": {"ods", "ots"},
    "parquet": {"parquet", "pq"},
    "json": {"json", "geojson"},
    "jsonl": {"jsonl", "ndjson", "json"},
    "zip": {"zip"},
    "gzip": {"gz", "gzip"},
    "zstd": {"zst", "zstd"},
}
_CALLED_BY_EXTENSION = {extension for extensions in _EXTENSIONS.values() for extension in extensions} | {"pdf", "docx"}


def kind_of(path: Path, name: str) -> str:
    """What the file is, told by its content.

    Args:
        path: Where it lies.
        name: What its supplier called it; only helps where JSON is broken and the content alone cannot tell.

    Returns:
        ``xlsx``, ``xlsb``, ``xls``, ``ods``, ``zip``, ``gzip``, ``zstd``, ``parquet``, ``json``, ``jsonl`` and ``text``
        can be read; for any other, ``refusal_of`` has the reason. What is nothing else is ``text``.
    """
    with path.open("rb") as reader:
        head = reader.read(_HEAD)
    if head.startswith(_OLE):
        return _kind_in_ole(path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _kind_in_zip(path)
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return _kind_of_text(_decoded(head), name, is_whole=len(head) < _HEAD)


def refusal_of(kind: str) -> str | None:
    """Why a file of this kind is not taken in, and the mend, for its supplier; None where it can be read."""
    if kind in _REFUSALS:
        return _REFUSALS[kind]
    if kind in _ARCHIVES:
        return (
            f"The file is {_ARCHIVES[kind]}, which is not taken in. Please pack it as a zip file, or send it unpacked."
        )
    if kind in _CALLED:
        return f"The file is {_CALLED[kind]} and holds no table that can be read. Please send a workbook or a CSV file."
    return None


def extension_note(kind: str, name: str) -> str | None:
    """A remark where the name's extension promises something else than the content; None where they agree."""
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if kind == "text":
        wrong = extension in _CALLED_BY_EXTENSION
    else:
        wrong = extension not in _EXTENSIONS.get(kind, {extension})
    if not wrong:
        return None
    told = f"ends in '.{extension}'" if extension.isascii() and extension.isalnum() else "has no such ending"
    return f"The file's content is {kind}, although its name {told}; it was read as {kind}."


def _kind_in_ole(path: Path) -> str:
    """Find the names of streams in the directory of a compound file: entries of 128 bytes, on their own boundaries."""
    with path.open("rb") as reader, mmap.mmap(reader.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for stream, kind in _OLE_STREAMS:
            entry = stream.encode("utf-16-le") + b"\x00\x00"
            size = len(entry).to_bytes(2, "little")
            found = data.find(entry)
            while found >= 0:
                if found % 128 == 0 and data[found + 64 : found + 66] == size:
                    return kind
                found = data.find(entry, found + 1)
    return "office"


def _kind_in_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {info.orig_filename for info in archive.infolist()}
            mimetype = b""
            if "mimetype" in names and "content.xml" in names:
                with archive.open("mimetype") as member:
                    mimetype = member.read(100)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return "zip"  # which reports what is wrong with it when it is unpacked
    for member_name, kind in _IN_ZIP:
        if member_name in names:
            return kind
    for word, kind in _OPEN_DOCUMENT.items():
        if mimetype.startswith(b"application/vnd.oasis.opendocument." + word.encode()):
            return kind
    if "[Content_Types].xml" in names:
        return "xlsx" if any(name.lower().endswith("workbook.xml") for name in names) else "office"
    return "zip"


def _decoded(head: bytes) -> str:
    """The beginning as text, well enough to tell markup and JSON."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if head[1:2] == b"\x00":
        return head.decode("utf-16-le", "replace")
    if head[:1] == b"\x00":
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8-sig", "replace")


def _kind_of_text(text: str, name: str, *, is_whole: bool) -> str:
    text = text.lstrip()
    if text.startswith("<"):
        return _kind_of_markup(text)
    if _SQL.match(text):
        return "sql"
    if text.startswith("MIME-Version:") and "text/html" in text:
        return "html"
    return _kind_of_json(text, PurePosixPath(name).suffix.lower(), is_whole) if text.startswith(("{", "[")) else "text"


def _kind_of_markup(text: str) -> str:
    if "urn:schemas-microsoft-com:office:spreadsheet" in text:
        return "spreadsheetml"
    if _MARKUP.search(text[:4096]):
        return "html"
    return "xml" if re.match(r"<(\?xml|[A-Za-z][\w:.-]*[\s/>]|!DOCTYPE)", text) else "text"


def _kind_of_json(text: str, extension: str, is_whole: bool) -> str:
    """Tell JSON, JSON lines and a CSV file whose first heading is in brackets apart."""
    if extension in {".jsonl", ".ndjson"}:
        return "jsonl"
    is_named_json = extension in {".json", ".geojson"}
    try:
        _, ended = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        return "json"
    except ValueError:
        if _is_broken_line_of_json(text):
            return "jsonl"
        begins_as_json = re.match(r'\{\s*["}]|\[\s*[\[{]\s*["\[{]', text) is not None
        goes_on = not is_whole and re.match(r'\[\s*["\d\]tfn-]', text) is not None
        return "json" if is_named_json or begins_as_json or goes_on else "text"
    rest = text[ended:].lstrip(" \t\r")
    if re.match(r"\n\s*[{\[]", rest):
        return "jsonl"
    return "json" if is_named_json or not rest.strip() else "text"


def _is_broken_line_of_json(text: str) -> bool:
    """Whether the first line looks like a record that cannot be parsed, with a good record in one of the next two."""
    first, *others = text.split("\n", 3)
    if not (first.startswith("{") and first.rstrip().endswith("}")):
        return False
    for line in others[:2]:
        try:
            if isinstance(json.loads(line), dict):
                return True
        except (ValueError, RecursionError):
            continue
    return False
