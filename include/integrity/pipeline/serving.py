"""``check --serve``: a page on this machine to drop a file on, which is judged as the gate would judge it.

Nobody else can reach it, and no other web site that is open in the same browser can use it: it listens on the
loopback address only, answers to its own name only, and takes files from its own page only. A file is kept while it
is judged; what was found is kept until the page is ended, under an address that cannot be guessed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from integrity.errors import Rejected
from integrity.pipeline.check_page import build_page
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.pipeline.returning import feedback_on_check
from integrity.submissions.limits import Limits

_ADDRESS = "127.0.0.1"


def serve(
    office: Office,
    port: int = 0,
    *,
    open_browser: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the page until it is interrupted; nothing that was dropped on it is left behind then.

    Args:
        port: 0 takes any that is free.
        announce: Told the address once it is reserved.

    Raises:
        Rejected: The port is taken.
    """
    limits = Limits.from_environment(os.environ)
    with socket.socket() as reserved, tempfile.TemporaryDirectory(prefix="integrity-check-") as folder:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reserved.bind((_ADDRESS, port))
        except OSError as error:
            raise Rejected(f"Port {port} cannot be used ({error.strerror}). Give another one, or none.") from error
        taken = reserved.getsockname()[1]
        page = build_page(
            office.registered.dependency,
            lambda path: feedback_on_check(office, check(office, [path])),
            Path(folder),
            taken,
            limits,
        )
        config = uvicorn.Config(page, log_config=None, access_log=False, server_header=False, lifespan="off")
        # The server hands a signal on when it is done; unhandled, SIGTERM would leave the folder behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        address = f"http://{_ADDRESS}:{taken}/"
        if announce:
            announce(address)
        if open_browser:
            opening = threading.Timer(0.5, webbrowser.open, [address])
            opening.daemon = True
            opening.start()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[reserved])
