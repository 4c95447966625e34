"""Marts: rebuilt by period after a release, from published rows alone."""

from __future__ import annotations

from datetime import date

from integrity.errors import CouldNotCheck
from integrity.gates.dbt import run_dbt
from integrity.gates.schema import load_tables
from integrity.inventory.loading import load_inventory
from integrity.reports.impact import sources_of
from integrity.settings import Settings
from integrity.warehouse.connection import database_url, lock, open_engine, transaction
from integrity.warehouse.landing import ensure_tables


def build_mart(settings: Settings, name: str, period: date) -> None:
    """Build a mart's rows of a period, and of the later ones whose changes rest on it; a repeat gives the same rows.

    Raises:
        CouldNotCheck: dbt did not build it, or built something that its contract forbids.
    """
    engine = open_engine(settings)
    inventory = load_inventory(settings)
    with transaction(engine) as session:
        for source in sources_of(settings, name):
            ensure_tables(session, load_tables(inventory.get(source)))
    with transaction(engine) as session:
        # One builder at a time: two incremental builds of the same rows would meet.
        lock(session, "mart", name)
        nodes = run_dbt(
            "run",
            project=settings.dbt_project,
            database_url=database_url(settings),
            select=name,
            gates=None,
            period=period,
            cache=settings.dbt_cache,
        )
    if [node.status for node in nodes] != ["success"]:
        states = ", ".join(f"{node.name}: {node.status}" for node in nodes) or "no model of this name"
        raise CouldNotCheck(f"The mart {name} was not built for {period} ({states}). Try: integrity doctor.")
