"""An alert's words: complete for its owner, harmless in Slack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integrity.alerts.message import Message, News
from integrity.alerts.rendering import body, headline, plain
from integrity.alerts.slack import posted, standing

CONTENT: dict[str, Any] = {
    "reference": "IG-00012",
    "dependency": "d",
    "rule": "total_cases",
    "supplier": "s<!channel>",
    "impact": "high",
    "owner": "Giulia Bianchi, Head",
    "due_on": "2020-04-29",
    "status": "open",
    "shown_by": 1,
    "since": None,
    "explained_by": None,
    "waived_until": None,
    "period": "2020-04-28",
    "title": "Regional figures",
    "outcome": "Nothing is released.",
    "downstream": ["mart (Giulia Bianchi)"],
    "run": "r",
    "message": "See <https://evil.example|here> *now*\n@here",
    "mend": "Mend it.",
    "evaluated": 21,
    "failed": 3,
    "columns": ["totale_casi"],
    "verdict": "FAIL",
    "resolution": "Revision 2 passed.",
}


def message(*kinds: str) -> Message:
    """News of the one issue, in a thread that has begun."""
    news = tuple(News(kind, CONTENT) for kind in kinds)
    return Message(to="#c", key="k", news=news, standing=(CONTENT,), thread="1.0", was_tried=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\x00b\x1b[31mc\r\n", "ab[31mc", id="control-characters"),
        pytest.param("<!channel> <@U1>", "‹!channel› ‹@U1›", id="mentions"),
        pytest.param("<https://x|y>", "‹https://x|y›", id="links"),
        pytest.param("a\u202eb\u2066c", "abc", id="text-that-turns-direction"),
        pytest.param("*b* `c` & d", "·b· 'c' + d", id="markup"),
        pytest.param("Valle d'Aosta, 21 of 21", "Valle d'Aosta, 21 of 21", id="plain-words-stay"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_an_owner_reads_what_is_wrong_what_was_done_and_what_to_do() -> None:
    assert headline("opened", CONTENT) == "Regional figures: 'total cases' failed for 2020-04-28"
    assert "noted for" in headline("opened", CONTENT | {"verdict": "WARN"}), "what blocks nothing has not failed"
    weekly = CONTENT | {"period": "2020-04-20", "period_label": "2020-W17"}
    assert headline("opened", weekly) == "Regional figures: 'total cases' failed for 2020-W17"
    told = "\n".join(body("opened", CONTENT))
    for words in (
        "Failed: 3 of 21 in totale_casi (14.3%).",
        "Nothing is released.",
        "To mend it: Mend it.",
        "mart (Giulia Bianchi)",
        "Issue IG-00012, impact high, for Giulia Bianchi, Head, due 2020-04-29.",
    ):
        assert words in told


@pytest.mark.parametrize("kind", ["opened", "recurred", "resolved"])
def test_nothing_in_an_alert_mentions_or_links(kind: str) -> None:
    told = json.dumps([headline(kind, CONTENT), posted(message(kind)), standing(message(kind))])
    assert not {"<", ">", "\\u0000"} & set(told)
    assert "*now*" not in told
    assert posted(message(kind))[1][0]["type"] == "section"


def test_a_resolved_alert_says_what_cured_it() -> None:
    assert headline("resolved", CONTENT) == "Resolved: Regional figures, 'total cases'"
    assert body("resolved", CONTENT) == ["Revision 2 passed.", "Nothing is released.", "Issue IG-00012 is open."]
