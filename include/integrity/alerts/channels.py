"""Where alerts go: Slack, or a log and a file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.error import URLError

from integrity.alerts.rendering import blocks, body, headline
from integrity.errors import Undeliverable

if TYPE_CHECKING:
    from slack_sdk import WebClient

log = logging.getLogger("integrity.alerts")

SLACK_CONNECTION = "AIRFLOW_CONN_SLACK_DEFAULT"


class Channel(Protocol):
    def send(self, kind: str, content: dict[str, Any], thread: str | None) -> str | None:
        """Hand over one message.

        Args:
            thread: Id of the issue's first message, where there was one.

        Returns:
            Id of the message, if the channel gives one.

        Raises:
            Undeliverable: It was not accepted; it stays in the outbox.
        """


class FileChannel:
    """Writes alerts to the log and to a file; what a new machine has before anyone sets up Slack."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, kind: str, content: dict[str, Any], thread: str | None) -> str | None:
        text = "\n  ".join([f"[{content['channel']}] {headline(kind, content)}", *body(kind, content)])
        log.warning(text)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text + "\n\n")
        except OSError as error:
            raise Undeliverable(f"{self.path}: {error.strerror}") from error
        return None


class SlackChannel:
    """Posts to Slack, one thread an issue."""

    def __init__(self, client: WebClient) -> None:
        self.client = client

    def send(self, kind: str, content: dict[str, Any], thread: str | None) -> str | None:
        from slack_sdk.errors import SlackClientError

        try:
            answer = self.client.chat_postMessage(
                channel=content["channel"],
                text=headline(kind, content),
                blocks=blocks(kind, content),
                thread_ts=thread,
                unfurl_links=False,
            )
        except (SlackClientError, URLError, OSError, TimeoutError) as error:
            reason = getattr(error, "response", {}) or {}
            raise Undeliverable(f"Slack: {reason.get('error') or type(error).__name__}") from error
        return str(answer["ts"])


def channel_from_environment(home: Path, environment: Mapping[str, str] | None = None) -> Channel:
    """Slack if the connection ``slack_default`` stands in the environment as JSON, else log and file.

    Within Airflow the adapter asks Airflow for the connection instead.
    """
    stated = (os.environ if environment is None else environment).get(SLACK_CONNECTION, "").strip()
    if not stated.startswith("{"):
        return FileChannel(home / "alerts.log")
    from slack_sdk import WebClient

    connection = json.loads(stated)
    extra = connection.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    base_url = {"base_url": extra["base_url"]} if extra.get("base_url") else {}
    return SlackChannel(WebClient(token=connection.get("password"), timeout=10, **base_url))
