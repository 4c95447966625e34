"""Files are fetched from suppliers' servers whole or not at all, once, and whatever happens on the way."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.connections import Credentials
from integrity.errors import Misconfigured, Rejected, Transient
from integrity.inventory.dependency import Dependency
from integrity.pipeline import receiving
from integrity.pipeline.office import Office
from integrity.sources.pulling import Pulling, Trouble
from integrity.sources.remote import Patience
from integrity.sources.s3 import S3Remote
from integrity.submissions.limits import Limits
from integrity.warehouse.connection import open_engine

REGIONAL, SUPPLIER = "regional_hospital_activity", "protezione_civile"
LOGIN, PASSWORD = "collector", "pa55-of-the-collector"
MIB = 1 << 20
HASTY = Patience(connect_seconds=30, idle_seconds=30, tries=1, backoff_seconds=0.05, lock_seconds=60)
"""Gives up after one try; not after a moment, in which a busy machine does nothing."""
BIG = random.Random(7).randbytes(6 * MIB)  # noqa: S311 - content that does not compress


@dataclass
class Desk:
    """A dependency with sources, and the inbox that they are pulled into."""

    settings: Any
    sources: list[dict[str, Any]] = field(default_factory=list)
    credentials: dict[str, Credentials] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    patience: Patience = HASTY

    def dependency(self) -> Dependency:
        declared = self.settings.dependencies / REGIONAL / "dependency.yml"
        told = [{"supplier": SUPPLIER, "settled_seconds": 0, **source} for source in self.sources]
        return Dependency.model_validate(yaml.safe_load(declared.read_text(encoding="utf-8")) | {"sources": told})

    def pulling(self) -> Pulling:
        return Pulling(
            dependency=self.dependency(),
            inbox=self.settings.inbox,
            engine=open_engine(self.settings),
            connections=self.connection,
            limits=self.limits,
            patience=self.patience,
        )

    def connection(self, name: str) -> Credentials:
        if name not in self.credentials:
            raise Misconfigured(f"There is no connection '{name}'.")
        return self.credentials[name]

    def pull(self) -> list[Trouble]:
        return self.pulling().pull()

    def receive(self, *, is_last_try: bool = True) -> list[int]:
        office = Office.open(REGIONAL, self.settings)
        registered = office.registered.model_copy(update={"dependency": self.dependency()})
        return receiving.receive(
            replace(office, registered=registered),
            date(2020, 4, 28),
            connections=self.connection,
            is_last_try=is_last_try,
        )

    @property
    def folder(self) -> Path:
        return Path(self.settings.inbox) / REGIONAL / SUPPLIER

    def inbox(self) -> dict[str, bytes]:
        """What was put into the supplier's folder; not what is on its way."""
        paths = [p for p in self.folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def on_the_way(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(".*"))


@pytest.fixture
def desk(warehouse: Any) -> Desk:
    return Desk(warehouse)


@dataclass
class Place:
    """One kind of source with a file in it, so that each kind is held to the same."""

    wire: Any
    put: Callable[[bytes], object]
    name: str = "spend.csv"


@pytest.fixture(params=["s3", "sftp", "https"])
def place(request: pytest.FixtureRequest, desk: Desk) -> Place:
    match request.param:
        case "s3":
            bucket = request.getfixturevalue("bucket")
            desk.sources = [{"kind": "s3", "connection": "theirs", "bucket": bucket.name, "prefix": "spend/"}]
            desk.credentials = {"theirs": bucket.credentials()}
            return Place(bucket.wire, lambda content: bucket.put("spend/spend.csv", content))
        case "sftp":
            folder = request.getfixturevalue("folder")
            desk.sources = [{"kind": "sftp", "connection": "theirs", "folder": "/out"}]
            desk.credentials = {"theirs": folder.credentials()}
            return Place(folder.wire, lambda content: folder.put("spend.csv", content))
        case _:
            site = request.getfixturevalue("site")
            desk.sources = [{"kind": "https", "connection": "theirs", "url": site.url}]
            desk.credentials = {"theirs": site.credentials()}
            return Place(site.wire, lambda content: setattr(site, "content", content))


def test_a_file_is_taken_once(desk: Desk, place: Place) -> None:
    place.put(BIG)
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}
    assert desk.on_the_way() == []
    place.wire.reset()
    assert desk.pull() == []
    assert place.wire.received < 100_000, "what is known is not fetched again"
    assert desk.inbox() == {"spend.csv": BIG}


