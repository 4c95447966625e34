"""Who may answer for an issue from Slack: the people of its dependency, the sponsor, and to whom it was given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from integrity.errors import Rejected
from integrity.inventory.deciders import known_people
from integrity.inventory.dependency import Registered
from integrity.inventory.people import Person
from integrity.settings import MEMBER_ID, Settings


def people(registered: Iterable[Registered]) -> list[Person]:
    """Everybody whom the inventory names, owners and deputies, each once."""
    named = [person for each in registered for person in (each.dependency.owner, each.dependency.deputy) if person]
    return list({person.full_name: person for person in named}.values())


@dataclass(frozen=True)
class Answerers:
    """Those who may answer for one issue, by their member id in Slack.

    Attributes:
        who: Their names, as the audit trail has them.
        may: The same as a refusal names them, those included whose member id nobody has written down.
    """

    who: dict[str, str]
    may: tuple[str, ...]

    def name(self, member: str) -> str:
        """The name of who has that member id.

        Raises:
            Rejected: Nobody of them has it; the text says how to become one of them.
        """
        if member in self.who:
            return self.who[member]
        shown = member if re.fullmatch(MEMBER_ID, member) else "unknown"
        raise Rejected(
            f"Here {', '.join(self.may)} may do this, and your member id in Slack, {shown}, is none of theirs. If you "
            "are one of them, ask your data engineers to write it as 'slack' beside your name in dependency.yml (the "
            "sponsor's: INTEGRITY_SPONSOR_SLACK)."
        )


def answerers(registered: Registered, settings: Settings, assigned: str, everybody: Iterable[Person]) -> Answerers:
    """Those who may answer for an issue.

    Args:
        assigned: Whom the issue names as who is to act.
        everybody: Among whom that one is looked for.
    """
    declared = registered.dependency
    persons = [declared.owner, *([declared.deputy] if declared.deputy else [])]
    persons += [person for person in everybody if person.full_name == assigned and person not in persons]
    who = {person.slack: person.name for person in reversed(persons) if person.slack}
    names = [person.full_name for person in persons]
    if settings.sponsor:
        sponsor = known_people(declared.owner, settings.sponsor)[-1]
        name = sponsor.name or sponsor.address
        names.append(f"{name}, sponsor")
        if settings.sponsor_slack:
            who.setdefault(settings.sponsor_slack, name)
    return Answerers(who, tuple(names))
