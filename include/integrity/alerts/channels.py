"""Where alerts go: by Slack, e-mail and webhook where there is a connection, else into the log and a file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from integrity.alerts.mail import MailChannel
from integrity.alerts.message import Channel, Message
from integrity.alerts.rendering import lines_of
from integrity.alerts.slack import SlackChannel
from integrity.alerts.slack_client import SLACK_CONNECTION
from integrity.alerts.webhook import WebhookChannel
from integrity.connections import Connections, connections_from_environment
from integrity.errors import Misconfigured, Undeliverable
from integrity.inventory.people import EMAIL, SLACK, WEBHOOK
from integrity.mailing import MAIL_CONNECTION

log = logging.getLogger("integrity.alerts")


class FileChannel:
    """Writes alerts to the log and to a file; what a new machine has before anyone sets up Slack or mail."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, message: Message) -> str | None:
        """See ``Channel``."""
        text = f"[{message.to}] " + "\n  ".join(lines_of(message))
        log.warning(text)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text + "\n\n")
        except OSError as error:
            raise Undeliverable(f"{self.path}: {error.strerror}") from error
        return None


class Channels:
    """Finds the channel of a route, by the connections that there are.

    Args:
        home: Where the file lies into which that goes for which there is no connection.
        airflow_url: Where people reach Airflow's pages, and with them those that messages point at; '' if they do not.
    """

    def __init__(self, connections: Connections, home: Path, airflow_url: str = "") -> None:
        self.airflow_url = airflow_url.rstrip("/")
        self._connections, self._file = connections, FileChannel(home / "alerts.log")
        self._known: dict[str, Channel] = {}

    @classmethod
    def from_environment(cls, home: Path, environment: Mapping[str, str] | None = None) -> Channels:
        """By the connections that stand in the environment; within Airflow its adapter asks Airflow instead."""
        env = os.environ if environment is None else environment
        return cls(connections_from_environment(environment), home, env.get("AIRFLOW__API__BASE_URL", ""))

    def of(self, route: str) -> Channel:
        """The channel that a route takes.

        Raises:
            Undeliverable: Its connection cannot be used; the text says why.
        """
        how, _, to = route.partition(":")
        name = to if how == WEBHOOK else how
        if name not in self._known:
            self._known[name] = self._opened(how, to)
        return self._known[name]

    def _opened(self, how: str, to: str) -> Channel:
        if how == WEBHOOK:
            try:
                return WebhookChannel(to, self._connections(to))
            except Misconfigured as error:
                raise Undeliverable(str(error)) from error
        makers: dict[str, tuple[str, Callable[..., Channel]]] = {
            SLACK: (SLACK_CONNECTION, SlackChannel.by),
            EMAIL: (MAIL_CONNECTION, MailChannel),
        }
        name, make = makers[how]
        try:
            credentials = self._connections(name)
        except Misconfigured:
            return self._file
        return make(credentials)
