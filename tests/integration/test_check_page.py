"""The page of ``check --serve`` over real HTTP: what it takes, what it gives back, and whom it refuses."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from integrity.errors import Rejected
from integrity.pipeline.check_page import _file_name
from integrity.pipeline.office import Office
from integrity.pipeline.serving import serve

REGIONAL, SPEND = "regional_hospital_activity", "trust_spend"


@dataclass
class Served:
    """A page that is up, and the process that serves it."""

    address: str
    room: Path
    process: subprocess.Popen[str]

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", headers=headers, timeout=30)

    def drop(self, name: str, content: bytes, supplier: str | None = None, **headers: str) -> httpx.Response:
        """Send a file as the form does."""
        return httpx.post(
            self.address,
            files={"file": (name, content)},
            data={"supplier": supplier} if supplier else {},
            headers={"Origin": self.address.rstrip("/")} | headers,
            follow_redirects=True,
            timeout=60,
        )

    def left_behind(self) -> list[Path]:
        """Every file that lies in its temporary folder."""
        return [path for path in self.room.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Start ``integrity check <dependency> --serve``, once for each set of words."""
    started: dict[tuple[str, ...], Served] = {}

    def start(dependency: str, **changed: str) -> Served:
        key = (dependency, *sorted(changed.values()))
        if key not in started:
            # A socket of its own name, so that what the page leaves behind can be told from others' files.
            room = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
            command = [Path(sys.executable).parent / "integrity", "check", dependency, "--serve"]
            environment = {**os.environ, "TMPDIR": str(room), "INTEGRITY_HOME": str(room / "home"), **changed}
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            assert process.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
            assert address, "the first line that it prints has the address"
            started[key] = Served(address.group(), room, process)
            _wait_until_up(started[key].address)
        return started[key]

    yield start
    for served in started.values():
        served.process.terminate()
        served.process.wait(20)
        assert served.process.stdout
        served.process.stdout.close()