def test_what_was_lost_before_it_was_received_is_fetched_again(desk: Desk, place: Place) -> None:
    place.put(b"a,b\n1,2\n")
    desk.pull()
    (desk.folder / "spend.csv").unlink()
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": b"a,b\n1,2\n"}


def test_another_version_does_not_displace_one_that_waits(desk: Desk, place: Place) -> None:
    place.put(b"first\n")
    desk.pull()
    place.put(b"second, longer\n")
    assert desk.pull() == []
    assert sorted(desk.inbox().values()) == [b"first\n", b"second, longer\n"]
    assert {Path(name).name for name in desk.inbox()} == {"spend.csv"}, "the name may tell the period"


def test_a_broken_pull_is_resumed_with_the_rest_only(desk: Desk, place: Place) -> None:
    place.put(BIG)
    place.wire.reset(cut_after=5 * MIB)
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Transient)
    assert desk.inbox() == {}
    assert len(desk.on_the_way()) == 2
    place.wire.reset()
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}
    assert place.wire.received < 3 * MIB, "only the rest was asked for"


def test_one_run_mends_a_break_itself(desk: Desk, place: Place) -> None:
    desk.patience = replace(HASTY, tries=3)
    place.put(BIG)
    place.wire.reset(cut_after=3 * MIB, cut_once=True)
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}
    assert place.wire.cut_after is None, "it broke"


def test_another_version_is_not_sewn_to_half_of_the_first(desk: Desk, place: Place) -> None:
    place.put(BIG)
    place.wire.reset(cut_after=4 * MIB)
    desk.pull()
    place.wire.reset()
    other = BIG[::-1] + b"more"
    place.put(other)
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": other}


def test_a_server_that_never_answers_is_given_up(desk: Desk, place: Place) -> None:
    desk.patience = replace(HASTY, connect_seconds=0.5, idle_seconds=0.5)
    place.wire.reset(hangs=True)
    started = time.monotonic()
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Transient)
    assert time.monotonic() - started < 10


def test_a_server_that_is_down_is_told_by_kind_and_host_only(
    desk: Desk, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.wire.go_down()
    with caplog.at_level(logging.DEBUG):
        (trouble,) = desk.pull()
    assert isinstance(trouble.error, Transient)
    assert "127.0.0.1" in str(trouble)
    assert SUPPLIER in str(trouble)
    for secret in ("pa55-of-the-collector", "collector:", base64.b64encode(b"collector:").decode()[:10]):
        assert secret not in caplog.text + str(trouble)


def test_a_file_over_the_limit_is_refused_before_it_is_fetched(desk: Desk, place: Place) -> None:
    place.put(BIG)
    desk.limits = Limits(file_bytes=MIB)
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Rejected)
    assert "file_bytes" in str(trouble)
    assert place.wire.received < MIB
    assert (desk.inbox(), desk.on_the_way()) == ({}, [])


def test_a_part_is_not_written_through_a_link(desk: Desk, place: Place, tmp_path: Path) -> None:
    """The supplier may be able to write to the inbox folder, and to guess a part's name."""
    place.put(BIG)
    place.wire.reset(cut_after=4 * MIB)
    desk.pull()
    place.wire.reset()
    victim = tmp_path / "victim"
    victim.write_bytes(b"ours")
    part = desk.folder / next(name for name in desk.on_the_way() if name.endswith(".part"))
    part.unlink()
    part.symlink_to(victim)
    desk.pull()
    desk.pull()
    assert victim.read_bytes() == b"ours"
    assert desk.inbox() == {"spend.csv": BIG}


