"""Slack: one thread a conversation; news are replies, and its first message shows how things stand."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from integrity.alerts.buttons import buttons
from integrity.alerts.message import Message, News
from integrity.alerts.rendering import digest, lines_of, state
from integrity.alerts.slack_client import app_token, web_client
from integrity.connections import Credentials
from integrity.errors import Undeliverable

if TYPE_CHECKING:
    from slack_sdk import WebClient

log = logging.getLogger("integrity.alerts")

_TOO_MANY = 429
_METADATA = "integrity_alert"
_LOOKED_BACK = 200
_MAY_NOT_LOOK = ("missing_scope", "not_in_channel", "method_not_supported_for_channel_type")
_IS_GONE = ("message_not_found", "thread_not_found")
"""What Slack says of a message that somebody has deleted."""
_MOST_CHARACTERS = 2_900
"""Of a section; Slack takes 3,000."""

_NEWS = {
    "recurred": ":repeat:",
    "resolved": ":white_check_mark:",
    "acknowledged": ":eyes:",
    "investigated": ":mag:",
    "assigned": ":bust_in_silhouette:",
    "answered": ":speech_balloon:",
    "closed": ":lock:",
    "proposed": ":raised_hand:",
    "waived": ":warning:",
    "reopened": ":repeat:",
    "merged": ":link:",
    "reminded": ":hourglass:",
    "escalated": ":rotating_light:",
}
"""What happened, before a headline; what is opened has its colour by what it blocks."""
_STATES = {
    "open": ":red_circle:",
    "acknowledged": ":eyes:",
    "investigating": ":mag:",
    "resolved": ":white_check_mark:",
    "closed": ":white_check_mark:",
}
"""How an issue stands."""

Block = dict[str, Any]


class SlackChannel:
    """Posts to Slack by its web API."""

    def __init__(self, client: WebClient, *, has_buttons: bool = False) -> None:
        self.client, self._has_buttons = client, has_buttons

    @classmethod
    def by(cls, credentials: Credentials) -> SlackChannel:
        """With a bot's token; and with buttons where an app's token says that somebody listens to them."""
        return cls(web_client(credentials), has_buttons=app_token(credentials) is not None)

    def send(self, message: Message) -> str | None:
        """See ``Channel``."""
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            place = self._found(message) if message.was_tried else None
            channel, posted = place or self._post(message)
            if message.thread:
                self._show_standing(channel, message.thread, message)
        except SlackApiError as error:
            wait = error.response.headers.get("Retry-After", "0") if error.response.status_code == _TOO_MANY else "0"
            raise Undeliverable(f"Slack: {error.response.get('error')}", int(wait)) from error
        except (SlackClientError, URLError, OSError, TimeoutError) as error:
            raise Undeliverable(f"Slack: {type(error).__name__}") from error
        return posted

    def _post(self, message: Message) -> tuple[str, str]:
        """As a reply; or by itself, where somebody has deleted what it replies to."""
        from slack_sdk.errors import SlackApiError

        text, blocks = posted(message, has_buttons=self._has_buttons)
        words: dict[str, Any] = {
            "channel": message.to,
            "text": text,
            "blocks": blocks,
            "unfurl_links": False,
            "metadata": {"event_type": _METADATA, "event_payload": {"key": message.key}},
        }
        try:
            answer = self.client.chat_postMessage(thread_ts=message.thread, **words)
        except SlackApiError as error:
            if message.thread is None or error.response.get("error") not in _IS_GONE:
                raise
            answer = self.client.chat_postMessage(**words)
        return str(answer["channel"]), str(answer["ts"])

    def _show_standing(self, channel: str, thread: str, message: Message) -> None:
        """Have a thread's first message say how things stand; a thread that has lost it goes on without."""
        from slack_sdk.errors import SlackApiError

        text, blocks = standing(message, has_buttons=self._has_buttons)
        try:
            self.client.chat_update(channel=channel, ts=thread, text=text, blocks=blocks)
        except SlackApiError as error:
            if error.response.get("error") not in _IS_GONE:
                raise
            log.warning("the first message of the thread about %s is gone from Slack", message.key)

    def _found(self, message: Message) -> tuple[str, str] | None:
        """Where the message is, if only the answer was lost; None where it did not arrive, or nobody may look."""
        from slack_sdk.errors import SlackApiError

        try:
            place = self._id_of(message.to)
            if place is None:
                return None
            there = self._told_at(place, message.thread)
        except SlackApiError as error:
            if error.response.get("error") in _MAY_NOT_LOOK:
                log.warning("Slack does not let us look whether a message has arrived; it is sent again")
                return None
            raise
        for each in there:
            if each.get("metadata", {}).get("event_payload", {}).get("key") == message.key:
                return place, str(each["ts"])
        return None

    def _told_at(self, place: str, thread: str | None) -> list[dict[str, Any]]:
        """The latest messages of a thread, or of the place itself, where a thread goes on that has lost its first."""
        from slack_sdk.errors import SlackApiError

        look: dict[str, Any] = {"channel": place, "include_all_metadata": True, "limit": _LOOKED_BACK}
        if thread:
            try:
                return list(self.client.conversations_replies(ts=thread, **look)["messages"])
            except SlackApiError as error:
                if error.response.get("error") not in _IS_GONE:
                    raise
        return list(self.client.conversations_history(**look)["messages"])

    def _id_of(self, to: str) -> str | None:
        """Slack's id of a place; a channel's name is looked up, and may be none that we can see."""
        if to[0] in "UW":
            return str(self.client.conversations_open(users=to)["channel"]["id"])
        if not to.startswith("#"):
            return to
        kinds = "public_channel,private_channel"
        for page in self.client.conversations_list(limit=1000, exclude_archived=True, types=kinds):
            for known in page["channels"]:
                if known["name"] == to.removeprefix("#"):
                    return str(known["id"])
        return None


