"""A ticket system that takes news as JSON, signed in the way of the Standard Webhooks specification 1.0."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import httpx

from integrity.alerts.message import Message
from integrity.alerts.rendering import lines_of
from integrity.connections import Credentials, refuse_plain
from integrity.errors import Misconfigured, Undeliverable

_TIMEOUT_SECONDS = 30
_TOO_MANY = 429
_SECRET = "whsec_"  # noqa: S105 - how a secret begins, not one
_TOLD = ("reference", "dependency", "rule", "supplier", "impact", "status", "owner", "due_on", "period", "verdict")
_COUNTED = ("evaluated", "failed", "shown_by")


class WebhookChannel:
    """Posts each message to one address.

    The connection's extra says ``url``; its password is the secret, in base64 after ``whsec_``. A message that is tried
    again comes under the same ``webhook-id``, by which its receiver tells that it has it.
    """

    def __init__(self, name: str, credentials: Credentials) -> None:
        self.url = credentials.text("url") or ""
        if not self.url:
            raise Misconfigured(f"Connection '{name}': its extra says no 'url' to post to.")
        refuse_plain(self.url, credentials)
        try:
            self.secret = base64.b64decode(credentials.password.removeprefix(_SECRET), validate=True)
        except ValueError:
            self.secret = b""
        if len(self.secret) < hashlib.sha256().digest_size // 2:
            raise Misconfigured(
                f"Connection '{name}': its password is no secret of at least 16 bytes, written {_SECRET}<base64>."
            )

    def send(self, message: Message) -> str | None:
        """See ``Channel``."""
        body = json.dumps(as_json(message), ensure_ascii=False).encode()
        moment = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "webhook-id": message.key,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{self._signature(message.key, moment, body)}",
        }
        try:
            answer = httpx.post(self.url, content=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise Undeliverable(f"Webhook: {type(error).__name__}") from error
        if not answer.is_success:
            wait = answer.headers.get("retry-after", "0") if answer.status_code == _TOO_MANY else "0"
            raise Undeliverable(f"Webhook: status {answer.status_code}", int(wait) if wait.isdigit() else 0)
        return None

    def _signature(self, key: str, moment: str, body: bytes) -> str:
        signed = b".".join([key.encode(), moment.encode(), body])
        return base64.b64encode(hmac.new(self.secret, signed, hashlib.sha256).digest()).decode()


def as_json(message: Message) -> dict[str, object]:
    """What a ticket system gets: each news with its words, names and counts."""
    return {
        "type": "integrity.issues",
        "text": lines_of(message),
        "news": [
            {"kind": news.kind} | {name: news.content[name] for name in (*_TOLD, *_COUNTED) if name in news.content}
            for news in message.news
        ],
    }
