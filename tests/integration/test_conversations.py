"""What is told together: many at once, effects with their cause, a backfill's findings, what quiet hours held back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver, waiting
from integrity.alerts.rendering import lines_of
from integrity.alerts.trying import try_out
from integrity.inventory.loading import load_inventory
from integrity.inventory.people import QuietHours
from integrity.pipeline.answering import acknowledge, merge
from integrity.register.issues import refresh_issues
from integrity.register.problems import Key, Problem
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
NIGHT = date(2020, 5, 1)
THREAD = "1588.000001"


@pytest.fixture
def on_slack(settled: Any, slack: Any) -> Any:
    connection = {"conn_type": "slack", "password": "not-a-token", "extra": {"base_url": slack.url}}
    settled.channels = Channels.from_environment(
        settled.settings.home, {"AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection)}
    )
    return settled


def problem(rule: str, supplier: str = "", verdict: Verdict = Verdict.FAIL) -> Problem:
    return Problem(rule, supplier, "validity", verdict, 21, 1, ("tamponi",), f"{rule} does not hold.", "Mend it.")


def see(
    house: Any,
    *problems: Problem,
    night: date = NIGHT,
    causes: dict[Key, Key | int] | None = None,
    hold: timedelta = timedelta(),
    registered: Any = None,
    run: str = "run",
    is_awaited: bool = False,
) -> None:
    """Have the register see what is wrong with a night, as a run's recording does."""
    registered = registered or load_inventory(house.settings).get(REGIONAL)
    with transaction(open_engine(house.settings)) as session:
        refresh_issues(
            session,
            registered,
            night,
            list(problems),
            policy=registered.policy,
            outcome="Nothing is released for 2020-05-01.",
            resolution="Revision 2 passed.",
            run=run,
            downstream=["hospital_pressure (Giulia Bianchi)"],
            causes=causes,
            is_awaited=is_awaited,
            hold=hold,
        )


def send(house: Any, moment: datetime | None = None) -> int:
    return deliver(open_engine(house.settings), house.channels, moment=moment)


def shown(message: dict[str, Any]) -> str:
    return "\n".join(block["text"]["text"] for block in message["blocks"])


def test_forty_problems_at_once_are_one_message_with_the_worst_first(on_slack: Any, slack: Any) -> None:
    warnings = [problem(f"odd_{n:02}", verdict=Verdict.WARN) for n in range(35)]
    see(on_slack, *warnings, *(problem(f"broken_{n}") for n in range(5)))
    assert send(on_slack) == 40
    (message,) = slack.posted
    assert message["text"] == "40 issues of Regional hospital activity, 40 to be answered"
    text = shown(message)
    assert text.index("broken 4") < text.index("odd 00")
    assert "'broken 0', 2020-05-01: 1 of 21 in tamponi (4.8%). IG-00036, high, Giulia Bianchi" in text
    assert "And 25 more: integrity issues list" in text
    assert "Nothing is released for 2020-05-01." in text
    assert text.count("hospital_pressure (Giulia Bianchi)") == 1
    assert all(len(block["text"]["text"]) <= 3_000 for block in message["blocks"])


@pytest.mark.parametrize(("number", "messages"), [(3, 3), (4, 1)])
def test_a_few_are_told_singly(on_slack: Any, slack: Any, number: int, messages: int) -> None:
    see(on_slack, *(problem(f"broken_{n}") for n in range(number)))
    assert send(on_slack) == number
    assert len(slack.posted) == messages


def test_news_of_a_digests_issues_are_replies_and_the_digest_shows_how_they_stand(on_slack: Any, slack: Any) -> None:
    broken = [problem(f"broken_{n}") for n in range(5)]
    see(on_slack, *broken)
    send(on_slack)
    acknowledge(on_slack.settings, "IG-00002", by="Giulia Bianchi")
    send(on_slack)
    assert slack.posted[-1]["thread_ts"] == THREAD
    assert slack.posted[-1]["text"] == "Acknowledged: Regional hospital activity, 'broken 1'"
    see(on_slack, *broken[:2])
    send(on_slack)
    assert len(slack.posted) == 3, "three resolved at once are one reply"
    assert slack.posted[-1]["thread_ts"] == THREAD
    assert slack.posted[-1]["text"] == "3 issues of Regional hospital activity, none to be answered"
    digest = slack.shown[THREAD]
    assert digest["text"] == "5 issues of Regional hospital activity, 2 to be answered"
    lines = shown(digest).splitlines()
    assert [line[: line.index(" ")] for line in lines[1:6]] == [
        ":red_circle:",
        ":eyes:",
        *[":white_check_mark:"] * 3,
    ]


