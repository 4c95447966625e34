"""Names that a supplier chose (files, members, sheets), made fit to stand in a note or a refusal."""

from __future__ import annotations

import unicodedata

_LONGEST = 80


def printable(name: str, longest: int = _LONGEST) -> str:
    """The name on one line: without control, direction and unpaired characters, and cut where it is overlong."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in name)
    kept = "".join(c for c in kept if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"
