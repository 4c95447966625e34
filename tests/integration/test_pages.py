"""The pages: what is shown to whom, what a form does and refuses, and that nobody gets in who may not."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from integrity.pages import application
from integrity.pages.application import build_pages
from integrity.pages.desk import LOOK_AGAIN_SECONDS
from integrity.pages.guarding import Forms
from integrity.pages.visitor import Visitor
from integrity.pages.waiting import ON_A_PAGE
from integrity.pipeline import answering
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

REGIONAL, NATIONAL = "regional_hospital_activity", "national_hospital_activity"
ABRUZZO = "13"
OWNER, SPONSOR, STRANGER = "capacity-planning@example.org", "a.verdi@example.org", "m.neri@example.org"
FIRST = "IG-00001"
CANARY = "canary-4711-zanzara"
UNTIL = (datetime.now(UTC).date() + timedelta(days=10)).isoformat()
REASON = "Checked by telephone with the region; a correction follows."


class _Elements(HTMLParser):
    """Every element of a page with its attributes, and those that are not closed."""

    VOID = ("meta", "input", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def of(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@dataclass
class Browser:
    """A person in front of the pages."""

    client: TestClient
    account: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"/integrity{path}", headers={"account": self.account})

    def shown(self, path: str) -> str:
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def form(self, move: str, reference: str = FIRST) -> dict[str, str] | None:
        """What a form of the issue's page holds already; None where it has no such form."""
        page = self.shown(f"/issues/{reference}")
        found = re.search(rf'<form[^>]*action="/integrity/issues/{reference}/{move}">(.*?)</form>', page, re.DOTALL)
        if found is None:
            return None
        return {i["name"]: i.get("value", "") for i in _Elements(found[1]).of("input")}

    def send(self, move: str, reference: str = FIRST, /, **typed: str) -> httpx.Response:
        """Fill in a form that is there, and send it."""
        held = self.form(move, reference)
        assert held is not None, f"there is no form to {move}"
        return self.post(move, reference, held | typed)

    def post(self, move: str, reference: str, content: dict[str, str], **headers: str) -> httpx.Response:
        return self.client.post(
            f"/integrity/issues/{reference}/{move}", data=content, headers={"account": self.account} | headers
        )


@pytest.fixture(scope="session")
def a_region_missing(released_nights: Any, go_on: Any, real: Any) -> Any:
    """On the night of the 29th a region was missing."""

    def happen(house: Any) -> None:
        house.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
        house.run(REGIONAL, 29)

    return go_on("a_region_missing", released_nights, happen)


@pytest.fixture
def settled(a_region_missing: Any, going_on: Any) -> Any:
    """The product after that."""
    house = going_on(a_region_missing)
    house.settings = replace(house.settings, sponsor=f"Anna Verdi <{SPONSOR}>")
    return house


@pytest.fixture
def open_as(settled: Any) -> Iterator[Any]:
    """Sit down in front of the pages."""

    async def recognise(request: Request) -> Visitor | None:
        account = request.headers.get("account", "")
        if not account:
            return None
        return Visitor(account, lambda name: account != STRANGER or name != NATIONAL, lambda _: account != STRANGER)

    pages = build_pages(settled.settings, recognise, form_key="of the test's")
    outer = Starlette(routes=[Mount("/integrity", pages)])
    with TestClient(outer, follow_redirects=False, raise_server_exceptions=True) as client:
        yield lambda account: Browser(client, account)


PAGES = ("/issues", f"/issues/{FIRST}", "/dependencies", f"/dependencies/{REGIONAL}", f"/dags/ingest__{REGIONAL}")


@pytest.mark.parametrize("path", ["", "/", *PAGES, "/nothing/of/the/kind", "/openapi.json", "/docs", "/static/x"])
def test_who_is_not_logged_in_gets_in_nowhere(open_as: Any, path: str) -> None:
    response = open_as("").get(path)
    # The mount's own address is completed before anything is asked, and tells nothing.
    assert response.status_code == (307 if not path else 401)
    assert "population" not in response.text
    assert "/auth/login?next=%2Fintegrity" in response.text or not path


