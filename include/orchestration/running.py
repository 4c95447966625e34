"""What every step shares: which run it is of, with what it works, and how its errors are told to Airflow."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException
from integrity.errors import IntegrityError, Misconfigured, is_retryable, kind_and_place

if TYPE_CHECKING:
    from integrity.alerts.channels import Channels
    from integrity.pipeline.office import Office

P = ParamSpec("P")
R = TypeVar("R")


def told_apart(step: Callable[P, R]) -> Callable[P, R]:
    """Map errors to Airflow: a verdict or a mistake never retries, an outage does."""

    @functools.wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except Exception as error:
            if is_retryable(error):
                raise
            raise AirflowFailException(telling(error)) from None

    return run


def telling(error: Exception) -> str:
    """What the log may say: our own sentence, or else the kind of error and where."""
    if isinstance(error, IntegrityError):
        return str(error)
    return kind_and_place(error)


def period_of_run() -> date:
    """The reporting period of the run, by its partition key.

    Raises:
        Misconfigured: The run has none.
    """
    key = get_current_context()["dag_run"].partition_key
    if not key:
        raise Misconfigured("This run has no reporting period. Start it with a partition key such as 2020-04-23.")
    return date.fromisoformat(key)


def run_id() -> str:
    """The run's id, under which everything that it does is on record."""
    return str(get_current_context()["dag_run"].run_id)


def open_office(dependency: str) -> Office:
    """The dependency with the warehouse and the policy that its steps work with."""
    from integrity.pipeline.office import Office

    return Office.open(dependency)


def alert_channels(office: Office) -> Channels:
    """Slack, e-mail and webhooks by Airflow's connections; log and file where nobody has set one."""
    from airflow.configuration import conf
    from integrity.alerts.channels import Channels

    from orchestration.connections import airflow_connection

    return Channels(airflow_connection, office.settings.home, conf.get("api", "base_url", fallback=""))


def lineage_client() -> Any:
    """The provider's own client, so that gates and tasks tell the same listener."""
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter

    return OpenLineageAdapter().get_or_create_openlineage_client()
