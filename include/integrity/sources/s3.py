"""A bucket of S3-compatible storage as a source, and as a place to take feedback to."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError  # type: ignore[import-untyped]
from urllib3.exceptions import HTTPError

from integrity.connections import Credentials, refuse_plain
from integrity.errors import Misconfigured, Transient
from integrity.inventory.sources import S3Outbox, S3Source
from integrity.sources.remote import MOST_FILES, Changed, Look, Patience, RemoteFile, Stream

_CHUNK = 1 << 18
_GONE = {404, 412, 416}


class S3Place:
    """A bucket, and the way to it."""

    def __init__(self, place: S3Outbox, credentials: Credentials, patience: Patience) -> None:
        self._place = place
        endpoint = credentials.text("endpoint_url")
        if endpoint:
            refuse_plain(endpoint, credentials)
        self.address = f"s3 {urlsplit(endpoint).hostname if endpoint else 'amazonaws.com'}"
        # A session of its own: boto3's default one is not safe to share between threads.
        session = boto3.session.Session(
            aws_access_key_id=credentials.login or None,
            aws_secret_access_key=credentials.password or None,
            aws_session_token=credentials.text("aws_session_token"),
            region_name=credentials.text("region_name") or "us-east-1",
        )
        self._client: Any = session.client(
            "s3",
            endpoint_url=endpoint,
            verify=credentials.text("ca_file") or True,
            config=Config(
                connect_timeout=patience.connect_seconds,
                read_timeout=patience.idle_seconds,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": credentials.text("addressing_style") or "auto"},
            ),
        )

    def put(self, path: Path) -> None:
        """Put a file there under its own name, in place of one of that name; it appears whole."""
        with self._told_apart(), path.open("rb") as content:
            self._client.put_object(**self._one(f"{self._place.prefix}{path.name}"), Body=content)

    def close(self) -> None:
        self._client.close()

    def _one(self, key: str) -> dict[str, str]:
        return {"Bucket": self._place.bucket, "Key": key}

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Map what boto3 raises; its own texts may hold addresses with signatures."""
        try:
            yield
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = str(error.response.get("Error", {}).get("Code", ""))
            if status in _GONE and code != "NoSuchBucket":
                raise Changed(f"{self.address}: the object is gone or replaced.", is_gone=status == 404) from None
            if status in {429} or status >= 500 or code in {"SlowDown", "RequestTimeout"}:
                raise Transient(f"{self.address}: the server answered {status}.") from None
            raise Misconfigured(
                f"{self.address}: the server refused ({status} {code[:40]}). "
                f"Check connection '{self._place.connection}' and its rights on the bucket."
            ) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise Misconfigured(
                f"{self.address}: connection '{self._place.connection}' needs login (access key) and password."
            ) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            raise Transient(f"{self.address}: {type(error).__name__}.") from None


class S3Remote(S3Place):
    """Objects under a prefix. Each appears whole, so none is seen growing; a read is bound to its ETag."""

    def __init__(self, source: S3Source, credentials: Credentials, patience: Patience) -> None:
        super().__init__(source, credentials, patience)
        self._source = source

    def look(self, latest: str | None) -> Look:
        with self._told_apart():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._source.bucket, Prefix=self._source.prefix
            )
            found = (entry for page in pages for entry in page.get("Contents", []) if self._is_wanted(entry["Key"]))
            files = tuple(_remote_file(entry) for entry in islice(found, MOST_FILES))
        return Look(files, None)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        asked = {"Range": f"bytes={offset}-"} if offset else {}
        with self._told_apart():
            body = self._client.get_object(**self._one(file.name), IfMatch=_etag(file.version), **asked)["Body"]
        try:
            yield Stream(offset, self._mapped(body))
        finally:
            body.close()

    def digests(self, file: RemoteFile) -> dict[str, str]:
        head = self._head(file.name, file.version)
        given = {}
        if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
            for algorithm in ("sha256", "sha1", "crc32"):
                checksum = head.get(f"Checksum{algorithm.upper()}")
                # Of parts and not of the whole, where a number follows.
                if checksum and "-" not in checksum:
                    given[algorithm] = b64decode(checksum).hex()
        is_md5 = re.fullmatch(r"[0-9a-f]{32}", str(head["ETag"]).strip('"')) is not None
        if is_md5 and head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head:
            given["md5"] = str(head["ETag"]).strip('"')
        return given

    def confirm(self, file: RemoteFile) -> None:
        """Nothing to do: every read was bound to the version."""

    def clear(self, name: str, version: str, archive_as: str | None) -> None:
        try:
            self._head(name, version)
        except Changed as changed:
            if changed.is_gone:
                return
            raise
        with self._told_apart():
            if archive_as is not None:
                self._client.copy_object(
                    Bucket=self._source.bucket,
                    Key=f"{self._source.archive_prefix}{archive_as}",
                    CopySource=self._one(name),
                    CopySourceIfMatch=_etag(version),
                )
            self._client.delete_object(**self._one(name))

    def _mapped(self, body: Any) -> Iterator[bytes]:
        with self._told_apart():
            yield from body.iter_chunks(_CHUNK)

    def _is_wanted(self, key: str) -> bool:
        archive = self._source.archive_prefix
        if key.endswith("/") or (archive and key.startswith(archive)):
            return False
        return fnmatchcase(key.rsplit("/", 1)[-1], self._source.pattern)

    def _head(self, key: str, version: str | None) -> dict[str, Any]:
        with self._told_apart():
            head: dict[str, Any] = self._client.head_object(**self._one(key), ChecksumMode="ENABLED")
        if head["ETag"] != _etag(version):
            raise Changed(f"{self.address}: the object has been replaced.")
        return head


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    modified: datetime = entry["LastModified"]
    return RemoteFile(
        name=entry["Key"], size=entry["Size"], version=f"etag:{entry['ETag']}", modified_at=modified, is_whole=True
    )


def _etag(version: str | None) -> str:
    return str(version).removeprefix("etag:")
