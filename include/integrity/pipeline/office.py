"""What every step needs at hand: settings, inventory, warehouse, and one dependency with its rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from integrity.errors import Rejected
from integrity.gates.schema import Schema, Table, load_tables, schema_of
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import Inventory, fingerprint, load_inventory
from integrity.inventory.policy import Policy
from integrity.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Office:
    """One dependency, ready to be worked on. Loading it validates its configuration before anything runs.

    Attributes:
        registered: The dependency.
        tables: Of which its submissions consist, each with its rules.
        policy: What its importance class calls for, its departures applied.
        fingerprint: Hash of all that decides a verdict on it.
    """

    settings: Settings
    inventory: Inventory
    registered: Registered
    tables: tuple[Table, ...]
    policy: Policy
    fingerprint: str

    @classmethod
    def open(cls, name: str, settings: Settings | None = None) -> Office:
        """Load a dependency.

        Raises:
            Misconfigured: Its folder is broken; the text names every problem with file, line and mend.
        """
        settings = settings or Settings.from_environment()
        inventory = load_inventory(settings)
        registered = inventory.get(name)
        tables = load_tables(registered)
        return cls(settings, inventory, registered, tables, registered.policy, fingerprint(registered, settings))

    @property
    def name(self) -> str:
        return self.registered.name

    @cached_property
    def schema(self) -> Schema:
        """All its columns and rules, as findings name them."""
        return schema_of(self.tables)

    def table(self, name: str = "") -> Table:
        """The table of that name; '' is the one that its submissions are.

        Raises:
            Rejected: There is no such table, or there are several of which none was named.
        """
        found = next((table for table in self.tables if table.name == name), None)
        if found is None and not self.registered.dependency.tables:
            raise Rejected(f"{self.name} has no tables by name: its submissions are one.")
        if found is None:
            known = ", ".join(table.name for table in self.tables)
            raise Rejected(f"{self.name} has no table '{name}'; it has {known}." if name else f"Name a table: {known}.")
        return found

    @property
    def engine(self) -> Engine:
        """The warehouse; imported only where it is asked for, since ``check`` does without and must be quick."""
        from integrity.warehouse.connection import open_engine

        return open_engine(self.settings)

    @cached_property
    def database_url(self) -> str:
        from integrity.warehouse.connection import database_url

        return database_url(self.settings)
