"""A folder of an SFTP server as a source, and as a place to take feedback to."""

from __future__ import annotations

import base64
import io
import posixpath
import stat
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.message import Message
from paramiko.pkey import UnknownKeyType

from integrity.connections import Credentials
from integrity.errors import Misconfigured, Transient
from integrity.inventory.sources import SftpOutbox, SftpSource
from integrity.sources.remote import MOST_FILES, Changed, Look, Patience, RemoteFile, Stream

_CHUNK = 1 << 18
_AHEAD = 1 << 20
"""Bytes asked for in advance: lost when the connection breaks, and held in memory where the disk is the slower one."""
_SIDECARS = {".sha256": "sha256", ".sha512": "sha512", ".md5": "md5"}
_MOST_OF_A_SIDECAR = 4096


class SftpPlace:
    """A folder, and the way to it. The server's host key is verified, unless the connection says otherwise in words."""

    def __init__(self, place: SftpOutbox, credentials: Credentials, patience: Patience) -> None:
        self._place = place
        self._credentials = credentials
        self._patience = patience
        if not credentials.host:
            raise Misconfigured(f"Connection '{place.connection}' needs a host.")
        self.address = f"sftp {credentials.host}"
        self._ssh: paramiko.SSHClient | None = None
        self._opened: paramiko.SFTPClient | None = None

    def put(self, path: Path) -> None:
        """Put a file there under its own name, in place of one of that name; it appears whole."""
        unfinished = self._path(f".{path.name}.part")
        with self._told_apart() as sftp:
            _make_folder(sftp, self._place.folder)
            sftp.put(str(path), unfinished)
            sftp.posix_rename(unfinished, self._path(path.name))

    def close(self) -> None:
        if self._ssh is not None:
            self._ssh.close()
        self._ssh = self._opened = None

    def _path(self, name: str) -> str:
        return posixpath.join(self._place.folder, name)

    def _connected(self) -> paramiko.SFTPClient:
        if self._opened is not None:
            return self._opened
        told, seconds = self._credentials, self._patience.connect_seconds
        self._ssh = paramiko.SSHClient()
        _trust(self._ssh, told, self._place.connection)
        self._ssh.connect(
            told.host,
            told.port or 22,
            username=told.login or None,
            password=told.password or None,
            pkey=_private_key(told),
            timeout=seconds,
            banner_timeout=seconds,
            auth_timeout=seconds,
            channel_timeout=seconds,
            # Keys of whoever runs this are none of the connection's.
            allow_agent=False,
            look_for_keys=False,
        )
        self._opened = self._ssh.open_sftp()
        channel = self._opened.get_channel()
        if channel is not None:
            channel.settimeout(self._patience.idle_seconds)
        return self._opened

    @contextmanager
    def _told_apart(self) -> Iterator[paramiko.SFTPClient]:
        """The open session; maps what paramiko raises, and connects anew after a failure."""
        try:
            yield self._connected()
        except FileNotFoundError:
            raise Changed(f"{self.address}: the file or folder is not there.", is_gone=True) from None
        except PermissionError:
            raise Misconfigured(
                f"{self.address}: the server denies access. Check the rights of connection '{self._place.connection}'."
            ) from None
        except paramiko.BadHostKeyException:
            self.close()
            raise Misconfigured(f"{self.address}: its host key is not the one that the connection gives.") from None
        except paramiko.AuthenticationException:
            self.close()
            raise Misconfigured(f"{self.address}: login, password or key are refused.") from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            raise Transient(f"{self.address}: {type(error).__name__}.") from None


