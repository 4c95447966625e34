"""Who gets in: nobody who is not logged in, wherever they knock; and no form that another site has a browser send."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from integrity.pages.visitor import Recognise, Visitor
from integrity.reports.page_headers import NONCE, with_headers

VISITOR = "visitor"
_FORM_SECONDS = 12 * 60 * 60


class LoggedInOnly:
    """Lets requests through whose sender is known, and says in the request's state who that is."""

    def __init__(self, app: ASGIApp, *, recognise: Recognise, refuse: Callable[[Request], Response]) -> None:
        self._app, self._recognise, self._refuse = app, recognise, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        state = scope.setdefault("state", {})
        nonce = state[NONCE] = secrets.token_urlsafe(16)
        # In Airflow's own frame, a page of the same origin.
        guarded = with_headers(send, nonce, framed_by="'self'")
        visitor = await self._recognise(request)
        if visitor is None:
            await self._refuse(request)(scope, receive, guarded)
            return
        state[VISITOR] = visitor
        await self._app(scope, receive, guarded)


class Forms:
    """Marks forms, so that only those are taken which this page has given to the same visitor."""

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="integrity.pages.forms")

    def mark(self, visitor: Visitor) -> str:
        """What a form holds beside its fields."""
        return self._signer.dumps(visitor.account)

    def are_own(self, request: Request, visitor: Visitor, mark: str) -> bool:
        """Whether a form that was sent is one of the visitor's, and sent from a page of ours.

        Browsers say themselves from where a form comes (``Sec-Fetch-Site``); the mark is for those that do not.
        """
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return False
        try:
            return bool(self._signer.loads(mark, max_age=_FORM_SECONDS) == visitor.account)
        except BadSignature:
            return False
