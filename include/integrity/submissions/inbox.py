"""What lies in the inbox, and who put it there."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from integrity.errors import Misconfigured
from integrity.settings import Settings

_SETTLED = "INTEGRITY_INBOX_SETTLED_SECONDS"
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Arrival:
    """A file in the inbox.

    Attributes:
        supplier: Name of the folder it lies in, which says who sent it; '' if it lies beside the suppliers' folders.
    """

    path: Path
    supplier: str


def settled_seconds(environment: Mapping[str, str]) -> int:
    """How long a file must have lain unchanged (``INTEGRITY_INBOX_SETTLED_SECONDS``); 0, the default, for inboxes into
    which files are renamed when they are complete.

    Raises:
        Misconfigured: It is no whole number of seconds up to a day.
    """
    given = environment.get(_SETTLED, "").strip() or "0"
    if not given.isdecimal() or int(given) > _DAY_SECONDS:
        raise Misconfigured(f"{_SETTLED} is '{given}': give whole seconds, at most {_DAY_SECONDS}, or leave it out.")
    return int(given)


def arrivals(settings: Settings, dependency: str, settled_seconds: int = 0) -> Iterator[Arrival]:
    """Every file under ``<inbox>/<dependency>``, by supplier and name; hidden and half-written ones are left.

    Links, pipes and devices are given like files: whoever opens them refuses them, and says so.

    Args:
        settled_seconds: Files that changed since are left, too.
    """
    folder = settings.inbox / dependency
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            for path in sorted(entry.rglob("*")):
                hidden = any(part.startswith(".") for part in path.relative_to(entry).parts)
                if not hidden and not path.name.endswith((".part", ".tmp")) and _is_due(path, settled_seconds):
                    yield Arrival(path, entry.name)
        elif _is_due(entry, settled_seconds):
            yield Arrival(entry, "")


def _is_due(path: Path, settled_seconds: int) -> bool:
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False  # Another run has taken it.
    if stat.S_ISDIR(found.st_mode):
        return False
    return settled_seconds == 0 or time.time() - found.st_mtime >= settled_seconds


def make_folders(settings: Settings, dependency: str, suppliers: list[str]) -> None:
    """The folders that suppliers' files are dropped into."""
    for supplier in suppliers:
        (settings.inbox / dependency / supplier).mkdir(parents=True, exist_ok=True)