class SftpRemote(SftpPlace):
    """Files of one folder.

    A file ``<name>.sha256`` (``.sha512``, ``.md5``) beside another tells its hash, and goes where it goes.
    """

    def __init__(self, source: SftpSource, credentials: Credentials, patience: Patience) -> None:
        super().__init__(source, credentials, patience)
        self._source = source

    def look(self, latest: str | None) -> Look:
        try:
            with self._told_apart() as sftp:
                found = (entry for entry in sftp.listdir_iter(self._source.folder) if stat.S_ISREG(entry.st_mode or 0))
                entries = {entry.filename: entry for entry in islice(found, MOST_FILES)}
        except Changed:
            raise Misconfigured(f"{self.address}: the folder that 'folder' names is not there.") from None
        wanted = [name for name in entries if self._is_wanted(name) and not _is_sidecar(name, entries)]
        return Look(tuple(_remote_file(name, entries[name]) for name in wanted), None)

    @contextmanager
    def open(self, file: RemoteFile, offset: int) -> Iterator[Stream]:
        self.confirm(file)
        with self._told_apart() as sftp:
            reader = sftp.open(self._path(file.name), "rb")
        try:
            yield Stream(offset, self._mapped(reader, offset, file.size or 0))
        finally:
            reader.close()

    def digests(self, file: RemoteFile) -> dict[str, str]:
        given = {}
        for suffix, algorithm in _SIDECARS.items():
            try:
                with self._told_apart() as sftp, sftp.open(self._path(file.name) + suffix, "rb") as reader:
                    words = reader.read(_MOST_OF_A_SIDECAR).decode("ascii", "replace").split()
            except Changed:
                continue  # There is none.
            given[algorithm] = words[0].lstrip("\\") if words else "blank"
        return given

    def confirm(self, file: RemoteFile) -> None:
        with self._told_apart() as sftp:
            found = sftp.lstat(self._path(file.name))
        if _version(found) != file.version or not stat.S_ISREG(found.st_mode or 0):
            raise Changed(f"{self.address}: the file has changed.")

    def clear(self, name: str, version: str, archive_as: str | None) -> None:
        try:
            with self._told_apart() as sftp:
                found = sftp.lstat(self._path(name))
        except Changed:
            found = None  # Gone: a run that was killed had got so far.
        if found is not None and _version(found) != version:
            raise Changed(f"{self.address}: the file has been replaced.")
        # The file last, so that a run that is killed between them finds it and comes back for its companions.
        for suffix in (*_SIDECARS, ""):
            with self._told_apart() as sftp:
                self._clear_one(sftp, self._path(name) + suffix, archive_as + suffix if archive_as else None)

    def _mapped(self, reader: paramiko.SFTPFile, offset: int, size: int) -> Iterator[bytes]:
        with self._told_apart():
            yield from _read(reader, offset, size)

    def _clear_one(self, sftp: paramiko.SFTPClient, path: str, archive_as: str | None) -> None:
        try:
            if archive_as is None:
                sftp.remove(path)
                return
            folder = str(self._source.archive_folder)
            _make_folder(sftp, folder)
            sftp.rename(path, posixpath.join(folder, archive_as))
        except FileNotFoundError:
            return

    def _is_wanted(self, name: str) -> bool:
        return "/" not in name and fnmatchcase(name, self._source.pattern)


def _make_folder(sftp: paramiko.SFTPClient, folder: str) -> None:
    try:
        sftp.stat(folder)
    except FileNotFoundError:
        sftp.mkdir(folder)


def _read(reader: paramiko.SFTPFile, offset: int, size: int) -> Iterator[bytes]:
    while offset < size:
        ends = min(offset + _AHEAD, size)
        reader.seek(offset)
        reader.prefetch(ends)
        while offset < ends:
            chunk = reader.read(min(_CHUNK, ends - offset))
            if not chunk:
                return
            offset += len(chunk)
            yield chunk


def _trust(ssh: paramiko.SSHClient, told: Credentials, connection: str) -> None:
    """Say which host key is the server's."""
    ssh.set_missing_host_key_policy(_Unknown(connection))
    given, known_hosts = told.text("host_key"), told.text("known_hosts")
    if given:
        try:
            data = base64.b64decode(given.split()[-1] if " " not in given else given.split()[1], validate=True)
            kind = Message(data).get_text()
            key = paramiko.PKey.from_type_string(kind, data)
        except (NotBase64, IndexError, ValueError, paramiko.SSHException, UnknownKeyType):
            raise Misconfigured(f"'host_key' of connection '{connection}' is no public key in base64.") from None
        port = told.port or 22
        ssh.get_host_keys().add(told.host if port == 22 else f"[{told.host}]:{port}", kind, key)
    elif known_hosts:
        if not Path(known_hosts).is_file():
            raise Misconfigured(f"'known_hosts' of connection '{connection}': there is no such file.")
        ssh.load_host_keys(known_hosts)
    elif told.says("no_host_key_check"):
        ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())


class _Unknown(paramiko.MissingHostKeyPolicy):
    """Refuse a server whose key nobody has vouched for."""

    def __init__(self, connection: str) -> None:
        self._connection = connection

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise Misconfigured(
            f"sftp {hostname}: connection '{self._connection}' does not say which host key is the server's. "
            "Give 'host_key' or 'known_hosts' in its extra."
        )


def _private_key(told: Credentials) -> paramiko.PKey | None:
    text, path, passphrase = told.text("private_key"), told.text("key_file"), told.text("private_key_passphrase")
    if text is None and path is None:
        return None
    try:
        if text is None:
            return paramiko.PKey.from_path(str(path), passphrase)
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            try:
                return kind.from_private_key(io.StringIO(text.replace("\\n", "\n")), passphrase)
            except paramiko.PasswordRequiredException:
                raise
            except paramiko.SSHException:
                continue
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType):
        pass
    raise Misconfigured(f"sftp {told.host}: the connection's private key cannot be read.")


def _is_sidecar(name: str, names: dict[str, paramiko.SFTPAttributes]) -> bool:
    stem, suffix = posixpath.splitext(name)
    return suffix in _SIDECARS and stem in names


def _version(found: paramiko.SFTPAttributes) -> str:
    return f"modified:{found.st_mtime};size:{found.st_size}"


def _remote_file(name: str, found: paramiko.SFTPAttributes) -> RemoteFile:
    modified = datetime.fromtimestamp(found.st_mtime, UTC) if found.st_mtime else None
    return RemoteFile(name=name, size=found.st_size, version=_version(found), modified_at=modified)