def test_who_is_not_logged_in_can_do_nothing(open_as: Any, settled: Any) -> None:
    held = open_as(OWNER).form("acknowledge")
    assert open_as("").post("acknowledge", FIRST, held).status_code == 401
    assert [i["status"] for i in settled.open_issues()] == ["open"]


def test_pages_can_be_read_by_a_machine(open_as: Any) -> None:
    """What a screen reader needs: a language, a first heading, a name for each control, ids that differ."""
    for path in PAGES:
        elements = _Elements(open_as(OWNER).shown(path))
        assert not elements.open
        assert elements.of("html")[0]["lang"] == "en"
        heads = [tag for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
        assert heads[0] == "h1"
        ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        labelled = {label["for"] for label in elements.of("label")}
        controls = [c for c in elements.of("select", "textarea", "input") if c.get("type") != "hidden"]
        assert {control["id"] for control in controls} == labelled
        assert {label.get("aria-labelledby") in ids for label in elements.of("section")} <= {True}
        assert all(th.get("scope") in ("col", "row") for th in elements.of("th")), path


def test_what_is_mine_comes_first_and_filters_live_in_the_address(open_as: Any, settled: Any) -> None:
    mine = open_as(OWNER).shown("/issues")
    assert "Yours to answer" in mine
    assert FIRST in mine
    assert "1 issue, 1 to be answered" in mine
    assert FIRST not in open_as(OWNER).shown("/issues?impact=low")
    assert FIRST not in open_as(OWNER).shown("/issues?status=closed")
    assert FIRST in open_as(OWNER).shown(f"/issues?dependency={REGIONAL}&supplier=protezione_civile&status=every")
    assert FIRST not in open_as(OWNER).shown(f"/issues?dependency={NATIONAL}&whose=all")
    stranger = open_as(STRANGER).shown("/issues")
    assert "Whose" not in stranger, "nothing can be theirs"
    assert FIRST in stranger
    odd = open_as(OWNER).shown("/issues?page=-3&impact=<script>&status=nonsense&overdue=maybe&dimension=")
    assert FIRST in odd
    assert "<script>" not in odd
    settled.execute("UPDATE register.issue SET due_on = due_on - 9")
    overdue = open_as(OWNER).shown("/issues?overdue=yes")
    assert "days over" in overdue
    assert "1 overdue" in overdue


def test_the_sponsor_sees_what_has_climbed_to_them(open_as: Any, settled: Any) -> None:
    assert FIRST not in open_as(SPONSOR).shown("/issues")
    settled.execute("UPDATE register.issue SET escalated = 3")
    assert FIRST in open_as(SPONSOR).shown("/issues")


def test_the_worst_and_most_overdue_come_first_page_by_page(open_as: Any, settled: Any) -> None:
    settled.execute(
        """
        INSERT INTO register.issue (dependency, rule, supplier, dimension, impact, status, owner, description,
                                    raised_on, raised_by, due_on)
        SELECT 'regional_hospital_activity', 'rule_' || n, '', 'accuracy',
               CASE n % 3 WHEN 0 THEN 'low' WHEN 1 THEN 'medium' ELSE 'high' END, 'open', 'Somebody', 'Wrong.', now(),
               'gate', DATE '2026-01-01' + (n * 7) % 101
        FROM generate_series(1, 120) n
        """
    )
    settled.execute("UPDATE register.issue SET explained_by = 1 WHERE rule = 'rule_2'")
    shown: list[str] = []
    for page in (1, 2, 3):
        text = open_as(STRANGER).shown(f"/issues?page={page}")
        found = re.findall(r'<td><a href="/integrity/issues/(IG-\d+)">', text)
        assert len(found) == (ON_A_PAGE if page < 3 else 21)
        shown += found
    assert "Page 3 of 3" in text
    expected = settled.query(
        """
        SELECT 'IG-' || lpad(id::text, 5, '0') AS reference FROM register.issue ORDER BY explained_by IS NOT NULL,
        array_position(ARRAY['high', 'medium', 'low'], impact), due_on, id
        """
    )
    assert shown == [row["reference"] for row in expected]


def test_an_issue_tells_its_story(open_as: Any, settled: Any) -> None:
    answering.note(settled.settings, FIRST, text="Called <the desk> & waited", by="Giulia Bianchi")
    page = open_as(STRANGER).shown(f"/issues/{FIRST}")
    assert "population complete" in page
    assert "2020-04-29" in page
    assert "1 of 21" in page
    assert "Called &lt;the desk&gt; &amp; waited" in page
    assert f"{settled.settings.outbox}/{REGIONAL}/protezione_civile/2020-04-29.r1.html" not in page, "not one file's"
    assert "hospital_pressure" in page, "what depends on it"
    assert "You may look at this, and not answer it." in page
    assert "<form" not in page
    assert "Nothing of the periods that show it is published" in page


def test_feedback_is_named_and_lies_where_it_is_said_to_lie(open_as: Any, settled: Any, real: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 30).change(ABRUZZO, deceduti=9), 30)
    settled.run(REGIONAL, 30)
    (reference,) = [i["reference"] for i in settled.open_issues() if i["rule"] == "total_cases"]
    page = open_as(OWNER).shown(f"/issues/{reference}")
    (path,) = re.findall(r"<li><code>(.*?)</code></li>", page)
    assert Path(path).is_file()


