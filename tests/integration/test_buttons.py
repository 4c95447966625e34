"""Issues are answered by Slack's buttons: Socket Mode, its forms and Slack's web API are served on this machine."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integrity.alerts import socket_mode
from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.alerts.slack_client import redacted, web_client
from integrity.alerts.socket_mode import Listener
from integrity.connections import Credentials, connections_from_environment
from integrity.errors import Misconfigured, Transient
from integrity.inventory.loading import load_inventory
from integrity.pipeline import slack_moves
from integrity.pipeline.answering import acknowledge, resolve
from integrity.pipeline.slack_desk import Desk
from integrity.register.issues import refresh_issues
from integrity.register.problems import Problem
from integrity.settings import PROJECT_ROOT
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from slack_sdk.errors import SlackClientError
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

REGIONAL, TRUSTS = "regional_hospital_activity", "trust_spend"
FIRST, THREAD = "IG-00001", "1588.000001"
OWNER, DEPUTY, SPONSOR, STRANGER = "U0OWNER", "U0DEPUTY", "U0SPONSOR", "U0STRANGER"
NAMES = {OWNER: "Giulia Bianchi", DEPUTY: "Dario Neri", SPONSOR: "Anna Verdi"}
APP_TOKEN, BOT_TOKEN = "xapp-1-A1-secret-of-the-app", "xoxb-secret-of-the-bot"  # noqa: S105 - of no app
REASON = "Checked by telephone with the region; a correction follows."
TODAY = datetime.now(UTC).date()
UNTIL = (TODAY + timedelta(days=10)).isoformat()


def until(holds: Callable[[], Any]) -> Any:
    """What holds in the end."""
    deadline = time.monotonic() + 60
    while not (found := holds()):
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.05)
    return found


@dataclass
class Socket:
    """Socket Mode as Slack speaks it.

    Attributes:
        connections: Those that were ever opened, the latest last.
        answers: By envelope, what it was answered; an acknowledgement alone is None.
    """

    connections: list[ServerConnection] = field(default_factory=list)
    answers: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)

    def serve(self, connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        self.connections.append(connection)
        with suppress(ConnectionClosed):
            for message in connection:
                answer = json.loads(message)
                self.answers.setdefault(answer["envelope_id"], []).append(answer.get("payload"))

    def send(self, payload: dict[str, Any], envelope: str = "") -> str:
        """Have an envelope delivered, and give its id."""
        envelope = envelope or str(uuid.uuid4())
        kind = {"type": "interactive", "envelope_id": envelope, "accepts_response_payload": True}
        self.connections[-1].send(json.dumps(kind | {"payload": payload}))
        return envelope

    def answer(self, envelope: str) -> dict[str, Any] | None:
        """What an envelope was answered, once."""
        (answer,) = until(lambda: self.answers.get(envelope))
        return answer


@pytest.fixture
def socket(slack: Any) -> Iterator[Socket]:
    made = Socket()
    server: Server = serve(made.serve, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    slack.socket_url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/link?ticket=secret-of-the-ticket"
    yield made
    server.shutdown()
    for connection in made.connections:
        connection.close()
    thread.join()


@pytest.fixture
def connection(slack: Any) -> dict[str, Any]:
    extra = {"base_url": slack.url, "app_token": APP_TOKEN}
    return {"conn_type": "slack", "password": BOT_TOKEN, "extra": extra}


@pytest.fixture
def clinic(house: Any, tmp_path: Path, connection: dict[str, Any]) -> Any:
    """A house whose people are on Slack: owner, deputy and sponsor."""
    folder = tmp_path / "dependencies"
    shutil.copytree(PROJECT_ROOT / "include" / "dependencies", folder)
    for name in (REGIONAL, TRUSTS):
        path = folder / name / "dependency.yml"
        deputy = f"deputy: {{name: {NAMES[DEPUTY]}, title: Analyst, email: d.neri@example.org, slack: {DEPUTY}}}\n"
        text = path.read_text(encoding="utf-8").replace("owner:\n", f"{deputy}owner:\n  slack: {OWNER}\n", 1)
        path.write_text(text, encoding="utf-8")
    house.settings = replace(
        house.settings, dependencies=folder, sponsor="Anna Verdi <a.verdi@example.org>", sponsor_slack=SPONSOR
    )
    house.environment = {"AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection)}
    house.channels = Channels.from_environment(house.settings.home, house.environment)
    yield house
    open_engine(house.settings).dispose()


def see(house: Any, *rules: str, of: str = REGIONAL, verdict: Verdict = Verdict.FAIL) -> None:
    """Have the register see that rules fail, and tell of it."""
    registered = load_inventory(house.settings).get(of)
    with transaction(open_engine(house.settings)) as session:
        refresh_issues(
            session,
            registered,
            date(2020, 5, 1),
            [Problem(rule, "", "validity", verdict, 21, 1, (), f"{rule} fails.", "Mend it.") for rule in rules],
            policy=registered.policy,
            outcome="",
            resolution="Revision 2 passed.",
            run="run",
            downstream=[],
        )
    deliver(open_engine(house.settings), house.channels)


@dataclass
class Desktop:
    """Slack as its members see it, with somebody who listens."""

    house: Any
    slack: Any
    socket: Socket

    def buttons(self) -> dict[str, dict[str, Any]]:
        """Of the first message, by what they say."""
        blocks = self.slack.shown[THREAD]["blocks"]
        found = [each for block in blocks if block["type"] == "actions" for each in block["elements"]]
        return {each["text"]["text"]: each for each in found}

    def payload(self, member: str, button: dict[str, Any]) -> dict[str, Any]:
        action = {key: button[key] for key in ("action_id", "value", "type")} | {"action_ts": str(uuid.uuid4())}
        where = {"type": "message", "channel_id": "C1", "message_ts": THREAD}
        who = {"id": member, "username": "x", "name": "x"}
        return {"type": "block_actions", "user": who, "container": where, "trigger_id": "1.2", "actions": [action]}

    def click(self, member: str, label: str) -> str:
        """Click a button, and see it acknowledged."""
        envelope = self.socket.send(self.payload(member, self.buttons()[label]))
        assert self.socket.answer(envelope) is None
        return envelope

    def open(self, member: str, label: str) -> dict[str, Any]:
        """Click a button that opens a form, and give the form."""
        before = len(self.slack.opened)
        self.click(member, label)
        return dict(until(lambda: self.slack.opened[before:])[0])

    def form(self, member: str, view: dict[str, Any], **entered: str) -> dict[str, Any]:
        """A form as Slack hands it on: what stands in it, and what was entered."""
        values = {}
        for block in view["blocks"]:
            if block["type"] != "input":
                continue
            element, name = block["element"], block["block_id"]
            given = entered.pop(name, element.get("initial_value") or element.get("initial_date"))
            values[name] = {name: {"type": element["type"], **state_of(element, given)}}
        assert not entered, "there are such fields"
        sent = {key: view[key] for key in ("id", "callback_id", "private_metadata")} | {"state": {"values": values}}
        return {"type": "view_submission", "user": {"id": member}, "view": sent}

    def enter(self, member: str, view: dict[str, Any], **entered: str) -> dict[str, Any] | None:
        """Send a form, and give what Slack is answered."""
        return self.socket.answer(self.socket.send(self.form(member, view, **entered)))

    def hears(self, member: str, what: str) -> None:
        until(lambda: any(who == member and what in text for who, text in self.slack.whispered))

    def issue(self, reference: str = FIRST) -> dict[str, Any]:
        (found,) = self.house.query("SELECT * FROM register.issues WHERE reference = %s", reference)
        return dict(found)

    def story(self, event: str) -> list[dict[str, Any]]:
        query = "SELECT details FROM register.audit WHERE event = %s ORDER BY event_number"
        return [row["details"] for row in self.house.query(query, event)]


def state_of(element: dict[str, Any], given: str | None) -> dict[str, Any]:
    if element["type"] == "static_select":
        known = [option for option in element["options"] if option["value"] == given]
        assert bool(known) == bool(given), "it can be chosen"
        return {"selected_option": known[0] if known else None}
    return {"selected_date": given} if element["type"] == "datepicker" else {"value": given}


@pytest.fixture
def listening(clinic: Any, slack: Any, socket: Socket) -> Iterator[Callable[[], Desktop]]:
    """Have somebody listen."""
    stopped = threading.Event()
    credentials = connections_from_environment(clinic.environment)("slack_default")
    threads: list[threading.Thread] = []

    def begin() -> Desktop:
        desk = Desk(clinic.settings, web_client(credentials), clinic.channels)
        listener = Listener(credentials, desk)
        threads.append(threading.Thread(target=listener.run, args=(stopped, lambda _: None)))
        threads[-1].start()
        until(lambda: socket.connections)
        return Desktop(clinic, slack, socket)

    yield begin
    stopped.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def desktop(clinic: Any, listening: Callable[[], Desktop]) -> Desktop:
    """One issue that fails is told of in Slack, and somebody listens."""
    see(clinic, "total_cases")
    return listening()


def test_acknowledge_acts_at_once_and_the_first_message_follows(desktop: Desktop) -> None:
    assert list(desktop.buttons()) == ["Acknowledge", "Assign…", "Note…", "Resolve…", "Waive…"]
    desktop.click(OWNER, "Acknowledge")
    until(lambda: "is acknowledged" in desktop.slack.shown[THREAD]["text"])
    assert list(desktop.buttons()) == ["Assign…", "Note…", "Resolve…", "Waive…"]
    assert desktop.issue()["status"] == "acknowledged"
    (told,) = desktop.story("issue acknowledged")
    assert (told["by"], told["account"]) == ("Giulia Bianchi", f"slack:{OWNER}")
    reply = desktop.slack.posted[-1]
    assert reply["thread_ts"] == THREAD
    assert "Giulia Bianchi has seen it and will act." in str(reply["blocks"])
    assert all(block["type"] == "section" for block in reply["blocks"]), "a reply has no buttons"
    desktop.hears(OWNER, "IG-00001 is acknowledged, for Giulia Bianchi")
    assert desktop.slack.tokens["apps.connections.open"] == {APP_TOKEN}
    assert desktop.slack.tokens["chat.postEphemeral"] == {BOT_TOKEN}


@pytest.mark.parametrize(
    ("label", "entered", "event", "told"),
    [
        pytest.param("Note…", {"text": "Called the desk"}, "noted", {"text": "Called the desk"}, id="note"),
        pytest.param(
            "Note…",
            {"text": "<!channel> see\n*this*\x00 <@U1>"},
            "noted",
            {"text": "‹!channel› see ·this· ‹@U1›"},
            id="note-without-markup",
        ),
        pytest.param(
            "Assign…",
            {"to": "Dario Neri, Analyst"},
            "assigned",
            {"owner": "Dario Neri, Analyst"},
            id="assign-to-somebody-known",
        ),
        pytest.param("Assign…", {"other": "Ada Rossi"}, "assigned", {"owner": "Ada Rossi"}, id="assign-to-another"),
        pytest.param(
            "Resolve…",
            {"resolution": "They sent it again", "cause": "export", "more": "a filter"},
            "resolved",
            {"resolution": "They sent it again", "root_cause": "export: a filter"},
            id="resolve",
        ),
        pytest.param(
            "Resolve…", {"resolution": "It is right"}, "resolved", {"root_cause": None}, id="resolve-without-cause"
        ),
    ],
)
def test_a_form_does_what_the_command_line_does(
    desktop: Desktop, label: str, entered: dict[str, str], event: str, told: dict[str, str]
) -> None:
    view = desktop.open(DEPUTY, label)
    assert view["title"]["text"] == f"{label.rstrip('…')} {FIRST}"
    assert desktop.enter(DEPUTY, view, **entered) is None, "the form closes"
    (found,) = until(lambda: desktop.story(f"issue {event}"))
    assert {key: found[key] for key in told} == told
    assert (found["by"], found["account"]) == (NAMES[DEPUTY], f"slack:{DEPUTY}")
    until(lambda: desktop.slack.whispered)
    if event != "noted":
        until(lambda: len(desktop.slack.posted) == 2)
    if event == "resolved":
        until(lambda: "is resolved" in desktop.slack.shown[THREAD]["text"])
        assert list(desktop.buttons()) == ["Assign…", "Note…", "Waive…"]


def test_whom_it_was_given_to_may_answer_for_it(desktop: Desktop) -> None:
    desktop.house.execute("UPDATE register.issue SET owner = 'Marta Russo, Head of Public Briefing'")
    path = desktop.house.settings.dependencies / "national_hospital_activity" / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    name = next(line for line in text.splitlines() if line.startswith("  name: ")).removeprefix("  name: ")
    title = next(line for line in text.splitlines() if line.startswith("  title: ")).removeprefix("  title: ")
    path.write_text(text.replace("owner:\n", "owner:\n  slack: U0OTHER\n", 1), encoding="utf-8")
    desktop.click("U0OTHER", "Acknowledge")
    desktop.hears("U0OTHER", "is none of theirs")
    desktop.house.execute(f"UPDATE register.issue SET owner = '{name}, {title}'")
    desktop.click("U0OTHER", "Acknowledge")
    until(lambda: desktop.issue()["status"] == "acknowledged")


@pytest.mark.parametrize("label", ["Acknowledge", "Waive…"])
def test_a_stranger_is_refused_told_how_to_be_added_and_on_record(desktop: Desktop, label: str) -> None:
    before = desktop.issue()
    desktop.click(STRANGER, label)
    desktop.hears(STRANGER, "your member id in Slack, U0STRANGER, is none of theirs")
    assert "'slack' beside your name in dependency.yml" in desktop.slack.whispered[0][1]
    assert desktop.slack.whispered == [(STRANGER, desktop.slack.whispered[0][1])], "nobody else is told"
    assert (desktop.issue(), desktop.slack.opened, len(desktop.slack.posted)) == (before, [], 1)
    (told,) = desktop.story("issue refused")
    assert told["account"] == f"slack:{STRANGER}"
    assert told["move"] == label.rstrip("…").lower()
    assert set(told) == {"account", "by", "key", "move", "reference"}, "no text of Slack's"


def test_a_stranger_cannot_send_a_form_that_somebody_else_opened(desktop: Desktop) -> None:
    view = desktop.open(OWNER, "Note…")
    assert desktop.enter(STRANGER, view, text="Let me in") is None
    desktop.hears(STRANGER, "is none of theirs")
    assert desktop.story("issue noted") == []
    assert len(desktop.story("issue refused")) == 1


def test_who_is_no_longer_named_may_no_longer(desktop: Desktop) -> None:
    path = desktop.house.settings.dependencies / REGIONAL / "dependency.yml"
    path.write_text(path.read_text(encoding="utf-8").replace(f"  slack: {OWNER}\n", ""), encoding="utf-8")
    desktop.click(OWNER, "Acknowledge")
    desktop.hears(OWNER, "is none of theirs")
    assert desktop.issue()["status"] == "open"


def test_of_two_who_click_at_once_the_second_is_refused(desktop: Desktop) -> None:
    button = desktop.buttons()["Acknowledge"]
    for member in (OWNER, DEPUTY):
        desktop.socket.send(desktop.payload(member, button))
    until(lambda: len(desktop.slack.whispered) == 2)
    refused = [text for _, text in desktop.slack.whispered if text == f"{FIRST} is acknowledged already."]
    assert len(refused) == 1
    assert len(desktop.story("issue acknowledged")) == 1


@pytest.mark.parametrize(("label", "resolved"), [("Acknowledge", False), ("Resolve…", True)])
def test_a_button_that_is_behind_the_issues_state_is_refused(desktop: Desktop, label: str, resolved: bool) -> None:
    button = desktop.buttons()[label]
    acknowledge(desktop.house.settings, FIRST, by="Ada Rossi")
    if resolved:
        resolve(desktop.house.settings, FIRST, resolution="They sent it again", cause=None, by="Ada Rossi")
    desktop.socket.send(desktop.payload(OWNER, button))
    desktop.hears(OWNER, "is resolved: that cannot be done" if resolved else "is acknowledged already")
    assert desktop.slack.opened == []


def test_a_form_that_is_behind_the_issues_state_is_refused(desktop: Desktop) -> None:
    view = desktop.open(OWNER, "Resolve…")
    resolve(desktop.house.settings, FIRST, resolution="They sent it again", cause=None, by="Ada Rossi")
    assert desktop.enter(OWNER, view, resolution="It is mended") is None
    desktop.hears(OWNER, f"{FIRST} is resolved already.")
    assert len(desktop.story("issue resolved")) == 1


@pytest.mark.parametrize(
    ("label", "entered", "about", "why"),
    [
        ("Note…", {"text": "x"}, "text", "Write what is to be remembered."),
        ("Note…", {"text": "\x00\x01 \x02"}, "text", "Write what is to be remembered."),
        ("Assign…", {}, "to", "Name the person who is to act."),
        ("Resolve…", {"resolution": "x"}, "resolution", "Say what was done."),
        ("Resolve…", {"resolution": "Done so", "cause": "other"}, "cause", "Say what it was"),
        ("Resolve…", {"resolution": "Done so", "more": "a filter"}, "cause", "'' is no root cause"),
        ("Waive…", {"reason": "ok"}, "reason", "15 characters or more"),
        ("Waive…", {"reason": REASON, "until": "2020-01-01"}, "until", "It would have ended"),
        ("Waive…", {"reason": REASON, "until": "2099-01-01"}, "until", "92 days at most"),
        ("Waive…", {"reason": REASON, "periods": "soon"}, "periods", "no reporting period"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_can_be_sent_again(
    desktop: Desktop, label: str, entered: dict[str, str], about: str, why: str
) -> None:
    view = desktop.open(OWNER, label)
    answer = desktop.enter(OWNER, view, **entered)
    assert answer is not None
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == [about]
    assert why in answer["errors"][about]
    assert desktop.slack.whispered == []
    mended = {"Note…": {"text": "Called them"}, "Assign…": {"other": "Ada Rossi"}, "Waive…": {"reason": REASON}}
    assert desktop.enter(OWNER, view, **mended.get(label, {"resolution": "They sent it again"})) is None
    until(lambda: desktop.slack.whispered)


def test_class_high_is_let_pass_when_owner_and_sponsor_agree_to_the_same_terms(desktop: Desktop) -> None:
    view = desktop.open(OWNER, "Waive…")
    assert "Here owner and sponsor decide." in str(view["blocks"])
    assert desktop.enter(OWNER, view, reason=REASON, until=UNTIL) is None
    desktop.hears(OWNER, "Nothing passes before Anna Verdi")
    assert desktop.house.query("SELECT 1 FROM register.waiver") == []
    until(lambda: "To be let pass, if another agrees" in desktop.slack.posted[-1]["text"])
    view = desktop.open(OWNER, "Waive…")
    assert desktop.enter(OWNER, view) is None
    assert desktop.house.query("SELECT 1 FROM register.waiver") == [], "twice one person's word is not two people's"

    view = desktop.open(SPONSOR, "Waive…")
    assert "has proposed these terms" in str(view["blocks"])
    other = (TODAY + timedelta(days=20)).isoformat()
    assert desktop.enter(SPONSOR, view, until=other) is None
    desktop.hears(SPONSOR, "Nothing passes before Giulia Bianchi")
    assert desktop.house.query("SELECT 1 FROM register.waiver") == [], "other terms are no agreement"

    view = desktop.open(OWNER, "Waive…")
    assert desktop.enter(OWNER, view) is None
    (waiver,) = desktop.house.query("SELECT reason, expires_on, waived_by FROM register.waiver")
    assert waiver["waived_by"] == [
        "Giulia Bianchi <capacity-planning@example.org>",
        "Anna Verdi <a.verdi@example.org>",
    ]
    assert (waiver["reason"], waiver["expires_on"].isoformat()) == (REASON, other)
    until(lambda: f"It is let pass until {other}." in str(desktop.slack.shown[THREAD]["blocks"]))
    (told,) = desktop.story("waived")
    assert told["account"] == f"slack:{OWNER}"


def test_where_the_owner_decides_one_word_is_enough(clinic: Any, listening: Callable[[], Desktop]) -> None:
    see(clinic, "payment_listed_once", of=TRUSTS)
    desktop = listening()
    assert desktop.enter(OWNER, desktop.open(OWNER, "Waive…"), reason=REASON, until=UNTIL) is None
    (waiver,) = until(lambda: desktop.house.query("SELECT waived_by FROM register.waiver"))
    assert len(waiver["waived_by"]) == 1
    until(lambda: desktop.slack.posted[-1]["text"].startswith("Let pass:"))


@pytest.mark.parametrize(("member", "of"), [(DEPUTY, REGIONAL), (SPONSOR, TRUSTS)])
def test_who_has_no_say_lets_nothing_pass(clinic: Any, listening: Callable[[], Desktop], member: str, of: str) -> None:
    see(clinic, "payment_listed_once", of=of)
    desktop = listening()
    if member == DEPUTY:
        desktop.click(member, "Waive…")
        desktop.hears(member, "has no say in this")
        assert desktop.slack.opened == []
    else:
        assert desktop.enter(member, desktop.open(member, "Waive…"), reason=REASON) is None
        desktop.hears(member, "Here owner decides: ")
    assert desktop.house.query("SELECT 1 FROM register.waiver") == []
    assert desktop.story("issue waiver proposed") == []


def test_what_slack_delivers_twice_is_done_once(desktop: Desktop) -> None:
    payload = desktop.payload(OWNER, desktop.buttons()["Acknowledge"])
    first = desktop.socket.send(payload)
    until(lambda: desktop.slack.whispered)
    desktop.socket.send(payload, first)
    desktop.socket.send(payload)
    view = desktop.open(OWNER, "Note…")
    form = desktop.form(OWNER, view, text="Called the desk")
    envelopes = [desktop.socket.send(form) for _ in range(3)]
    assert [desktop.socket.answer(each) for each in envelopes] == [None] * 3
    until(lambda: len(desktop.slack.whispered) == 2)
    assert len(desktop.story("issue acknowledged")) == len(desktop.story("issue noted")) == 1
    assert [text for _, text in desktop.slack.whispered if "already" in text] == [], "nobody is told twice"


@pytest.mark.parametrize("how", ["asked", "cut"])
def test_a_connection_that_ends_is_opened_anew(desktop: Desktop, how: str) -> None:
    if how == "asked":
        desktop.socket.connections[0].send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
    else:
        desktop.socket.connections[0].close()
    until(lambda: len(desktop.socket.connections) >= 2)
    desktop.click(OWNER, "Acknowledge")
    until(lambda: desktop.issue()["status"] == "acknowledged")


def test_what_takes_too_long_for_slack_is_acknowledged_and_told_afterwards(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, make = threading.Event(), slack_moves.make

    def slowly(*args: Any, **named: Any) -> str:
        assert go_on.wait(60)
        return make(*args, **named)

    monkeypatch.setattr(slack_moves, "make", slowly)
    monkeypatch.setattr(socket_mode, "ANSWER_SECONDS", 0.05)
    view = desktop.open(OWNER, "Note…")
    assert desktop.enter(OWNER, view, text="x") is None, "before anything is done"
    go_on.set()
    desktop.hears(OWNER, "Write what is to be remembered.")


def test_what_cannot_be_done_now_is_said_and_changes_nothing(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise Transient("secret words of somebody")

    monkeypatch.setattr(slack_moves, "make", fail)
    desktop.click(OWNER, "Acknowledge")
    desktop.hears(OWNER, "That could not be done now")
    assert desktop.issue()["status"] == "open"
    assert "an answer from Slack: Transient" in caplog.text
    assert "secret words" not in caplog.text


def test_what_breaks_is_logged_without_what_anybody_wrote(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise KeyError("words of somebody")

    monkeypatch.setattr(slack_moves, "make", fail)
    desktop.click(OWNER, "Acknowledge")
    desktop.hears(OWNER, "That could not be done now")
    assert "an answer from Slack: KeyError at slack_desk.py:" in caplog.text
    assert "words of somebody" not in caplog.text


def test_a_digest_has_a_button_for_each_issue(clinic: Any, listening: Callable[[], Desktop]) -> None:
    see(clinic, *(f"broken_{number}" for number in range(4)))
    desktop = listening()
    assert list(desktop.buttons()) == [f"Acknowledge IG-0000{number}" for number in range(1, 5)]
    desktop.click(OWNER, "Acknowledge IG-00002")
    until(lambda: len(desktop.buttons()) == 3)
    assert "Acknowledge IG-00002" not in desktop.buttons()
    assert desktop.issue("IG-00002")["status"] == "acknowledged"


def test_what_is_none_of_ours_is_acknowledged_and_left_alone(desktop: Desktop) -> None:
    who, where = {"id": OWNER}, {"channel_id": "C1"}
    other = {"type": "block_actions", "user": who, "container": where, "actions": [{"action_id": "x", "value": FIRST}]}
    view = {"id": "V", "callback_id": "other", "state": {"values": {}}}
    strange = {"type": "block_actions", "user": who, "container": where, "trigger_id": "1"}
    strange["actions"] = [{"action_id": "integrity/acknowledge/IG-09999", "value": "IG-09999"}]
    sent = [desktop.socket.send(each) for each in (other, {"type": "view_submission", "user": who, "view": view})]
    assert [desktop.socket.answer(each) for each in sent] == [None, None]
    assert desktop.socket.answer(desktop.socket.send(strange)) is None
    desktop.hears(OWNER, "There is no issue IG-09999")
    assert desktop.issue()["status"] == "open"


# Tokens


def test_tokens_are_in_no_log_at_any_level(
    clinic: Any, slack: Any, socket: Socket, listening: Callable[[], Desktop], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
    see(clinic, "total_cases")
    desktop = listening()
    desktop.enter(OWNER, desktop.open(OWNER, "Note…"), text="Called the desk")
    socket.connections[-1].send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
    until(lambda: len(socket.connections) == 2)
    ours = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("websockets.server"))
    for secret in (APP_TOKEN, BOT_TOKEN, "secret-of-the-ticket", "Called the desk"):
        assert secret not in ours


def test_slacks_own_errors_are_logged_without_tokens(caplog: pytest.LogCaptureFixture) -> None:
    socket_mode.client_log().error("Failed: %s", f"{APP_TOKEN} {BOT_TOKEN} wss://x/?ticket=abc&app_id=1")
    assert caplog.messages == ["Failed: [redacted] [redacted] wss://x/?ticket=[redacted]&app_id=1"]
    assert redacted("xoxe.xoxp-1-abc") == "xoxe.[redacted]"


def listener(extra: dict[str, Any], password: str = BOT_TOKEN) -> Listener:
    return Listener(Credentials(password=password, extra=extra), desk=None)  # type: ignore[arg-type]


def test_an_app_that_is_not_let_in_is_an_error_that_says_the_mend(slack: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Misconfigured, match="invalid_auth. Check that Socket Mode is on") as raised:
        listener({"base_url": slack.url, "app_token": APP_TOKEN}).run(threading.Event(), print)
    assert raised.value.__cause__ is None
    assert APP_TOKEN not in f"{raised.value} {caplog.text}"


def test_slack_out_of_reach_is_an_error_that_may_go_by(slack: Any) -> None:
    slack.is_down = True
    with pytest.raises(Transient, match="service_unavailable"):
        listener({"base_url": slack.url, "app_token": APP_TOKEN}).run(threading.Event(), print)


@pytest.mark.parametrize("url", ["wss://slack.example:8443/link", "ws://slack.example/link"])
def test_an_address_without_tls_is_refused(slack: Any, url: str) -> None:
    slack.socket_url = url
    with pytest.raises(Transient, match="SlackClientError"):
        listener({"base_url": slack.url, "app_token": APP_TOKEN}).run(threading.Event(), print)
    assert issubclass(SlackClientError, Exception)


def test_it_says_that_it_is_connected_while_it_is_and_no_longer(
    slack: Any, socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_mode, "BEAT_SECONDS", 0.05)
    beats: list[None] = []
    connected, stopped = listener({"base_url": slack.url, "app_token": APP_TOKEN}), threading.Event()
    run = (stopped, lambda _: None, lambda: beats.append(None))
    thread = threading.Thread(target=connected.run, args=run)
    thread.start()
    try:
        until(lambda: len(beats) > 2)
        slack.is_down = True
        socket.connections[-1].close()
        until(lambda: not connected._client.is_connected())
        before = len(beats)
        time.sleep(0.5)
        assert len(beats) <= before + 1, "one may have been under way"
    finally:
        stopped.set()
        thread.join()


# The command


def command(clinic: Any, **changed: str) -> dict[str, str]:
    environment = clinic.environment | {
        "INTEGRITY_HOME": str(clinic.settings.home),
        "INTEGRITY_DATABASE_URL": str(clinic.settings.database_url),
        "INTEGRITY_DEPENDENCIES": str(clinic.settings.dependencies),
        "INTEGRITY_SPONSOR": str(clinic.settings.sponsor),
        "INTEGRITY_SPONSOR_SLACK": SPONSOR,
    }
    return {**os.environ, **environment, **changed}


INTEGRITY = Path(sys.executable).parent / "integrity"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_listens_until_it_is_told_to_end(
    clinic: Any, slack: Any, socket: Socket, tmp_path: Path, number: signal.Signals
) -> None:
    see(clinic, "total_cases")
    alive = tmp_path / "alive"
    words = [INTEGRITY, "alerts", "listen", "--alive", str(alive)]
    process = subprocess.Popen(words, env=command(clinic), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: socket.connections or process.poll() is not None)
        Desktop(clinic, slack, socket).click(SPONSOR, "Acknowledge")
        desktop = Desktop(clinic, slack, socket)
        until(lambda: desktop.issue()["status"] == "acknowledged")
        until(alive.exists)
        process.send_signal(number)
        told, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, told, complaints) == (0, "Listening to Slack.\n", "")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({}, "has no app token", id="no-app-token"),
        pytest.param({"extra": {"app_token": "xoxb-1"}}, "an app's token begins with xapp-", id="the-bots-token"),
        pytest.param({"extra": {"app_token": APP_TOKEN}, "password": ""}, "set its password to xoxb-", id="no-bot"),
        pytest.param(None, "There is no connection 'slack_default'", id="no-connection"),
    ],
)
def test_what_is_lacking_is_said_with_its_mend(clinic: Any, changed: dict[str, Any] | None, told: str) -> None:
    connection = "" if changed is None else json.dumps({"conn_type": "slack", "password": BOT_TOKEN} | changed)
    environment = command(clinic, AIRFLOW_CONN_SLACK_DEFAULT=connection)
    done = subprocess.run([INTEGRITY, "alerts", "listen"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert not {APP_TOKEN, BOT_TOKEN} & set(done.stderr.split())
