"""Alembic's entry: runs the migrations over a connection that ``warehouse.migrate`` or a test hands in."""

from __future__ import annotations

from typing import Any

from alembic import context
from integrity.warehouse.models import SCHEMA, Base
from sqlalchemy import Connection, Engine, text

_SCHEMAS = {table.schema for table in Base.metadata.tables.values()}


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Only the models' own schemas are Alembic's to compare: landing and published follow from the dependencies'."""
    return name in _SCHEMAS if kind == "schema" else True


def run() -> None:
    connectable = context.config.attributes["connection"]
    if isinstance(connectable, Engine):
        with connectable.connect() as connection:
            _run_on(connection)
    else:
        _run_on(connectable)


def _run_on(connection: Connection) -> None:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=include_name,
        version_table_schema=SCHEMA,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


run()
