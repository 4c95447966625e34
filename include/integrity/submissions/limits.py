"""What a submission may ask of the machine that reads it. A refusal names the limit that was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from integrity.errors import Misconfigured, Rejected

_PREFIX = "INTEGRITY_LIMIT_"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Each is a setting: ``INTEGRITY_LIMIT_ROWS`` sets ``rows``.

    Attributes:
        file_bytes: Size of the file as received.
        unpacked_bytes: Size of everything that an archive unpacks to.
        unpacked_ratio: Unpacked size for each packed byte; a few files reach 100, a zip bomb 1,000 and more.
        members: Files within an archive.
        nesting: Archives within archives; 1 is a plain zip, 2 a gzip within a zip.
        rows: Rows of the table.
        columns: Columns of the table.
        cells: Cells of a workbook's sheet, blank ones within its bounds included.
        cell_characters: Length of one cell.
        depth: Objects and lists within each other in JSON.
        seconds: Time for reading one file.
        memory_bytes: Resident memory of the process that reads.
    """

    file_bytes: int = 4 << 30
    unpacked_bytes: int = 8 << 30
    unpacked_ratio: int = 200
    members: int = 100
    nesting: int = 2
    rows: int = 50_000_000
    columns: int = 2_000
    cells: int = 20_000_000
    cell_characters: int = 1_000_000
    depth: int = 32
    seconds: int = 900
    memory_bytes: int = 2 << 30

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Limits:
        """The limits, with what the environment says of them.

        Raises:
            Misconfigured: A setting is no whole number above 0.
        """
        told: dict[str, int] = {}
        for limit in fields(cls):
            name = _PREFIX + limit.name.upper()
            given = environment.get(name, "").strip()
            if not given:
                continue
            if not given.isdigit() or int(given) == 0:
                raise Misconfigured(f"{name} is '{given}': give a whole number above 0, or leave it out.")
            told[limit.name] = int(given)
        return replace(cls(), **told)

    def require(self, name: str, found: int, what: str) -> None:
        """Refuse what is over a limit.

        Args:
            name: The limit's name.
            what: What was counted, as its supplier would call it: ``rows``, ``bytes once unpacked``.

        Raises:
            Rejected: ``found`` is over it.
        """
        allowed = getattr(self, name)
        if found > allowed:
            raise Rejected(
                f"The file has {found:,} {what}, and {allowed:,} is the most that is taken in (limit '{name}'). "
                "Please send it in parts, or ask for the limit to be raised."
            )