def test_from_acknowledged_to_closed_and_open_again(open_as: Any, settled: Any, real: Any) -> None:
    owner = open_as(OWNER)
    done = owner.send("acknowledge")
    assert (done.status_code, done.headers["location"]) == (303, f"/integrity/issues/{FIRST}?done=acknowledge")
    assert "Those who follow this issue are told." in owner.shown(f"/issues/{FIRST}?done=acknowledge")
    assert owner.form("acknowledge") is None, "once is enough"
    assert owner.send("investigate").status_code == 303
    assert owner.send("assign", to="Ada Rossi").status_code == 303
    assert owner.send("note", text="The region has been called").status_code == 303
    assert owner.send("link", to="https://tickets.example.org/4711").status_code == 303
    refused = owner.send("close", resolution="It is fine", cause="real", cause_text="a strike")
    assert refused.status_code == 409
    assert f"{FIRST} still fails for 2020-04-29." in refused.text
    assert "It is fine" in refused.text, "what was typed is still there"
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    settled.run(REGIONAL, 29)
    assert owner.send("close", resolution="Sent again", cause="export").status_code == 303
    page = owner.shown(f"/issues/{FIRST}")
    assert "tickets.example.org/4711" in page
    assert "Ada Rossi" in page
    (issue,) = settled.query("SELECT status, root_cause, resolution, owner FROM register.issues")
    assert issue == {"status": "closed", "root_cause": "export", "resolution": "Sent again", "owner": "Ada Rossi"}
    assert owner.send("reopen", reason="It came back").status_code == 303
    assert [i["status"] for i in settled.open_issues()] == ["open"]
    who = {row["by"] for row in settled.query("SELECT details ->> 'by' AS by FROM register.audit WHERE details ? 'by'")}
    assert who == {"Giulia Bianchi"}, "signed by name, not by address"


def test_a_move_that_the_register_refuses_changes_nothing(open_as: Any, settled: Any) -> None:
    owner = open_as(OWNER)
    held = owner.form("acknowledge")
    assert owner.post("acknowledge", FIRST, held).status_code == 303
    again = owner.post("acknowledge", FIRST, held)
    assert again.status_code == 409
    assert f"{FIRST} is acknowledged already." in again.text
    assert owner.post("dance", FIRST, held).status_code == 409
    assert owner.post("acknowledge", "IG-00099", held).status_code == 404
    assert owner.post("note", FIRST, held | {"text": "x"}).status_code == 409
    assert settled.query("SELECT status FROM register.issues") == [{"status": "acknowledged"}]


def test_whoever_may_only_look_cannot_send_a_form(open_as: Any, settled: Any) -> None:
    mark = _mark(open_as(STRANGER))
    response = open_as(STRANGER).post("acknowledge", FIRST, {"mark": mark})
    assert response.status_code == 403
    assert [i["status"] for i in settled.open_issues()] == ["open"]


def _mark(browser: Browser) -> str:
    """A mark of their own, which whoever may only look is not shown, and could still have."""
    return Forms("of the test's").mark(Visitor(browser.account, lambda _: True, lambda _: True))