def _wait_until_up(address: str) -> None:
    for _ in range(100):
        try:
            httpx.get(address, timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the page did not come up")


@pytest.fixture
def regional(serving: Callable[..., Served]) -> Served:
    return serving(REGIONAL)


def test_a_good_file_would_pass(regional: Served, real: Any) -> None:
    answer = regional.drop("dpc-covid19-ita-regioni-20200428.csv", real(REGIONAL, 28).to_bytes())
    assert answer.status_code == 200
    assert "would pass" in answer.text or "would be taken in" in answer.text
    assert "28 April 2020" in answer.text


def test_a_bad_file_is_told_as_check_would_and_comes_back_marked(regional: Served, real: Any) -> None:
    bad = real(REGIONAL, 28).change("03", terapia_intensiva=1).to_bytes()
    answer = regional.drop("dpc-covid19-ita-regioni-20200428.csv", bad)
    assert "would not be used" in answer.text
    assert "People in hospital must equal" in answer.text
    told = httpx.get(f"{answer.url}/json").json()
    assert told["verdict"] == "FAIL"
    assert "hospitalised_total" in [finding["rule"] for finding in told["findings"]]
    marked = httpx.get(f"{answer.url}/marked")
    assert marked.content[:2] == b"PK"
    assert "dpc-covid19-ita-regioni-20200428.marked.xlsx" in marked.headers["content-disposition"]


def test_a_file_that_cannot_be_read_is_told_why(regional: Served) -> None:
    answer = regional.drop("dpc-covid19-ita-regioni-20200428.csv", b"")
    assert answer.status_code == 200
    assert "The file is empty." in answer.text
    assert httpx.get(f"{answer.url}/marked").status_code == 404


def test_the_file_itself_is_gone_once_it_is_judged(regional: Served) -> None:
    regional.drop("dpc-covid19-ita-regioni-20200428.csv", b"a,b\n1,a-canary-in-a-cell\n")
    kept = regional.left_behind()
    assert kept and not [path for path in kept if path.suffix == ".csv" and "marked" not in path.name]


def test_several_suppliers_are_chosen_from(serving: Callable[..., Served]) -> None:
    page = serving(SPEND)
    form = page.get().text
    assert '<select id="supplier" name="supplier" required>' in form and 'value="NMID"' in form
    assert "Choose the supplier" in page.drop("x.csv", b"a\n1\n").text
    assert page.drop("x.csv", b"a\n1\n", supplier="../../etc").status_code == 400


def test_nothing_chosen_is_said(regional: Served) -> None:
    answer = httpx.post(
        regional.address,
        files={"other": ("", b"")},
        headers={"Origin": regional.address.rstrip("/")},
    )
    assert (answer.status_code, "No file came" in answer.text) == (400, True)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:80"])
def test_it_answers_to_no_other_name(regional: Served, host: str) -> None:
    assert regional.get(Host=host).status_code == 421


def test_it_answers_to_localhost(regional: Served) -> None:
    port = regional.address.rstrip("/").rsplit(":", 1)[1]
    assert regional.get(Host=f"localhost:{port}").status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
def test_it_takes_files_from_its_own_form_only(regional: Served, origin: str) -> None:
    assert regional.drop("x.csv", b"a\n1\n", Origin=origin).status_code == 403


def test_a_result_is_found_by_its_token_only(regional: Served) -> None:
    assert regional.get("checked/guessed").status_code == 404
    assert regional.get("checked/../../etc/passwd").status_code == 404
    assert regional.get("checked/guessed/json").status_code == 404


def test_a_page_may_do_nothing_but_its_own(regional: Served) -> None:
    answer = regional.get()
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce and f'<script nonce="{nonce[1]}">' in answer.text
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert nonce[1] not in regional.get().text
    # "no-referrer" would make browsers send "Origin: null" with the form, which is refused.
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in policy


def test_it_can_be_used_by_keyboard_and_screen_reader_and_without_script(regional: Served) -> None:
    form = regional.get().text
    assert '<label for="file">' in form and '<html lang="en">' in form and 'role="status"' in form
    assert 'method="post"' in form and '<button type="submit">' in form and "tabindex" not in form
    assert 'role="alert"' in regional.get("checked/guessed").text


def test_a_file_over_the_limit_is_refused_while_it_is_sent(serving: Callable[..., Served]) -> None:
    page = serving(REGIONAL, INTEGRITY_LIMIT_FILE_BYTES="1000")
    told = page.drop("x.csv", b"x" * 200_000)
    assert told.status_code == 413
    assert "1,000 bytes is the most" in told.text and "file_bytes" in told.text

    def parts() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        for _ in range(200):
            yield b"x" * 1000

    # Without a length, as a client may send it, the bytes themselves are counted.
    headers = {"Origin": page.address.rstrip("/"), "Content-Type": "multipart/form-data; boundary=x"}
    try:
        assert httpx.post(page.address, content=parts(), headers=headers).status_code == 413
    except httpx.TransportError:
        pass  # The page hung up on what it had refused to go on reading.
    assert page.get().status_code == 200


def test_it_listens_on_the_loopback_address_only(regional: Served) -> None:
    port = int(regional.address.rstrip("/").rsplit(":", 1)[1])
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    # Any other address of the loopback network stands for the machine's own ones, where it has none.
    for address in own or {"127.0.0.2"}:
        with socket.socket() as other:
            other.settimeout(3)
            assert other.connect_ex((str(address), port)) != 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_it_ends(serving: Callable[..., Served], how: signal.Signals) -> None:
    page = serving(REGIONAL, INTEGRITY_LIMIT_SECONDS=str(800 + how))
    page.drop("dpc-covid19-ita-regioni-20200428.csv", b"a,b\n1,2\n")
    assert page.left_behind()
    page.process.send_signal(how)
    page.process.wait(60)
    assert not list(page.room.rglob("*"))


def test_a_port_that_is_taken_is_said(regional: Served, settings: Any) -> None:
    port = int(regional.address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(Rejected, match=f"Port {port} cannot be used"):
        serve(Office.open(REGIONAL, settings), port)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\a\April 2020.csv", "April 2020.csv"),
        ("..csv", "csv"),
        ("a\x00b\x1f\u202ec.csv", "abc.csv"),
        ("", "file"),
        ("/", "file"),
    ],
)
def test_a_file_has_its_own_name_and_no_folder(given: str, kept: str) -> None:
    assert _file_name(given) == kept


def test_an_overlong_name_keeps_its_ending() -> None:
    name = _file_name("ü" * 4_000 + ".xlsx")
    assert name.endswith(".xlsx") and len(name.encode()) < 250
