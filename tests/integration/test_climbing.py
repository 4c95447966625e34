"""What nobody answers climbs: the owner is reminded, the deputy is asked, then the sponsor; on working days."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integrity.alerts.channels import Channels
from integrity.inventory.loading import load_inventory
from integrity.inventory.people import Person
from integrity.pipeline import answering
from integrity.pipeline.office import Office
from integrity.pipeline.tending import tend
from integrity.register.climbing import climb
from integrity.warehouse.connection import open_engine, transaction

REGIONAL, FIRST = "regional_hospital_activity", "IG-00001"
SPONSOR = "Chiara Neri <chiara.neri@example.org>"
DEPUTY = Person(name="Paolo Riva", title="Deputy", email="paolo.riva@example.org", slack="U0DEPUTY")
DUE = date(2026, 11, 20)
"""A Friday."""


@pytest.fixture
def overdue(settled: Any, real: Any) -> Any:
    """An issue of class high whose owner should have answered on a Friday."""
    settled.send(REGIONAL, real(REGIONAL, 29).drop("13"), 29)
    settled.run(REGIONAL, 29)
    settled.execute(f"UPDATE register.issue SET due_on = '{DUE}'")
    return settled


def with_deputy(house: Any, **owner: Any) -> Any:
    registered = load_inventory(house.settings).get(REGIONAL)
    changed = registered.dependency.owner.model_copy(update=owner)
    dependency = registered.dependency.model_copy(update={"deputy": DEPUTY, "owner": changed})
    return registered.model_copy(update={"dependency": dependency})


def on(house: Any, day: date, registered: Any = None, hour: int = 12) -> list[str]:
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    with transaction(open_engine(house.settings)) as session:
        return climb(session, registered or with_deputy(house), SPONSOR, moment)


def told(house: Any) -> list[tuple[str, str]]:
    rows = house.query("SELECT kind, route FROM register.outbox WHERE kind IN ('reminded', 'escalated') ORDER BY id")
    return [(row["kind"], row["route"]) for row in rows]


CHANNEL = "slack:#hospital-capacity"


def test_it_climbs_on_working_days_to_each_once(overdue: Any) -> None:
    days = [DUE + timedelta(days=n) for n in range(9)]
    climbed = [day for day in days for _ in on(overdue, day)]
    monday, tuesday, thursday = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 26)
    assert climbed == [monday, tuesday, thursday], "not on the day itself, and not at the weekend"
    assert told(overdue) == [
        ("reminded", CHANNEL),
        ("escalated", CHANNEL),
        ("escalated", "slack:U0DEPUTY"),
        ("escalated", CHANNEL),
        ("escalated", "email:chiara.neri@example.org"),
    ]
    assert on(overdue, days[-1]) == [], "nobody is asked twice"
    story = overdue.query("SELECT event, details FROM register.audit WHERE issue = %s", FIRST)
    assert [row["details"]["to"] for row in story if row["event"] == "issue escalated"] == [
        "Paolo Riva, Deputy",
        "Chiara Neri",
    ]


def test_who_looks_after_a_fortnight_is_told_once_by_the_highest_step(overdue: Any) -> None:
    assert on(overdue, DUE + timedelta(days=14)) == [FIRST]
    assert [route for _, route in told(overdue)] == [CHANNEL, "email:chiara.neri@example.org"]


def test_the_owners_holidays_and_clocks_count(overdue: Any) -> None:
    in_auckland = with_deputy(overdue, timezone="Pacific/Auckland")
    assert on(overdue, date(2026, 11, 22), in_auckland, hour=10) == [], "it is still Sunday"
    assert on(overdue, date(2026, 11, 22), in_auckland, hour=12) == [FIRST], "Monday has begun there"


@pytest.mark.parametrize("answer", ["acknowledge", "investigate", "resolve"])
def test_what_somebody_has_answered_does_not_climb(overdue: Any, answer: str) -> None:
    more = {"resolution": "Corrected at the source.", "cause": None} if answer == "resolve" else {}
    getattr(answering, answer)(overdue.settings, FIRST, by="Giulia Bianchi", **more)
    assert on(overdue, DUE + timedelta(days=14)) == []


def test_what_comes_of_another_issue_waits_for_that_one(overdue: Any) -> None:
    overdue.execute("UPDATE register.issue SET explained_by = id")
    assert on(overdue, DUE + timedelta(days=14)) == []


def test_what_is_taken_up_again_climbs_again(overdue: Any) -> None:
    on(overdue, DUE + timedelta(days=14))
    answering.resolve(overdue.settings, FIRST, resolution="Corrected.", cause=None, by="Giulia Bianchi")
    answering.reopen(overdue.settings, FIRST, reason="It is not.", by="Giulia Bianchi")
    overdue.execute(f"UPDATE register.issue SET due_on = '{DUE}'")
    assert on(overdue, DUE + timedelta(days=3)) == [FIRST]


def test_a_sponsor_without_an_address_is_named_where_all_read_it(overdue: Any) -> None:
    moment = datetime(2026, 12, 4, 12, tzinfo=UTC)
    with transaction(open_engine(overdue.settings)) as session:
        climb(session, with_deputy(overdue), "Chiara Neri", moment)
    assert told(overdue) == [("escalated", CHANNEL)]
    (said,) = overdue.query("SELECT content ->> 'said' AS said FROM register.outbox WHERE kind = 'escalated'")
    assert said["said"] == (
        "It was due on 2026-11-20, 10 working days ago, and nobody has said that they act. "
        "Chiara Neri: acknowledge IG-00001, or name who will."
    )


def test_a_sponsor_with_a_member_id_is_called_in_slack(overdue: Any) -> None:
    moment = datetime(2026, 12, 4, 12, tzinfo=UTC)
    with transaction(open_engine(overdue.settings)) as session:
        climb(session, with_deputy(overdue), SPONSOR, moment, "U0SPONSOR")
    assert told(overdue) == [("escalated", CHANNEL), ("escalated", "slack:U0SPONSOR")]
    mentioned = overdue.query("SELECT content -> 'mentions' AS who FROM register.outbox WHERE kind = 'escalated'")
    assert [row["who"] for row in mentioned] == [["U0SPONSOR"]] * 2


def test_who_was_asked_to_act_is_the_one_who_is_called(overdue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registered = with_deputy(overdue, slack="U0OWNER")
    monkeypatch.setattr(answering, "people", lambda _: [registered.dependency.owner, DEPUTY])
    answering.assign(overdue.settings, FIRST, to="Paolo Riva, Deputy", by="Giulia Bianchi")
    assigned = overdue.query(
        "SELECT route, content -> 'mentions' AS who FROM register.outbox WHERE kind = 'assigned' ORDER BY id"
    )
    assert assigned == [{"route": route, "who": ["U0DEPUTY"]} for route in (CHANNEL, "slack:U0DEPUTY")]
    assert on(overdue, DUE + timedelta(days=3), registered) == [FIRST]
    (reminder,) = overdue.query("SELECT content FROM register.outbox WHERE kind = 'reminded'")
    assert reminder["content"]["mentions"] == ["U0DEPUTY"]
    assert "Paolo Riva: acknowledge IG-00001" in reminder["content"]["said"]


def test_watch_has_it_climb_and_tells(overdue: Any) -> None:
    told_before = len(overdue.channels.sent)
    office = Office.open(REGIONAL, overdue.settings)
    assert tend(office, overdue.channels, datetime(2026, 11, 23, 12, tzinfo=UTC)) == []
    assert [kind for kind, _ in overdue.channels.sent[told_before:]] == ["reminded"]


def test_alerts_are_tried_once_a_day_and_it_is_told_where_they_do_not_arrive(
    overdue: Any, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office.open(REGIONAL, replace(overdue.settings, tries_alerts=True))
    now = datetime.now(UTC)
    for moment in (now, now, now + timedelta(days=1)):
        tend(office, overdue.channels, moment)
    trials = [kind for kind, _ in overdue.channels.sent if kind == "trial"]
    assert len(trials) == 2
    overdue.execute("ALTER TABLE register.audit_event DISABLE TRIGGER ALL")
    overdue.execute("UPDATE register.audit_event SET at = at - interval '2 days' WHERE event = 'alerts tried'")
    deaf = Channels.from_environment(Path("/dev/null/nowhere"), {})
    with caplog.at_level(logging.ERROR):
        tend(office, deaf, now)
    assert "alerts do not arrive at slack:#hospital-capacity" in caplog.text
    missed = overdue.query("SELECT details -> 'missed' AS missed FROM register.audit WHERE event = 'alerts tried'")
    assert [row["missed"] for row in missed] == [[], [], [CHANNEL]]
