"""An issue from the gate that raised it to the person who closes it, and back again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from integrity.alerts.message import Message, News
from integrity.alerts.rendering import body, headline
from integrity.alerts.slack import posted
from integrity.errors import Rejected
from integrity.inventory.loading import load_inventory
from integrity.pipeline import answering
from integrity.register.issues import refresh_issues
from integrity.register.life import CAUSES, CLOSED, RESOLVED, events_of, find, state_by_log, stated_cause
from integrity.register.problems import Problem
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import Issue, Occurrence
from sqlalchemy import select

REGIONAL, ABRUZZO = "regional_hospital_activity", "13"
BY = "Giulia Bianchi"
FIRST = "IG-00001"


def shortened(house: Any, real: Any, day: int = 29) -> None:
    """A night without one region: high impact."""
    house.send(REGIONAL, real(REGIONAL, day).drop(ABRUZZO), day)
    house.run(REGIONAL, day)


def corrected(house: Any, real: Any, day: int = 29) -> None:
    house.send(REGIONAL, real(REGIONAL, day), day)
    house.run(REGIONAL, day)


def issues(house: Any) -> list[tuple[str, str]]:
    return [(row["reference"], row["status"]) for row in house.query("SELECT * FROM register.issues ORDER BY 1")]


def story(house: Any, reference: str = FIRST) -> list[str]:
    found = house.query("SELECT event FROM register.audit WHERE issue = %s ORDER BY event_number", reference)
    return [row["event"].removeprefix("issue ") for row in found]


def test_what_a_gate_finds_cured_is_closed_by_its_owner_who_says_why_it_came(settled: Any, real: Any) -> None:
    shortened(settled, real)
    assert issues(settled) == [(FIRST, "open")]
    answering.acknowledge(settled.settings, FIRST, by=BY)
    answering.investigate(settled.settings, FIRST, by=BY)
    corrected(settled, real)
    assert issues(settled) == [(FIRST, "resolved")]
    with pytest.raises(Rejected, match="has high impact, and is closed with its root cause: --cause capture"):
        answering.close(settled.settings, FIRST, cause=None, resolution=None, by=BY)
    assert (
        answering.close(settled.settings, FIRST, cause="export: a filter was left on", resolution=None, by=BY).status
        == CLOSED
    )
    (issue,) = settled.query("SELECT root_cause, resolution FROM register.issues")
    assert issue == {"root_cause": "export: a filter was left on", "resolution": "Revision 2 for 2020-04-29 passed."}
    assert story(settled) == ["opened", "seen", "acknowledged", "investigated", "cured", "resolved", "closed"]
    settled.run(REGIONAL, 29)  # Which delivers what was said by hand.
    assert [kind for kind, _ in settled.channels.told] == [
        "opened",
        "acknowledged",
        "investigated",
        "resolved",
        "closed",
    ]
    resolved = next(content for kind, content in settled.channels.sent if kind == "resolved")
    assert body("resolved", resolved)[-1] == f"Issue {FIRST} is resolved; its owner closes it with the root cause."


def test_what_comes_back_is_the_same_issue_again(settled: Any, real: Any) -> None:
    shortened(settled, real)
    corrected(settled, real)
    answering.close(settled.settings, FIRST, cause="export", resolution=None, by=BY)
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO).change("03", lat="45.1"), 29)
    settled.run(REGIONAL, 29)
    assert issues(settled) == [(FIRST, "open")]
    (issue,) = settled.query("SELECT root_cause, resolution, closed_on FROM register.issues")
    assert set(issue.values()) == {None}, "what was said then is in its story"
    assert story(settled)[-3:] == ["closed", "reopened", "seen"]
    assert settled.channels.told[-1][0] == "recurred"
    settled.send(REGIONAL, real(REGIONAL, 29).change("03", lat="45.1"), 29)
    settled.run(REGIONAL, 29)
    assert issues(settled) == [(FIRST, "resolved")]


def test_what_a_person_has_resolved_and_a_gate_still_finds_is_open_again(settled: Any, real: Any) -> None:
    shortened(settled, real)
    answering.resolve(settled.settings, FIRST, resolution="They send it tonight", cause="late", by=BY)
    assert issues(settled) == [(FIRST, "resolved")]
    with pytest.raises(Rejected, match=f"{FIRST} still fails for 2020-04-29. Have it corrected and run again; or let"):
        answering.close(settled.settings, FIRST, cause=None, resolution=None, by=BY)
    settled.run(REGIONAL, 29)
    assert issues(settled) == [(FIRST, "open")]


def test_what_blocks_nothing_is_closed_by_the_gate_alone(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).change(ABRUZZO, deceduti=1), 29)
    settled.run(REGIONAL, 29)
    warned = settled.query("SELECT reference FROM register.issues WHERE rule = 'totals_never_fall'")
    impacts = {row["rule"]: row["impact"] for row in settled.query("SELECT rule, impact FROM register.issues")}
    corrected(settled, real)
    states = {row["rule"]: row["status"] for row in settled.query("SELECT rule, status FROM register.issues")}
    assert states
    assert all((status == RESOLVED) == (impacts[rule] == "high") for rule, status in states.items())
    assert not warned or states["totals_never_fall"] == CLOSED


Move = Callable[[Settings], Any]
MOVES: dict[str, Move] = {
    "acknowledge": lambda s: answering.acknowledge(s, FIRST, by=BY),
    "investigate": lambda s: answering.investigate(s, FIRST, by=BY),
    "assign": lambda s: answering.assign(s, FIRST, to="Ada Rossi", by=BY),
    "note": lambda s: answering.note(s, FIRST, text="Called the desk", by=BY),
    "resolve": lambda s: answering.resolve(s, FIRST, resolution="Sent again", cause="export", by=BY),
    "close": lambda s: answering.close(s, FIRST, cause="export", resolution="Sent again", by=BY),
    "reopen": lambda s: answering.reopen(s, FIRST, reason="Not yet", by=BY),
}


@pytest.mark.parametrize(
    ("before", "move", "why"),
    [
        (["acknowledge"], "acknowledge", "is acknowledged already"),
        (["investigate"], "acknowledge", "is investigating; it can be acknowledged while it is open"),
        (["investigate"], "investigate", "is investigating already"),
        (["assign"], "assign", "is Ada Rossi's already"),
        (["resolve"], "resolve", "is resolved already"),
        (["resolve"], "investigate", "is resolved; .* Reopen it first"),
        ([], "reopen", "is open already"),
        (["acknowledge"], "reopen", "is acknowledged; it can be reopened while it is resolved or closed"),
        ([], "close", "still fails for 2020-04-29"),
    ],
)
def test_moves_that_do_not_follow_are_refused_and_leave_all_as_it_is(
    settled: Any, real: Any, before: list[str], move: str, why: str
) -> None:
    shortened(settled, real)
    for each in before:
        MOVES[each](settled.settings)
    was, told = settled.query("SELECT * FROM register.issues"), story(settled)
    with pytest.raises(Rejected, match=why):
        MOVES[move](settled.settings)
    assert (settled.query("SELECT * FROM register.issues"), story(settled)) == (was, told)


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (lambda s: answering.note(s, FIRST, text=" \t", by=BY), "Write what is to be remembered"),
        (lambda s: answering.note(s, FIRST, text="x" * 2001, by=BY), "2,001 characters; at most 2,000"),
        (lambda s: answering.resolve(s, FIRST, resolution="Done so", cause="magic", by=BY), "'magic' is no root cause"),
        (lambda s: answering.resolve(s, FIRST, resolution="Done so", cause="other", by=BY), "Say what it was"),
        (lambda s: answering.link(s, FIRST, to="IG-00099", by=BY), "There is no issue IG-00099"),
        (lambda s: answering.link(s, FIRST, to=FIRST, by=BY), "not linked with itself"),
        (lambda s: answering.merge(s, FIRST, into=FIRST, by=BY), "another issue of regional_hospital_activity only"),
        (lambda s: answering.acknowledge(s, "IG-x", by=BY), "There is no issue IG-x"),
    ],
)
def test_what_says_nothing_is_refused(settled: Any, real: Any, move: Move, why: str) -> None:
    shortened(settled, real)
    with pytest.raises(Rejected, match=why):
        move(settled.settings)


def test_every_cause_can_be_stated() -> None:
    assert [stated_cause(f"{word}: so it was") for word in CAUSES] == [f"{word}: so it was" for word in CAUSES]


def two_problems(house: Any, real: Any, day: int) -> None:
    house.send(REGIONAL, real(REGIONAL, day).drop(ABRUZZO).change("03", totale_ospedalizzati=1), day)
    house.run(REGIONAL, day)


def test_a_merged_issue_is_told_of_in_the_other_from_then_on(settled: Any, real: Any) -> None:
    two_problems(settled, real, 29)
    rules = {row["rule"]: row["reference"] for row in settled.query("SELECT rule, reference FROM register.issues")}
    part, whole = rules["hospitalised_total"], rules["population_complete"]
    answering.merge(settled.settings, part, into=whole, by=BY)
    assert dict(issues(settled))[part] == CLOSED
    with pytest.raises(Rejected, match=f"{part} is part of {whole}: reopen that"):
        answering.reopen(settled.settings, part, reason="Not the same", by=BY)

    settled.send(REGIONAL, real(REGIONAL, 30).change("03", totale_ospedalizzati=1), 30)
    settled.run(REGIONAL, 30)
    assert len(issues(settled)) == len(rules), "no other issue for what was merged"
    shown = "SELECT period, closed_at IS NULL AS open FROM register.occurrence WHERE issue_id = %s ORDER BY 1"
    number = int(whole.removeprefix("IG-"))
    assert [(row["period"].day, row["open"]) for row in settled.query(shown, number)] == [(29, True), (30, True)]
    corrected(settled, real, 29)
    assert dict(issues(settled))[whole] == "open", "the 30th still shows what was merged into it"
    corrected(settled, real, 30)
    assert dict(issues(settled))[whole] == RESOLVED


def test_a_file_that_nobody_could_place_is_answered_once(settled: Any, real: Any) -> None:
    settled.send(REGIONAL, b"data,x\nno,1\n", name="what.csv")
    settled.run(REGIONAL)
    ((reference, status),) = issues(settled)
    assert status == "open"
    answering.close(settled.settings, reference, cause="other: a test of theirs", resolution="Told them", by=BY)
    settled.run(REGIONAL)
    assert issues(settled) == [(reference, CLOSED)]
    settled.send(REGIONAL, b"data,x\nno,2\n", name="what else.csv")
    settled.run(REGIONAL)
    assert issues(settled) == [(reference, "open")]


@pytest.mark.parametrize("seed", range(4))
def test_the_log_adds_up_to_the_state(settled: Any, real: Any, seed: int) -> None:
    shortened(settled, real)
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    night = {"fail": lambda _: shortened(settled, real), "pass": lambda _: corrected(settled, real)}
    for name in chance.choices([*MOVES, *night], k=14):
        with suppress(Rejected):
            (MOVES | night)[name](settled.settings)
    with transaction(open_engine(settled.settings)) as session:
        issue = find(session, FIRST)
        state = state_by_log(events_of(session, issue))
        open_periods = select(Occurrence.period).where(Occurrence.issue_id == issue.id, Occurrence.closed_at.is_(None))
        assert state.is_whole
        assert (state.status, state.owner) == (issue.status, issue.owner)
        assert state.shown_by == set(session.scalars(open_periods))


def test_two_runs_that_see_the_same_problem_at_once_raise_one_issue(settled: Any) -> None:
    registered = load_inventory(settled.settings).get(REGIONAL)
    engine = open_engine(settled.settings)

    def see(number: int) -> None:
        problem = Problem(f"rule_{number // 2}", "", "validity", Verdict.FAIL, 21, 1, (), "It fails.", "Mend it.")
        with transaction(engine) as session:
            refresh_issues(
                session,
                registered,
                date(2020, 5, 1 + number % 2),
                [problem],
                policy=registered.policy,
                outcome="",
                resolution="",
                run=f"run {number}",
                downstream=[],
            )

    with ThreadPoolExecutor(8) as runs:
        list(runs.map(see, range(400)))
    with transaction(engine) as session:
        raised = session.scalars(select(Issue)).all()
        assert len(raised) == 200
        assert len({issue.rule for issue in raised}) == 200
        events = [event.event for issue in raised for event in events_of(session, issue)]
        assert events.count("issue opened") == 200
        assert events.count("issue seen") == 400


def test_the_command_line_tells_the_story(settled: Any, real: Any, types: Any) -> None:
    shortened(settled, real)
    assert types("issues", "acknowledge", FIRST, "--by", BY).stdout.startswith(f"{FIRST} is acknowledged, for Giulia")
    refused = types("issues", "acknowledge", FIRST)
    assert (refused.returncode, refused.stderr) == (2, f"integrity: {FIRST} is acknowledged already.\n")
    assert types("issues", "note", FIRST, "Called the desk", "--by", BY).returncode == 0
    assert types("issues", "assign", FIRST, "Ada Rossi", "--by", BY).returncode == 0
    shown = types("issues", "show", FIRST).stdout
    assert "Called the desk" in shown
    assert "What can be done: integrity issues investigate|resolve|close|merge|assign|note|link|waive IG-00001" in shown
    told = json.loads(types("issues", "show", FIRST, "--json").stdout)
    assert [(each["what"], each["by"]) for each in told["story"]][2:] == [
        ("acknowledged", BY),
        ("noted", BY),
        ("assigned", BY),
    ]
    assert types("issues", "list", "--status", "odd").returncode == 2
    assert [
        i["reference"] for i in json.loads(types("issues", "list", "--status", "acknowledged", "--json").stdout)
    ] == [FIRST]


@pytest.mark.parametrize(
    "kind",
    [
        "acknowledged",
        "investigated",
        "assigned",
        "answered",
        "closed",
        "reopened",
        "merged",
        "reminded",
        "escalated",
    ],
)
def test_a_persons_move_is_told_in_their_words_and_without_markup(kind: str) -> None:
    content = {
        "reference": FIRST,
        "title": "Regional hospital activity",
        "rule": "population_complete",
        "period": None,
        "owner": BY,
        "status": "open",
        "said": "<!channel> look *here*",
        "at": datetime.now(UTC).isoformat(),
    }
    assert "population complete" in headline(kind, content)
    assert body(kind, content) == ["‹!channel› look ·here·", f"Issue {FIRST} is open, for {BY}."]
    message = Message(to="#c", key="k", news=(News(kind, content),), standing=(), thread="1.0", was_tried=False)
    assert posted(message)[1][0]["text"]["text"].startswith(":")


def test_measures_come_from_the_log_and_stay_right_after_reopening(settled: Any, real: Any, types: Any) -> None:
    shortened(settled, real)
    answering.acknowledge(settled.settings, FIRST, by=BY)
    corrected(settled, real)
    answering.reopen(settled.settings, FIRST, reason="Look again", by=BY)
    with psycopg.connect(str(settled.settings.database_url), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        hours = {"opened": 10, "acknowledged": 8, "resolved": 4, "reopened": 2}
        for what, before in hours.items():
            connection.execute(
                "UPDATE register.audit_event SET at = now() - %s * interval '1 hour' WHERE event = %s",
                (before, f"issue {what}"),
            )
    (told,) = json.loads(types("issues", "measures", "--json").stdout)
    assert told == {
        "dependency": REGIONAL,
        "issues": 1,
        "unresolved": 1,
        "overdue": 0,
        "reopened": 1,
        "answered": 1,
        "median_hours_to_answer": 2.0,
        "resolved": 1,
        "median_hours_to_resolve": 6.0,
    }
    settled.execute("UPDATE register.issue SET due_on = current_date - 1")
    assert json.loads(types("issues", "measures", "--by", "dimension", "--json").stdout)[0]["overdue"] == 1
    assert types("issues", "measures", "--by", "weather").returncode == 2


def told_of(house: Any) -> list[str]:
    return [row["kind"] for row in house.query("SELECT kind FROM register.outbox ORDER BY id")]


def test_ninety_nights_of_which_thirty_fail_are_told_once_and_cured_once(settled: Any) -> None:
    registered = load_inventory(settled.settings).get(REGIONAL)
    engine = open_engine(settled.settings)
    nights = [date(2020, 5, 1) + timedelta(days=n) for n in range(90)]
    problem = Problem("some_rule", "", "validity", Verdict.FAIL, 21, 1, (), "It fails.", "Mend it.")

    def backfill(failing: set[date]) -> None:
        for night in nights:
            with transaction(engine) as session:
                refresh_issues(
                    session,
                    registered,
                    night,
                    [problem] if night in failing else [],
                    policy=registered.policy,
                    outcome="",
                    resolution="Corrected.",
                    run="backfill",
                    downstream=[],
                )

    backfill(set(nights[::3]))
    assert told_of(settled) == ["opened"]
    (issue,) = settled.query("SELECT occurrences FROM register.issues")
    assert issue["occurrences"] == 30
    backfill(set())
    assert told_of(settled) == ["opened", "resolved"]


def test_what_fails_night_after_night_is_told_every_night_with_how_many_show_it(settled: Any, real: Any) -> None:
    shortened(settled, real, 29)
    settled.execute("UPDATE register.outbox SET created_at = created_at - interval '20 hours'")
    shortened(settled, real, 30)
    assert told_of(settled) == ["opened", "recurred"]
    (kind, content) = settled.channels.sent[-1]
    assert headline(kind, content) == "Again: 'population complete' failed for 2020-04-30 and 1 other period"
