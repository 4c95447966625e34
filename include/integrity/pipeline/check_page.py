"""The page of ``check --serve``: takes a file, has it judged, and gives its feedback back; keeps the file no longer."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from integrity.errors import IntegrityError
from integrity.inventory.dependency import Dependency
from integrity.pipeline.loopback import LoopbackOnly, TooLarge
from integrity.reports.feedback import PAGES, write_pack
from integrity.reports.feedback_source import FeedbackSource
from integrity.reports.page_headers import NONCE
from integrity.submissions.limits import Limits

Judge = Callable[[Path], FeedbackSource]

_KEPT = 20
"""Results that are kept; the oldest makes room for the next."""
_NAME_BYTES = 200
_BROKEN = "The check itself broke off ({}); this says nothing about your file."


def build_page(dependency: Dependency, judge: Judge, folder: Path, port: int, limits: Limits) -> Starlette:
    """The page as an application.

    Args:
        judge: Judges one file, which lies in a folder that is named after its supplier.
        folder: Where files lie while they are judged, and results until the end; the caller removes it.
        port: Under which it is reached: it answers to no other name.
    """
    desk = _Desk(dependency, judge, folder)

    async def form(request: Request) -> Response:
        return _page(request, **desk.form())

    async def take(request: Request) -> Response:
        async with request.form(max_files=1, max_fields=4, max_part_size=1 << 16) as sent:
            upload = sent.get("file")
            if not isinstance(upload, UploadFile) or not upload.filename:
                raise HTTPException(400, "No file came with this. Choose one, then press the button.")
            supplier = str(sent.get("supplier", ""))
            try:
                token = await run_in_threadpool(desk.judge, upload.file, upload.filename, supplier)
            except (HTTPException, IntegrityError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, its text may quote cells and is not told
                return _page(request, status=500, problem=_BROKEN.format(type(error).__name__))
        return RedirectResponse(f"/checked/{token}", status_code=303)

    async def result(request: Request) -> Response:
        found = desk.result(request.path_params["token"])
        at = f"/checked/{request.path_params['token']}"
        downloads = {"marked": f"{at}/marked", "json": f"{at}/json", "again": "/"}
        content = json.loads(found.json.read_text(encoding="utf-8"))
        return HTMLResponse(
            PAGES.get_template("feedback.html.jinja").render(
                content, downloads=downloads, nonce=request.scope["state"][NONCE]
            )
        )

    async def download(request: Request) -> Response:
        found = desk.result(request.path_params["token"])
        path = found.json if request.path_params["what"] == "json" else found.marked
        if path is None:
            raise HTTPException(404, "Nothing in this file is marked.")
        return FileResponse(path, filename=f"{found.name}.{path.name.split('.', 2)[-1]}")

    app = Starlette(
        routes=[
            Route("/", form, methods=["GET"]),
            Route("/", take, methods=["POST"]),
            Route("/checked/{token}", result),
            Route("/checked/{token}/{what}", download),
        ],
        exception_handlers={HTTPException: _refused, IntegrityError: _refused, TooLarge: _refused},
    )
    app.add_middleware(LoopbackOnly, port=port, most_bytes=limits.file_bytes, refuse=_page)
    return app


class _Result:
    """One file's feedback, as it lies in the folder."""

    def __init__(self, folder: Path, page: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.json = page.with_suffix(".json")
        self.marked = next(iter(sorted(folder.glob(f"{page.stem}.marked.*"))), None)


class _Desk:
    """Judges what is dropped, one file at a time, and keeps what was found."""

    def __init__(self, dependency: Dependency, judge: Judge, folder: Path) -> None:
        self._dependency, self._judge, self._folder = dependency, judge, folder
        self._results: dict[str, _Result] = {}
        self._one_at_a_time = threading.Lock()

    def form(self) -> dict[str, Any]:
        return {"title": self._dependency.title, "suppliers": self._dependency.suppliers}

    def judge(self, sent: IO[bytes], name: str, supplier: str) -> str:
        """Judge a file and keep its feedback.

        Returns:
            The token under which it is found.
        """
        dependency = self._dependency
        if len(dependency.suppliers) == 1:
            supplier = dependency.suppliers[0].code
        if dependency.supplier(supplier) is None:
            raise HTTPException(400, "Choose the supplier whose file this is.")
        token = secrets.token_urlsafe(32)
        kept = self._folder / token
        with self._one_at_a_time, tempfile.TemporaryDirectory(dir=self._folder) as room:
            # The folder's name says whose file it is, as in the inbox.
            path = Path(room) / supplier / _file_name(name)
            path.parent.mkdir()
            with path.open("wb") as file:
                shutil.copyfileobj(sent, file)
            page = write_pack(kept, self._judge(path))
            self._results[token] = _Result(kept, page, path.stem)
            while len(self._results) > _KEPT:
                oldest = self._results.pop(next(iter(self._results)))
                shutil.rmtree(oldest.folder, ignore_errors=True)
        return token

    def result(self, token: str) -> _Result:
        if token not in self._results:
            raise HTTPException(404, "There is nothing here, or not any more: results go when the page is ended.")
        return self._results[token]


def _file_name(given: str) -> str:
    """The file's own name without folders and without what no file's name should hold."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in last if c.isprintable()).strip().lstrip(".")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    # Cut before the ending, and well within the 255 bytes that a file system takes.
    while len(stem.encode()) > _NAME_BYTES:
        stem = stem[:-1]
    return f"{stem}{dot}{ending[:10]}" if stem else "file"


def _page(request: Request, *, status: int = 200, **content: Any) -> Response:
    nonce = request.scope["state"][NONCE]
    return HTMLResponse(PAGES.get_template("check_page.html.jinja").render(content, nonce=nonce), status_code=status)


async def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 413 if isinstance(error, TooLarge) else 422)
    reason = str(getattr(error, "detail", "")) or str(error)
    return _page(request, status=status, problem=reason)
