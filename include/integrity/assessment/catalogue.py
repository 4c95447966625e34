"""The catalogue: every corruption that can be planted, and every harmless change that must raise no alarm."""

from __future__ import annotations

from integrity.assessment import cell_numbers, cell_texts, changes, headings, whole_files
from integrity.assessment.planting import Corruption, Harmless

_MODULES = (whole_files, headings, cell_texts, cell_numbers)

CORRUPTIONS: tuple[Corruption, ...] = tuple(
    found for module in _MODULES for found in vars(module).values() if isinstance(found, Corruption)
)
"""In the order in which their modules declare them; names are unique."""

HARMLESS: tuple[Harmless, ...] = tuple(found for found in vars(changes).values() if isinstance(found, Harmless))


def corruption_named(name: str) -> Corruption:
    """One of the catalogue's.

    Raises:
        KeyError: There is none of this name.
    """
    return {found.name: found for found in CORRUPTIONS}[name]
