"""E-mail by a mail server, and signed webhooks by a web server, both on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver, waiting
from integrity.alerts.webhook import WebhookChannel
from integrity.connections import Credentials
from integrity.errors import Misconfigured, Undeliverable
from integrity.inventory.loading import load_inventory
from integrity.inventory.people import Alerts
from integrity.inventory.sources import MailOutbox
from integrity.pipeline import answering, office
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.warehouse.connection import open_engine
from orchestration.services import free_port
from pydantic import ValidationError

REGIONAL = "regional_hospital_activity"
SECRET = b"sixteen bytes or more"
TICKETS = "ticket_system"
PORTAL = "https://portal.example.org"


@dataclass
class Post:
    """A mail server that keeps what it is given, and may refuse it."""

    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses:
            return "451 Try again later"
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def post() -> Iterator[tuple[Post, Credentials]]:
    kept = Post()
    port = free_port("")
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    extra = {"from_email": "gates@example.org", "disable_ssl": "true", "disable_tls": "true"}
    yield kept, Credentials(host="127.0.0.1", port=port, extra=extra)
    controller.stop()


@dataclass
class Tickets:
    """A ticket system: what was posted to it, and the status that it answers with."""

    url: str = ""
    status: int = 204
    retry_after: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def tickets() -> Iterator[Tickets]:
    kept = Tickets()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(kept.status)
            if kept.retry_after:
                self.send_header("Retry-After", kept.retry_after)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def credentials_of(tickets: Tickets, password: str = "") -> Credentials:
    secret = password or "whsec_" + base64.b64encode(SECRET).decode()
    return Credentials(password=secret, extra={"url": tickets.url, "allow_http": "true"})


def connected(house: Any, monkeypatch: pytest.MonkeyPatch, alerts: Alerts, **connections: Credentials) -> Any:
    """The product with such alerts and connections."""

    def with_alerts(settings: Any) -> Any:
        inventory = load_inventory(settings)
        registered = inventory.dependencies[REGIONAL]
        dependency = registered.dependency.model_copy(update={"alerts": alerts})
        inventory.dependencies[REGIONAL] = registered.model_copy(update={"dependency": dependency})
        return inventory

    for module in (office, answering):
        monkeypatch.setattr(module, "load_inventory", with_alerts)

    def connection(name: str) -> Credentials:
        if name not in connections:
            raise Misconfigured(f"There is no connection '{name}'.")
        return connections[name]

    house.channels = Channels(connection, house.settings.home)
    return house


def test_a_supplier_gets_its_own_feedback_by_mail_once(
    house: Any, real: Any, post: tuple[Post, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, server = post
    at_work = Office.open(REGIONAL, house.settings)
    outboxes = [
        MailOutbox(supplier="protezione_civile", kind="mail", to="supplier@example.org", attach=True),
        MailOutbox(supplier="protezione_civile", kind="mail", to="other@example.org", link=f"{PORTAL}/p"),
    ]
    dependency = at_work.registered.dependency.model_copy(update={"outboxes": outboxes})
    at_work = replace(at_work, registered=at_work.registered.model_copy(update={"dependency": dependency}))
    monkeypatch.setattr("integrity.pipeline.recording.connections_from_environment", lambda: lambda _: server)
    house.send(REGIONAL, real(REGIONAL, 28).change("13", tamponi="-71717"))
    for _ in range(2):
        ingest(at_work, date(2020, 4, 28), house.channels)
    assert sorted(mail["To"] for mail in kept.mails) == ["other@example.org", "supplier@example.org"]
    for mail in kept.mails:
        files = {part.get_filename() for part in mail.iter_attachments()}
        text = mail.get_body(("plain",)).get_content()
        if mail["To"] == "supplier@example.org":
            assert {"2020-04-28.r1.html", "2020-04-28.r1.json"} < files
        else:
            assert files == set()
            assert f"{PORTAL}/p/2020-04-28.r1.html" in text
            assert "71717" not in mail.as_string(), "a mail that links holds no cell"


@pytest.mark.parametrize("told", [{}, {"link": "http://portal.example.org"}])
def test_a_mailbox_that_leads_nowhere_safe_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="attach: true|must begin with https"):
        MailOutbox(supplier="s", kind="mail", to="s@example.org", **told)


def bad_night(house: Any, real: Any) -> None:
    house.send(REGIONAL, real(REGIONAL, 29).drop("13"), 29)
    house.run(REGIONAL, 29)


def test_without_a_channel_the_owner_gets_a_mail_and_answers_are_its_thread(
    settled: Any, real: Any, post: tuple[Post, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, server = post
    house = connected(settled, monkeypatch, Alerts(email=["team@example.org"]), smtp_default=server)
    bad_night(house, real)
    answering.acknowledge(house.settings, "IG-00001", by="Giulia Bianchi")
    house.run(REGIONAL, 29)
    owner = load_inventory(house.settings).get(REGIONAL).dependency.owner.email
    assert sorted(mail["To"] for mail in kept.mails[:2]) == sorted([owner, "team@example.org"])
    first = kept.mails[0]
    assert first["Subject"] == "Regional hospital activity: 'population complete' failed for 2020-04-29"
    assert first["From"] == "gates@example.org"
    text = first.get_payload(decode=True).decode()
    assert "Abruzzo (13)" in text
    assert "To mend it:" in text
    answer = next(mail for mail in kept.mails[2:] if mail["To"] == first["To"])
    assert answer["In-Reply-To"] == first["Message-ID"]
    assert answer["Subject"].startswith("Acknowledged:")


def test_mail_that_is_not_taken_waits_and_is_the_same_mail_again(
    settled: Any, real: Any, post: tuple[Post, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, server = post
    kept.refuses = True
    house = connected(settled, monkeypatch, Alerts(), smtp_default=server)
    bad_night(house, real)
    (left,) = waiting(open_engine(house.settings))
    assert left.why == "Mail: SMTPDataError 451"
    kept.refuses = False
    assert deliver(open_engine(house.settings), house.channels) == 1
    assert kept.mails[0]["Message-ID"].endswith("@example.org>")


def test_a_subject_holds_one_line_whatever_a_file_is_called(
    settled: Any, post: tuple[Post, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, server = post
    house = connected(settled, monkeypatch, Alerts(), smtp_default=server)
    house.send(REGIONAL, b"no such columns\n1\n", name="evil\r\nBcc: all@example.org.csv")
    house.run(REGIONAL, 29)
    assert kept.mails
    assert all(mail["Bcc"] is None for mail in kept.mails)


def test_a_ticket_system_can_tell_that_it_is_us(
    settled: Any, real: Any, tickets: Tickets, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = connected(settled, monkeypatch, Alerts(webhook=TICKETS), ticket_system=credentials_of(tickets))
    bad_night(house, real)
    ((headers, body),) = tickets.got
    signed = ".".join([headers["webhook-id"], headers["webhook-timestamp"], body.decode()]).encode()
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(body)
    assert told["news"][0]["reference"] == "IG-00001"
    assert told["news"][0]["failed"] == 1
    assert "Abruzzo (13)" in "\n".join(told["text"])


@pytest.mark.parametrize(("status", "retry_after", "why"), [(503, "", "status 503"), (429, "60", "status 429")])
def test_what_a_ticket_system_does_not_take_waits_under_the_same_id(
    settled: Any,
    real: Any,
    tickets: Tickets,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    retry_after: str,
    why: str,
) -> None:
    tickets.status, tickets.retry_after = status, retry_after
    house = connected(settled, monkeypatch, Alerts(webhook=TICKETS), ticket_system=credentials_of(tickets))
    bad_night(house, real)
    (left,) = waiting(open_engine(house.settings))
    assert left.why == f"Webhook: {why}"
    tickets.status = 204
    (row,) = house.query("SELECT next_try_at FROM register.outbox WHERE delivered_at IS NULL")
    deliver(open_engine(house.settings), house.channels, moment=row["next_try_at"])
    assert len({headers["webhook-id"] for headers, _ in tickets.got}) == 1
    assert not waiting(open_engine(house.settings))


@pytest.mark.parametrize(
    ("credentials", "why"),
    [
        pytest.param(Credentials(password="whsec_" + "A" * 32), "says no 'url'", id="no-address"),
        pytest.param(
            Credentials(password="whsec_" + "A" * 32, extra={"url": "http://tickets.example.org/"}),
            "has no TLS",
            id="without-tls",
        ),
        pytest.param(
            Credentials(password=base64.b64encode(b"short").decode(), extra={"url": "https://tickets.example.org/"}),
            "no secret of at least 16 bytes",
            id="no-secret",
        ),
    ],
)
def test_a_webhook_that_is_not_safe_is_refused(credentials: Credentials, why: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=why):
        WebhookChannel(TICKETS, credentials)
    with pytest.raises(Undeliverable, match=why):
        Channels(lambda _: credentials, tmp_path).of(f"webhook:{TICKETS}")
