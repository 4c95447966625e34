"""A file that kills, stops or floods the process that reads it is refused alone; the next one is read."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integrity.cli import app
from integrity.errors import Rejected
from integrity.submissions.isolation import Begun, Reader, _why
from integrity.submissions.limits import Limits
from integrity.submissions.lines import BLOCK_BYTES
from typer.testing import CliRunner

GOOD = b"Paid,Payee,Sum\n2020-04-01,Acme,1.50\n2020-04-02,Beta,2.50\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.csv"
    path.write_bytes(GOOD)
    return path


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader(Limits(memory_bytes=512 << 20)) as one:
        yield one


def child(reader: Reader) -> int:
    assert reader._child
    return reader._child.pid


def require_alive(reader: Reader, good: Path) -> None:
    assert reader.read(good).rows.height == 2


def test_a_child_that_has_died_is_started_again(reader: Reader, good: Path) -> None:
    require_alive(reader, good)
    first = child(reader)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    require_alive(reader, good)
    assert child(reader) != first


def let_die_at_work(reader: Reader, monkeypatch: pytest.MonkeyPatch, children: int) -> list[int]:
    """So many of its children die once they have been asked, and before they answer; gives their numbers."""
    start, listen, doomed = reader.start, reader._next, list[int]()

    def start_and_stop() -> None:
        start()
        if len(doomed) < children and child(reader) not in doomed:
            doomed.append(child(reader))
            os.kill(doomed[-1], signal.SIGSTOP)

    def kill_and_listen(answers: Any) -> bytes:
        if child(reader) in doomed:
            os.kill(child(reader), signal.SIGKILL)
        return listen(answers)

    monkeypatch.setattr(reader, "start", start_and_stop)
    monkeypatch.setattr(reader, "_next", kill_and_listen)
    return doomed


def test_a_child_that_is_killed_at_work_refuses_that_file_only(
    reader: Reader, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_die_at_work(reader, monkeypatch, children=1)
    with pytest.raises(Rejected, match="broke the program that reads it"):
        reader.read(good)
    require_alive(reader, good)


def test_a_file_is_not_refused_for_what_its_child_had_read_before(
    reader: Reader, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_alive(reader, good)
    first = child(reader)
    died = let_die_at_work(reader, monkeypatch, children=1)
    require_alive(reader, good)
    assert died == [first]
    assert child(reader) != first


def test_a_file_that_breaks_a_used_child_is_refused_once_it_has_broken_a_fresh_one(
    reader: Reader, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_alive(reader, good)
    died = let_die_at_work(reader, monkeypatch, children=2)
    with pytest.raises(Rejected, match="broke the program that reads it"):
        reader.read(good)
    assert len(died) == 2
    require_alive(reader, good)


def test_a_child_that_hangs_refuses_that_file_only(good: Path) -> None:
    with Reader(Limits(seconds=6)) as reader:
        require_alive(reader, good)
        stopped = child(reader)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(Rejected, match="limit 'seconds'"):
            reader.read(good)
        with pytest.raises(ProcessLookupError):
            os.kill(stopped, 0)
        require_alive(reader, good)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("large.json", b"[" + b'{"a": 1, "c": [1, 2]},' * 1_000_000 + b'{"a": 2}]'),
        ("large.csv", b"a,b,c\n" + b'1,"x, ""y""",3\n' * 8_000_000),
    ],
)
def test_a_file_that_needs_too_much_memory_is_refused_alone(name: str, data: bytes, good: Path, tmp_path: Path) -> None:
    large = tmp_path / name
    large.write_bytes(data)
    with Reader(Limits(memory_bytes=256 << 20)) as reader:
        reader.start()
        first = child(reader)
        with pytest.raises(Rejected, match="limit 'memory_bytes'"):
            reader.read(large)
        require_alive(reader, good)
        assert child(reader) != first, "what the first still held would be the next file's refusal"


def test_too_little_memory_for_a_thread_is_told_as_too_little_memory() -> None:
    usual = threading.stack_size(1 << 46)
    try:
        with pytest.raises(RuntimeError) as told:
            threading.Thread(target=int).start()
    finally:
        threading.stack_size(usual)
    assert "limit 'memory_bytes'" in _why(told.value, Limits())
    assert "RuntimeError" in _why(RuntimeError("another"), Limits())


def test_nothing_is_left_on_disk(good: Path) -> None:
    with Reader() as one:
        require_alive(one, good)
        folder = one._folder
        assert list(folder.iterdir()) == []
    assert not folder.exists()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_refused_and_not_read(reader: Reader, good: Path, device: str) -> None:
    with pytest.raises(Rejected):
        reader.read(Path(device))
    require_alive(reader, good)


def test_a_pipe_is_refused_and_not_waited_for(reader: Reader, good: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "april.csv"
    os.mkfifo(pipe)
    with pytest.raises(Rejected):
        reader.read(pipe)
    require_alive(reader, good)


def test_a_folder_and_a_missing_file_are_refused(reader: Reader, good: Path, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(Rejected):
            reader.read(path)
    require_alive(reader, good)


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "dangling link", "missing"])
def test_the_command_takes_plain_files_only(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "april.csv"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    ran = CliRunner().invoke(app, ["read", str(path), "--json"])
    assert ran.exit_code == 2
    [told] = json.loads(ran.stdout)["files"]
    assert not told["readable"]
    assert told["reason"]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.csv"
    path.write_bytes(b"Paid,Payee,Sum\n" + b"2020-04-01,Acme,1.50\n" * (3 * BLOCK_BYTES // 20))
    return path


def test_whoever_follows_is_told_of_every_part_of_a_large_file_in_order(reader: Reader, large: Path) -> None:
    told: list[Begun] = []
    reading = reader.read(large, follower=told.append)
    assert tuple(begun.part for begun in told) == reading.rows.parts
    assert {(begun.headings, tuple(begun.columns.values())) for begun in told} == {
        (reading.headings, tuple(reading.rows.columns.values()))
    }
    assert len(told) > 2


def test_nobody_is_told_of_a_small_file_nor_of_one_whose_headings_hang_on_its_rows(
    reader: Reader, good: Path, large: Path
) -> None:
    told: list[Begun] = []
    reader.read(good, follower=told.append)
    large.write_bytes(large.read_bytes().replace(b"Payee", b"", 1))
    reader.read(large, follower=told.append)
    assert told == []


def test_a_follower_that_breaks_off_leaves_the_reader_fit_for_the_next_file(
    reader: Reader, good: Path, large: Path
) -> None:
    def break_off(begun: Begun) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reader.read(large, follower=break_off)
    require_alive(reader, good)
