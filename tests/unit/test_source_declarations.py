"""What a dependency may declare as a source, and how a connection to it is read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from integrity.connections import Credentials, connections_from_environment
from integrity.errors import Misconfigured
from integrity.inventory.dependency import Dependency
from integrity.settings import PROJECT_ROOT
from pydantic import ValidationError


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    path = PROJECT_ROOT / "include" / "dependencies" / "regional_hospital_activity" / "dependency.yml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_three_kinds_of_source_are_declared(declared: dict[str, Any]) -> None:
    sources = [
        {"kind": "s3", "connection": "c", "bucket": "bbb", "after": "archive", "archive_prefix": "taken/"},
        {"kind": "sftp", "connection": "c", "folder": "/out", "after": "delete"},
        {"kind": "https", "url": "https://example.org/a.csv"},
    ]
    told = [{"supplier": "protezione_civile", **source} for source in sources]
    found = Dependency.model_validate(declared | {"sources": told}).sources
    assert [(source.kind, source.settled_seconds) for source in found] == [("s3", 60), ("sftp", 60), ("https", 60)]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"kind": "https", "url": "http://example.org/a.csv"}, "https://"),
        ({"kind": "https", "url": "https://me:secret@example.org/a.csv"}, "connection"),
        ({"kind": "https", "url": "https://example.org/a.csv", "name": "../a.csv"}, "name"),
        ({"kind": "https", "url": "https://example.org/a.csv", "after": "delete"}, "after"),
        ({"kind": "s3", "connection": "c", "bucket": "bbb", "after": "archive"}, "archive_prefix"),
        ({"kind": "s3", "connection": "c", "bucket": "bbb", "archive_prefix": "x/"}, "archive_prefix"),
        ({"kind": "s3", "connection": "c", "bucket": "bbb", "settled_secs": 1}, "settled_secs"),
        (
            {"kind": "sftp", "connection": "c", "folder": "/out", "after": "archive", "archive_folder": "/out/"},
            "folder",
        ),
        ({"kind": "sftp", "folder": "/out"}, "connection"),
        ({"kind": "ftp", "connection": "c"}, "ftp"),
        ({"kind": "sftp", "connection": "c", "folder": "/out", "supplier": "nobody"}, "none of the suppliers"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(declared: dict[str, Any], source: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Dependency.model_validate(declared | {"sources": [{"supplier": "protezione_civile", **source}]})


@pytest.mark.parametrize(
    "given",
    [
        "sftp://me:p%40ss@host.example:2222/?host_key=AAAA%2B",
        "sftp://me:p%40ss@host.example:2222/?__extra__=%7B%22host_key%22%3A+%22AAAA%2B%22%7D",
        '{"conn_type": "sftp", "host": "host.example", "port": "2222", "login": "me", "password": "p@ss", '
        '"extra": {"host_key": "AAAA+"}}',
        '{"host": "host.example", "port": 2222, "login": "me", "password": "p@ss", '
        '"extra": "{\\"host_key\\": \\"AAAA+\\"}"}',
    ],
)
def test_a_connection_is_read_as_airflow_reads_it(given: str) -> None:
    found = connections_from_environment({"AIRFLOW_CONN_THEIRS": given})("theirs")
    assert found == Credentials("host.example", 2222, "me", "p@ss", {"host_key": "AAAA+"})
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize("given", ["", "me:p@ss", "{p@ss", "sftp://me:p@ss@host:port/", '{"extra": "[1]"}'])
def test_a_connection_that_cannot_be_read_is_told_without_its_secrets(given: str) -> None:
    with pytest.raises(Misconfigured) as told:
        connections_from_environment({"AIRFLOW_CONN_THEIRS": given})("theirs")
    assert "AIRFLOW_CONN_THEIRS" in str(told.value)
    assert "p@ss" not in str(told.value)
    assert told.value.__cause__ is None
