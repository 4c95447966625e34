"""Bringing the warehouse to the state that this version of the project needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ProgrammingError

from integrity.errors import Misconfigured
from integrity.warehouse.models import SCHEMA

_LOCK = 7_143_501
"""Advisory lock under which one process at a time migrates."""


def migrate(engine: Engine) -> None:
    """Apply every migration that is missing; safe to call from several processes at once.

    Raises:
        Misconfigured: The login may not do what a migration does.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.commit()
        try:
            command.upgrade(_config(connection), "head")
        except ProgrammingError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            told = error.orig.diag
            mend = told.message_hint or "Give INTEGRITY_DATABASE_URL a login that owns the database."
            raise Misconfigured(f"The warehouse cannot be migrated: {told.message_primary}. {mend}") from None
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether no migration is missing."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        return context.get_current_revision() == ScriptDirectory.from_config(_config(connection)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
