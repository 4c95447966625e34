"""Feedback is taken to the place that its supplier shares with us: whole, once, and to nobody else."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.connections import Credentials
from integrity.errors import Misconfigured
from integrity.inventory.dependency import Dependency
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.sources.delivering import Delivering
from integrity.sources.pulling import Trouble
from integrity.sources.remote import Patience
from integrity.warehouse.connection import open_engine
from pydantic import ValidationError

REGIONAL, SUPPLIER, DAY = "regional_hospital_activity", "protezione_civile", date(2020, 4, 28)
HASTY = Patience(connect_seconds=30, idle_seconds=30, tries=1, backoff_seconds=0.05)


@dataclass
class Post:
    """A dependency with outboxes, and the folder from which they are served."""

    settings: Any
    outboxes: list[dict[str, Any]] = field(default_factory=list)
    credentials: dict[str, Credentials] = field(default_factory=dict)

    def declared(self) -> dict[str, Any]:
        path = self.settings.dependencies / REGIONAL / "dependency.yml"
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))

    def dependency(self) -> Dependency:
        told = [{"supplier": SUPPLIER, **place} for place in self.outboxes]
        return Dependency.model_validate(self.declared() | {"outboxes": told})

    def deliver(self) -> list[Trouble]:
        delivering = Delivering(
            dependency=self.dependency(),
            outbox=self.settings.outbox,
            engine=open_engine(self.settings),
            connections=self.connection,
            patience=HASTY,
        )
        return delivering.deliver()

    def connection(self, name: str) -> Credentials:
        if name not in self.credentials:
            raise Misconfigured(f"There is no connection '{name}'.")
        return self.credentials[name]

    def write(self, name: str, content: bytes, supplier: str = SUPPLIER) -> None:
        folder = Path(self.settings.outbox) / REGIONAL / supplier
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def post(warehouse: Any) -> Post:
    return Post(warehouse)


@dataclass
class Place:
    """One kind of outbox, so that each kind is held to the same."""

    wire: Any
    holds: Any


@pytest.fixture(params=["s3", "sftp"])
def place(request: pytest.FixtureRequest, post: Post) -> Place:
    if request.param == "s3":
        bucket = request.getfixturevalue("bucket")
        post.outboxes = [{"kind": "s3", "connection": "theirs", "bucket": bucket.name, "prefix": "feedback/"}]
        post.credentials = {"theirs": bucket.credentials()}

        def objects() -> dict[str, bytes]:
            read = {key: bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read() for key in bucket.keys()}
            return {key.removeprefix("feedback/"): content for key, content in read.items()}

        return Place(bucket.wire, objects)
    folder = request.getfixturevalue("folder")
    post.outboxes = [{"kind": "sftp", "connection": "theirs", "folder": "/out/feedback"}]
    post.credentials = {"theirs": folder.credentials()}
    return Place(folder.wire, lambda: {path.name: path.read_bytes() for path in (folder.path / "feedback").glob("*")})


def test_every_file_is_delivered_once_and_again_when_it_has_changed(post: Post, place: Place) -> None:
    post.write("2020-04-28.r1.html", b"one")
    post.write("2020-04-28.r1.json", b"{}")
    post.write(".2020-04-28.r1.json.tmp", b"half")
    post.write("2020-04-28.r1.html", b"not theirs", supplier="another")
    assert post.deliver() == []
    assert place.holds() == {"2020-04-28.r1.html": b"one", "2020-04-28.r1.json": b"{}"}

    place.wire.go_down()
    assert post.deliver() == [], "what is there is not taken there again: nobody is asked"
    post.write("2020-04-28.r1.html", b"two")
    (trouble,) = post.deliver()
    assert "outbox of protezione_civile" in str(trouble)
    assert "pa55" not in str(trouble)


def test_what_was_changed_is_replaced(post: Post, place: Place) -> None:
    for content in (b"one", b"two"):
        post.write("2020-04-28.r1.html", content)
        assert post.deliver() == []
        assert place.holds() == {"2020-04-28.r1.html": content}


def test_one_place_that_refuses_keeps_nobody_else_waiting(post: Post, bucket: Any) -> None:
    theirs = {"kind": "s3", "connection": "theirs", "bucket": bucket.name}
    post.outboxes = [theirs | {"connection": "unknown"}, theirs]
    post.credentials = {"theirs": bucket.credentials()}
    post.write("2020-04-28.r1.html", b"one")
    (trouble,) = post.deliver()
    assert "There is no connection 'unknown'." in str(trouble)
    assert bucket.keys() == ["2020-04-28.r1.html"]


def test_an_outbox_of_nobody_is_refused(post: Post) -> None:
    post.outboxes = [{"kind": "s3", "connection": "theirs", "bucket": "submissions", "supplier": "nobody"}]
    with pytest.raises(ValidationError, match="'nobody' is none of the suppliers"):
        post.dependency()


@pytest.mark.parametrize(
    ("places", "meets"),
    [
        ([{"kind": "s3", "bucket": "bbb", "prefix": "a"}, {"kind": "s3", "bucket": "bbb", "prefix": "a/b"}], True),
        ([{"kind": "s3", "bucket": "bbb", "prefix": "a/"}, {"kind": "s3", "bucket": "bbb", "prefix": "b/"}], False),
        ([{"kind": "s3", "bucket": "bbb"}, {"kind": "s3", "bucket": "ccc"}], False),
        ([{"kind": "sftp", "folder": "/out"}, {"kind": "sftp", "folder": "/out/"}], True),
        ([{"kind": "sftp", "folder": "/out"}, {"kind": "sftp", "folder": "/out/feedback"}], False),
    ],
)
def test_an_outbox_is_shared_with_nobody_and_nothing_is_fetched_from_it(
    post: Post, places: list[dict[str, Any]], meets: bool
) -> None:
    declared = post.declared()
    first, second = ({"connection": "theirs", **place} for place in places)
    for told, says in (
        ({"outboxes": [first, second | {"supplier": "another"}]}, "each finds the other's"),
        ({"outboxes": [first], "sources": [second]}, "come back as a submission"),
    ):
        suppliers = [*declared["suppliers"], declared["suppliers"][0] | {"code": "another"}]
        told = {kind: [{"supplier": SUPPLIER, **place} for place in given] for kind, given in told.items()}
        if not meets:
            Dependency.model_validate(declared | {"suppliers": suppliers} | told)
            continue
        with pytest.raises(ValidationError, match=says):
            Dependency.model_validate(declared | {"suppliers": suppliers} | told)


def test_a_night_delivers_its_feedback_and_a_deaf_server_changes_no_verdict(
    house: Any, real: Any, folder: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post(house.settings, [{"kind": "sftp", "connection": "theirs", "folder": "/out/feedback"}])
    office = Office.open(REGIONAL, house.settings)
    office = replace(office, registered=office.registered.model_copy(update={"dependency": post.dependency()}))
    monkeypatch.setattr("integrity.pipeline.recording.connections_from_environment", lambda: post.connection)
    house.send(REGIONAL, real(REGIONAL, 28))
    with caplog.at_level(logging.ERROR):
        assert not ingest(office, DAY, house.channels).verdict.blocks
    assert "sftp outbox of protezione_civile: There is no connection 'theirs'." in caplog.text

    post.credentials = {"theirs": folder.credentials()}
    ingest(office, DAY, house.channels)
    there = {path.name: path.read_bytes() for path in (folder.path / "feedback").glob("*")}
    ours = {path.name: path.read_bytes() for path in (house.settings.outbox / REGIONAL / SUPPLIER).glob("*")}
    assert there == ours != {}