def test_a_run_that_is_killed_is_continued(desk: Desk, site: Any, tmp_path: Path) -> None:
    """The command line in a process of its own, killed by the operating system in the middle of a file."""
    source = {"kind": "https", "connection": "theirs", "url": site.url}
    dependencies = shutil.copytree(desk.settings.dependencies, tmp_path / "dependencies")
    with (dependencies / REGIONAL / "dependency.yml").open("a", encoding="utf-8") as declared:
        declared.write(yaml.safe_dump({"sources": [{"supplier": SUPPLIER, "settled_seconds": 0, **source}]}))
    environment = os.environ | {
        "INTEGRITY_HOME": str(desk.settings.home),
        "INTEGRITY_DATABASE_URL": str(desk.settings.database_url),
        "INTEGRITY_DEPENDENCIES": str(dependencies),
        "AIRFLOW_CONN_THEIRS": f"https://{LOGIN}:{PASSWORD}@127.0.0.1/?ca_file={site.ca_file}",
    }
    site.content = BIG
    site.needs_login = True
    halfway, killed = threading.Event(), threading.Event()

    def stall(received: int) -> None:
        if received > 4 * MIB and not killed.is_set():
            halfway.set()
            killed.wait(30)

    site.wire.on_bytes = stall
    command = [sys.executable, "-c", "from integrity.cli import main; main()"]
    command += ["ingest", REGIONAL, "--period", "2020-04-28"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert halfway.wait(60)
        time.sleep(0.3)
        run.send_signal(signal.SIGKILL)
    killed.set()
    desk.sources, desk.credentials = [source], {"theirs": site.credentials()}
    assert desk.inbox() == {}
    site.wire.reset()
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}
    assert site.wire.received < 3 * MIB
    assert ("GET", 206) in [(method, status) for method, status, _ in site.asked]


# What only some sources can tell.


@pytest.fixture
def on_s3(desk: Desk, bucket: Any) -> Callable[..., Desk]:
    def configure(**more: Any) -> Desk:
        desk.sources = [{"kind": "s3", "connection": "theirs", "bucket": bucket.name, **more}]
        desk.credentials = {"theirs": bucket.credentials()}
        return desk

    return configure


@pytest.fixture
def on_sftp(desk: Desk, folder: Any) -> Callable[..., Desk]:
    def configure(extra: dict[str, Any] | None = None, **more: Any) -> Desk:
        desk.sources = [{"kind": "sftp", "connection": "theirs", "folder": "/out", **more}]
        desk.credentials = {"theirs": folder.credentials(**(extra or {}))}
        return desk

    return configure


@pytest.fixture
def on_https(desk: Desk, site: Any) -> Callable[..., Desk]:
    def configure(extra: dict[str, Any] | None = None, **more: Any) -> Desk:
        desk.sources = [{"kind": "https", "connection": "theirs", "url": site.url, **more}]
        desk.credentials = {"theirs": site.credentials(**(extra or {}))}
        return desk

    return configure


def test_sftp_takes_nothing_whose_hash_beside_it_differs(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp()
    folder.put("good.csv", b"a\n1\n")
    folder.put("good.csv.sha256", hashlib.sha256(b"a\n1\n").hexdigest().encode() + b"  good.csv\n")
    folder.put("bad.csv", b"a\n2\n")
    folder.put("bad.csv.md5", b"0" * 32)
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Transient)
    assert "bad.csv" in str(trouble)
    assert desk.inbox() == {"good.csv": b"a\n1\n"}
    assert desk.on_the_way() == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-MD5", base64.b64encode(b"0" * 16).decode()),
        ("Digest", "sha-256=" + base64.b64encode(b"0" * 32).decode()),
        ("Repr-Digest", "sha-256=:" + base64.b64encode(b"0" * 32).decode() + ":"),
        ("Repr-Digest", "sha-256=:nobase64:"),
    ],
)
def test_https_takes_nothing_whose_hash_differs(on_https: Any, site: Any, header: str, value: str) -> None:
    desk = on_https()
    site.content, site.headers = b"a\n1\n", {header: value}
    (trouble,) = desk.pull()
    assert "hash" in str(trouble)
    assert (desk.inbox(), desk.on_the_way()) == ({}, [])
    site.headers = {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(site.content).digest()).decode()}:"}
    assert desk.pull() == []


