"""Settings from the environment, and the network that tests may not use."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from integrity.errors import Misconfigured
from integrity.settings import PROJECT_ROOT, Settings
from pytest_socket import SocketConnectBlockedError


def test_nothing_set() -> None:
    settings = Settings.from_environment({})
    assert settings.home == PROJECT_ROOT / ".integrity"
    assert settings.database_url is None
    assert settings.dependencies == PROJECT_ROOT / "include" / "dependencies"
    assert (settings.inbox, settings.archive) == (settings.home / "inbox", settings.home / "archive")


def test_everything_set(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "INTEGRITY_HOME": str(tmp_path),
            "INTEGRITY_DATABASE_URL": "postgres://u:p@host:5432/w",
            "INTEGRITY_DEPENDENCIES": "elsewhere",
            "INTEGRITY_ARCHIVE_URL": f"file://{tmp_path}/kept",
        }
    )
    assert settings.inbox == tmp_path / "inbox"
    assert settings.database_url == "postgresql://u:p@host:5432/w"
    assert settings.dependencies == PROJECT_ROOT / "elsewhere", "relative to the project, whoever runs it from where"
    assert settings.archive == tmp_path / "kept"


@pytest.mark.parametrize(
    ("name", "value"), [("INTEGRITY_DATABASE_URL", "sqlite:///x.db"), ("INTEGRITY_ARCHIVE_URL", "s3://bucket/kept")]
)
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=rf"{name} begins with"):
        Settings.from_environment({name: value})


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_tests_reach_this_machine_only() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))
    with socket.socket() as inside, pytest.raises(ConnectionRefusedError):
        inside.connect(("127.0.0.1", 9))
