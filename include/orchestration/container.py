"""What the services of docker-compose.yml need beside Airflow itself.

``python3 include/orchestration/container.py env`` writes ``.env`` with fresh secrets; it runs on the user's own Python,
with nothing installed. ``migrate`` and ``healthy SERVICE`` run inside the containers.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

if TYPE_CHECKING:
    from integrity.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_JOBS = {"dag-processor": "DagProcessorJob", "scheduler": "SchedulerJob", "triggerer": "TriggererJob"}
_SILENT_SECONDS = 60
"""Services send a heartbeat every two to five seconds; one that is silent for this long is not at work."""
_SLACK_ALIVE = Path("/tmp/slack-is-connected")  # noqa: S108 - the container's own folder, in which nobody else is


def write_env(path: Path) -> None:
    """Write the secrets that docker-compose.yml asks for; readable by this user only.

    Raises:
        FileExistsError: The file is there. A running installation's databases know its passwords, so it stays.
    """
    lines = [
        "# Secrets of docker-compose.yml, made for this installation. Keep them with the backups of its volumes.",
        f"POSTGRES_PASSWORD={secrets.token_hex(24)}",
        f"AIRFLOW_DATABASE_PASSWORD={secrets.token_hex(24)}",
        "# Of the warehouse's owner, as whom it is migrated; of the services, which cannot change what was decided.",
        f"INTEGRITY_OWNER_PASSWORD={secrets.token_hex(24)}",
        f"INTEGRITY_DATABASE_PASSWORD={secrets.token_hex(24)}",
        f"AIRFLOW_FERNET_KEY={base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        f"AIRFLOW_API_SECRET={secrets.token_hex(32)}",
        f"AIRFLOW_JWT_SECRET={secrets.token_hex(32)}",
        "# The page's user is integrity; this is the password.",
        f"INTEGRITY_PASSWORD={secrets.token_urlsafe(12)}",
        "# The page's port on this machine.",
        "# INTEGRITY_PORT=8080",
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, so that nobody reads it before
        file.write("\n".join(lines) + "\n")


def migrate() -> None:
    """Bring both databases, the state's folders and the page's password to what this version needs; safe to repeat."""
    from integrity.inventory.loading import load_inventory
    from integrity.settings import Settings
    from integrity.submissions.inbox import make_folders

    from orchestration.airflow_home import USER

    settings = Settings.from_environment()
    airflow_home = Path(os.environ["AIRFLOW_HOME"])
    for folder in (airflow_home, settings.home / "lineage", settings.inbox, settings.outbox, settings.archive):
        folder.mkdir(parents=True, exist_ok=True)
    for registered in load_inventory(settings).dependencies.values():
        make_folders(settings, registered.name, [supplier.code for supplier in registered.dependency.suppliers])
    prepare_warehouse(settings, os.environ["INTEGRITY_SERVICES_URL"])
    _ensure_database(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    _write_passwords(airflow_home / "passwords.json", {USER: os.environ["INTEGRITY_PASSWORD"]})
    subprocess.run(["airflow", "db", "migrate"], check=True)  # noqa: S607 - the image's own


def prepare_warehouse(settings: Settings, services_url: str) -> None:
    """Make the warehouse as its owner, whom the settings name, and the login that the services have.

    The services' login has the role of the nights and no other, so that nothing that runs there can change what was
    released, found or logged. A dependency whose tables cannot be made is told, and keeps no other waiting.

    Args:
        services_url: The warehouse's address for the services.
    """
    from integrity.pipeline.preparing import prepare

    _ensure_database(str(settings.database_url), makes_roles=True)
    for name, error in prepare(settings).refused.items():
        sys.stderr.write(f"The warehouse is not ready for {name}: {error}\n")
    _ensure_login(services_url, member_of="integrity_pipeline")


def _ensure_login(url: str, *, makes_roles: bool = False, member_of: str | None = None) -> None:
    """Make the login of an address, as the administrator whom libpq's own variables name.

    Its password is set each time, so that a changed ``.env`` holds from the next start.

    Args:
        makes_roles: It may create roles, and administer those that it has created.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    parts = urlsplit(url)
    login, password = unquote(parts.username or ""), unquote(parts.password or "")
    with psycopg.connect("", autocommit=True) as administrator:
        known = administrator.execute("SELECT FROM pg_roles WHERE rolname = %s", [login]).rowcount
        # Hashed here, so that no statement, and so no log of the server, holds it.
        hashed = administrator.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
        statement = SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
            SQL("ALTER" if known else "CREATE"),
            Identifier(login),
            SQL("CREATEROLE" if makes_roles else "NOCREATEROLE"),
            Literal(hashed),
        )
        administrator.execute(statement)
        if member_of:
            administrator.execute(SQL("GRANT {} TO {}").format(Identifier(member_of), Identifier(login)))


def _ensure_database(url: str, *, makes_roles: bool = False) -> None:
    """Make the login and the database of an address; none but its owner gets in, and whom the owner lets in."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    _ensure_login(url, makes_roles=makes_roles)
    parts = urlsplit(url)
    role, database = unquote(parts.username or ""), parts.path.lstrip("/")
    with psycopg.connect("", autocommit=True) as administrator:
        if not administrator.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount:
            administrator.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(database), Identifier(role)))
        administrator.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))


def _write_passwords(path: Path, passwords: dict[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(passwords), encoding="utf-8")


def is_healthy(service: str) -> bool:
    """Whether this container's service is at work: its heartbeat is fresh, or its API answers and has its database."""
    if service == "api-server":
        with urlopen("http://127.0.0.1:8080/api/v2/monitor/health", timeout=5) as answer:
            return bool(json.load(answer)["metadatabase"]["status"] == "healthy")
    if service == "slack":
        return _SLACK_ALIVE.exists() and time.time() - _SLACK_ALIVE.stat().st_mtime < _SILENT_SECONDS
    import psycopg

    url = "postgresql:" + os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].split(":", 1)[1]
    with psycopg.connect(url, connect_timeout=5) as connection:
        found = connection.execute(
            "SELECT state = 'running' AND extract(epoch FROM now() - latest_heartbeat) < %s FROM job"
            " WHERE job_type = %s AND hostname = %s ORDER BY id DESC LIMIT 1",
            [_SILENT_SECONDS, _JOBS[service], socket.gethostname()],
        ).fetchone()
    return bool(found and found[0])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="container.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    env = commands.add_parser("env", help="write .env with fresh secrets; refuses to overwrite one")
    env.add_argument(
        "--output",
        type=Path,
        default=_ROOT / ".env",
        help="the file to write (default: .env beside docker-compose.yml)",
    )
    commands.add_parser("migrate", help="databases, migrations, folders and the page's password")
    healthy = commands.add_parser("healthy", help="exit 0 if this container's service is at work")
    healthy.add_argument("service", choices=["api-server", "slack", *_JOBS])
    asked = parser.parse_args(arguments)
    if asked.command == "migrate":
        migrate()
    elif asked.command == "healthy":
        return 0 if is_healthy(asked.service) else 1
    else:
        try:
            write_env(asked.output)
        except FileExistsError:
            sys.stderr.write(
                f"{asked.output} exists and is left as it is: its passwords are those of the databases that were made"
                " with it. To begin anew, run 'docker compose down --volumes', move the file away, and repeat.\n"
            )
            return 1
        sys.stdout.write(f"Wrote {asked.output}. The page's user is integrity; its password is in that file.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
