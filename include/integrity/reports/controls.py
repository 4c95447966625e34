"""The manual's controls of a dependency: which its class calls for, and what is known here that speaks for each.

Only what this product itself holds is told. That nothing is known here does not say that a control is not there: a
training plan, for one, is kept elsewhere. It says that nobody who looks here can rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from integrity.inventory import manual
from integrity.inventory.dependency import Registered
from integrity.register.evidence import Recorded
from integrity.verdicts import Verdict


@dataclass(frozen=True)
class Control:
    """One of the manual's controls, as it stands for a dependency.

    Attributes:
        state: ``evidence``; ``wanting`` where what is known speaks against it; ``unknown``.
        evidence: What is known, in sentences.
    """

    id: int
    name: str
    group: str
    is_needed: bool
    state: str
    evidence: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"evidence": list(self.evidence)}


def controls_of(registered: Registered, recorded: Recorded) -> list[Control]:
    """Every control of the manual, in its order."""
    letter = registered.dependency.importance[0].upper()
    known = {number: tuple(sentences(registered, recorded)) for number, sentences in _EVIDENCE.items()}
    wanting = _wanting(recorded)
    found = []
    for entry in manual.controls():
        number = int(entry["id"])
        evidence = known.get(number, ())
        state = "wanting" if number in wanting and evidence else "evidence" if evidence else "unknown"
        found.append(Control(number, entry["name"], entry["group"], letter in entry["needs"], state, evidence))
    return found


def _wanting(recorded: Recorded) -> set[int]:
    failed = recorded.assessment is not None and recorded.assessment.verdict != str(Verdict.PASS)
    return {9, 15} if failed else set()


def _ownership(registered: Registered, _: Recorded) -> Iterator[str]:
    owner = registered.dependency.owner
    yield f"{owner.name}, {owner.title}."


def _procedures(registered: Registered, _: Recorded) -> Iterator[str]:
    if registered.has_readme:
        yield "README.md says what the owner does when it fails."


def _key_controls(_: Registered, recorded: Recorded) -> Iterator[str]:
    if recorded.judged:
        yield f"Verdicts on record: {recorded.judged:,}, the last of {recorded.judged_at:%Y-%m-%d}."


def _validation(registered: Registered, recorded: Recorded) -> Iterator[str]:
    if registered.relations:
        yield f"{len(registered.relations):,} rules hold it against other days and data sets."
    yield from _assessed(registered, recorded)


def _assessed(_: Registered, recorded: Recorded) -> Iterator[str]:
    found = recorded.assessment
    if found:
        yield (
            f"{found.reference} of {found.assessed_at:%Y-%m-%d}: {found.caught:,} of {found.planted:,} planted errors "
            f"caught, {found.false_alarms:,} false alarms in {found.controls:,} files."
        )
        yield from found.shortfalls


def _supply_chain(registered: Registered, recorded: Recorded) -> Iterator[str]:
    if recorded.archived:
        suppliers = len(registered.dependency.suppliers)
        yield f"Suppliers in the inventory: {suppliers:,}; submissions in the archive: {recorded.archived:,}."


def _issues(_: Registered, recorded: Recorded) -> Iterator[str]:
    if recorded.events:
        issues = f"Issues opened: {recorded.opened:,}, closed: {recorded.closed:,}"
        yield f"{issues}; events in the audit trail: {recorded.events:,}."


def _ongoing(registered: Registered, recorded: Recorded) -> Iterator[str]:
    yield from _assessed(registered, recorded)
    controls = registered.dependency.controls
    if controls:
        yield f"Assessed on {controls.assessed_on}, by {controls.assessed_by}, as the inventory states."


_EVIDENCE = {
    2: _ownership,
    4: _procedures,
    8: _key_controls,
    9: _validation,
    11: _supply_chain,
    13: _issues,
    15: _ongoing,
}
