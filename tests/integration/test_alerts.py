"""Alerts to a Slack that lives on this machine: threads, outages, and no cell's value in what is posted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integrity.alerts.channels import FileChannel, SlackChannel, channel_from_environment
from integrity.alerts.delivery import deliver
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine

REGIONAL = "regional_hospital_activity"
ABRUZZO = "13"


@pytest.fixture
def on_slack(settled: Any, slack: Any) -> Any:
    """The product at work, with its alerts going to that Slack."""
    connection = {"conn_type": "slack", "password": "not-a-token", "extra": {"base_url": slack.url}}
    settled.channel = channel_from_environment(
        settled.settings.home, {"AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection)}
    )
    assert isinstance(settled.channel, SlackChannel)
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
    assert deliver(open_engine(on_slack.settings), on_slack.channel) == 1
    assert len(slack.posted) == 1
    assert deliver(open_engine(on_slack.settings), on_slack.channel) == 0, "nothing is told twice"


def test_an_unreachable_slack_blocks_nothing_good(on_slack: Any, slack: Any, real: Any) -> None:
    on_slack.channel.client.base_url = "http://127.0.0.1:9/api/"  # The port that discards; nobody listens.
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
    settled.channel = channel_from_environment(settled.settings.home, {})
    assert isinstance(settled.channel, FileChannel)
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)
    told = (settled.settings.home / "alerts.log").read_text(encoding="utf-8")
    assert told.startswith("[#hospital-capacity] Regional hospital activity: 'population complete' failed for 2020")
