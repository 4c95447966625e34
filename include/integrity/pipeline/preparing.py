"""Making the warehouse ready, as its owner, for nights that run under a login which may create nothing in it."""

from __future__ import annotations

from dataclasses import dataclass

from integrity.errors import Misconfigured
from integrity.inventory.loading import load_inventory
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.landing import ensure_tables
from integrity.warehouse.migrate import migrate


@dataclass(frozen=True)
class Prepared:
    """A warehouse that is ready for nights, as far as it could be made so.

    Attributes:
        ready: Names of the dependencies whose tables are there now.
        refused: Those whose tables could not be made, each with the reason; none of them keeps another waiting.
    """

    ready: tuple[str, ...]
    refused: dict[str, Misconfigured]


def prepare(settings: Settings) -> Prepared:
    """Apply every migration, and create the tables of every dependency; doing it again changes nothing.

    Raises:
        Misconfigured: The inventory cannot be read, or the login may not migrate.
        Transient: The server cannot be reached.
    """
    engine = open_engine(settings)
    migrate(engine)
    inventory = load_inventory(settings)
    ready: list[str] = []
    refused: dict[str, Misconfigured] = {name: broken.error() for name, broken in inventory.broken.items()}
    for name in inventory.dependencies:
        try:
            office = Office.open(name, settings)
            with transaction(engine) as session:
                ensure_tables(session, office.tables)
        except Misconfigured as error:
            refused[name] = error
        else:
            ready.append(name)
    return Prepared(tuple(ready), refused)