def test_s3_is_held_to_its_checksum(on_s3: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store cannot be made to lie, so the one that answers is held to another object's hash."""
    desk = on_s3()
    bucket.put("a.csv", b"a\n1\n", ChecksumAlgorithm="SHA256")
    seen: list[dict[str, str]] = []
    honest = S3Remote.digests

    def of_another(self: S3Remote, file: Any) -> dict[str, str]:
        seen.append(honest(self, file))
        return {"sha256": "0" * 64}

    with monkeypatch.context() as patched:
        patched.setattr(S3Remote, "digests", of_another)
        (trouble,) = desk.pull()
    assert "hash (sha256)" in str(trouble)
    assert desk.inbox() == {}
    assert seen[0]["sha256"] == hashlib.sha256(b"a\n1\n").hexdigest()
    assert seen[0]["md5"] == hashlib.md5(b"a\n1\n", usedforsecurity=False).hexdigest()
    assert desk.pull() == []
    assert desk.inbox() == {"a.csv": b"a\n1\n"}


def test_an_object_of_several_parts_is_not_held_to_its_etag(on_s3: Any, bucket: Any) -> None:
    desk = on_s3()
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="big.csv")
    told = {"Bucket": bucket.name, "Key": "big.csv", "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": n, "ETag": bucket.client.upload_part(**told, PartNumber=n, Body=piece)["ETag"]}
        for n, piece in ((1, BIG[: 5 * MIB]), (2, BIG[5 * MIB :]))
    ]
    bucket.client.complete_multipart_upload(**told, MultipartUpload={"Parts": parts})
    assert desk.pull() == []
    assert desk.inbox() == {"big.csv": BIG}


def test_a_damaged_part_is_fetched_from_its_beginning(on_https: Any, site: Any) -> None:
    desk = on_https()
    site.content = BIG
    site.headers = {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(BIG).digest()).decode()}:"}
    site.wire.reset(cut_after=4 * MIB)
    desk.pull()
    site.wire.reset()
    part = desk.folder / next(name for name in desk.on_the_way() if name.endswith(".part"))
    with part.open("r+b") as file:
        file.write(b"fouled")
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}


def test_a_growing_file_is_left_until_it_has_stopped(on_sftp: Any, folder: Any, caplog: Any) -> None:
    desk = on_sftp(settled_seconds=1)
    path = folder.put("spend.csv", b"a\n")

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"1\n")

    folder.wire.on_bytes = grow  # Whenever the server has said something.
    with caplog.at_level(logging.INFO):
        assert desk.pull() == []
    folder.wire.on_bytes = lambda _: None
    assert desk.inbox() == {}
    assert "still growing" in caplog.text
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": path.read_bytes()}


def test_a_file_that_grows_while_it_is_fetched_is_left(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp()
    path = folder.put("spend.csv", BIG)

    def grow(received: int) -> None:
        if received > 3 * MIB and path.stat().st_size == len(BIG):
            with path.open("ab") as file:
                file.write(b"more")

    folder.wire.on_bytes = grow
    assert desk.pull() == []
    assert (desk.inbox(), desk.on_the_way()) == ({}, [])
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG + b"more"}


