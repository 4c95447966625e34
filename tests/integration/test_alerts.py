"""Alerts to a Slack that lives on this machine: threads, outages, and no cell's value in what is posted."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from integrity.alerts.channels import Channels, FileChannel
from integrity.alerts.delivery import deliver
from integrity.alerts.slack import SlackChannel
from integrity.pipeline.answering import acknowledge
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine

REGIONAL = "regional_hospital_activity"
ABRUZZO = "13"


@pytest.fixture
def on_slack(settled: Any, slack: Any) -> Any:
    """The product at work, with its alerts going to that Slack."""
    connection = {"conn_type": "slack", "password": "not-a-token", "extra": {"base_url": slack.url}}
    settled.channels = Channels.from_environment(
        settled.settings.home, {"AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection)}
    )
    assert isinstance(settled.channels.of("slack:#c"), SlackChannel)
    return settled


def test_resolved_is_posted_in_the_thread_of_opened(on_slack: Any, slack: Any, real: Any) -> None:
    on_slack.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    on_slack.run(REGIONAL, 29)
    on_slack.send(REGIONAL, real(REGIONAL, 29), 29)
    on_slack.run(REGIONAL, 29)
    opened, resolved = slack.posted
    assert opened["channel"] == resolved["channel"] == "#hospital-capacity"
    assert "thread_ts" not in opened
    assert resolved["thread_ts"] == "1588.000001"
    assert "Abruzzo (13)" in str(opened["blocks"])
    assert "IG-00001" in str(opened["blocks"])
    assert resolved["text"].startswith("Resolved:")


def test_while_slack_is_down_alerts_wait_and_verdicts_stand(on_slack: Any, slack: Any, real: Any) -> None:
    slack.is_down = True
    on_slack.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    assert on_slack.run(REGIONAL, 29).verdict is Verdict.FAIL
    assert slack.posted == []
    (waiting,) = on_slack.query("SELECT delivered_at, attempts, last_error FROM register.outbox")
    assert waiting["delivered_at"] is None
    assert waiting["attempts"] == 1
    assert waiting["last_error"]
    assert len(on_slack.open_issues()) == 1

    slack.is_down = False
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert len(slack.posted) == 1
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 0, "nothing is told twice"


def bad_night(on_slack: Any, real: Any) -> None:
    on_slack.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    on_slack.run(REGIONAL, 29)


def test_the_first_message_shows_how_things_stand(on_slack: Any, slack: Any, real: Any) -> None:
    bad_night(on_slack, real)
    acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert slack.shown["1588.000001"]["text"].endswith("'population complete' is acknowledged")
    on_slack.send(REGIONAL, real(REGIONAL, 29), 29)
    on_slack.run(REGIONAL, 29)
    shown = str(slack.shown["1588.000001"]["blocks"])
    assert ":white_check_mark:" in shown
    assert "is resolved" in shown
    assert [message.get("thread_ts") for message in slack.posted] == [None, "1588.000001", "1588.000001"]


def test_a_message_that_was_written_before_issues_had_a_life_is_delivered(on_slack: Any, slack: Any, real: Any) -> None:
    bad_night(on_slack, real)
    acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
    on_slack.execute(
        'UPDATE register.outbox SET content = content - \'status\' || \'{"outcome": "", "resolution": ""}\''
    )
    on_slack.execute(
        "UPDATE register.outbox SET kind = 'resolved', content = content - 'said' WHERE delivered_at IS NULL"
    )
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert slack.posted[-1]["text"].startswith("Resolved:")


@pytest.mark.parametrize("how", ["loses_answers", "hangs_up"])
@pytest.mark.parametrize("is_reply", [False, True])
def test_a_message_whose_answer_was_lost_is_not_sent_again(
    on_slack: Any, slack: Any, real: Any, is_reply: bool, how: str
) -> None:
    if is_reply:
        bad_night(on_slack, real)
    setattr(slack, how, True)
    if is_reply:
        acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
        deliver(open_engine(on_slack.settings), on_slack.channels)
    else:
        bad_night(on_slack, real)
    posted = len(slack.posted)
    assert posted == 1 + is_reply
    assert on_slack.query("SELECT 1 FROM register.outbox WHERE delivered_at IS NULL")
    setattr(slack, how, False)
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert len(slack.posted) == posted, "it was there"
    (conversation,) = on_slack.query("SELECT route, thread FROM register.conversation")
    assert conversation == {"route": "slack:#hospital-capacity", "thread": "1588.000001"}


def test_a_process_that_dies_between_sending_and_recording_leaves_one_message(
    on_slack: Any, slack: Any, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.is_down = True
    bad_night(on_slack, real)
    slack.is_down = False
    channel = on_slack.channels.of("slack:#hospital-capacity")
    send = channel.send

    def die(message: Any) -> None:
        send(message)
        raise KeyboardInterrupt

    monkeypatch.setattr(channel, "send", die)
    with pytest.raises(KeyboardInterrupt):
        deliver(open_engine(on_slack.settings), on_slack.channels)
    monkeypatch.undo()
    assert len(slack.posted) == 1
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert len(slack.posted) == 1


def test_where_nobody_may_look_it_is_sent_again_rather_than_lost(on_slack: Any, slack: Any, real: Any) -> None:
    slack.loses_answers, slack.may_look = True, False
    bad_night(on_slack, real)
    slack.loses_answers = False
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert len(slack.posted) == 2


def test_who_asks_to_be_left_in_peace_is(on_slack: Any, slack: Any, real: Any) -> None:
    slack.peace = 120
    on_slack.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO).change("03", totale_ospedalizzati=1), 29)
    on_slack.run(REGIONAL, 29)
    waiting = "SELECT sum(attempts) AS tried, max(next_try_at) AS at FROM register.outbox"
    (first,) = on_slack.query(waiting)
    assert first["tried"] == 1, "nothing more is tried once it has asked"
    slack.peace = 0
    engine = open_engine(on_slack.settings)
    assert deliver(engine, on_slack.channels, moment=first["at"] - timedelta(seconds=1)) == 0
    assert slack.posted == [], "by no other delivery either"
    deliver(engine, on_slack.channels, moment=first["at"])
    assert {"hospitalised total", "population complete"} <= set(re.findall(r"'([a-z ]+)'", str(slack.posted)))


def test_what_is_sent_by_hand_in_an_outage_is_tried_again_soon(on_slack: Any, slack: Any, real: Any) -> None:
    slack.is_down = True
    bad_night(on_slack, real)
    engine, now = open_engine(on_slack.settings), datetime.now(UTC)
    assert deliver(engine, on_slack.channels, ahead=timedelta(days=366)) == 0
    slack.is_down = False
    assert deliver(engine, on_slack.channels, moment=now + timedelta(hours=1)) == 1


def test_a_first_message_that_somebody_has_deleted_silences_nothing(on_slack: Any, slack: Any, real: Any) -> None:
    bad_night(on_slack, real)
    slack.deleted.add("1588.000001")
    acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    slack.loses_answers = True
    on_slack.send(REGIONAL, real(REGIONAL, 29), 29)
    on_slack.run(REGIONAL, 29)
    slack.loses_answers = False
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert [message["text"].split(":")[0] for message in slack.posted[1:]] == ["Acknowledged", "Resolved"]
    assert not any(message.get("thread_ts") for message in slack.posted)


def test_a_first_message_that_cannot_be_edited_silences_nothing(
    on_slack: Any, slack: Any, real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_night(on_slack, real)
    monkeypatch.setattr(slack, "_chat_update", lambda _: {"ok": False, "error": "message_not_found"}, raising=False)
    acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
    assert deliver(open_engine(on_slack.settings), on_slack.channels) == 1
    assert slack.posted[-1]["thread_ts"] == "1588.000001"


def test_what_fails_again_and_again_waits_longer_each_time(on_slack: Any, slack: Any, real: Any) -> None:
    slack.is_down = True
    bad_night(on_slack, real)
    engine, pauses = open_engine(on_slack.settings), []
    for _ in range(9):
        (waiting,) = on_slack.query("SELECT next_try_at FROM register.outbox")
        deliver(engine, on_slack.channels, moment=waiting["next_try_at"])
        (after,) = on_slack.query("SELECT next_try_at FROM register.outbox")
        pauses.append(int((after["next_try_at"] - waiting["next_try_at"]).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    (waiting,) = on_slack.query("SELECT next_try_at FROM register.outbox")
    assert deliver(engine, on_slack.channels, moment=waiting["next_try_at"] - timedelta(seconds=1)) == 0
    slack.is_down = False
    assert deliver(engine, on_slack.channels, moment=waiting["next_try_at"]) == 1


def test_an_unreachable_slack_blocks_nothing_good(on_slack: Any, slack: Any, real: Any) -> None:
    on_slack.channels.of("slack:#c").client.base_url = "http://127.0.0.1:9/api/"
    on_slack.send(REGIONAL, real(REGIONAL, 29), 29)
    assert on_slack.run(REGIONAL, 29).verdict is Verdict.PASS
    assert {row["_period"].day for row in on_slack.published(REGIONAL)} == {27, 28, 29}


def test_no_cell_is_posted(on_slack: Any, slack: Any, real: Any) -> None:
    canaries = {"denominazione_regione": "Canarino<@U1>", "tamponi": "71717171x", "terapia_intensiva": "62626262"}
    on_slack.send(REGIONAL, real(REGIONAL, 29).change(ABRUZZO, **canaries), 29)
    on_slack.run(REGIONAL, 29)
    posted = json.dumps(slack.posted)
    assert len(slack.posted) == 3
    assert not [value for value in canaries.values() if value in posted]


def test_without_slack_alerts_go_to_a_file(settled: Any, real: Any) -> None:
    settled.channels = Channels.from_environment(settled.settings.home, {})
    assert isinstance(settled.channels.of("slack:#c"), FileChannel)
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)
    told = (settled.settings.home / "alerts.log").read_text(encoding="utf-8")
    assert told.startswith("[#hospital-capacity] Regional hospital activity: 'population complete' failed for 2020")
