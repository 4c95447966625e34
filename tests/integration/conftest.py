"""The command line; suppliers' servers on loopback: S3 (moto), SFTP (asyncssh), HTTPS, a wire to each to be cut."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh
import boto3
import pytest
import trustme
from integrity.connections import Credentials
from moto.server import ThreadedMotoServer

LOGIN, PASSWORD = "collector", "pa55-of-the-collector"


class Wire:
    """A TCP connection to a server that counts what comes back, and can be cut, slowed to nothing, or down.

    Attributes:
        received: Bytes that the server has sent since the last ``reset``.
        cut_after: Bytes after which every connection breaks.
        cut_once: Only the first one does.
        hangs: Connections are accepted and never answered.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.received = 0
        self.cut_after: int | None = None
        self.cut_once = False
        self.hangs = False
        self.on_bytes: Callable[[int], None] = lambda _: None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._start(self._accept)

    def reset(self, *, cut_after: int | None = None, cut_once: bool = False, hangs: bool = False) -> None:
        self.received, self.cut_after, self.cut_once, self.hangs = 0, cut_after, cut_once, hangs

    def go_down(self) -> None:
        # Closed alone, it would still take the connection that its thread waits for.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.go_down()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, run: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if self.hangs:
                    continue
                server = socket.create_connection(self._target)
                self._open.append(server)
                self._start(self._carry, client, server, False)
                self._start(self._carry, server, client, True)

    def _carry(self, source: socket.socket, sink: socket.socket, comes_back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if comes_back:
                    self.received += len(data)
                    if self.cut_after is not None and self.received > self.cut_after:
                        if self.cut_once:
                            self.cut_after = None
                        break
                    self.on_bytes(self.received)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def types(settled: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Type ``integrity …`` as a user would, at the product in which 27 and 28 April are released."""

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "INTEGRITY_HOME": str(settled.settings.home),
            "INTEGRITY_DATABASE_URL": str(settled.settings.database_url),
            **changed,
        }
        command = [Path(sys.executable).parent / "integrity", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def wire_to() -> Iterator[Callable[[str, int], Wire]]:
    """Lay a wire to a server."""
    wires: list[Wire] = []

    def lay(host: str, port: int) -> Wire:
        wires.append(Wire((host, port)))
        return wires[-1]

    yield lay
    for wire in wires:
        wire.close()


@dataclass
class Bucket:
    """A bucket as its supplier sees it."""

    client: Any
    wire: Wire
    name: str = "submissions"

    def put(self, key: str, content: bytes, **more: Any) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content, **more)

    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def credentials(self, **extra: Any) -> Credentials:
        endpoint = f"http://127.0.0.1:{self.wire.port}"
        return Credentials(login=LOGIN, password=PASSWORD, extra={"endpoint_url": endpoint, "allow_http": True} | extra)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[tuple[str, int]]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def bucket(moto_server: tuple[str, int], wire_to: Callable[[str, int], Wire]) -> Iterator[Bucket]:
    """An empty bucket of S3."""
    client = boto3.session.Session(LOGIN, PASSWORD, region_name="us-east-1").client(
        "s3", endpoint_url="http://{}:{}".format(*moto_server)
    )
    made = Bucket(client, wire_to(*moto_server))
    client.create_bucket(Bucket=made.name)
    yield made
    for key in made.keys():  # noqa: SIM118 - a bucket is no dict
        client.delete_object(Bucket=made.name, Key=key)
    client.delete_bucket(Bucket=made.name)
    client.close()


@dataclass
class Folder:
    """A folder of an SFTP server as its supplier sees it."""

    path: Path
    wire: Wire
    host_key: str
    login_key: str

    def put(self, name: str, content: bytes) -> Path:
        path = self.path / name
        path.write_bytes(content)
        return path

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file())

    def credentials(self, **extra: Any) -> Credentials:
        extra = {"host_key": self.host_key} | extra
        return Credentials("127.0.0.1", self.wire.port, LOGIN, PASSWORD, extra)


class _Door(asyncssh.SSHServer):
    def __init__(self, login_key: asyncssh.SSHKey) -> None:
        self._login_key = login_key.public_data

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return (username, key.public_data) == (LOGIN, self._login_key)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (LOGIN, PASSWORD)


@pytest.fixture
def folder(tmp_path: Path, wire_to: Callable[[str, int], Wire]) -> Iterator[Folder]:
    """An empty folder ``/out`` of an SFTP server."""
    root = tmp_path / "sftp"
    (root / "out").mkdir(parents=True)
    key, login_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Door(login_key),
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
        )

    async def stop(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(60)
    wire = wire_to("127.0.0.1", server.get_port())
    yield Folder(root / "out", wire, key.export_public_key().decode().strip(), login_key.export_private_key().decode())
    wire.close()
    asyncio.run_coroutine_threadsafe(stop(server), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@dataclass
class Site:
    """An HTTPS server with one file, as its supplier sees it.

    Attributes:
        headers: Sent with the file, beside or instead of the usual ones; None leaves one out.
        asked: Method, status and Range of each request.
        has_head, has_ranges: What the server is capable of.
        becomes: The file's content from the second request on.
    """

    wire: Wire
    ca_file: Path
    content: bytes = b""
    modified_at: float = 1_700_000_000
    headers: dict[str, str | None] = field(default_factory=dict)
    asked: list[tuple[str, int, str | None]] = field(default_factory=list)
    has_head: bool = True
    has_ranges: bool = True
    redirects_to: str | None = None
    needs_login: bool = False
    becomes: bytes | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.wire.port}/open/spend.csv"

    def credentials(self, **extra: Any) -> Credentials:
        return Credentials(login=LOGIN, password=PASSWORD, extra={"ca_file": str(self.ca_file)} | extra)

    def told(self) -> dict[str, str]:
        usual: dict[str, str | None] = {
            "ETag": f'"{hashlib.sha256(self.content).hexdigest()[:16]}"',
            "Last-Modified": formatdate(self.modified_at, usegmt=True),
        }
        return {name: value for name, value in (usual | self.headers).items() if value is not None}


class _SiteHandler(BaseHTTPRequestHandler):
    site: Site

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def _answer(self, *, with_content: bool) -> None:
        site, told = self.site, self.site.told()
        asked = self.headers.get("Range")
        status, content = 200, site.content
        if not with_content and not site.has_head:
            status = 405
        elif site.needs_login and not self.headers.get("Authorization"):
            status = 401
        elif site.redirects_to:
            status, told = 302, {"Location": site.redirects_to}
        elif self._is_as_before(told):
            status = 304
        elif asked and site.has_ranges:
            begins = int(asked.removeprefix("bytes=").removesuffix("-"))
            told["Content-Range"] = f"bytes {begins}-{len(content) - 1}/{len(content)}"
            status, content = 206, content[begins:]
        site.asked.append((self.command, status, asked))
        site.content = site.content if site.becomes is None else site.becomes
        if status not in (200, 206):
            content = b""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **told}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            with suppress(OSError):
                self.wfile.write(content)

    def _is_as_before(self, told: dict[str, str]) -> bool:
        if "If-None-Match" in self.headers:
            return self.headers["If-None-Match"] == told.get("ETag")
        return "If-Modified-Since" in self.headers and self.headers["If-Modified-Since"] == told.get("Last-Modified")

    def log_message(self, *_: Any) -> None:
        pass


class _SiteServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A wire that is cut is part of the test."""


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def site(tmp_path: Path, authority: trustme.CA, wire_to: Callable[[str, int], Wire]) -> Iterator[Site]:
    """An HTTPS server with a certificate of its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(ca_file)
    handler = type("Handler", (_SiteHandler,), {})
    server = _SiteServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Site(wire_to("127.0.0.1", server.server_port), ca_file)
    handler.site = made
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.wire.close()
    server.shutdown()
    server.server_close()
    thread.join()
