"""Where alerts go: Slack, or a log and a file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.error import URLError

from integrity.alerts.rendering import blocks, body, headline, state_blocks, state_line
from integrity.errors import Undeliverable

if TYPE_CHECKING:
    from slack_sdk import WebClient

log = logging.getLogger("integrity.alerts")

_TOO_MANY = 429
_METADATA = "integrity_alert"
_LOOKED_BACK = 200
_MAY_NOT_LOOK = ("missing_scope", "not_in_channel", "method_not_supported_for_channel_type")

SLACK_CONNECTION = "AIRFLOW_CONN_SLACK_DEFAULT"


class Channel(Protocol):
    def send(self, kind: str, content: dict[str, Any], thread: str | None, *, key: str, was_tried: bool) -> str | None:
        """Hand over one message.

        Args:
            thread: Id of the issue's first message, where there was one.
            key: Tells the message from all others.
            was_tried: Whether it was tried before, so that it may have arrived and only the answer was lost.

        Returns:
            Id of the message, if the channel gives one.

        Raises:
            Undeliverable: It was not accepted; it stays in the outbox.
        """


class FileChannel:
    """Writes alerts to the log and to a file; what a new machine has before anyone sets up Slack."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, kind: str, content: dict[str, Any], thread: str | None, *, key: str, was_tried: bool) -> str | None:
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
    """Posts to Slack, one thread an issue: news are replies, and its first message shows the present state."""

    def __init__(self, client: WebClient) -> None:
        self.client = client

    def send(self, kind: str, content: dict[str, Any], thread: str | None, *, key: str, was_tried: bool) -> str | None:
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            place = self._found(content["channel"], thread, key) if was_tried else None
            channel, posted = place or self._post(kind, content, thread, key)
            # What was written before issues had a life does not say how its issue stands.
            if thread and "status" in content:
                self.client.chat_update(
                    channel=channel, ts=thread, text=state_line(content), blocks=state_blocks(content)
                )
        except SlackApiError as error:
            wait = error.response.headers.get("Retry-After", "0") if error.response.status_code == _TOO_MANY else "0"
            raise Undeliverable(f"Slack: {error.response.get('error')}", int(wait)) from error
        except (SlackClientError, URLError, OSError, TimeoutError) as error:
            raise Undeliverable(f"Slack: {type(error).__name__}") from error
        return posted

    def _post(self, kind: str, content: dict[str, Any], thread: str | None, key: str) -> tuple[str, str]:
        answer = self.client.chat_postMessage(
            channel=content["channel"],
            text=headline(kind, content),
            blocks=blocks(kind, content),
            thread_ts=thread,
            unfurl_links=False,
            metadata={"event_type": _METADATA, "event_payload": {"key": key}},
        )
        return str(answer["channel"]), str(answer["ts"])

    def _found(self, channel: str, thread: str | None, key: str) -> tuple[str, str] | None:
        """Where the message is, if only the answer was lost; None where it did not arrive, or nobody may look."""
        from slack_sdk.errors import SlackApiError

        try:
            place = self._id_of(channel)
            if place is None:
                return None
            look: dict[str, Any] = {"channel": place, "include_all_metadata": True, "limit": _LOOKED_BACK}
            answer = (
                self.client.conversations_replies(ts=thread, **look)
                if thread
                else self.client.conversations_history(**look)
            )
        except SlackApiError as error:
            if error.response.get("error") in _MAY_NOT_LOOK:
                log.warning("Slack does not let us look whether a message has arrived; it is sent again")
                return None
            raise
        for message in answer["messages"]:
            if message.get("metadata", {}).get("event_payload", {}).get("key") == key:
                return place, str(message["ts"])
        return None

    def _id_of(self, channel: str) -> str | None:
        """Slack's id of a channel; a name is looked up, and may be none that we can see."""
        if not channel.startswith("#"):
            return channel
        kinds = "public_channel,private_channel"
        for page in self.client.conversations_list(limit=1000, exclude_archived=True, types=kinds):
            for known in page["channels"]:
                if known["name"] == channel.removeprefix("#"):
                    return str(known["id"])
        return None


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
