"""The archive keeps what was received, once, under its hash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from integrity.errors import Rejected
from integrity.submissions.archive import archive_file, archived_path, verify

DATA = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    path.write_bytes(DATA)
    return path


def test_bytes_lie_under_their_hash_read_only(source: Path, tmp_path: Path) -> None:
    archived = archive_file(source, tmp_path / "archive")
    assert (archived.sha256, archived.size_bytes) == (SHA256, len(DATA))
    assert archived.path == archived_path(tmp_path / "archive", SHA256)
    assert archived.path.read_bytes() == DATA
    assert archived.path.stat().st_mode & 0o222 == 0
    assert verify(archived.path, SHA256)
    assert source.exists(), "clearing the inbox is the receiver's business"


def test_the_same_bytes_twice_are_written_once(source: Path, tmp_path: Path) -> None:
    first = archive_file(source, tmp_path / "archive").path.stat()
    again = archive_file(source, tmp_path / "archive").path.stat()
    assert (first.st_ino, first.st_mtime_ns) == (again.st_ino, again.st_mtime_ns)
    assert len([p for p in (tmp_path / "archive").rglob("*") if p.is_file()]) == 1


def test_a_leftover_of_a_killed_process_is_in_nobodys_way(source: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    leftover = tmp_path / "archive" / ".receiving-killed"
    leftover.write_bytes(b"half a fi")
    archived = archive_file(source, tmp_path / "archive")
    assert archived.path.read_bytes() == DATA
    assert leftover.read_bytes() == b"half a fi"


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Rejected, match="not a regular file"):
        archive_file(tmp_path / "pipe", tmp_path / "archive")


def test_a_symlink_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(OSError, match="symbolic link"):
        archive_file(tmp_path / "link", tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_altered_bytes_are_noticed(source: Path, tmp_path: Path) -> None:
    archived = archive_file(source, tmp_path / "archive")
    archived.path.chmod(0o644)
    archived.path.write_bytes(DATA + b"3,4\n")
    assert not verify(archived.path, SHA256)
