"""An alert's words, for an owner who has never seen the product. Content holds counts and names, never values.

The words stand in ``templates``, a file for each purpose; what is put into them is made harmless here.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from integrity.alerts.message import Content, Message, News, worst_first

_HARMLESS = str.maketrans("<>&`*", "‹›+'·")
SHOWN = 15
"""So many issues stand in a digest; whoever reads more of them reads the register."""
PLAIN_SIGNS = {"open": "-", "acknowledged": "-", "investigating": "-", "resolved": "✓", "closed": "✓"}
"""By an issue's status, before its line in a digest where there are no pictures."""


def plain(text: str) -> str:
    """Text without control characters or markup of Slack's, so that a file's name cannot mention or link."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "", text).translate(_HARMLESS)


def _harmless(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


_TEMPLATES = Environment(
    loader=PackageLoader("integrity.alerts"),
    # Not HTML: what harms in Slack, in mail and in a terminal is taken out of every value instead.
    autoescape=False,  # noqa: S701
    finalize=_harmless,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def headline(kind: str, content: Content) -> str:
    """One line that says what happened."""
    return _lines("headline", kind=kind, c=content)[0]


def body(kind: str, content: Content) -> list[str]:
    """The lines below it: what is wrong, what was done, what to do, who must answer by when."""
    return _lines("issue", kind=kind, c=content)


def state(content: Content) -> list[str]:
    """How an issue stands now: a line, and those below it."""
    return _lines("state", c=content)


def digest(told: tuple[Content, ...], signs: dict[str, str]) -> list[str]:
    """Several issues: a line, and one for each, the worst first."""
    return _lines("digest", told=worst_first(told), shown=SHOWN, signs=signs)


def lines_of(message: Message, signs: dict[str, str] = PLAIN_SIGNS) -> list[str]:
    """All that a message says, line by line, the first of which says it in short."""
    if message.is_digest and message.thread is None:
        return digest(message.standing, signs)
    if message.is_digest:
        return digest(_told(message.news), signs)
    first, *later = message.news
    lines = [headline(first.kind, first.content), *body(first.kind, first.content)]
    for news in later:
        lines += [headline(news.kind, news.content), *body(news.kind, news.content)]
    return lines


def _told(news: tuple[News, ...]) -> tuple[Content, ...]:
    """The last that is told of each issue."""
    return tuple({each.reference: each.content for each in news}.values())


def _lines(template: str, **values: Any) -> list[str]:
    rendered = _TEMPLATES.get_template(f"{template}.jinja").render(**values)
    return [line.strip() for line in rendered.splitlines() if line.strip()]
