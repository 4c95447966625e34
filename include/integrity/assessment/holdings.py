"""Where real accepted submissions come from: the archive of a home, folders of files, or the bundled examples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select, text

from integrity.assessment.seeing import Seen, seen_in_register
from integrity.assessment.specimens import Sent
from integrity.errors import Misconfigured, Rejected
from integrity.inventory.dependency import Dependency
from integrity.inventory.loading import Inventory
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.submissions.archive import archived_path
from integrity.submissions.fitting import read_fitting
from integrity.submissions.identifying import identify_periods
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import Release, Submission

EXAMPLES = "the bundled examples"
"""Where submissions come from as long as there are no real ones."""


@dataclass(frozen=True)
class Held:
    """A real submission, not yet read.

    Attributes:
        known: What the register says of it since it was accepted; None where there is no register to ask.
    """

    dependency: str
    path: Path
    name: str
    supplier: str
    periods: tuple[date, ...]
    sha256: str
    known: tuple[Seen, ...] | None = None

    def sent(self) -> Sent:
        return Sent(self.path.read_bytes(), self.name, self.supplier, self.periods)


@dataclass(frozen=True)
class Holding:
    """Real submissions of a dependency and of those that it leans on.

    Attributes:
        origin: Where they come from, for people.
        left_out: Files that are nobody's submission, with the reason.
    """

    origin: str
    held: tuple[Held, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def of(self, dependency: str, period: date) -> list[Held]:
        """A dependency's submissions for a period."""
        return [held for held in self.held if held.dependency == dependency and period in held.periods]

    def previous(self, held: Held) -> Held | None:
        """The same supplier's submission for the latest period before it."""
        return next(iter(self.history(held, 1)), None)

    def history(self, held: Held, most: int) -> list[Held]:
        """The same supplier's last submissions before it, the earliest first."""
        earlier = [h for h in self._others(held) if h.supplier == held.supplier and h.periods[-1] < held.periods[0]]
        return sorted(earlier, key=lambda h: (h.periods, h.name))[-most:]

    def stranger(self, held: Held) -> Held | None:
        """Another supplier's submission, for the same period if there is one."""
        strangers = [h for h in self._others(held) if h.supplier != held.supplier]
        return min(strangers, key=lambda h: (h.periods != held.periods, h.supplier, h.name), default=None)

    def _others(self, held: Held) -> list[Held]:
        return [h for h in self.held if h.dependency == held.dependency and h != held]


def names_needed(inventory: Inventory, dependency: str) -> list[str]:
    """The dependency and all that its rules lean on, whatever these lean on included."""
    found = [dependency]
    for name in found:
        leant_on = {n.dependency for relation in inventory.get(name).relations for n in relation.neighbours}
        found += sorted(leant_on - set(found))
    return found


def from_register(settings: Settings, names: Iterable[str]) -> Holding | None:
    """What is released at present in a home's warehouse; None where it has none, or nothing of it is released."""
    if settings.database_url is None and not (settings.home / "postgres").is_dir():
        return None
    held: dict[tuple[str, str, str], Held] = {}
    with transaction(open_engine(settings)) as session:
        if session.execute(text("SELECT to_regclass('register.release')")).scalar() is None:
            return None
        query = (
            select(Submission)
            .join(Release, Release.submission_id == Submission.id)
            .where(Release.superseded_at.is_(None), Submission.dependency.in_(list(names)))
            .order_by(Submission.id)
        )
        for submission in session.scalars(query):
            key = (submission.dependency, submission.supplier, submission.sha256)
            before = held.get(key)
            seen = seen_in_register(session, submission.dependency, [submission.period], [submission.id])
            held[key] = Held(
                submission.dependency,
                archived_path(settings.archive, submission.sha256),
                submission.file_name,
                submission.supplier,
                tuple(sorted({submission.period, *(before.periods if before else ())})),
                submission.sha256,
                known=(*(before.known or () if before else ()), *seen),
            )
    return Holding("the archive: what is released", tuple(held.values())) if held else None


def from_folders(settings: Settings, folders: Mapping[str, Path]) -> Holding:
    """Files in folders, one folder a dependency; within it a folder a supplier, or files of the only supplier.

    Raises:
        Rejected: A folder is not there.
    """
    held: list[Held] = []
    left_out: list[tuple[str, str]] = []
    for name, folder in folders.items():
        if not folder.is_dir():
            raise Rejected(f"There is no folder {folder}.")
        office = Office.open(name, settings)
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
            supplier = _supplier(office.registered.dependency, path, folder)
            _take(office, path, supplier, held, left_out)
    return Holding("folders: what the gates let pass", tuple(held), tuple(left_out))


def from_examples(settings: Settings, names: Iterable[str]) -> Holding:
    """The good examples in the folders of the dependencies."""
    held: list[Held] = []
    left_out: list[tuple[str, str]] = []
    for name in names:
        office = Office.open(name, settings)
        for path in sorted((office.registered.folder / "examples").glob("good*")):
            if path.is_dir():
                left_out.append((path.name, "It is the tables of a submission, and not the submission itself."))
                continue
            _take(office, path, office.registered.dependency.suppliers[0].code, held, left_out)
    return Holding(EXAMPLES, tuple(held), tuple(left_out))


def _supplier(dependency: Dependency, path: Path, folder: Path) -> str:
    codes = [part for part in path.relative_to(folder).parts[:-1] if dependency.supplier(part)]
    if codes:
        return codes[-1]
    return dependency.suppliers[0].code if len(dependency.suppliers) == 1 else ""


def _take(office: Office, path: Path, supplier: str, held: list[Held], left_out: list[tuple[str, str]]) -> None:
    dependency, dictionary = office.registered.dependency, office.tables[0].schema.names
    if not supplier:
        left_out.append((path.name, "It does not lie in the folder of a registered supplier."))
        return
    try:
        periods = identify_periods(
            dependency,
            path.name,
            lambda: read_fitting(path, path.name, dependency, supplier, dictionary),
            supplier=supplier,
            dictionary=dictionary,
        )
    except (Rejected, Misconfigured) as refusal:
        left_out.append((path.name, str(refusal)))
        return
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    held.append(Held(office.name, path, path.name, supplier, periods, sha256))