def test_effects_are_told_with_their_cause_in_one_message(on_slack: Any, slack: Any) -> None:
    cause, effects = problem("readable", "s"), [problem(f"effect_{n}", "s") for n in range(2)]
    see(on_slack, *effects, cause, causes={effect.key: cause.key for effect in effects})
    assert send(on_slack) == 3
    (message,) = slack.posted
    assert "comes of IG-00001" in shown(message)
    assert on_slack.query("SELECT rule FROM register.issues WHERE reference = 'IG-00001'") == [{"rule": "readable"}]
    story = on_slack.query("SELECT event, details FROM register.audit WHERE issue = 'IG-00002' ORDER BY event_number")
    assert [row["details"].get("cause") for row in story if row["event"] == "issue explained"] == ["IG-00001"]


def test_what_is_left_when_its_cause_is_gone_is_told_for_itself(on_slack: Any, slack: Any) -> None:
    cause, effect = problem("readable", "s"), problem("effect", "s")
    see(on_slack, cause, effect, causes={effect.key: cause.key})
    send(on_slack)
    see(on_slack, effect)
    send(on_slack)
    assert [message["thread_ts"] for message in slack.posted[1:]] == [THREAD]
    assert "'effect'" in shown(slack.posted[-1])
    assert "Again: 'effect' failed" in shown(slack.posted[-1]) or "to be answered" in slack.posted[-1]["text"]
    (issue,) = on_slack.query("SELECT explained_by FROM register.issue WHERE rule = 'effect'")
    assert issue["explained_by"] is None


def test_what_waits_for_another_data_set_comes_of_what_holds_that_back(on_slack: Any, slack: Any, real: Any) -> None:
    on_slack.send(NATIONAL, real(NATIONAL, 29), 29)
    on_slack.send(REGIONAL, real(REGIONAL, 29).drop("13"), 29)
    on_slack.run(REGIONAL, 29)
    on_slack.run(NATIONAL, 29)
    (held,) = on_slack.query(
        "SELECT c.rule AS cause FROM register.issue i JOIN register.issue c ON c.id = i.explained_by "
        "WHERE i.rule = 'equals_sum_of_regions'"
    )
    assert held["cause"] == "population_complete"
    told = shown(slack.posted[-1])
    assert slack.posted[-1]["channel"] == "#public-briefing", "another owner, in another channel"
    assert "It comes of IG-00001: there is nothing to do here before that is resolved." in told
    on_slack.send(REGIONAL, real(REGIONAL, 29), 29)
    on_slack.run(REGIONAL, 29)
    assert {row["status"] for row in on_slack.query("SELECT status FROM register.issues")} <= {"resolved", "closed"}


def test_a_backfill_is_told_when_it_finds_nothing_new(on_slack: Any, slack: Any) -> None:
    hold = timedelta(minutes=20)
    for night in range(90):
        failing = [problem(f"broken_{night % 6}")] if night % 3 == 0 else []
        see(on_slack, *failing, night=NIGHT + timedelta(days=night), hold=hold)
    assert send(on_slack) == 0
    waits_until = {each.until for each in waiting(open_engine(on_slack.settings))}
    assert len(waits_until) == 1, "what came first waits for what came last"
    send(on_slack, datetime.now(UTC) + hold)
    assert len(slack.posted) <= 2
    assert waiting(open_engine(on_slack.settings)) == []


@pytest.mark.parametrize(
    ("since", "until", "now", "ends"),
    [
        pytest.param("20:00", "07:00", "25 22:30", "26 07:00", id="late"),
        pytest.param("20:00", "07:00", "25 06:59", "25 07:00", id="early"),
        pytest.param("20:00", "07:00", "25 07:00", None, id="at-the-end"),
        pytest.param("20:00", "07:00", "25 20:00", "26 07:00", id="at-the-beginning"),
        pytest.param("12:00", "14:00", "25 13:00", "25 14:00", id="within-a-day"),
        pytest.param("12:00", "14:00", "25 11:59", None, id="before-it-on-the-day"),
    ],
)
def test_quiet_hours_end(since: str, until: str, now: str, ends: str | None) -> None:
    quiet = QuietHours(since=time.fromisoformat(since), until=time.fromisoformat(until))
    rome = ZoneInfo("Europe/Rome")
    moment = datetime.strptime(f"2026-11-{now}", "%Y-%m-%d %H:%M").replace(tzinfo=rome)
    end = quiet.end(moment.astimezone(UTC), "Europe/Rome")
    assert (f"{end.astimezone(rome):%d %H:%M}" if end else None) == ends


