"""Slack's own client, as everything here that speaks to Slack uses it: with a bot's token, and silent about tokens."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from integrity.connections import Credentials
from integrity.errors import Misconfigured

if TYPE_CHECKING:
    from slack_sdk import WebClient

SLACK_CONNECTION = "slack_default"

_SECRET = re.compile(r"x(?:app|ox[a-z]+|wfp)-[\w.-]+|(?<=ticket=)[^&\s'\"]+")
"""Slack's tokens, and what lets whoever has it into a connection that is being opened."""


def redacted(text: str) -> str:
    """Text without tokens of Slack's."""
    return _SECRET.sub("[redacted]", text)


class _Redacting(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        record.exc_info, record.exc_text, record.stack_info = None, None, None
        return True


def client_log() -> logging.Logger:
    """The log of Slack's client: warnings and errors without tokens.

    What it would say in detail holds all that people write, whatever level the root of the logs is set to.
    """
    log = logging.getLogger("integrity.slack.client")
    log.setLevel(logging.WARNING)
    if not log.filters:
        log.addFilter(_Redacting())
    return log


def web_client(credentials: Credentials) -> WebClient:
    """With a bot's token, which is the connection's password; ``base_url`` and ``proxy`` may stand in its extra.

    It repeats nothing by itself: after a broken connection it would post a second time what may have arrived.
    """
    from slack_sdk import WebClient

    base_url, proxy = credentials.text("base_url") or WebClient.BASE_URL, credentials.text("proxy")
    return WebClient(
        token=credentials.password,
        base_url=base_url,
        timeout=10,
        proxy=proxy,
        logger=client_log(),
        retry_handlers=[],
    )


def tokens(credentials: Credentials) -> str:
    """The app's token, where the connection has all that listening needs.

    Raises:
        Misconfigured: One of the two tokens is missing, or stands in the other's place.
    """
    app = app_token(credentials)
    if app is None:
        raise Misconfigured(
            f"The connection '{SLACK_CONNECTION}' has no app token, so there are no buttons to listen to. Add "
            '"app_token": "xapp-…" to its extra (docs/alerts.md, Buttons).'
        )
    if not app.startswith("xapp-"):
        raise Misconfigured(
            f"The app_token of the connection '{SLACK_CONNECTION}' is none: an app's token begins with xapp-. "
            "The bot's, xoxb-…, is the password (docs/alerts.md, Buttons)."
        )
    if not credentials.password:
        raise Misconfigured(
            f"The connection '{SLACK_CONNECTION}' has an app token and no bot's: set its password to xoxb-… "
            "(docs/alerts.md, Where news goes)."
        )
    return app


def app_token(credentials: Credentials) -> str | None:
    """The token with which the app listens; where there is none, messages have no buttons."""
    return credentials.text("app_token")
