"""What is misconfigured or out of reach, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from integrity.errors import IntegrityError, Misconfigured
from integrity.gates.schema import load_schema
from integrity.gates.standing import standing_problems
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from integrity.submissions.inbox import settled_seconds
from integrity.submissions.limits import Limits
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine
from integrity.warehouse.migrate import is_current

_LEAST_FREE_BYTES = 1 << 30
_RIGHTS = text(
    "SELECT current_user AS login, pg_has_role(current_user, nspowner, 'USAGE') AS owns, ARRAY("
    "SELECT rolname FROM pg_roles WHERE rolname LIKE 'integrity\\_%' AND NOT rolcanlogin"
    " AND pg_has_role(current_user, oid, 'USAGE') ORDER BY 1) AS roles"
    " FROM pg_namespace WHERE nspname = 'register'"
)


@dataclass(frozen=True)
class Examined:
    ok: bool
    what: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> list[Examined]:
    """Look at everything; one broken thing never hides another."""
    found = [_python()]
    try:
        settings = Settings.from_environment()
        Limits.from_environment(os.environ)
        settled_seconds(os.environ)
    except Misconfigured as error:
        return [*found, Examined(False, str(error), "Correct the setting in the environment.")]
    return [*found, *_dependencies(settings), *_folders(settings), *_warehouse(settings), _alerts()]


def _python() -> Examined:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Examined(good, f"Python {version}", "" if good else "Install Python 3.11, 3.12 or 3.13 and run make again.")


def _dependencies(settings: Settings) -> Iterator[Examined]:
    try:
        inventory = load_inventory(settings)
    except Misconfigured as error:
        yield Examined(False, str(error), "Set INTEGRITY_DEPENDENCIES to the folder that holds them.")
        return
    if not inventory.dependencies and not inventory.broken:
        yield Examined(False, f"no key data dependency under {settings.dependencies}", "Add one; see README.")
    # What is wrong with the policy is wrong with every dependency, and told once.
    for problem in dict.fromkeys(problem for broken in inventory.broken.values() for problem in broken.problems):
        yield Examined(False, f"{problem.file}:{problem.line}: {problem.what}", problem.mend)
    for registered in inventory.dependencies.values():
        yield from _dependency(registered)


def _dependency(registered: Registered) -> Iterator[Examined]:
    """A dependency that loads: its class, where it departs from it, and what it lacks of what the class calls for."""
    name, dependency = registered.name, registered.dependency
    try:
        schema = load_schema(registered)
    except Misconfigured as error:
        yield Examined(False, str(error))
        return
    rules = len(schema.rules()) + len(registered.relations)
    yield Examined(True, f"{name}: importance {dependency.importance}, {rules} rules of its own")
    for departed in registered.departures:
        yield Examined(True, f"{name} departs from its class: {departed}")
    today = dependency.reporting.today(datetime.now(UTC))
    for finding in standing_problems(registered, schema, registered.policy, today):
        if finding.verdict is not Verdict.PASS:
            yield Examined(False, f"{name}: {finding.message}", finding.rule.mend)


def _folders(settings: Settings) -> Iterator[Examined]:
    for name, folder in (
        ("INTEGRITY_HOME", settings.home),
        ("INTEGRITY_INBOX", settings.inbox),
        ("INTEGRITY_ARCHIVE_URL", settings.archive),
    ):
        nearest = next(p for p in [folder, *folder.parents] if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            yield Examined(False, f"{name}: {folder} cannot be written", "Give this user the right to, or set another.")
            continue
        free = shutil.disk_usage(nearest).free
        mend = "" if free >= _LEAST_FREE_BYTES else "Free at least 1 GiB; nothing received may be lost for lack of it."
        yield Examined(not mend, f"{name}: {folder}, {free / 2**30:.1f} GiB free", mend)


def _warehouse(settings: Settings) -> Iterator[Examined]:
    where = "INTEGRITY_DATABASE_URL" if settings.database_url else "embedded PostgreSQL"
    try:
        engine = open_engine(settings)
        current = is_current(engine)
    except IntegrityError as error:
        yield Examined(False, str(error), "Start the server, or correct the address, user or password.")
        return
    version = engine.dialect.server_version_info or ()
    yield Examined(True, f"{where}: PostgreSQL {'.'.join(map(str, version[:2]))}")
    yield Examined(
        current, f"migrations {'applied' if current else 'missing'}", "" if current else "Run: integrity migrate"
    )
    if current:
        yield _login(engine, is_shared=settings.database_url is not None)


def _login(engine: Engine, *, is_shared: bool) -> Examined:
    """What the login may, by the warehouse's roles."""
    with engine.connect() as connection:
        has = connection.execute(_RIGHTS).one()
    if has.owns:
        mend = "In production, give the nights a login of the role integrity_pipeline (docs/audit.md, Roles)."
        return Examined(True, f"login {has.login}: owns the warehouse, its guards included", mend if is_shared else "")
    return Examined(True, f"login {has.login}: {', '.join(has.roles) or 'none of the roles'}; not its owner")


def _alerts() -> Examined:
    if os.environ.get("AIRFLOW_CONN_SLACK_DEFAULT"):
        return Examined(True, "alerts go to Slack, connection slack_default")
    return Examined(
        True,
        "alerts go to the log and to alerts.log",
        "To post to Slack, set the Airflow connection slack_default (README, Settings).",
    )


def describe_home(home: Path) -> str:
    """A folder as a person would type it from here."""
    try:
        return str(home.relative_to(Path.cwd()))
    except ValueError:
        return str(home)
