"""Keeps a page on the loopback address to the person at this machine, whatever else runs in their browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integrity.reports.page_headers import NONCE, with_headers

_FORM_BYTES = 1 << 16
"""What a form takes beside the file itself."""


class TooLarge(Exception):
    """More bytes were sent than a file may have."""


class LoopbackOnly:
    """Refuses requests under other names and forms from other sites; bounds what is sent; forbids what a page could do.

    A web site can have its own name point to 127.0.0.1 (DNS rebinding), and any site can send a form to a port of this
    machine: the first is told by ``Host``, the second by ``Origin``.
    """

    def __init__(self, app: ASGIApp, *, port: int, most_bytes: int, refuse: Callable[..., Response]) -> None:
        self._app, self._refuse = app, refuse
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})[NONCE] = nonce
        guarded = with_headers(send, nonce)
        status, reason = self._problem(scope["method"], Headers(scope=scope))
        if reason:
            await self._refuse(Request(scope), status=status, problem=reason)(scope, receive, guarded)
            return
        await self._app(scope, self._counted(receive), guarded)

    def _problem(self, method: str, headers: Headers) -> tuple[int, str]:
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, "This page answers only to the address that was shown when it was started."
        if method not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            return 403, "Files are taken from this page's own form only."
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._most_bytes + _FORM_BYTES:
            return 413, self._too_large()
        return 200, ""

    def _counted(self, receive: Receive) -> Receive:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most_bytes + _FORM_BYTES:
                raise TooLarge(self._too_large())
            return message

        return counted

    def _too_large(self) -> str:
        return (
            f"The file is too large: {self._most_bytes:,} bytes is the most that is taken in (limit 'file_bytes'). "
            "Please send it in parts, or ask for the limit to be raised."
        )
