"""Which encoding a text is in, and whether somebody has garbled it on its way here."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from integrity.errors import Rejected

_BLOCK = 16 << 20
_HIGH = 0x80
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OFFICE = ("cp1252", "latin_1", "cp1250", "iso8859_2", "iso8859_15", "cp850", "mac_roman", "cp1251", "cp1253", "cp1254")
_WESTERN = frozenset(b"\x80\x85\x91\x92\x93\x94\x96\x97\xa0\xa3\xe9\xe8\xfc\xf6\xe4")
"""Bytes that Western office programs write most: curly quotes, dashes, the pound sign, common accents."""
_CENTRAL = frozenset(b"\x8a\x8d\x8e\x8f\x9a\x9d\x9e\x9f\xa5\xb1\xb3\xb6\xb9\xbc\xbe\xbf")
"""Bytes that are letters in Central Europe and hardly ever stand in Western text; the others are letters in both."""
SUSPECTS = r"\ufffd|[ÂÃâ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ]"
"""Marks of a wrong decoding."""


@dataclass(frozen=True)
class Encoding:
    """How bytes become text.

    Attributes:
        name: Python's name of it; ``utf-8-sig`` is UTF-8 with a byte-order mark.
        why: How it was told, for people.
    """

    name: str
    why: str


def detect_encoding(path: Path, hint: str | None = None) -> Encoding:
    """The encoding of a text file, which is read through once.

    Raises:
        Rejected: It holds null bytes or control characters that no text has, or is not in the encoding that its
            layout names.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if hint:
        _require(path, hint)
        return Encoding(codecs.lookup(hint).name, "as the layout says")
    for mark, name in _BOMS:
        if head.startswith(mark):
            _require(path, name)
            return Encoding(name, "by its byte-order mark")
    if wide := _wide(head):
        _require(path, wide)
        return Encoding(wide, "every other byte is null")
    first_null, strange = _scan(path)
    if first_null is not None:
        raise Rejected(f"Line {first_null} holds a null byte, so this is not a text file or it was damaged on its way.")
    if strange is None:
        return Encoding("utf-8", "all of it is valid UTF-8")
    return _guess(strange)


def is_garbled(text: str) -> bool:
    """Whether a text shows the marks of a wrong decoding: replacement characters, or UTF-8 taken for a code page."""
    return bool(re.search(SUSPECTS, text)) and ("\ufffd" in text or ungarbled(text) is not None)


def ungarbled(text: str) -> str | None:
    """The text as it was before UTF-8 was taken for Windows-1252; None where that cannot be undone."""
    for name in ("cp1252", "latin_1"):
        try:
            undone = text.encode(name).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if undone != text:
            return undone
    return None


def _is_western(strange: bytes, high: list[int]) -> bool:
    """Whether the bytes beyond ASCII are a Western office's: its commonest signs, or single letters within words.

    Older code pages have their accents elsewhere, and other alphabets have words of nothing but such bytes.
    """
    if len(high) < 4 or sum(byte in _WESTERN for byte in high) > 0.6 * len(high):
        return True
    if sum(byte in _CENTRAL for byte in high) >= 0.05 * len(high):
        return False
    runs = len(re.findall(rb"[\x80-\xff]+", strange))
    letters = sum(byte >= 0xC0 or byte in _WESTERN for byte in high)
    return letters > 0.9 * len(high) and len(high) < 1.5 * runs


def _read(data: bytes, name: str) -> str:
    return data.decode(name, "replace")


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: text in which nearly every other byte is null."""
    if len(head) < 4:
        return None
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.6 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 and odd < 0.1 else None


def _require(path: Path, name: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder(name)()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except LookupError as error:
        raise Rejected(f"'{name}' is no encoding that is known here.") from error
    except UnicodeDecodeError as error:
        raise Rejected(
            f"The file should be {name.upper()} text, and is not from byte {error.start:,} of a part of it on; "
            "it may have been cut off or pasted together. Please export it again."
        ) from error


def _scan(path: Path) -> tuple[int | None, bytes | None]:
    """The line of the first null byte; and, where the file is not UTF-8, some of the lines that are not."""
    decoder, read, strange = codecs.getincrementaldecoder("utf-8")(), 0, bytearray()
    valid, last = True, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if b"\0" in block:
                return _line_at(path, read + block.index(b"\0")), None
            if valid and not (block.isascii() and decoder.getstate()[0] == b""):
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    valid = False
            if not valid and len(strange) < 1 << 16:
                strange += _strange_lines(block)
            read += len(block)
            last = block
    if valid:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return None, _strange_lines(last)
        return None, None
    return None, bytes(strange)


def _line_at(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        blocks = (file.read(min(_BLOCK, offset - start)) for start in range(0, offset, _BLOCK))
        return 1 + sum(block.count(b"\n") for block in blocks)


def _strange_lines(block: bytes) -> bytes:
    return b"\n".join(line for line in block.split(b"\n") if not line.isascii())[: 1 << 16]


def _is_mostly_utf_8(strange: bytes) -> bool:
    """Whether a few lines of another encoding, or a letter cut in two, stand in a file of UTF-8."""
    lines = [line for line in strange.split(b"\n") if not line.isascii()]
    sound = sum(_is_utf_8(line) for line in lines)
    return sound > len(lines) - sound


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_ebcdic(data: bytes) -> bool:
    """Whether bytes are text of a mainframe: mostly high ones, and letters, signs and line ends there throughout."""
    if sum(byte >= _HIGH for byte in data) < 0.4 * len(data):
        return False
    return all(c.isprintable() or c in "\n\r\t\x85" for c in data.decode("cp500"))


def _guess(strange: bytes) -> Encoding:
    if _is_ebcdic(strange):
        raise Rejected("The file is in EBCDIC, the code of mainframes; please export it as CSV UTF-8.")
    if _is_mostly_utf_8(strange):
        return Encoding("utf-8", "most of its accents are UTF-8; lines that are not are set aside")
    if any(byte in strange for byte in b"\x01\x02\x03\x04\x05\x06\x07\x0e\x0f\x10"):
        raise Rejected("The file holds control characters that no text has; please export it again as CSV UTF-8.")
    best = from_bytes(strange, cp_isolation=list(_OFFICE), threshold=0.6).best()
    name = best.encoding if best else "cp1252"
    western = "latin_1" if any(byte in strange for byte in b"\x81\x8d\x8f\x90\x9d") else "cp1252"
    # Where two code pages read the same, or differ by a letter or two, the office's own is by far the commonest.
    high = [byte for byte in strange if byte >= 0x80]
    if name in ("cp1250", "iso8859_2") and sum(byte in _CENTRAL for byte in high) < 0.05 * len(high):
        name = western
    reads_the_same = _read(strange, name) == _read(strange, western)
    if name in ("latin_1", "iso8859_15") or reads_the_same or _is_western(strange, high):
        name = western
    return Encoding(name, "it is not UTF-8, and its accents make words in this one")