def posted(message: Message, *, has_buttons: bool = False) -> tuple[str, list[Block]]:
    """A message as it is posted: its first line as plain text, and all of it as Block Kit.

    A reply has no buttons: they stand below the first message, which follows the issue's state.
    """
    first, *others = lines_of(message, _STATES)
    sign = "" if message.is_digest else f"{_sign(message.news[-1])} "
    called = " ".join(f"<@{who}>" for who in message.mentions)
    below = buttons(message) if has_buttons and message.thread is None else []
    return first, [*_sections([f"{sign}*{first}*", *([called] if called else []), *others]), *below]


def standing(message: Message, *, has_buttons: bool = False) -> tuple[str, list[Block]]:
    """The first message of a thread, as it shows how things stand now; the story is in the replies."""
    below = buttons(message) if has_buttons else []
    if message.is_about_several:
        first, *others = digest(message.standing, _STATES)
        return first, [*_sections([f"*{first}*", *others]), *below]
    (content,) = message.standing
    first, *others = state(content)
    return first, [*_sections([f"{_STATES[content['status']]} *{first}*", *others]), *below]


def _sign(news: News) -> str:
    opened = ":red_circle:" if news.content.get("verdict") in ("FAIL", "ERROR") else ":large_yellow_circle:"
    return _NEWS.get(news.kind, opened)


def _sections(lines: list[str]) -> list[Block]:
    """The first line in a section of its own, the others in as few as they fit into."""
    first, *others = lines
    return [_section(first), *(_section(text) for text in _packed(others))]


def _packed(lines: Iterable[str]) -> Iterator[str]:
    held = ""
    for line in lines:
        text = line[:_MOST_CHARACTERS]
        if held and len(held) + len(text) + 1 > _MOST_CHARACTERS:
            yield held
            held = ""
        held = f"{held}\n{text}" if held else text
    if held:
        yield held


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
