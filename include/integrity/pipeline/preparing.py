"""Making the warehouse ready, as its owner, for nights that run under a login which may create nothing in it."""

from __future__ import annotations

from integrity.inventory.loading import load_inventory
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.landing import ensure_tables
from integrity.warehouse.migrate import migrate


def prepare(settings: Settings) -> list[str]:
    """Apply every migration, and create the tables of every dependency; doing it again changes nothing.

    Returns:
        Names of the dependencies whose tables are there now.

    Raises:
        Misconfigured: A dependency cannot be loaded, or a column has changed its type.
    """
    engine = open_engine(settings)
    migrate(engine)
    prepared = []
    for name in load_inventory(settings).dependencies:
        office = Office.open(name, settings)
        with transaction(engine) as session:
            ensure_tables(session, office.tables)
        prepared.append(name)
    return prepared
