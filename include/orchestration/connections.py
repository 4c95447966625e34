"""Credentials of servers, from Airflow's connections."""

from __future__ import annotations

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from integrity.connections import Credentials, from_fields
from integrity.errors import Misconfigured, Transient


def airflow_connection(name: str) -> Credentials:
    """The connection of that name, wherever Airflow keeps it; Airflow masks its secrets in the task's log.

    Raises:
        Misconfigured: There is none, or its extra is no JSON object.
        Transient: Airflow cannot be asked.
    """
    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        raise Misconfigured(f"There is no connection '{name}'. Add it to Airflow's connections.") from None
    except AirflowRuntimeError as error:
        raise Transient(f"Airflow could not be asked for connection '{name}' ({type(error).__name__}).") from None
    try:
        return from_fields(
            host=found.host, port=found.port, login=found.login, password=found.password, extra=found.extra_dejson
        )
    except (TypeError, ValueError):
        raise Misconfigured(f"The extra of connection '{name}' is no JSON object.") from None
