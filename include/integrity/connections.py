"""What a connection tells about a server: Airflow keeps it; without Airflow, its variables are read here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrity.errors import Misconfigured


@dataclass(frozen=True)
class Credentials:
    """A connection. Whatever may be secret is kept out of its ``repr``.

    Attributes:
        extra: What each kind of server reads besides; see docs/sources.md and docs/alerts.md.
    """

    host: str = ""
    port: int | None = None
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str | None:
        """A word of ``extra``; None where it is not given or blank."""
        given = self.extra.get(name)
        return str(given) if given not in (None, "") else None

    def says(self, name: str) -> bool:
        """Whether ``extra`` switches something on; a connection written as a URI can only say so as text."""
        return str(self.extra.get(name, "")).strip().lower() in {"true", "1", "yes"}


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Connections = Callable[[str], Credentials]
"""Gives the connection of that name, or raises Misconfigured."""


def connections_from_environment(environment: Mapping[str, str] | None = None) -> Connections:
    """Connections from the variables that Airflow itself reads: ``AIRFLOW_CONN_<NAME>``, as a URI or as JSON."""
    variables = os.environ if environment is None else environment

    def connection(name: str) -> Credentials:
        variable = f"AIRFLOW_CONN_{name.upper()}"
        given = variables.get(variable, "").strip()
        if not given:
            raise Misconfigured(f"There is no connection '{name}'. Set {variable}, or add it to Airflow's connections.")
        try:
            return _from_json(given) if given.startswith("{") else _from_uri(given)
        except (ValueError, TypeError, AttributeError):
            # What the parser says of it would quote the password.
            raise Misconfigured(
                f"{variable} is neither a URI (scheme://login:password@host:port/?key=value) nor a JSON object."
            ) from None

    return connection


def from_fields(
    *, host: str | None, port: int | str | None, login: str | None, password: str | None, extra: Any
) -> Credentials:
    """A connection from fields that may be missing; ``extra`` is an object, or JSON that gives one."""
    told = json.loads(extra) if isinstance(extra, str) and extra.strip() else extra or {}
    if not isinstance(told, dict):
        raise TypeError("extra is no object")
    return Credentials(host or "", int(port) if port else None, login or "", password or "", told)


def _from_json(given: str) -> Credentials:
    told = json.loads(given)
    return from_fields(
        host=told.get("host"),
        port=told.get("port"),
        login=told.get("login"),
        password=told.get("password"),
        extra=told.get("extra"),
    )


def _from_uri(given: str) -> Credentials:
    parts = urlsplit(given)
    if not parts.scheme or "://" not in given:
        raise ValueError("no scheme")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return from_fields(
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        extra=query.get("__extra__", query),
    )


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine itself."""
    return host in _LOOPBACK


def refuse_plain(url: str, credentials: Credentials) -> None:
    """Refuse an address without TLS, unless it is this machine's own and the connection says ``allow_http``.

    Raises:
        Misconfigured: It is refused.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (is_loopback(parts.hostname) and credentials.says("allow_http")):
        raise Misconfigured(f"{parts.hostname}: only https:// is fetched from; the address has no TLS.")
