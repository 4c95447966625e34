"""What a message tells: news of one issue or of several, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

Content = dict[str, Any]
"""Counts and names as the register has them, never a cell's value; see ``register.telling``."""

_WORST_FIRST = {"high": 0, "medium": 1, "low": 2}
_OVER = ("resolved", "closed")


@dataclass(frozen=True)
class News:
    """One thing that happened to an issue."""

    kind: str
    content: Content

    @property
    def reference(self) -> str:
        return str(self.content["reference"])


@dataclass(frozen=True)
class Message:
    """One message, as one reader gets it.

    Attributes:
        to: Where it goes: a channel, an address, the name of a connection.
        key: Tells the message from all others.
        news: What it tells, in order.
        standing: How each issue of its conversation stands now.
        thread: Id of the conversation's first message; None where this is the first, or the place gives none.
        was_tried: Whether it was tried before, so that it may have arrived and only the answer was lost.
    """

    to: str
    key: str
    news: tuple[News, ...]
    standing: tuple[Content, ...]
    thread: str | None
    was_tried: bool

    @property
    def is_digest(self) -> bool:
        """Whether it tells of several issues."""
        return len({news.reference for news in self.news}) > 1

    @property
    def is_about_several(self) -> bool:
        """Whether its conversation is about several issues."""
        return len(self.standing) > 1

    @property
    def mentions(self) -> list[str]:
        """Those who must act."""
        return list(dict.fromkeys(who for news in self.news for who in news.content.get("mentions", ())))


class Channel(Protocol):
    """A way for messages to reach people."""

    def send(self, message: Message) -> str | None:
        """Hand over one message.

        Returns:
            Id of the message, if the place gives one.

        Raises:
            Undeliverable: It was not accepted; it stays in the outbox.
        """


def links_of(airflow_url: str, content: Content) -> Content:
    """What is told of an issue, with the addresses of its page and of the run that found it, where there are any."""
    issue = f"{airflow_url}/integrity/issues/{content['reference']}" if airflow_url else ""
    run = str(content["run"])
    # A run of Airflow's; what somebody ran from a terminal has no page.
    has_page = bool(airflow_url) and "__" in run
    at = f"{airflow_url}/dags/ingest__{content['dependency']}/runs/{quote(run, safe='')}" if has_page else ""
    return content | {"issue_link": issue, "run_link": at}


def worst_first(told: tuple[Content, ...]) -> list[Content]:
    """Issues as they are to be read: those to be answered, then what comes of others, then what is over; by impact."""

    def place(content: Content) -> tuple[Any, ...]:
        blocks = content.get("verdict") in ("FAIL", "ERROR")
        is_effect = content["explained_by"] is not None
        return content["status"] in _OVER, is_effect, _WORST_FIRST[content["impact"]], not blocks, content["reference"]

    return sorted(told, key=place)
