"""Alerts by e-mail; a conversation is a thread."""

from __future__ import annotations

from integrity.alerts.message import Message
from integrity.alerts.rendering import lines_of
from integrity.connections import Credentials
from integrity.errors import Transient, Undeliverable
from integrity.mailing import compose, send


class MailChannel:
    """Hands messages to an SMTP server."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def send(self, message: Message) -> str | None:
        """See ``Channel``. That it is tried again after its answer was lost can be told by its ``Message-ID``."""
        lines = lines_of(message)
        mail = compose(self.credentials, to=message.to, subject=lines[0], lines=lines, key=message.key)
        if message.thread:
            mail["In-Reply-To"] = mail["References"] = message.thread
        try:
            send(self.credentials, mail)
        except Transient as error:
            raise Undeliverable(str(error)) from error
        return str(mail["Message-ID"])