def test_a_file_that_changed_just_now_by_the_servers_clock_is_looked_at_twice(on_https: Any, site: Any) -> None:
    desk = on_https(settled_seconds=1)
    # Ahead of the clock, so that the first look finds the file fresh however late it comes.
    site.content, site.modified_at = b"a\n1\n", time.time() + 60
    assert desk.pull() == []
    assert [method for method, _, _ in site.asked] == ["HEAD", "HEAD", "GET"]
    site.asked.clear()
    site.content, site.modified_at = b"a\n1\n2\n", time.time() - 5
    assert desk.pull() == []
    assert [method for method, _, _ in site.asked] == ["HEAD", "GET"]


def test_a_file_that_grows_between_looks_is_left_on_https(on_https: Any, site: Any) -> None:
    desk = on_https(settled_seconds=1)
    site.content, site.modified_at, site.becomes = b"a\n", time.time() + 60, b"a\n1\n"
    assert desk.pull() == []
    assert desk.inbox() == {}


@pytest.mark.parametrize("left_out", [None, "ETag", "Last-Modified"])
def test_https_asks_whether_it_has_changed(on_https: Any, site: Any, left_out: str | None) -> None:
    desk = on_https()
    site.content = b"a\n1\n"
    site.headers = {left_out: None} if left_out else {}
    desk.pull()
    assert desk.pull() == []
    assert [(method, status) for method, status, _ in site.asked] == [("HEAD", 200), ("GET", 200), ("HEAD", 304)]


def test_an_address_that_tells_no_version_is_fetched_anew_and_kept_once(on_https: Any, site: Any) -> None:
    desk = on_https(name="20200428.csv")
    site.content, site.headers = b"a\n1\n", {"ETag": None, "Last-Modified": None}
    desk.receive()
    assert (desk.inbox(), desk.on_the_way()) == ({}, [])
    assert desk.pull() == []
    assert (desk.inbox(), desk.on_the_way()) == ({}, []), "it is registered already"


def test_a_server_without_head_and_ranges_serves_all_the_same(on_https: Any, site: Any) -> None:
    desk = on_https()
    site.content, site.has_head, site.has_ranges = BIG, False, False
    site.wire.reset(cut_after=4 * MIB)
    desk.pull()
    site.wire.reset()
    assert desk.pull() == []
    assert desk.inbox() == {"spend.csv": BIG}


@pytest.mark.parametrize(("after", "left"), [("leave", ["in/a.csv"]), ("archive", ["taken/a.csv"]), ("delete", [])])
def test_s3_is_cleared_once_the_file_is_registered(on_s3: Any, bucket: Any, after: str, left: list[str]) -> None:
    more = {"archive_prefix": "taken/"} if after == "archive" else {}
    desk = on_s3(after=after, prefix="in/", **more)
    bucket.put("in/a.csv", b"a\n1\n")
    desk.pull()
    assert desk.pulling().settle() == []
    assert bucket.keys() == ["in/a.csv"], "not registered yet"
    desk.receive()
    assert [_unstamped(key) for key in bucket.keys()] == left  # noqa: SIM118
    assert desk.inbox() == {}
    bucket.put("in/a.csv", b"a\n1\n")
    desk.receive()
    assert len(bucket.keys()) == len(left), "the same version again is cleared again"


@pytest.mark.parametrize("after", ["leave", "archive", "delete"])
def test_sftp_is_cleared_once_the_file_is_registered(on_sftp: Any, folder: Any, after: str) -> None:
    desk = on_sftp(after=after, **({"archive_folder": "/out/taken"} if after == "archive" else {}))
    folder.put("a.csv", b"a\n1\n")
    folder.put("a.csv.sha256", hashlib.sha256(b"a\n1\n").hexdigest().encode())
    desk.pull()
    assert desk.pulling().settle() == []
    assert folder.names() == ["a.csv", "a.csv.sha256"], "not registered yet"
    desk.receive()
    both = ["a.csv", "a.csv.sha256"]
    assert [_unstamped(name) for name in folder.names()] == {
        "leave": both,
        "archive": [f"taken/{name}" for name in both],
        "delete": [],
    }[after]


