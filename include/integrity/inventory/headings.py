"""When two headings are the same one. Light: Dag parsing imports it."""

from __future__ import annotations

import unicodedata

_AROUND = " \t.,:;!?*_-–—/\\|'\"‘’“”`()[]{}<>\ufeff\u200b\u200e\u200f"
"""Blanks, punctuation and invisible marks that programs and people leave around a heading."""


def bare(heading: str) -> str:
    """A heading without case, doubled blanks, and blanks and punctuation around it; signs such as % and £ stay."""
    folded = " ".join(unicodedata.normalize("NFKC", heading).casefold().split())
    return folded.strip(_AROUND) or folded