def at_night(house: Any) -> Any:
    """The dependency, with quiet hours all day long."""
    registered = load_inventory(house.settings).get(REGIONAL)
    quiet = QuietHours(since=time(0, 1), until=time(0, 0, 30))
    alerts = registered.dependency.alerts.model_copy(update={"quiet_hours": quiet})
    dependency = registered.dependency.model_copy(update={"alerts": alerts})
    return registered.model_copy(update={"dependency": dependency})


def test_only_high_impact_is_told_in_quiet_hours(on_slack: Any, slack: Any) -> None:
    registered = at_night(on_slack)
    see(on_slack, problem("odd", verdict=Verdict.WARN), problem("broken"), registered=registered)
    assert send(on_slack) == 1
    assert "'broken'" in slack.posted[0]["text"]
    (held,) = waiting(open_engine(on_slack.settings))
    assert held.until
    assert send(on_slack, datetime.now(UTC) + timedelta(days=1)) == 1


def routed(house: Any, **told: str) -> Any:
    registered = load_inventory(house.settings).get(REGIONAL)
    policy = registered.policy.model_copy(update={"told": registered.policy.told.model_copy(update=told)})
    return registered.model_copy(update={"policy": policy})


def test_impact_routes_to_channel_owner_or_nobody(on_slack: Any) -> None:
    owners = routed(on_slack, medium="owner")
    see(on_slack, problem("odd", verdict=Verdict.WARN), problem("broken"), registered=owners)
    routes = on_slack.query("SELECT route, content ->> 'rule' AS rule FROM register.outbox ORDER BY id")
    owner = owners.dependency.owner.email
    assert [(row["route"], row["rule"]) for row in routes] == [
        (f"email:{owner}", "odd"),
        ("slack:#hospital-capacity", "broken"),
    ]
    see(on_slack, problem("other", verdict=Verdict.WARN), night=NIGHT, registered=routed(on_slack, medium="nobody"))
    assert not on_slack.query("SELECT 1 FROM register.outbox WHERE content ->> 'rule' = 'other'")
    assert on_slack.query("SELECT 1 FROM register.issues WHERE rule = 'other'")


def test_only_who_must_act_is_mentioned(on_slack: Any, slack: Any) -> None:
    registered = load_inventory(on_slack.settings).get(REGIONAL)
    owner = registered.dependency.owner.model_copy(update={"slack": "U0OWNER"})
    dependency = registered.dependency.model_copy(update={"owner": owner})
    registered = registered.model_copy(update={"dependency": dependency})
    see(on_slack, problem("odd", verdict=Verdict.WARN), registered=registered)
    send(on_slack)
    assert "<@" not in shown(slack.posted[-1])
    see(on_slack, problem("odd", verdict=Verdict.WARN), problem("broken"), registered=registered)
    send(on_slack)
    assert "<@U0OWNER>" in shown(slack.posted[-1])


def test_what_was_noted_and_now_blocks_is_told_whatever_was_told_lately(on_slack: Any, slack: Any) -> None:
    see(on_slack, problem("odd", verdict=Verdict.WARN))
    send(on_slack)
    (noted,) = on_slack.query("SELECT impact, due_on FROM register.issues")
    see(on_slack, problem("odd"))
    send(on_slack)
    assert slack.posted[-1]["text"] == "Again: 'odd' failed for 2020-05-01"
    (blocking,) = on_slack.query("SELECT impact, due_on FROM register.issues")
    assert (noted["impact"], blocking["impact"]) == ("medium", "high")
    assert blocking["due_on"] < noted["due_on"]
    (event,) = on_slack.query("SELECT details FROM register.audit WHERE event = 'issue worsened'")
    assert (event["details"]["before"], event["details"]["impact"]) == ("medium", "high")
    see(on_slack, problem("odd"), night=NIGHT + timedelta(days=1))
    assert send(on_slack) == 0, "it is no worse than it was"


def test_what_comes_back_has_the_impact_of_what_it_is_now(on_slack: Any) -> None:
    see(on_slack, problem("odd", verdict=Verdict.WARN))
    see(on_slack)
    see(on_slack, problem("odd"))
    assert [row["impact"] for row in on_slack.query("SELECT impact FROM register.issues")] == ["high"]


def test_an_issue_that_effects_were_merged_into_stands_alone_once(on_slack: Any, slack: Any) -> None:
    cause, effect, other = problem("readable", "s"), problem("effect", "s"), problem("other")
    causes: dict[Key, Key | int] = {effect.key: cause.key}
    see(on_slack, cause, effect, other, causes=causes)
    references = {
        row["rule"]: row["reference"] for row in on_slack.query("SELECT rule, reference FROM register.issues")
    }
    merge(on_slack.settings, references["effect"], into=references["other"], by="Giulia Bianchi")
    send(on_slack)
    for _ in range(3):
        see(on_slack, cause, effect, other, causes=causes)
        assert send(on_slack) == 0, "nothing has changed"