def test_what_was_replaced_meanwhile_is_not_cleared(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp(after="delete")
    folder.put("a.csv", b"a\n1\n")
    desk.pull()
    folder.put("a.csv", b"a\n1\n2\n")
    pull_nothing = replace(desk.pulling(), dependency=desk.dependency())
    receiving._receive_inbox(Office.open(REGIONAL, desk.settings))
    assert pull_nothing.settle() == []
    assert folder.names() == ["a.csv"]
    desk.receive()
    assert folder.names() == []


def test_names_at_a_source_do_no_harm(on_s3: Any, bucket: Any, caplog: Any) -> None:
    desk = on_s3()
    for key in (
        "../../escape.csv",
        "a/..",
        ".hidden",
        "x\x01y\u202ez.csv",
        "n" * 900 + ".csv",
        "half.csv.part",
        "b\\c.csv",
    ):
        bucket.put(key, key.encode())
    with caplog.at_level(logging.INFO):
        troubles = desk.pull()
    assert len(troubles) == 2, "two have no name that can be used"
    assert all(isinstance(trouble.error, Rejected) for trouble in troubles)
    assert sorted(desk.inbox()) == ["c.csv", "escape.csv", "n" * 196 + ".csv", "xyz.csv"]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("integrity")]
    assert len(ours) == 4
    assert all(line.isprintable() for line in [*map(str, troubles), *ours])
    assert not list(Path(desk.settings.inbox).parent.rglob("../escape.csv"))


def test_only_what_matches_and_is_a_file_is_taken(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp(pattern="spend_*.csv")
    folder.put("spend_1.csv", b"1")
    folder.put("notes.txt", b"2")
    (folder.path / "spend_folder.csv").mkdir()
    (folder.path / "spend_link.csv").symlink_to("notes.txt")
    assert desk.pull() == []
    assert desk.inbox() == {"spend_1.csv": b"1"}


def test_one_source_that_fails_keeps_no_other_waiting(desk: Desk, folder: Any, site: Any, caplog: Any) -> None:
    folder.put("a.csv", b"a\n1\n")
    site.wire.go_down()
    desk.sources = [
        {"kind": "https", "connection": "theirs", "url": site.url},
        {"kind": "https", "connection": "nobodys", "url": site.url},
        {"kind": "sftp", "connection": "folder", "folder": "/out"},
    ]
    desk.credentials = {"theirs": site.credentials(), "folder": folder.credentials()}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(receiving, "Pulling", partial(Pulling, patience=HASTY))
        with pytest.raises(Transient, match="https 127.0.0.1"):
            desk.receive(is_last_try=False)
        assert desk.inbox() == {}, "received"
        caplog.clear()
        desk.receive(is_last_try=True)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert any("nobodys" in error for error in errors)
    assert PASSWORD not in caplog.text


def test_two_runs_at_once_take_each_file_once(on_https: Any, site: Any) -> None:
    desk = on_https()
    site.content = BIG
    found: list[list[Trouble]] = []
    pullings = [desk.pulling(), desk.pulling()]
    runs = [threading.Thread(target=lambda each=each: found.append(each.pull())) for each in pullings]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert found == [[], []]
    assert desk.inbox() == {"spend.csv": BIG}
    assert [method for method, _, _ in site.asked].count("GET") == 1


# Who the server is, and what it learns.


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"host_key": None}, "host key"),
        ({"host_key": "not base64!"}, "no public key"),
        (
            {"host_key": "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"},
            "host key is not the one",
        ),
        ({"host_key": None, "known_hosts": "/nowhere/known_hosts"}, "no such file"),
    ],
)
def test_sftp_goes_to_no_server_it_does_not_know(on_sftp: Any, folder: Any, extra: Any, says: str) -> None:
    desk = on_sftp(extra)
    folder.put("a.csv", b"1")
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Misconfigured)
    assert says in str(trouble)
    assert desk.inbox() == {}


