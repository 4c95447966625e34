"""Slack's Socket Mode: clicks come in by a connection that this machine has opened, so that no port is open to anybody.

Slack's client keeps the connection, and opens it anew when Slack asks for that. Here each envelope is acknowledged
within Slack's three seconds, whatever takes longer, and handed to the desk.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Timer
from typing import Any, Protocol
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from integrity.alerts.slack_client import client_log, tokens, web_client
from integrity.connections import Credentials, is_loopback
from integrity.errors import Misconfigured, Transient, kind_and_place

log = logging.getLogger("integrity.slack")

BEAT_SECONDS = 5.0
"""So often a listener says that it is connected."""
ANSWER_SECONDS = 2.5
"""So long a form is worked on before Slack, which waits for three seconds, is answered without the outcome."""
_AT_ONCE = 4
_REMEMBERED = 1_000
_TLS_PORT = 443
_OUR_FAULT = {
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
    "missing_scope", "no_permission", "socket_mode_not_enabled",
}  # fmt: skip
"""What Slack says where asking again cannot help."""


@dataclass(frozen=True)
class Reply:
    """What came of a form.

    Attributes:
        answer: What Slack is answered; None where the form may close.
        settle: What is left to do once that is sent; told whether it arrived in time, and so was seen.
    """

    answer: dict[str, Any] | None = None
    settle: Callable[[bool], None] = lambda was_seen: None


class Desk(Protocol):
    """Takes what people click and enter; in several threads at once."""

    def click(self, payload: Mapping[str, Any]) -> None:
        """Do what a button says."""

    def submit(self, payload: Mapping[str, Any]) -> Reply:
        """Do what a form asks."""


class _Client(SocketModeClient):
    """Slack's client, which speaks without TLS to any port but 443, and leaves a connection open that it is making."""

    def issue_new_wss_url(self) -> str:
        url = super().issue_new_wss_url()
        parts = urlsplit(url)
        if (parts.scheme, parts.port or _TLS_PORT) != ("wss", _TLS_PORT) and not is_loopback(parts.hostname):
            raise SlackClientError("Slack names an address without TLS.")
        return url

    def connect(self) -> None:
        super().connect()
        # Slack may have asked for another connection just before this one was to end.
        if self.closed:
            self.disconnect()

    def disconnect(self) -> None:
        # Where another thread ends the same session, Slack's client looks for its socket, waits, and finds it gone.
        with suppress(AttributeError):
            super().disconnect()


class _Acknowledgement:
    """Of one envelope, sent once."""

    def __init__(self, client: BaseSocketModeClient, envelope: str) -> None:
        self._client, self._envelope = client, envelope
        self._lock, self._is_sent = Lock(), False

    def send(self, answer: dict[str, Any] | None = None) -> bool:
        """Whether this is what Slack is answered."""
        with self._lock:
            if self._is_sent:
                return False
            self._is_sent = True
        try:
            self._client.send_socket_mode_response(SocketModeResponse(self._envelope, answer))
        except SlackClientError as error:
            # Slack sends it again, and what is done is not done twice.
            log.warning("Slack could not be answered: %s", type(error).__name__)
            return False
        return True


class Listener:
    """Listens until it is stopped.

    Raises:
        Misconfigured: The connection lacks one of the two tokens.
    """

    def __init__(self, credentials: Credentials, desk: Desk) -> None:
        token = tokens(credentials)
        self._client = _Client(
            token, web_client=web_client(credentials), logger=client_log(), proxy=credentials.text("proxy")
        )
        self._client.socket_mode_request_listeners.append(self._take)
        self._desk = desk
        self._work = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="slack")
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._seen_lock = Lock()
        self._is_stopping = False

    def run(self, stopped: Event, say: Callable[[str], None], beat: Callable[[], None] | None = None) -> None:
        """Listen until ``stopped`` is set; what is being done then is done to its end.

        Args:
            say: Is told once how it began.
            beat: Called every few seconds while Slack is connected.

        Raises:
            Misconfigured: Slack does not let us in.
            Transient: Slack cannot be asked for a connection.
        """
        try:
            self._connect()
            say("Listening to Slack." if self._client.is_connected() else "Slack is out of reach; trying again.")
            while True:
                if beat and self._client.is_connected():
                    beat()
                if stopped.wait(BEAT_SECONDS):
                    return
        finally:
            self._is_stopping = True
            self._work.shutdown(wait=True)
            self._client.close()

    def _connect(self) -> None:
        try:
            self._client.connect()
        except SlackApiError as error:
            why = str(error.response.get("error"))
            if why not in _OUR_FAULT:
                raise Transient(f"Slack does not open a connection: {why}.") from None
            raise Misconfigured(
                f"Slack does not let the app in: {why}. Check that Socket Mode is on, and that app_token is the app's "
                "token with the scope connections:write (docs/alerts.md, Buttons)."
            ) from None
        except (SlackClientError, OSError) as error:
            raise Transient(f"Slack cannot be reached: {type(error).__name__}.") from None

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        if self._is_stopping:
            return  # Slack sends it again, to whoever listens then.
        acknowledgement = _Acknowledgement(client, request.envelope_id)
        kind = request.payload.get("type") if request.type == "interactive" else None
        if kind == "view_submission":
            self._start(self._submit, request, acknowledgement)
            return
        acknowledgement.send()
        if kind == "block_actions" and self._is_new(request.envelope_id):
            self._start(self._click, request, acknowledgement)

    def _is_new(self, envelope: str) -> bool:
        with self._seen_lock:
            if envelope in self._seen:
                return False
            self._seen[envelope] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def _start(self, work: Callable[..., None], request: SocketModeRequest, acknowledgement: _Acknowledgement) -> None:
        patience = Timer(ANSWER_SECONDS, acknowledgement.send)
        patience.daemon = True
        patience.start()

        def end(done: Future[None]) -> None:
            patience.cancel()
            error = done.exception()
            if error is not None:
                log.error("an answer from Slack failed: %s", kind_and_place(error))

        self._work.submit(work, request, acknowledgement).add_done_callback(end)

    def _click(self, request: SocketModeRequest, _: _Acknowledgement) -> None:
        self._desk.click(request.payload)

    def _submit(self, request: SocketModeRequest, acknowledgement: _Acknowledgement) -> None:
        reply = self._desk.submit(request.payload)
        was_seen = acknowledgement.send(reply.answer)
        reply.settle(was_seen)
