"""Which account in Airflow is whose. Only that person's word is taken."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from integrity.errors import Misconfigured
from integrity.inventory.deciders import Decider, known_people
from integrity.inventory.loading import Inventory

VARIABLE = "INTEGRITY_ACCOUNTS"


def account_of(person: Decider, environment: Mapping[str, str] | None = None) -> str:
    """The id of a person's account: what ``INTEGRITY_ACCOUNTS`` says, or else their address.

    Raises:
        Misconfigured: The variable cannot be understood.
    """
    given = (os.environ if environment is None else environment).get(VARIABLE, "")
    accounts: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in given.split(","))):
        address, equals, account = entry.rpartition("=")
        if not equals or not address.strip() or not account.strip():
            raise Misconfigured(f"{VARIABLE} has '{entry}'. Write it as address=account, address=account.")
        accounts[address.strip().casefold()] = account.strip()
    own = person.address or person.name
    return accounts.get(own.casefold(), own)


def accounts_of(inventory: Inventory, sponsor: str | None) -> Iterable[str]:
    """The accounts of all who may be asked: every owner, and the sponsor."""
    found: dict[str, None] = {}
    for registered in inventory.dependencies.values():
        found.update({account_of(person): None for person in known_people(registered.dependency.owner, sponsor)})
    return found
