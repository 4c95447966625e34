"""The parts of a workbook that is a zip of XML: counted as they unpack, and parsed without entities of any kind."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.parsers import expat

from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.workbook_looks import DAMAGED
from integrity.submissions.zip_members import Allowance, open_zip, stream_member

_MOST_PARTS = 20_000
_RATIO_COUNTS_FROM = 100 << 20
"""The XML of a sheet legitimately packs to a hundredth of its size."""
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY", "<!DOCTYPE".encode("utf-16-le"), "<!DOCTYPE".encode("utf-16-be"))
_REFUSED = (
    "The workbook's XML declares a document type or entities, which no spreadsheet program writes and which is a known "
    "way to attack a reader. Please open it in Excel, save it again and send that."
)


class Parts:
    """An open workbook file. Use it as a context; every read of a part is counted against the limits."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._zip = open_zip(path, _MOST_PARTS)
        self._allowance = Allowance(limits, path.stat().st_size, _RATIO_COUNTS_FROM)

    def __enter__(self) -> Parts:
        self._archive = self._zip.__enter__()
        self.names = {info.orig_filename.lower(): info for info in self._archive.infolist()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._zip.__exit__(kind, error, trace)

    def info(self, name: str) -> zipfile.ZipInfo:
        """Where a part lies; names of parts do not depend on case."""
        try:
            return self.names[name.lower()]
        except KeyError:
            raise Rejected(DAMAGED.format("a part of it is missing")) from None

    def stream(self, name: str) -> Iterable[bytes]:
        """A part's bytes, in chunks."""
        return stream_member(self._archive, self.info(name), self._allowance)

    def read(self, name: str) -> bytes:
        return b"".join(self.stream(name))

    def count(self, *, but: str) -> None:
        """Unpack every part but those under a folder, for their size and for declarations, and keep nothing."""
        for name in self.names:
            if name.startswith(but):
                continue
            for number, chunk in enumerate(self.stream(name)):
                if number == 0 and not name.endswith(".bin") and any(word in chunk for word in _DECLARATIONS):
                    raise Rejected(_REFUSED)

    def parse(self, name: str, parser: expat.XMLParserType) -> None:
        """Feed a part to a parser whose handlers are set.

        Raises:
            Rejected: It is no XML, or declares a document type.
        """
        parser.StartDoctypeDeclHandler = _refuse_declaration
        parser.EntityDeclHandler = _refuse_declaration
        try:
            for chunk in self.stream(name):
                parser.Parse(chunk)
            parser.Parse(b"", True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise Rejected(DAMAGED.format("its XML breaks off or is broken")) from error

    def elements(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """All elements of a small part in order: name without prefix, attributes; text is left out."""
        found: list[tuple[str, dict[str, str]]] = []
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda element, attributes: found.append((local(element), attributes))
        self.parse(name, parser)
        return found

    def targets(self, of: str) -> dict[str, str]:
        """Name of the part that each relationship of a part points to, by the relationship's id."""
        folder, base = posixpath.split(of)
        relations = {}
        for element, attributes in self.elements(f"{folder}/_rels/{base}.rels"):
            if element == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                relations[attributes.get("Id", "")] = target.lstrip("/")
        return relations


@dataclass
class Formats:
    """What a workbook's cell styles say about numbers, by index of the style.

    Attributes:
        noughts: Width to which a style fills with leading noughts.
        per_cent: Styles that show per cent.
    """

    noughts: dict[int, int] = field(default_factory=dict)
    per_cent: set[int] = field(default_factory=set)


def local(name: str) -> str:
    """An element's or attribute's name without its prefix."""
    return name.rpartition(":")[2]


def whole(text: Any, otherwise: int = 0) -> int:
    """An attribute as a whole number."""
    with suppress(TypeError, ValueError):
        return int(text)
    return otherwise


def _refuse_declaration(*_: Any) -> None:
    raise Rejected(_REFUSED)
