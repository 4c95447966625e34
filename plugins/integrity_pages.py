"""Adds *Integrity* to Airflow's navigation, and a tab to every Dag that is about a dependency."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from orchestration.airflow_home import PAGES

# Airflow may itself be served below an address of its own.
_AT = conf.get("api", "base_url", fallback="").rstrip("/") + PAGES


@functools.cache
def _pages() -> Any:
    from orchestration.pages import pages

    return pages()


async def _served(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """The pages, built when somebody first asks for one: every worker loads every plugin, and serves none."""
    await _pages()(scope, receive, send)


class IntegrityPages(AirflowPlugin):
    """What needs me now, one issue, one dependency."""

    name = "integrity"
    fastapi_apps = [{"app": _served, "url_prefix": PAGES, "name": "Integrity"}]  # noqa: RUF012 - Airflow's own shape
    external_views = [  # noqa: RUF012
        # With no route within Airflow's frame: so that filters stand in the browser's own address.
        {"name": "Integrity", "href": _AT, "destination": "nav", "nav_top_level": True},
        {"name": "Integrity", "href": f"{_AT}/dags/{{DAG_ID}}", "destination": "dag", "url_route": "integrity"},
    ]
