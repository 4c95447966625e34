"""Headers that every page of ours is sent with: a browser lets it do nothing that it does not need."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

NONCE = "nonce"
"""Where in a request's state the nonce is, without which no style and no script of the page is taken."""


def with_headers(send: Send, nonce: str, *, framed_by: str = "'none'") -> Send:
    """Have a response sent with them.

    Args:
        framed_by: Pages that may show it in a frame.
    """
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {framed_by}"
    )
    fixed: dict[str, Any] = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": browsers then hide the origin of a form as well.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(fixed)
        await send(message)

    return guarded
