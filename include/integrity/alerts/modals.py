"""Forms in Slack: what they ask, and what somebody has entered. What may be entered is for the register to say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from integrity.alerts.rendering import plain

CALLBACK = "integrity"
_LONGEST_TITLE = 24
_LONGEST_LABEL = 75
_LONGEST_VALUE = 150
_MOST_CHOICES = 100
_LONGEST_ERROR = 1_000


@dataclass(frozen=True)
class Field:
    """One thing that is asked.

    Attributes:
        name: As the register names it when it refuses what was entered.
        kind: A text of several lines, one of one line, a choice, or a day.
        initial: What stands there from the start.
        choices: Values, each with how it is shown; of a choice only.
        most: Characters that are taken.
    """

    name: str
    kind: Literal["text", "line", "choice", "day"]
    label: str
    hint: str = ""
    is_optional: bool = False
    initial: str = ""
    choices: Sequence[tuple[str, str]] = ()
    most: int = 2_000


@dataclass(frozen=True)
class Form:
    """A form about an issue, as it goes to Slack and comes back.

    Attributes:
        channel: Where the button was clicked, and where its answer is told.
    """

    what: str
    reference: str
    channel: str

    def view(self, title: str, fields: Sequence[Field], says: str = "") -> dict[str, Any]:
        """The form as Slack opens it.

        Args:
            says: What stands above the fields.
        """
        above = [{"type": "section", "text": {"type": "plain_text", "text": says}}] if says else []
        return {
            "type": "modal",
            "callback_id": CALLBACK,
            "private_metadata": json.dumps(vars(self)),
            "title": _plain_text(title, _LONGEST_TITLE),
            "submit": _plain_text(title.partition(" ")[0], _LONGEST_TITLE),
            "close": _plain_text("Cancel", _LONGEST_TITLE),
            "blocks": [*above, *(_input(field) for field in fields)],
        }

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Form | None:
        """The form that somebody sends back; None where it is none of ours."""
        if view.get("callback_id") != CALLBACK:
            return None
        return cls(**json.loads(view["private_metadata"]))


def entered(view: Mapping[str, Any]) -> dict[str, str]:
    """What was entered, by field, on one line, without control characters and markup; '' where nothing was."""
    found = {}
    for name, elements in view["state"]["values"].items():
        element = elements[name]
        chosen = element.get("selected_option") or {}
        given = element.get("value") or element.get("selected_date") or chosen.get("value") or ""
        found[name] = " ".join(filter(None, (plain(word) for word in given.split())))
    return found


def refused(about: str, why: str) -> dict[str, Any]:
    """The answer to a form that is sent back, with the reason beside the field that it is about."""
    return {"response_action": "errors", "errors": {about: why[:_LONGEST_ERROR]}}


def _input(field: Field) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "input",
        "block_id": field.name,
        "optional": field.is_optional,
        "label": _plain_text(field.label, 2_000),
        "element": {"action_id": field.name, **_ELEMENTS[field.kind](field)},
    }
    return block | ({"hint": _plain_text(field.hint, 2_000)} if field.hint else {})


def _text(field: Field) -> dict[str, Any]:
    initial = {"initial_value": field.initial} if field.initial else {}
    return {"type": "plain_text_input", "multiline": field.kind == "text", "max_length": field.most} | initial


def _choice(field: Field) -> dict[str, Any]:
    # A value that Slack would refuse is left out: it can be typed.
    known = [(value, shown) for value, shown in field.choices if len(value) <= _LONGEST_VALUE][:_MOST_CHOICES]
    options = [{"text": _plain_text(shown, _LONGEST_LABEL), "value": value} for value, shown in known]
    return {"type": "static_select", "options": options}


def _day(field: Field) -> dict[str, Any]:
    return {"type": "datepicker", "initial_date": field.initial}


_ELEMENTS = {"text": _text, "line": _text, "choice": _choice, "day": _day}


def _plain_text(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text if len(text) <= most else f"{text[: most - 1]}…"}