def test_a_day_without_slack_ends_in_one_message_and_loses_nothing(on_slack: Any, slack: Any) -> None:
    slack.is_down = True
    for night in range(8):
        see(on_slack, problem(f"broken_{night}"), night=NIGHT + timedelta(days=night))
        send(on_slack)
    assert slack.posted == []
    slack.is_down = False
    later = datetime.now(UTC) + timedelta(hours=2)
    told = send(on_slack, later)
    assert told == 8
    assert waiting(open_engine(on_slack.settings)) == []


def test_a_digest_whose_answer_was_lost_is_looked_up_and_what_came_since_is_told_after_it(
    on_slack: Any, slack: Any
) -> None:
    slack.loses_answers = True
    see(on_slack, *(problem(f"broken_{n}") for n in range(5)))
    send(on_slack)
    assert len(slack.posted) == 1
    acknowledge(on_slack.settings, "IG-00001", by="Giulia Bianchi")
    slack.loses_answers = False
    later = datetime.now(UTC) + timedelta(hours=2)
    assert send(on_slack, later) == 5
    assert len(slack.posted) == 1, "it was there"
    assert send(on_slack, later) == 1
    assert slack.posted[-1]["thread_ts"] == THREAD


def test_two_deliveries_at_once_tell_each_news_once(on_slack: Any, slack: Any) -> None:
    see(on_slack, *(problem(f"broken_{n}") for n in range(3)))
    with ThreadPoolExecutor(4) as runs:
        told = sum(runs.map(lambda _: send(on_slack), range(8)))
    assert told == 3
    assert len(slack.posted) == 3


def test_what_waits_is_listed_and_sent_by_hand(settled: Any, types: Any) -> None:
    see(settled, problem("broken"), hold=timedelta(minutes=20))
    listed = types("alerts", "waiting")
    assert "IG-00001" in listed.stdout
    assert "slack:#hospital-capacity" in listed.stdout
    assert types("alerts", "send").stdout == "Delivered 1.\n"
    assert "failed for 2020-05-01" in (settled.settings.home / "alerts.log").read_text(encoding="utf-8")
    assert "Nothing waits" in types("alerts", "waiting").stdout


def test_routes_are_tried(settled: Any, types: Any) -> None:
    tried = types("alerts", "try", REGIONAL)
    assert tried.returncode == 0
    assert "slack:#hospital-capacity: taken" in tried.stdout
    assert "A trial: news of Regional hospital activity" in (settled.settings.home / "alerts.log").read_text()


def test_a_route_that_is_not_taken_is_told(on_slack: Any, slack: Any) -> None:
    slack.is_down = True
    registered = load_inventory(on_slack.settings).get(REGIONAL)
    ((route, why),) = try_out(registered, None, on_slack.channels)
    assert (route, why) == ("slack:#hospital-capacity", "Slack: service_unavailable")


def test_messages_point_at_the_pages_of_issue_and_run(settled: Any) -> None:
    settled.channels.airflow_url = "https://airflow.example.org/at"
    see(settled, problem("row_once", "protezione_civile"), run="scheduled__2020-05-01T22:00")
    deliver(open_engine(settled.settings), settled.channels)
    ((_, message),) = settled.channels.messages
    issue, feedback, run = lines_of(message)[-3:]
    assert issue.endswith(". https://airflow.example.org/at/integrity/issues/IG-00001")
    assert feedback == "What the supplier was told: https://airflow.example.org/at/integrity/issues/IG-00001#feedback"
    assert run == (
        "The run that found it: https://airflow.example.org/at/dags/ingest__regional_hospital_activity/runs/"
        "scheduled__2020-05-01T22%3A00"
    )


def test_what_was_run_from_a_terminal_has_no_page_to_point_at(settled: Any) -> None:
    see(settled, problem("population_complete"))
    deliver(open_engine(settled.settings), settled.channels)
    ((_, message),) = settled.channels.messages
    assert "http" not in " ".join(lines_of(message))


def test_a_run_that_waits_for_the_owner_does_not_wait_for_a_backfill_to_be_told(settled: Any) -> None:
    see(settled, problem("asked"), problem("other"), hold=timedelta(minutes=20))
    assert send(settled) == 0
    see(settled, problem("asked"), night=NIGHT + timedelta(days=1), is_awaited=True)
    send(settled)
    told = [(news.kind, news.content["rule"]) for _, message in settled.channels.messages for news in message.news]
    assert told == [("opened", "asked"), ("recurred", "asked")], "the other one waits for the backfill's end"