@pytest.mark.parametrize("how", ["no mark", "another's mark", "a mark made up", "sent by another site"])
def test_a_form_that_is_not_the_visitors_own_is_refused(open_as: Any, settled: Any, how: str) -> None:
    held = open_as(OWNER).form("acknowledge")
    headers = {"sec-fetch-site": "cross-site"} if how == "sent by another site" else {"sec-fetch-site": "same-origin"}
    mark = {"no mark": "", "another's mark": _mark(open_as(SPONSOR)), "a mark made up": "eh.eh.eh"}
    response = open_as(OWNER).post("acknowledge", FIRST, held | ({"mark": mark[how]} if how in mark else {}), **headers)
    assert response.status_code == 403
    assert [i["status"] for i in settled.open_issues()] == ["open"]
    assert open_as(OWNER).post("acknowledge", FIRST, held, **{"sec-fetch-site": "same-origin"}).status_code == 303


def test_who_may_not_see_a_dependency_sees_nothing_of_it(open_as: Any, settled: Any, real: Any) -> None:
    settled.send(NATIONAL, real(NATIONAL, 29), 29)
    settled.run(NATIONAL, 29)
    (theirs,) = {i["reference"] for i in settled.open_issues() if i["dependency"] == NATIONAL}
    stranger = open_as(STRANGER)
    assert theirs in open_as(OWNER).shown("/issues?whose=all")
    assert theirs not in stranger.shown("/issues")
    assert stranger.get(f"/issues/{theirs}").status_code == 403
    assert stranger.get(f"/dependencies/{NATIONAL}").status_code == 403
    assert NATIONAL not in stranger.shown("/dependencies")


def test_what_is_not_there_is_told_plainly(open_as: Any) -> None:
    owner = open_as(OWNER)
    for path in ("/issues/IG-00099", "/issues/x", "/dependencies/nobodys", "/dags/watch", "/nowhere"):
        response = owner.get(path)
        assert response.status_code == 404
        assert "This cannot be shown" in response.text


