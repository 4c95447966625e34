"""The pages within Airflow: who is logged in there, and what they may see and do.

Airflow asks nobody who they are before it hands a request to a plugin. All that is asked of it for that is in this
file, since these parts of it may change with any version.
"""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from fastapi import HTTPException
from integrity.pages.application import build_pages
from integrity.pages.visitor import Visitor
from integrity.settings import Settings
from starlette.requests import Request
from starlette.types import ASGIApp


def pages() -> ASGIApp:
    """The pages, for those whom Airflow knows.

    Raises:
        Misconfigured: A setting cannot be used.
    """
    return build_pages(Settings.from_environment(), recognise, form_key=conf.get_mandatory_value("api", "secret_key"))


async def recognise(request: Request) -> Visitor | None:
    """Who is logged in, by the cookie or the token that Airflow's own pages and API take."""
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return None
    manager = get_auth_manager()
    if not manager.is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        return None

    def reads(dependency: str) -> bool:
        return manager.is_authorized_dag(method="GET", details=DagDetails(id=f"ingest__{dependency}"), user=user)

    def acts(dependency: str) -> bool:
        return manager.is_authorized_dag(method="PUT", details=DagDetails(id=f"ingest__{dependency}"), user=user)

    return Visitor(account=str(user.get_id()), reads=reads, acts=acts)
