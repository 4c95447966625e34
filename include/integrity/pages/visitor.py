"""Who looks at a page: what they may see and do, whose word theirs is, and what is theirs to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from integrity.inventory.accounts import account_of
from integrity.inventory.deciders import Decider, known_people
from integrity.inventory.dependency import Registered
from integrity.inventory.loading import Inventory
from integrity.register.climbing import steps


@dataclass(frozen=True)
class Visitor:
    """Somebody who is logged in.

    Attributes:
        account: Their id where they have logged in.
        reads, acts: Whether they may see a dependency, and answer its issues.
    """

    account: str
    reads: Callable[[str], bool]
    acts: Callable[[str], bool]


Recognise = Callable[[Request], Awaitable[Visitor | None]]
"""Tells who has sent a request; None where that is nobody who is logged in."""


def signature(visitor: Visitor, registered: Registered, sponsor: str | None) -> str:
    """How what a visitor does is signed: by the name that the inventory knows them under, or else by their account."""
    person = decider(visitor, registered, sponsor)
    deputy = registered.dependency.deputy
    if person is None and deputy and account_of(Decider(deputy.name, deputy.email)) == visitor.account:
        return deputy.name
    return person.name or person.address if person else visitor.account


def decider(visitor: Visitor, registered: Registered, sponsor: str | None) -> Decider | None:
    """The owner or the sponsor, where the visitor is one of them."""
    people = known_people(registered.dependency.owner, sponsor)
    return next((person for person in people if account_of(person) == visitor.account), None)


@dataclass(frozen=True)
class Charge:
    """What is a visitor's to answer.

    Attributes:
        names: Every way in which an issue may name them as its owner.
        called_upon: By dependency, from which step on an issue that climbs is theirs as well.
    """

    names: frozenset[str]
    called_upon: dict[str, int]

    def __bool__(self) -> bool:
        return bool(self.names)


def charge_of(visitor: Visitor, inventory: Inventory, sponsor: str | None) -> Charge:
    """What is theirs by the inventory: as owner of dependencies, as deputy, as sponsor."""
    names: set[str] = set()
    called_upon: dict[str, int] = {}
    for name, registered in inventory.dependencies.items():
        dependency = registered.dependency
        for person in filter(None, (dependency.owner, dependency.deputy)):
            if account_of(Decider(person.name, person.email)) == visitor.account:
                names |= {
                    person.name,
                    f"{person.name}, {person.title}",
                    person.email,
                    f"{person.name} <{person.email}>",
                }
        decides = decider(visitor, registered, sponsor)
        if decides is not None:
            names |= {str(decides), *filter(None, (decides.name, decides.address))}
        own_steps = [
            number
            for number, step in enumerate(steps(registered, sponsor), 1)
            if step.kind == "escalated" and step.who in names
        ]
        if own_steps:
            called_upon[name] = min(own_steps)
    return Charge(frozenset(names), called_upon)