def test_what_breaks_off_tells_nothing_of_what_was_asked(
    open_as: Any, settled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(application, "issues_asked_for", fail)
    owner = open_as(OWNER)
    with TestClient(owner.client.app, raise_server_exceptions=False) as client:
        response = client.get("/integrity/issues", headers={"account": OWNER})
    assert response.status_code == 500
    assert "This broke off (KeyError)" in response.text
    assert CANARY not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_two_people_let_it_pass_one_after_the_other(open_as: Any, settled: Any) -> None:
    owner, sponsor = open_as(OWNER), open_as(SPONSOR)
    assert owner.form("waive") is None, "here two decide"
    short = owner.send("propose", reason="ok", until=UNTIL)
    assert short.status_code == 409
    assert "must tell somebody in a year why" in short.text
    assert owner.send("propose", reason=REASON, until=UNTIL).status_code == 303
    assert settled.query("SELECT count(*) AS n FROM register.waiver") == [{"n": 0}]
    assert owner.form("agree") is None, "nobody agrees with themselves"
    terms = sponsor.form("agree")
    assert terms is not None
    whose = {"proposed_by": terms["proposed_by"]}
    assert owner.post("agree", FIRST, whose | {"mark": _mark(owner)}).status_code == 303
    assert settled.query("SELECT count(*) AS n FROM register.waiver") == [{"n": 0}], "twice one's word is not two's"
    assert sponsor.send("agree").status_code == 303
    (waiver,) = settled.query("SELECT waived_by, reason, rule FROM register.waiver")
    assert waiver["waived_by"] == [f"Giulia Bianchi <{OWNER}>", f"Anna Verdi <{SPONSOR}>"]
    assert sponsor.form("agree") is None, "it is agreed"
    nobodys = sponsor.post("agree", FIRST, {"mark": _mark(sponsor), "proposed_by": "Ada Rossi"})
    assert nobodys.status_code == 409
    assert "has no proposal of Ada Rossi" in nobodys.text
    assert not settled.run(REGIONAL, 29).verdict.blocks
    assert "WV-00001" in owner.shown(f"/issues/{FIRST}")
    told = [(route, news.kind) for route, message in settled.channels.messages for news in message.news]
    routes = {route for route, kind in told if kind == "proposed"}
    assert routes == {"slack:#hospital-capacity", f"email:{SPONSOR}"}, "who must agree hears of it"


def test_who_decides_nothing_is_not_asked_to_let_it_pass(open_as: Any) -> None:
    operator = open_as("integrity")
    assert operator.form("acknowledge") is not None
    assert operator.form("propose") is None
    response = operator.post("propose", FIRST, {"mark": _mark(operator), "reason": REASON, "until": UNTIL})
    assert response.status_code == 409
    assert "each under their own account" in response.text


def test_no_cell_is_on_any_page(open_as: Any, settled: Any, real: Any) -> None:
    bad = real(REGIONAL, 30).change(ABRUZZO, denominazione_regione=CANARY, lat=CANARY, note=CANARY)
    settled.send(REGIONAL, bad, 30)
    settled.run(REGIONAL, 30)
    references = [i["reference"] for i in settled.open_issues()]
    assert len(references) > 1
    kept = settled.query(f"SELECT count(*) AS n FROM landing.quarantined WHERE record::text LIKE '%%{CANARY}%%'")
    assert kept == [{"n": 1}], "it is there to be found"
    for path in (
        "/issues?whose=all",
        f"/dependencies/{REGIONAL}",
        *(f"/issues/{reference}" for reference in references),
    ):
        assert CANARY not in open_as(OWNER).shown(path)


def test_a_files_name_is_text_and_nothing_else(open_as: Any, settled: Any, real: Any) -> None:
    name = "<img src=x onerror=alert(1)>\u202edpc-covid19-ita-regioni-20200430.csv"
    settled.send(REGIONAL, real(REGIONAL, 30).change(ABRUZZO, deceduti=9), 30, name=name)
    settled.run(REGIONAL, 30)
    (reference,) = [i["reference"] for i in settled.open_issues() if i["rule"] == "total_cases"]
    page = open_as(OWNER).shown(f"/issues/{reference}")
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert "\u202e" not in page


def test_a_browser_lets_the_pages_do_nothing_that_they_need_not(open_as: Any) -> None:
    headers = open_as(OWNER).get("/issues").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in open_as("").get("/issues").headers["content-security-policy"]


def test_a_dependency_shows_who_delivered_what(open_as: Any, settled: Any, real: Any) -> None:
    page = open_as(OWNER).shown(f"/dependencies/{REGIONAL}")
    cells = {
        match[1]: match[0] for match in re.findall(r'<td class="([a-z ]+)" title="[^"]*, (2020-04-\d\d): [^"]*">', page)
    }
    assert cells == {"2020-04-27": "released", "2020-04-28": "released", "2020-04-29": "received"}
    assert "1 issue not closed" in page
    assert "population complete" in page
    assert "Giulia Bianchi" in page
    settled.send(REGIONAL, real(REGIONAL, 28).drop(ABRUZZO).change("03", lat=""), 28, name="new-20200428.csv")
    settled.run(REGIONAL, 28)
    page = open_as(OWNER).shown(f"/dependencies/{REGIONAL}")
    assert "2020-04-28: released in an older revision; the latest is blocked, revision 2" in page
    assert open_as(OWNER).shown(f"/dags/judge_again__{REGIONAL}").count("<h1>") == 1


def test_a_dependency_whose_folder_breaks_is_named_and_the_others_are_shown(open_as: Any, settled: Any) -> None:
    broken = settled.settings.home / "dependencies"
    shutil.copytree(settled.settings.dependencies, broken)
    (broken / NATIONAL / "dependency.yml").write_text("name: [", encoding="utf-8")

    async def recognise(request: Request) -> Visitor | None:
        return Visitor(OWNER, lambda _: True, lambda _: True)

    pages = build_pages(replace(settled.settings, dependencies=broken), recognise, form_key="x")
    with TestClient(pages) as client:
        assert f"Cannot be read: {NATIONAL}" in client.get("/issues").text
        assert client.get(f"/dependencies/{NATIONAL}").status_code == 404
        shutil.copy(settled.settings.dependencies / NATIONAL / "dependency.yml", broken / NATIONAL)
        time.sleep(LOOK_AGAIN_SECONDS)
        assert client.get(f"/dependencies/{NATIONAL}").status_code == 200
