"""Handing e-mail to the SMTP server of an Airflow connection."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from integrity.connections import Credentials
from integrity.errors import Transient

MAIL_CONNECTION = "smtp_default"
_TIMEOUT_SECONDS = 30
_PORT, _PORT_TLS = 587, 465
_FROM = "integrity-gates@localhost"
_POLICY = SMTP.clone(max_line_length=900)
"""A subject in one line: folded, it begins with a space for many a reader. 998 is what a server takes."""


def compose(credentials: Credentials, *, to: str, subject: str, lines: list[str], key: str) -> EmailMessage:
    """A mail of our own.

    Args:
        credentials: Whose ``from_email`` it comes from.
        key: Tells the mail from all others; the same mail sent again has the same ``Message-ID``.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = subject
    mail["From"] = credentials.text("from_email") or _FROM
    mail["To"] = to
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key.replace('/', '.')}@{mail['From'].rpartition('@')[2].strip('>')}>"
    # Nobody's holiday notice is an answer to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(lines) + "\n")
    return mail


def send(credentials: Credentials, mail: EmailMessage) -> None:
    """Hand a mail to the server.

    The connection's extra says ``disable_ssl`` where the server does not speak TLS from the start, as on port 587, and
    ``disable_tls`` where it does not speak TLS at all. These are the names of Airflow's own.

    Raises:
        Transient: The server cannot be reached, or does not take it; the text names no address.
    """
    try:
        with _server(credentials) as server:
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise Transient(f"Mail: {type(error).__name__}{code}") from error


def _server(credentials: Credentials) -> smtplib.SMTP:
    host, port = credentials.host, credentials.port
    if credentials.says("disable_ssl"):
        server = smtplib.SMTP(host, port or _PORT, timeout=_TIMEOUT_SECONDS)
        if not credentials.says("disable_tls"):
            server.starttls(context=ssl.create_default_context())
    else:
        context = ssl.create_default_context()
        server = smtplib.SMTP_SSL(host, port or _PORT_TLS, timeout=_TIMEOUT_SECONDS, context=context)
    if credentials.login:
        server.login(credentials.login, credentials.password)
    return server
