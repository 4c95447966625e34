"""Who decides whether a failure may pass: the owner, and where the policy says so the sponsor beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Literal

from integrity.errors import Rejected
from integrity.inventory.people import Person


@dataclass(frozen=True)
class Decider:
    """A person whose word counts, as they are configured; one of name and address may be ''."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name and self.address else self.name or self.address

    def is_meant(self, by: str) -> bool:
        return by.strip().casefold() in {text.casefold() for text in (self.name, self.address, str(self)) if text}


def entitled(
    by: Sequence[str], owner: Person, sponsor: str | None, waived_by: Literal["owner", "owner and sponsor"]
) -> list[str]:
    """Those who decide, as ``Name <address>``, from the names or addresses that were given.

    Args:
        sponsor: The entity's, as ``Name <address>`` or either; None where nobody has said who that is.
        waived_by: Of the dependency's policy.

    Raises:
        Rejected: One of them has no say in it, or one whose word is needed is not among them.
    """
    people = _people(owner, sponsor)
    named = {_role(text, people) for text in by}
    needed = deciders(owner, sponsor, waived_by)
    missing = [f"{role} {person}" for role, person in needed.items() if role not in named]
    if missing:
        raise Rejected(f"{said_to_decide(waived_by)}; missing: {', '.join(missing)}.")
    return [str(people[role]) for role in people if role in named]


def said_to_decide(waived_by: Literal["owner", "owner and sponsor"]) -> str:
    """Who decides here, as the beginning of a sentence."""
    return f"Here {waived_by} decide{'' if ' and ' in waived_by else 's'}"


def deciders(
    owner: Person, sponsor: str | None, waived_by: Literal["owner", "owner and sponsor"]
) -> dict[str, Decider]:
    """Those whose word is needed, by role, the owner first.

    Raises:
        Rejected: Nobody has said who the sponsor is, or it is the owner, where the word of both is needed.
    """
    people = _people(owner, sponsor)
    needed = waived_by.split(" and ")
    if "sponsor" in needed and "sponsor" not in people:
        raise Rejected(
            "This needs the sponsor's word beside the owner's, and nobody has said who that is. "
            "Set INTEGRITY_SPONSOR to 'Name <address>'."
        )
    if "sponsor" in needed and people["sponsor"].is_meant(owner.email):
        raise Rejected("The sponsor (INTEGRITY_SPONSOR) is the owner, and this needs the word of two people.")
    return {role: people[role] for role in needed}


def meant(by: str, owner: Person, sponsor: str | None) -> Decider:
    """The one of those who decide whom a name or an address means.

    Raises:
        Rejected: It is none of theirs.
    """
    people = _people(owner, sponsor)
    return people[_role(by, people)]


def known_people(owner: Person, sponsor: str | None) -> list[Decider]:
    """The owner, and the sponsor where it is said who that is."""
    return list(_people(owner, sponsor).values())


def _people(owner: Person, sponsor: str | None) -> dict[str, Decider]:
    people = {"owner": Decider(owner.name, owner.email)}
    if sponsor:
        name, address = parseaddr(sponsor)
        people["sponsor"] = Decider(name, address) if "@" in address else Decider(sponsor, "")
    return people


def _role(by: str, people: dict[str, Decider]) -> str:
    for role, person in people.items():
        if person.is_meant(by):
            return role
    known = " and ".join(f"the {role} {person}" for role, person in people.items())
    raise Rejected(f"'{by}' has no say in this. Those who have: {known}.")
