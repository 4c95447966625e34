"""What lies in the inbox, and who put it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from integrity.settings import Settings


@dataclass(frozen=True)
class Arrival:
    """A file in the inbox.

    Attributes:
        supplier: Name of the folder it lies in, which says who sent it; '' if it lies beside the suppliers' folders.
    """

    path: Path
    supplier: str


def arrivals(settings: Settings, dependency: str) -> Iterator[Arrival]:
    """Every file under ``<inbox>/<dependency>``, by supplier and name; hidden and half-written ones are left."""
    folder = settings.inbox / dependency
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            for path in sorted(entry.rglob("*")):
                if not path.is_dir() and not path.name.startswith(".") and not path.name.endswith((".part", ".tmp")):
                    yield Arrival(path, entry.name)
        else:
            yield Arrival(entry, "")


def make_folders(settings: Settings, dependency: str, suppliers: list[str]) -> None:
    """The folders that suppliers' files are dropped into."""
    for supplier in suppliers:
        (settings.inbox / dependency / supplier).mkdir(parents=True, exist_ok=True)
