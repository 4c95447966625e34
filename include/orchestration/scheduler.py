"""Airflow's scheduler with what our tasks import already loaded: a task is a fork of it, and starts with that.

``python -m orchestration.scheduler`` in place of ``airflow scheduler`` saves each dbt task about two seconds of
imports. polars stays out: its thread pool does not survive a fork.
"""

from __future__ import annotations

import gc
import importlib
import sys

_PRELOADED = [
    "alembic",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "httpx",
    "integrity.inventory.loading",
    "jinja2",
    "openlineage.client",
    "psycopg",
    "slack_sdk",
    "sqlalchemy.orm",
]


def main() -> None:
    """Import, then become the scheduler."""
    for module in _PRELOADED:
        importlib.import_module(module)
    from airflow.__main__ import main as airflow

    gc.freeze()
    sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