def test_sftp_knows_a_server_by_known_hosts_or_by_order(on_sftp: Any, folder: Any, tmp_path: Path) -> None:
    folder.put("a.csv", b"1")
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{folder.wire.port} {folder.host_key}\n", encoding="utf-8")
    assert on_sftp({"host_key": None, "known_hosts": str(known_hosts)}).pull() == []
    assert on_sftp({"host_key": None, "no_host_key_check": True}, folder="/").pull() == []


def test_sftp_with_a_wrong_password_is_no_outage(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp()
    desk.credentials["theirs"] = replace(folder.credentials(), password="guessed-wrongly")  # noqa: S106
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Misconfigured)
    assert "guessed" not in str(trouble)


def test_sftp_signs_in_with_a_key(on_sftp: Any, folder: Any) -> None:
    desk = on_sftp({"private_key": folder.login_key})
    desk.credentials["theirs"] = replace(desk.credentials["theirs"], password="")
    folder.put("a.csv", b"1")
    assert desk.pull() == []
    assert desk.inbox() == {"a.csv": b"1"}
    desk.credentials["theirs"] = replace(folder.credentials(private_key="no key"), password="")
    (trouble,) = desk.pull()
    assert "private key" in str(trouble)


def test_https_trusts_no_certificate_of_an_unknown_authority(on_https: Any, site: Any) -> None:
    desk = on_https({"ca_file": None})
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Misconfigured)
    assert "certificate" in str(trouble)
    assert site.asked == []


def test_https_follows_no_way_out_of_tls(on_https: Any, site: Any, caplog: Any) -> None:
    desk = on_https()
    site.redirects_to = "http://127.0.0.1:9/spend.csv?signature=topsecret"
    with caplog.at_level(logging.INFO):
        (trouble,) = desk.pull()
    assert isinstance(trouble.error, Misconfigured)
    assert "TLS" in str(trouble)
    assert "topsecret" not in caplog.text + str(trouble)


def test_the_query_of_an_address_is_not_told(on_https: Any, site: Any, caplog: Any) -> None:
    desk = on_https(url=site.url + "?signature=topsecret")
    site.content = b"1"
    with caplog.at_level(logging.INFO):
        assert desk.pull() == []
        site.content = b"2"
        site.wire.go_down()
        (trouble,) = desk.pull()
    assert "topsecret" not in caplog.text + str(trouble)
    with open_engine(desk.settings).connect() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM register.pulled").all())
    assert "spend.csv" in rows
    assert "topsecret" not in rows


def test_s3_without_tls_needs_this_machine_and_an_order(on_s3: Any, bucket: Any) -> None:
    desk = on_s3()
    desk.credentials = {"theirs": bucket.credentials(allow_http=False)}
    (trouble,) = desk.pull()
    assert isinstance(trouble.error, Misconfigured)


_ASK_AIRFLOW = """
from orchestration.connections import airflow_connection
from integrity.errors import Misconfigured
found = airflow_connection("theirs")
print(found.host, found.port, found.login, found.password, dict(found.extra))
try:
    airflow_connection("nobodys")
except Misconfigured as error:
    print(error)
"""


def test_a_connection_comes_from_airflow(tmp_path: Path) -> None:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_THEIRS": "sftp://me:pass@host.example:2222/?host_key=AAAA",
    }
    command = [sys.executable, "-W", "ignore", "-c", _ASK_AIRFLOW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    found, missing = done.stdout.splitlines()[-2:]
    assert found == "host.example 2222 me pass {'host_key': 'AAAA'}"
    assert "no connection 'nobodys'" in missing


def test_a_pulled_file_does_not_wait_in_such_an_inbox(on_s3: Any, bucket: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("INTEGRITY_INBOX_SETTLED_SECONDS", "30")
    bucket.put("20200428.csv", b"a\n1\n")
    desk = on_s3()
    desk.receive()
    assert desk.inbox() == {}


def _unstamped(name: str) -> str:
    return re.sub(r"\d{8}T\d{6}Z-", "", name)
