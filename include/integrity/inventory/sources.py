"""Where a supplier's files are fetched from, and its feedback is taken to, as a dependency's folder declares it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_CONNECTION = r"^[A-Za-z0-9_]{1,100}$"
"""An Airflow connection is found by the name of a variable, too."""


def _safe_address(value: str) -> str:
    parts = urlsplit(value)
    loopback = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise ValueError("the address must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("login and password belong into the connection, not into the address")
    return value


class _Place(BaseModel):
    """A place that a supplier shares with us.

    Attributes:
        supplier: Whose it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    supplier: str


class S3Outbox(_Place):
    """Keys of a bucket of S3-compatible storage.

    Attributes:
        prefix: Every key begins so.
    """

    kind: Literal["s3"]
    connection: str = Field(pattern=_CONNECTION)
    bucket: str = Field(min_length=3, max_length=255)
    prefix: str = ""

    def meets(self, other: _Place) -> bool:
        """Whether a key could belong to both."""
        if not isinstance(other, S3Outbox) or (self.connection, self.bucket) != (other.connection, other.bucket):
            return False
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)


class SftpOutbox(_Place):
    """A folder of an SFTP server."""

    kind: Literal["sftp"]
    connection: str = Field(pattern=_CONNECTION)
    folder: str = Field(min_length=1)

    def meets(self, other: _Place) -> bool:
        """Whether it is the same folder; those below it are places of their own."""
        if not isinstance(other, SftpOutbox) or self.connection != other.connection:
            return False
        return PurePosixPath(self.folder) == PurePosixPath(other.folder)


class MailOutbox(_Place):
    """A supplier's mailbox.

    Attributes:
        attach: Whether the pack itself may travel by mail. It holds the supplier's own rows.
        link: Where they find the pack otherwise: an address, to which its file's name is added.
    """

    kind: Literal["mail"]
    connection: str = Field(default="smtp_default", pattern=_CONNECTION)
    to: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    attach: bool = False
    link: Annotated[str, AfterValidator(_safe_address)] | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> MailOutbox:
        if not self.attach and self.link is None:
            raise ValueError("a mail tells where the pack is ('link'), has it attached ('attach: true'), or both")
        return self

    def meets(self, other: _Place) -> bool:
        """Whether it is the same mailbox."""
        return isinstance(other, MailOutbox) and self.to.casefold() == other.to.casefold()


class _Source(_Place):
    """Where a supplier leaves files for us to fetch, beside the inbox.

    Attributes:
        settled_seconds: A file is taken once it has not changed for so long.
    """

    settled_seconds: int = Field(default=60, ge=0, le=3600)


class S3Source(S3Outbox, _Source):
    """A bucket of S3-compatible storage.

    Attributes:
        pattern: Only keys whose last part matches, as in ``*.csv``.
        after: What becomes of an object that is registered here.
    """

    pattern: str = "*"
    after: Literal["leave", "archive", "delete"] = "leave"
    archive_prefix: str | None = Field(default=None, pattern=r"[^/]/$")

    @model_validator(mode="after")
    def _archive_is_told(self) -> S3Source:
        if (self.after == "archive") != (self.archive_prefix is not None):
            raise ValueError("'after: archive' and 'archive_prefix' go together")
        return self


class SftpSource(SftpOutbox, _Source):
    """A folder of an SFTP server, without its sub-folders."""

    pattern: str = "*"
    after: Literal["leave", "archive", "delete"] = "leave"
    archive_folder: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _archive_is_told(self) -> SftpSource:
        if (self.after == "archive") != (self.archive_folder is not None):
            raise ValueError("'after: archive' and 'archive_folder' go together")
        if self.archive_folder and self.archive_folder.rstrip("/") == self.folder.rstrip("/"):
            raise ValueError("'archive_folder' is the folder that files are taken from")
        return self


class HttpsSource(_Source):
    """One file at an address, fetched when it has changed.

    Attributes:
        connection: None for what anybody may fetch.
        name: What to call the file here; otherwise as in the address.
    """

    kind: Literal["https"]
    connection: str | None = Field(default=None, pattern=_CONNECTION)
    url: Annotated[str, AfterValidator(_safe_address)]
    name: str | None = Field(default=None, pattern=r"^[^./\\][^/\\]*$", max_length=200)


Source = Annotated[S3Source | SftpSource | HttpsSource, Field(discriminator="kind")]
Outbox = Annotated[S3Outbox | SftpOutbox | MailOutbox, Field(discriminator="kind")]
