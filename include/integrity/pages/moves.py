"""Making the moves of a page's forms. Nothing is decided here: they go where those of the command line go."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrity.errors import Rejected
from integrity.inventory.dependency import Registered
from integrity.pages.visitor import Visitor, decider, signature
from integrity.register.audit import Way
from integrity.settings import Settings

if TYPE_CHECKING:
    from integrity.pipeline.waiving import Request

DONE = {
    "acknowledge": "Acknowledged. Those who follow this issue are told.",
    "investigate": "It says now that its cause is being looked for.",
    "assign": "Assigned.",
    "note": "Noted, in the story below.",
    "link": "Linked, in the story below.",
    "resolve": "Resolved. A gate that still finds it will open it again.",
    "close": "Closed.",
    "reopen": "Open again.",
    "merge": "Merged. The other issue tells of both from now on.",
    "waive": "Let pass, in writing. What it lets pass is released when its period is run next.",
    "propose": "Put to the other person whose word is needed. Nothing passes before they agree.",
    "agree": "Agreed. What it lets pass is released when its period is run next.",
}
"""What is said when a move has been made."""


def make_move(
    settings: Settings, registered: Registered, visitor: Visitor, reference: str, move: str, given: Mapping[str, str]
) -> None:
    """Make a move as a visitor.

    Args:
        given: What they have filled in, by the names of the form's fields.

    Raises:
        Rejected: There is no such move, or it is refused; the text says why.
    """
    # Only here: they bring the gates with them, which no page needs that is only looked at.
    from integrity.pipeline import agreeing, answering

    if move not in _MOVES:
        raise Rejected(f"There is no move '{move}'.")
    made = _Made(settings, registered, visitor, reference, {name: value.strip() for name, value in given.items()})
    _MOVES[move](agreeing if move in _LETTING_PASS else answering, made)


@dataclass(frozen=True)
class _Made:
    """A move as it was filled in."""

    settings: Settings
    registered: Registered
    visitor: Visitor
    reference: str
    given: Mapping[str, str]

    @property
    def by(self) -> dict[str, str]:
        return {"by": signature(self.visitor, self.registered, self.settings.sponsor)}

    @property
    def issue(self) -> tuple[Settings, str]:
        return self.settings, self.reference

    @property
    def whose_word(self) -> str:
        """The visitor as one of those who decide.

        Raises:
            Rejected: They are none.
        """
        person = decider(self.visitor, self.registered, self.settings.sponsor)
        if person is None:
            raise Rejected(
                f"Whether it may pass is for the {self.registered.policy.waived_by} of {self.registered.name} to "
                "decide, each under their own account."
            )
        return person.address or person.name

    @property
    def cause(self) -> str | None:
        word, more = self.text("cause"), self.text("cause_text")
        return (f"{word}: {more}" if more else word) or None

    @property
    def waiver(self) -> tuple[Settings, Request]:
        """What is asked to let pass: as it was filled in, or on the terms that another one has proposed."""
        from integrity.pipeline.agreeing import on_the_terms_of
        from integrity.pipeline.waiving import Request, parse_day

        if "proposed_by" in self.given:
            return self.settings, on_the_terms_of(*self.issue, self.text("proposed_by"))
        return self.settings, Request(
            issue=self.reference,
            by=(),
            reason=self.text("reason"),
            expires_on=parse_day(self.text("until")),
            supplier=self.text("supplier") or None,
            periods=self.text("periods") or None,
        )

    @property
    def word(self) -> dict[str, Any]:
        """Whose word it is, and how it came."""
        return {"by": self.whose_word, "way": Way(f"airflow:{self.visitor.account}", uuid.uuid4().hex)}

    def text(self, name: str) -> str:
        return self.given.get(name, "")


_LETTING_PASS = ("waive", "propose", "agree")
_MOVES: dict[str, Callable[[Any, _Made], object]] = {
    "acknowledge": lambda to, m: to.acknowledge(*m.issue, **m.by),
    "investigate": lambda to, m: to.investigate(*m.issue, **m.by),
    "assign": lambda to, m: to.assign(*m.issue, to=m.text("to"), **m.by),
    "note": lambda to, m: to.note(*m.issue, text=m.text("text"), **m.by),
    "link": lambda to, m: to.link(*m.issue, to=m.text("to"), **m.by),
    "resolve": lambda to, m: to.resolve(*m.issue, resolution=m.text("resolution"), cause=m.cause, **m.by),
    "close": lambda to, m: to.close(*m.issue, resolution=m.text("resolution") or None, cause=m.cause, **m.by),
    "reopen": lambda to, m: to.reopen(*m.issue, reason=m.text("reason"), **m.by),
    "merge": lambda to, m: to.merge(*m.issue, into=m.text("into"), **m.by),
    **dict.fromkeys(_LETTING_PASS, lambda to, m: to.agree(*m.waiver, **m.word)),
}
