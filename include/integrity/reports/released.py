"""What is published at present, and what is lacking in it: unit and item non-response, as each release states it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_COLUMNS_NAMED = 3


def releases_in_force(session: Session, dependency: str, last: int) -> list[dict[str, Any]]:
    """The releases of a dependency that are in force, the latest periods first.

    Args:
        last: At most so many.
    """
    query = text(
        "SELECT * FROM register.releases WHERE dependency = :dependency AND superseded_at IS NULL "
        "ORDER BY period DESC, supplier LIMIT :last"
    )
    return [dict(row) for row in session.execute(query, {"dependency": dependency, "last": last}).mappings()]


def lacking_units(release: dict[str, Any]) -> str | None:
    """How many of the reporting units are missing, and how much they usually weigh; None where no list says."""
    expected, missing = release["units_expected"], release["units_missing"]
    if expected is None:
        return None
    told = f"{missing} of {expected}"
    return f"{told}, {release['weight_missing']:.2%} by weight" if missing and release["weight_missing"] else told


def lacking_cells(release: dict[str, Any]) -> str | None:
    """The columns with the most blank cells, and how many; None where they were not counted."""
    if release["blanks"] is None:
        return None
    most = sorted(release["blanks"].items(), key=lambda entry: (-entry[1], entry[0]))
    told = [f"{column} {count:,}" for column, count in most[:_COLUMNS_NAMED]]
    more = [f"{len(most) - _COLUMNS_NAMED} columns more"] if len(most) > _COLUMNS_NAMED else []
    return ", ".join([*told, *more]) or "none"
