"""Submissions of several tables: one of them taken out, so that errors can be planted in it, and put back."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from integrity.errors import Rejected
from integrity.gates.schema import Table

if TYPE_CHECKING:
    from integrity.assessment.specimens import Sent


def alone(table: Table) -> Table:
    """A table as its file is read once it is taken out."""
    layouts = [
        layout.model_copy(update={"reading": layout.reading.model_copy(update={"part": None})})
        for layout in table.dependency.layouts
    ]
    return replace(table, dependency=table.dependency.model_copy(update={"layouts": layouts}))


@dataclass(frozen=True)
class Place:
    """Where one table's file lies within what was submitted.

    Attributes:
        bundle: The submission as a whole.
        member: Name of the table's file in its archive.
    """

    bundle: Sent
    member: str

    @classmethod
    def of(cls, bundle: Sent, table: Table) -> Place:
        """Find a table's file.

        Raises:
            Rejected: The submission is no zip archive with just one file of the table.
        """
        wanted = re.compile(str(table.dependency.layouts[0].reading.part))
        try:
            with zipfile.ZipFile(io.BytesIO(bundle.content)) as packed:
                found = [name for name in packed.namelist() if wanted.search(PurePosixPath(name).name)]
        except zipfile.BadZipFile:
            found = []
        if len(found) != 1:
            raise Rejected(f"{bundle.name} is no zip archive with one file of the table {table.name}.")
        return cls(bundle, found[0])

    def part(self) -> Sent:
        """The table's file, under the submission's name, which tells the period."""
        with zipfile.ZipFile(io.BytesIO(self.bundle.content)) as packed:
            return replace(self.bundle, content=packed.read(self.member))

    def with_part(self, part: Sent) -> Sent:
        """The submission with another file in its place, and under that one's name."""
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self.bundle.content)) as packed, zipfile.ZipFile(made, "w") as anew:
            for info in packed.infolist():
                content = part.content if info.filename == self.member else packed.read(info)
                anew.writestr(zipfile.ZipInfo(info.filename), content, zipfile.ZIP_DEFLATED)
        return replace(part, content=made.getvalue())
