"""A remote file's name, made fit for a folder of ours. Whoever runs the server chooses it, so it is not trusted."""

from __future__ import annotations

import re

from integrity.errors import Rejected

_MOST_BYTES = 200
_UNFINISHED = (".part", ".tmp", ".filepart", ".partial", ".crdownload", ".swp")
"""How programs call a file that they are still writing."""


def local_name(remote: str) -> str:
    """The name under which a remote file is put into the inbox.

    Folders and everything that cannot be printed (control characters, right-to-left marks, line ends) are left out;
    what is longer than 200 bytes is cut before its suffix.

    Raises:
        Rejected: Nothing is left of it, or it is hidden.
    """
    last = re.split(r"[/\\]", remote)[-1]
    name = "".join(c for c in last if c.isprintable()).strip()
    if name in {"", ".", ".."} or name.startswith("."):
        raise Rejected("A file at the source has no name that can be used: it is blank or begins with a full stop.")
    return _cut(name)


def is_unfinished(name: str) -> bool:
    """Whether the name says that its file is still being written."""
    return name.lower().endswith(_UNFINISHED)


def shown(text: str) -> str:
    """Foreign text as one printable line of at most 100 characters, for a log."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:100]


def _cut(name: str) -> str:
    if len(name.encode()) <= _MOST_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 20:
        stem, dot, suffix = name, "", ""
    room = _MOST_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + suffix
