"""Answering issues: what people do with them, each with its refusals, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from integrity.errors import Rejected
from integrity.gates.rules import IDENTIFIED
from integrity.inventory.answerers import people
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import load_inventory
from integrity.register import audit, life
from integrity.register.audit import Way
from integrity.register.issues import due_on
from integrity.register.sealing import seal
from integrity.register.telling import tell_move
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import Issue

MOST_CHARACTERS = 2_000
_LEAST_CHARACTERS = 3
_NO_CAUSE = "Say what its root cause is."
_NOT_DONE = "Say what was done."


@dataclass(frozen=True)
class Answered:
    """What became of an issue."""

    reference: str
    status: str
    owner: str


class Repeated(Rejected):
    """What somebody said has been delivered before, and was done then."""


@contextmanager
def _at_work(settings: Settings, reference: str, way: Way | None = None) -> Iterator[tuple[Session, Issue, Registered]]:
    inventory, engine = load_inventory(settings), open_engine(settings)
    with transaction(engine) as session:
        issue = life.held(session, reference)
        refuse_repeated(session, issue, way)
        yield session, issue, inventory.get(issue.dependency)
    seal(engine)


def refuse_repeated(session: Session, issue: Issue, way: Way | None) -> None:
    """Refuse what has been delivered before. The issue is held.

    Raises:
        Repeated: It has.
    """
    if way and audit.has_come(session, issue.id, way):
        raise Repeated(f"That was done in {issue.reference} already.")


def acknowledge(settings: Settings, reference: str, *, by: str, way: Way | None = None) -> Answered:
    """Say that somebody has seen it and will act.

    Args:
        way: How their word came, where that was not from a terminal; here as in all that follow.

    Raises:
        Rejected: Somebody has, or it is resolved.
    """
    with _at_work(settings, reference, way) as (session, issue, registered):
        life.move(session, issue, "acknowledged", by=by, **_told(way))
        tell_move(session, issue, "acknowledged", registered, f"{by} has seen it and will act.")
        return _answered(issue)


def investigate(settings: Settings, reference: str, *, by: str) -> Answered:
    """Say that its cause is being looked for.

    Raises:
        Rejected: It is already, or it is resolved.
    """
    with _at_work(settings, reference) as (session, issue, registered):
        life.move(session, issue, "investigated", by=by)
        tell_move(session, issue, "investigated", registered, f"{by} is looking for the cause.")
        return _answered(issue)


def assign(settings: Settings, reference: str, *, to: str, by: str, way: Way | None = None) -> Answered:
    """Have another person answer for it.

    Raises:
        Rejected: That is nobody, they do already, or it is closed.
    """
    owner = _text(to, "Name the person who is to act.", "to")
    with _at_work(settings, reference, way) as (session, issue, registered):
        if issue.owner == owner:
            raise Rejected(f"{issue.reference} is {owner}'s already.", about="to")
        life.move(session, issue, "assigned", by=by, before=issue.owner, owner=owner, **_told(way))
        issue.owner = owner
        everybody = people(load_inventory(settings).dependencies.values())
        called = next((person for person in everybody if owner in (person.full_name, person.name)), None)
        if called and by in (called.full_name, called.name):
            called = None  # Who takes it on needs no call.
        tell_move(session, issue, "assigned", registered, f"{by} has asked {owner} to act.", called=called)
        return _answered(issue)


def note(settings: Settings, reference: str, *, text: str, by: str, way: Way | None = None) -> Answered:
    """Write something down for whoever works on it next; it goes nowhere but into the issue's story.

    Raises:
        Rejected: It says nothing.
    """
    told = _text(text, "Write what is to be remembered.", "text")
    with _at_work(settings, reference, way) as (session, issue, _):
        life.move(session, issue, "noted", by=by, text=told, **_told(way))
        return _answered(issue)


def link(settings: Settings, reference: str, *, to: str, by: str) -> Answered:
    """Point at what belongs to it: another issue, or a page such as a ticket's.

    Raises:
        Rejected: It is neither.
    """
    with _at_work(settings, reference) as (session, issue, _):
        if urlsplit(to).scheme not in ("http", "https"):
            to = life.find(session, to).reference
        if to == issue.reference:
            raise Rejected("An issue is not linked with itself.")
        life.move(session, issue, "linked", by=by, to=to)
        return _answered(issue)


def resolve(
    settings: Settings, reference: str, *, resolution: str, cause: str | None, by: str, way: Way | None = None
) -> Answered:
    """Say what was done about it. A gate that still finds it opens it again.

    Raises:
        Rejected: It is resolved already, or nothing is said.
    """
    done = _text(resolution, _NOT_DONE, "resolution")
    with _at_work(settings, reference, way) as (session, issue, registered):
        issue.root_cause = life.stated_cause(_text(cause, _NO_CAUSE, "cause")) if cause else issue.root_cause
        issue.resolution = done
        life.move(session, issue, "resolved", by=by, resolution=done, root_cause=issue.root_cause, **_told(way))
        tell_move(session, issue, "answered", registered, f"{by}: {done}")
        return _answered(issue)


def close(settings: Settings, reference: str, *, cause: str | None, resolution: str | None, by: str) -> Answered:
    """Close it for good, unless it comes back.

    Raises:
        Rejected: It still fails, or root cause or resolution are missing.
    """
    done = _text(resolution, _NOT_DONE, "resolution") if resolution is not None else None
    cause = _text(cause, _NO_CAUSE, "cause") if cause is not None else None
    with _at_work(settings, reference) as (session, issue, registered):
        life.close(session, issue, by=by, cause=cause, resolution=done, by_hand=issue.rule == IDENTIFIED.name)
        why = f" Root cause: {issue.root_cause}." if issue.root_cause else ""
        tell_move(session, issue, "closed", registered, f"{by}: {issue.resolution}{why}")
        return _answered(issue)


def reopen(settings: Settings, reference: str, *, reason: str, by: str) -> Answered:
    """Take it up again, under the same reference.

    Raises:
        Rejected: It is being worked on, is part of another one, or no reason is given.
    """
    why = _text(reason, "Say why.", "reason")
    with _at_work(settings, reference) as (session, issue, registered):
        if issue.merged_into is not None:
            raise Rejected(f"{issue.reference} is part of IG-{issue.merged_into:05d}: reopen that.")
        life.reopen(session, issue, by=by, reason=why, due_on=due_on(registered, registered.policy, issue.impact))
        tell_move(session, issue, "reopened", registered, f"{by}: {why}")
        return _answered(issue)


def merge(settings: Settings, reference: str, *, into: str, by: str) -> Answered:
    """Have another issue tell of this one's problem as well.

    Raises:
        Rejected: They do not belong together, or one of them is closed.
    """
    with _at_work(settings, reference) as (session, issue, registered):
        other = life.held(session, into)
        life.merge(session, issue, other, by=by)
        tell_move(session, issue, "merged", registered, f"{by} has made it part of {other.reference}.")
        return _answered(other)


def _answered(issue: Issue) -> Answered:
    return Answered(issue.reference, issue.status, issue.owner)


def _told(way: Way | None) -> dict[str, Any]:
    return way.told if way else {}


def _text(given: str, lacking: str, about: str) -> str:
    """What somebody wrote, on one line and without what cannot be shown.

    Raises:
        Rejected: It says nothing, or is longer than anybody reads.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in given).split())
    if len(text) < _LEAST_CHARACTERS:
        raise Rejected(lacking, about)
    if len(text) > MOST_CHARACTERS:
        raise Rejected(f"That is {len(text):,} characters; at most {MOST_CHARACTERS:,} are kept.", about)
    return text
