"""One file at an HTTPS address as a source."""

from __future__ import annotations

import logging
import re
import ssl
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from integrity.connections import Credentials, refuse_plain
from integrity.errors import Misconfigured, Transient
from integrity.inventory.sources import HttpsSource
from integrity.sources.remote import Changed, Look, Patience, RemoteFile, Stream

_DIGEST = re.compile(r"(md5|sha|sha-256|sha-512)=:?([A-Za-z0-9+/=]+):?", re.IGNORECASE)
_NO_HEAD = {403, 404, 405, 501}

# It tells every address at INFO, with the query that a redirect has signed.
logging.getLogger("httpx").setLevel(logging.WARNING)


class HttpsRemote:
    """A single address. A file that is as it was costs one request; a broken-off one is continued with ``Range``."""

    def __init__(self, source: HttpsSource, credentials: Credentials, patience: Patience) -> None:
        self._source = source
        self.address = f"https {urlsplit(source.url).hostname}"
        refuse_plain(source.url, credentials)
        token = credentials.text("bearer_token")
        self._client = httpx.Client(
            auth=(credentials.login, credentials.password) if credentials.login else None,
            # Not Accept-Encoding: gzip, since size and hash are those of the file as it lies there.
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})},
            verify=_tls(credentials),
            timeout=httpx.Timeout(patience.idle_seconds, connect=patience.connect_seconds),
            follow_redirects=True,
            max_redirects=5,
            event_hooks={"request": [lambda request: refuse_plain(str(request.url), credentials)]},
        )
        self._digests: dict[str, str] = {}

    def look(self, latest: str | None) -> Look:
        conditional = _conditional(latest)
        with self._told_apart():
            answer = self._client.head(self._source.url, headers=conditional)
            if answer.status_code in _NO_HEAD:
                # Some servers know GET only. The content is not read.
                with self._client.stream("GET", self._source.url, headers=conditional) as answer:
                    pass
            at = _moment(answer.headers.get("Date"))
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return Look((), at)
            self._require(answer, {200})
        self._digests = _digests(answer)
        modified = _moment(answer.headers.get("Last-Modified"))
        size = answer.headers.get("Content-Length", "")
        return Look(
            (
                RemoteFile(
                    name=self._source.name or urlsplit(self._source.url).path,
                    size=int(size) if size.isdigit() else None,
                    version=_version(answer),
                    modified_at=modified,
                ),
            ),
            at,
        )

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        asked = {"Range": f"bytes={offset}-"} if offset else {}
        with self._told_apart():
            answer = self._client.send(self._client.build_request("GET", self._source.url, headers=asked), stream=True)
        try:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise Changed(f"{self.address}: the file is shorter than it was.")
            self._require(answer, {200, 206})
            if _version(answer) != file.version:
                raise Changed(f"{self.address}: the file has been replaced.")
            begins = 0
            if answer.status_code == httpx.codes.PARTIAL_CONTENT:
                begins = _begins(answer)
                if begins != offset:
                    raise Transient(f"{self.address}: the server sent another part than the one asked for.")
            else:
                self._digests |= _digests(answer)
            # Raw: a server that compresses all the same is taken at its word, so that hash and size still agree.
            yield Stream(begins, self._mapped(answer))
        finally:
            answer.close()

    def digests(self, file: RemoteFile) -> dict[str, str]:
        return dict(self._digests)

    def confirm(self, file: RemoteFile) -> None:
        """Nothing to do: every answer was of this version."""

    def clear(self, name: str, version: str, archive_as: str | None) -> None:
        """Never asked for: what lies at an address stays there."""
        raise Misconfigured(f"{self.address}: a file at an address cannot be archived or deleted.")

    def close(self) -> None:
        self._client.close()

    def _mapped(self, answer: httpx.Response) -> Iterator[bytes]:
        with self._told_apart():
            yield from answer.iter_raw()

    def _require(self, answer: httpx.Response, expected: set[int]) -> None:
        status = answer.status_code
        if status in expected:
            return
        if status in {408, 425, 429} or status >= 500:
            raise Transient(f"{self.address}: the server answered {status}.")
        raise Misconfigured(f"{self.address}: the server answered {status}. Check the address and its connection.")

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Map what httpx raises; its own texts may hold the address."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Misconfigured(
                    f"{self.address}: its certificate is not to be trusted. "
                    "If it is signed by an authority of your own, give 'ca_file' in the connection."
                ) from None
            if isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol | httpx.InvalidURL):
                raise Misconfigured(f"{self.address}: the address leads nowhere ({type(error).__name__}).") from None
            raise Transient(f"{self.address}: {type(error).__name__}.") from None


def _tls(credentials: Credentials) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=credentials.text("ca_file"))
        certificate = credentials.text("client_certificate")
        if certificate:
            context.load_cert_chain(certificate, credentials.text("client_key"))
    except OSError as error:
        raise Misconfigured(
            "'ca_file', 'client_certificate' or 'client_key' of the connection cannot be read "
            f"({type(error).__name__})."
        ) from None
    return context


def _conditional(latest: str | None) -> dict[str, str]:
    kind, _, value = (latest or "").partition(":")
    return {"etag": {"If-None-Match": value}, "modified": {"If-Modified-Since": value}}.get(kind, {})


def _version(answer: httpx.Response) -> str | None:
    for name, header in (("etag", "ETag"), ("modified", "Last-Modified")):
        if answer.headers.get(header):
            return f"{name}:{answer.headers[header]}"
    return None


def _begins(answer: httpx.Response) -> int:
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(match[1]) if match else -1


def _moment(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def _digests(answer: httpx.Response) -> dict[str, str]:
    """Hashes of the whole file that the headers give, in hexadecimal."""
    headers = answer.headers
    told = _DIGEST.findall(", ".join(headers.get(name, "") for name in ("Repr-Digest", "Content-Digest", "Digest")))
    if "Content-MD5" in headers:
        told.append(("md5", headers["Content-MD5"]))
    found = {}
    for algorithm, value in told:
        name = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}[algorithm.lower()]
        try:
            found[name] = b64decode(value, validate=True).hex()
        except NotBase64:
            found[name] = "unreadable"
    return found
