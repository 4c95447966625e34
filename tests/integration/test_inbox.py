"""What lies in the inbox is taken in when it is complete, and nothing that lies there stops the others."""

from __future__ import annotations

import logging
import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.errors import Misconfigured
from integrity.pipeline import receiving
from integrity.pipeline.office import Office
from integrity.settings import Settings
from integrity.submissions.inbox import settled_seconds
from integrity.warehouse.connection import open_engine

REGIONAL = "regional_hospital_activity"


def _folder(settings: Settings) -> Path:
    return settings.inbox / REGIONAL / "protezione_civile"


def _receive(settings: Settings) -> list[int]:
    return receiving.receive(Office.open(REGIONAL, settings), date(2020, 4, 28))


def test_a_file_that_grows_while_it_is_copied_is_left(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    settings, folder = warehouse, _folder(warehouse)
    folder.mkdir(parents=True)
    path = folder / "20200428.csv"
    path.write_bytes(b"a\n1\n")
    copy = receiving.archive_file

    def copy_while_it_grows(source: Path, archive: Path) -> Any:
        archived = copy(source, archive)
        with source.open("ab") as file:
            file.write(b"2\n")
        return archived

    with monkeypatch.context() as patched:
        patched.setattr(receiving, "archive_file", copy_while_it_grows)
        assert _receive(settings) == []
    assert path.read_bytes() == b"a\n1\n2\n"
    assert "still being written" in caplog.text
    with open_engine(settings).connect() as connection:
        ask = "SELECT (SELECT count(*) FROM register.submission) + (SELECT count(*) FROM register.unidentified)"
        assert connection.exec_driver_sql(ask).scalar_one() == 0
    _receive(settings)
    assert not path.exists()


def test_a_fresh_file_waits_where_the_inbox_says_so(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, folder = warehouse, _folder(warehouse)
    monkeypatch.setenv("INTEGRITY_INBOX_SETTLED_SECONDS", "30")
    folder.mkdir(parents=True)
    path = folder / "20200428.csv"
    path.write_bytes(b"a\n1\n")
    _receive(settings)
    assert path.exists()
    os.utime(path, (time.time() - 60,) * 2)
    _receive(settings)
    assert not path.exists()


@pytest.mark.parametrize("given", ["-1", "soon", "86401", "1.5"])
def test_a_wait_that_is_no_wait_is_refused(given: str) -> None:
    with pytest.raises(Misconfigured, match="INTEGRITY_INBOX_SETTLED_SECONDS"):
        settled_seconds({"INTEGRITY_INBOX_SETTLED_SECONDS": given})


@pytest.mark.timeout(60)
def test_pipes_and_links_in_the_inbox_stop_nothing(warehouse: Settings, caplog: Any, tmp_path: Path) -> None:
    settings, folder = warehouse, _folder(warehouse)
    (tmp_path / "secret").write_bytes(b"ours")
    (folder / ".hidden").mkdir(parents=True)
    (folder / ".hidden" / "half.csv").write_bytes(b"a")
    os.mkfifo(folder / "pipe\n\x1b[31m.csv")
    (folder / "link.csv").symlink_to(tmp_path / "secret")
    (folder / "folder_link").symlink_to(tmp_path)
    (folder / "20200428.csv").write_bytes(b"a\n1\n")
    _receive(settings)
    assert sorted(p.name for p in folder.iterdir()) == [".hidden", "folder_link", "link.csv", "pipe\n\x1b[31m.csv"]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 3
    assert all(error.isprintable() for error in errors)
