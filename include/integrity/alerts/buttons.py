"""Buttons below a message: what can be done about its issues now. They carry a reference and a move, no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integrity.alerts.message import Content, Message, worst_first
from integrity.alerts.rendering import SHOWN
from integrity.register.life import CLOSED, moves

ACKNOWLEDGE, NOTE, ASSIGN, RESOLVE, WAIVE = "acknowledge", "note", "assign", "resolve", "waive"
_MOVES = {ACKNOWLEDGE: "acknowledged", ASSIGN: "assigned", NOTE: "noted", RESOLVE: "resolved"}
"""The register's name of what is done by a button."""
LABELS = {ACKNOWLEDGE: "Acknowledge", ASSIGN: "Assign…", NOTE: "Note…", RESOLVE: "Resolve…", WAIVE: "Waive…"}
_OURS = "integrity"


@dataclass(frozen=True)
class Click:
    """What somebody wants to do about an issue."""

    reference: str
    what: str


def possible(content: Content) -> list[str]:
    """What can be done about an issue as it stands; a failure can be let pass, an ERROR or a warning cannot."""
    allowed = moves(content["status"])
    found = [what for what, move in _MOVES.items() if move in allowed]
    if content["status"] != CLOSED and content.get("verdict") == "FAIL":
        found.append(WAIVE)
    return found


def buttons(message: Message) -> list[dict[str, Any]]:
    """The block of buttons below the first message of a conversation: none where nothing can be done.

    Below a digest each issue that nobody has acknowledged has one button; that is as many as it shows, and fewer than
    the 25 that Slack takes.
    """
    if not message.is_about_several:
        elements = [_button(content, what) for content in message.standing for what in possible(content)]
    else:
        shown = worst_first(message.standing)[:SHOWN]
        elements = [_button(each, ACKNOWLEDGE, each["reference"]) for each in shown if ACKNOWLEDGE in possible(each)]
    return [{"type": "actions", "block_id": _OURS, "elements": elements}] if elements else []


def _button(content: Content, what: str, of: str = "") -> dict[str, Any]:
    label = f"{LABELS[what]} {of}".strip()
    reference = str(content["reference"])
    return {
        "type": "button",
        # Slack wants an id of its own for each element of a block.
        "action_id": f"{_OURS}/{what}/{reference}",
        "value": reference,
        "text": {"type": "plain_text", "text": label},
    }


def clicked(actions: Iterable[Mapping[str, Any]]) -> Click | None:
    """What a click on one of our buttons wants; None where it was on something else."""
    for action in actions:
        ours, _, rest = str(action.get("action_id", "")).partition("/")
        what = rest.partition("/")[0]
        if ours == _OURS and what in LABELS:
            return Click(str(action.get("value", "")), what)
    return None
