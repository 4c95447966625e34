"""How this project configures Airflow: everything from ``INTEGRITY_HOME``, nothing beyond loopback, no telemetry."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
from collections.abc import Iterable
from pathlib import Path

from integrity.settings import PROJECT_ROOT, Settings

USER = "integrity"
PAGES = "/integrity"
"""Where our pages are, below Airflow's own address."""
_FILE_MODE = 0o600


def airflow_environment(
    settings: Settings, *, metadata_url: str, warehouse_url: str, port: int, accounts: Iterable[str] = ()
) -> dict[str, str]:
    """The environment in which every Airflow process of this checkout runs.

    Args:
        metadata_url: Airflow's own database, as libpq writes it.
        warehouse_url: The warehouse, likewise.
        port: Port of Airflow's API server and page, on loopback.
        accounts: Of those who may be asked to let a failure pass, beside this project's own user.
    """
    home = settings.home / "airflow"
    secret = _secrets(home)
    transport = {"type": "file", "log_file_path": str(settings.home / "lineage" / "events.jsonl"), "append": True}
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet_key"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            [f"{USER}:admin", *(f"{account}:user" for account in accounts)]
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret["api_secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt_secret"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2:" + metadata_url.split(":", 1)[1],
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__OPENLINEAGE__DISABLE_SOURCE_CODE": "True",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "integrity",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        # A task that ends by raising is noticed at the next heartbeat of its supervisor: one second, not five.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "INTEGRITY_HOME": str(settings.home),
        "INTEGRITY_DATABASE_URL": warehouse_url,
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
    }


def write_environment_file(settings: Settings, environment: dict[str, str]) -> Path:
    """Write what a shell sources before it calls ``airflow`` itself; readable by this user only."""
    path = settings.home / "airflow.env"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    _write_private(path, "\n".join(lines) + "\n")
    return path


def password(settings: Settings, account: str = USER) -> str:
    """The password of an account on Airflow's page; made once for this home, and before Airflow would log one."""
    path = settings.home / "airflow" / "passwords.json"
    known = dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    if account not in known:
        path.parent.mkdir(parents=True, exist_ok=True)
        known[account] = secrets.token_urlsafe(12)
        _write_private(path, json.dumps(known))
    return str(known[account])


def _secrets(home: Path) -> dict[str, str]:
    path = home / "secrets.json"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        made = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "api_secret": secrets.token_hex(32),
            "jwt_secret": secrets.token_hex(32),
        }
        _write_private(path, json.dumps(made))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.touch(mode=_FILE_MODE)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
