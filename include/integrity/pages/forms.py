"""Forms on the page of an issue: which moves its state and its visitor allow, and what each asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from integrity.inventory.dependency import Registered
from integrity.pages.visitor import Visitor, decider
from integrity.register import life
from integrity.register.proposals import Proposal
from integrity.warehouse.models import Issue

_MOST_CHARACTERS = 2_000


@dataclass(frozen=True)
class Field:
    """One thing that a form asks.

    Attributes:
        choices: Value and words of each, where it is chosen from a list.
        suggestions: What may be typed, among other things.
    """

    name: str
    label: str
    kind: Literal["line", "text", "day", "choice", "hidden"] = "line"
    required: bool = True
    hint: str = ""
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[str, ...] = ()
    most: int = _MOST_CHARACTERS


@dataclass(frozen=True)
class Form:
    """A move that can be made now."""

    move: str
    title: str
    button: str
    fields: tuple[Field, ...] = field(default=())
    hint: str = ""


def forms_for(
    issue: Issue,
    registered: Registered,
    visitor: Visitor,
    sponsor: str | None,
    *,
    proposals: tuple[Proposal, ...],
    others: tuple[str, ...],
) -> list[Form]:
    """The forms that a visitor gets.

    Args:
        proposals: To let it pass, which wait for a second person's word.
        others: References of issues that it may be merged into.
    """
    found: list[Form] = []
    moves = life.moves(issue.status)
    plain = {
        "acknowledged": Form("acknowledge", "I have seen it and will act", "Acknowledge"),
        "investigated": Form("investigate", "I am looking for the cause", "Look into it"),
        "resolved": _resolving(),
        "closed": _closing(issue),
        "reopened": Form("reopen", "Take it up again", "Reopen", (Field("reason", "Why", "text"),)),
        "assigned": _assigning(registered),
        "noted": Form(
            "note", "Write something down", "Note", (Field("text", "To be remembered; no cell of any file", "text"),)
        ),
        "linked": Form(
            "link", "Point at what belongs to it", "Link", (Field("to", "Another issue, or the address of a ticket"),)
        ),
    }
    found += [form for move, form in plain.items() if move in moves]
    if "merged" in moves and others:
        found.append(_merging(others))
    if issue.status != life.CLOSED:
        found += _waiving(issue, registered, visitor, sponsor, proposals)
    return found


def _cause(*, required: bool) -> tuple[Field, ...]:
    blank = () if required else (("", "not said yet"),)
    choices = (*blank, *life.CAUSES.items())
    return (
        Field("cause", "Root cause", "choice", required, choices=tuple(choices)),
        Field("cause_text", "More about the cause", required=False),
    )


def _resolving() -> Form:
    hint = "A gate that still finds it opens it again."
    return Form(
        "resolve",
        "It is dealt with",
        "Resolve",
        (Field("resolution", "What was done", "text"), *_cause(required=False)),
        hint,
    )


def _closing(issue: Issue) -> Form:
    done = Field("resolution", "What was done", "text", required=not issue.resolution, value=issue.resolution or "")
    cause = _cause(required=life.needs_cause(issue))
    hint = "For good, unless it comes back. What still fails cannot be closed."
    return Form("close", "Close it", "Close", (done, *cause), hint)


def _assigning(registered: Registered) -> Form:
    dependency = registered.dependency
    people = tuple(f"{person.name}, {person.title}" for person in (dependency.owner, dependency.deputy) if person)
    return Form("assign", "Somebody else is to act", "Assign", (Field("to", "Who", suggestions=people, most=200),))


def _merging(others: tuple[str, ...]) -> Form:
    choices = tuple((reference, reference) for reference in others)
    return Form("merge", "It is part of another issue", "Merge", (Field("into", "Which", "choice", choices=choices),))


def _waiving(
    issue: Issue, registered: Registered, visitor: Visitor, sponsor: str | None, proposals: tuple[Proposal, ...]
) -> Iterator[Form]:
    person = decider(visitor, registered, sponsor)
    if person is None:
        return
    for proposal in proposals:
        if not person.is_meant(proposal.by):
            hint = f"{proposal.reason} It would let {proposal.extent} pass until {proposal.expires_on}."
            whose = Field("proposed_by", "", "hidden", value=proposal.by)
            yield Form("agree", f"Agree with {proposal.by} that it may pass", "Agree", (whose,), hint)
    both = "sponsor" in registered.policy.waived_by
    suppliers = (("", "the issue's own"), ("all", "all suppliers"))
    asked = (
        Field("reason", "Why it may pass; told with the release", "text"),
        Field("until", "Last day on which it may pass", "day"),
        Field("periods", "Periods, FROM..TO or one", required=False, hint="Those that show it, if left out.", most=60),
        *((Field("supplier", "Suppliers", "choice", required=False, choices=suppliers),) if issue.supplier else ()),
    )
    if both:
        hint = "Here the owner and the sponsor decide together: the other one is asked to agree on this page."
        yield Form("propose", "Let it pass, in writing", "Put it to the other", asked, hint)
    else:
        yield Form("waive", "Let it pass, in writing", "Let it pass", asked)
