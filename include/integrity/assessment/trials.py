"""One submission's trials: the untouched file, harmless changes to it, and one error after the other."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from integrity.assessment.catalogue import CORRUPTIONS, HARMLESS
from integrity.assessment.holdings import Held
from integrity.assessment.planting import Corruption, NotApplicable, Planted, plant
from integrity.assessment.sandbox import Sandbox, Server
from integrity.assessment.seeing import Seen, new_in, seen_by_check
from integrity.assessment.specimens import Sent, Specimen, open_specimens
from integrity.errors import IntegrityError, Rejected
from integrity.inventory.dependency import qualified
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.settings import Settings

_TABLES_EACH = 4
"""Tables of a submission in which an error is planted, one after the other."""

Fate = Literal["caught", "noticed", "missed", "not applicable", "error"]


@dataclass(frozen=True)
class Task:
    """What a process is told to do: everything about one submission.

    Attributes:
        ground: Dependency, period and files of what must be there first.
        history: Earlier submissions of the supplier's own.
        earlier: How many of them there are in all, those on the ground included; each period counts.
        known: What the register said of it when it was accepted; None where there is none to ask.
    """

    number: int
    dependency: str
    settings: Settings
    server: Server
    seed: int
    corruptions: tuple[str, ...]
    sent: Sent
    neighbours: tuple[Sent, ...]
    ground: tuple[tuple[str, date, tuple[Sent, ...]], ...]
    history: tuple[Held, ...]
    known: tuple[Seen, ...] | None
    earlier: int
    tells: bool = False


@dataclass(frozen=True)
class Trial:
    """An error that was planted, and what became of it.

    Attributes:
        earlier: Earlier submissions of the same supplier that it could be held against.
        gate: The first gate that spoke of it, and the first rule; '' where none did.
        rules: Every rule that spoke of it.
        is_blocked: It kept the submission from being released; else it was released with an issue.
        is_expected: A rule of a kind that one would expect spoke of it.
        is_placed: What was said names a planted row or column, or the error is the file's as a whole.
        because: Why it does not apply, or what broke.
    """

    corruption: str
    file: str
    supplier: str
    period: date
    earlier: int
    fate: Fate
    gate: str = ""
    rule: str = ""
    rules: tuple[str, ...] = ()
    is_blocked: bool = False
    is_expected: bool = False
    is_placed: bool = False
    because: str = ""
    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """A file in which nothing is wrong, and the rules that spoke all the same: false alarms."""

    change: str
    file: str
    supplier: str
    period: date
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Tried:
    """Everything that was tried on one submission.

    Attributes:
        refused: Why nothing was tried on it; '' if something was.
        alarms: Rules that speak of the untouched file.
    """

    number: int
    sent_name: str
    supplier: str
    periods: tuple[date, ...]
    sha256: str
    is_rendered: bool = False
    refused: str = ""
    alarms: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    controls: tuple[Control, ...] = ()


@dataclass
class _Bench:
    """A submission at hand with its sandbox, and what is said of it untouched.

    Attributes:
        specimens: Its tables.
        sent: The submission as a whole.
    """

    task: Task
    office: Office
    sandbox: Sandbox
    specimens: list[Specimen]
    sent: Sent
    checked: list[Seen] = field(default_factory=list)
    judged: list[Seen] = field(default_factory=list)

    @property
    def periods(self) -> tuple[date, ...]:
        return self.sent.periods

    def check(self, sent: Sent) -> list[Seen]:
        """What can be said without a warehouse, in a moment."""
        folder = self.sandbox.home / "checked" / sent.supplier
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / sent.name
        path.write_bytes(sent.content)
        return seen_by_check(check(self.office, [path]))

    def new_of(self, sent: Sent | None) -> list[Seen]:
        """What the gates say of a file that they do not say of the untouched one.

        Where ``check`` alone finds a reason to block it, the warehouse is not asked: no later gate could release it.
        """
        if sent is not None:
            found = new_in(self.check(sent), self.checked)
            if any(seen.blocks for seen in found):
                return found
        return new_in(self.sandbox.judge(self.task.dependency, sent, self.periods), self.judged)


def try_submission(task: Task) -> Tried:
    """Plant every error of the task in its submission, one at a time, and see what the gates make of it."""
    os.environ.pop("INTEGRITY_INBOX_SETTLED_SECONDS", None)  # Files that are put there by us are complete.
    office = Office.open(task.dependency, task.settings)
    try:
        specimens = open_specimens(office, task.sent, neighbours=task.neighbours)
    except Rejected as refusal:
        return _tried(task, task.sent, refused=str(refusal))
    sent = specimens[0].submitted(specimens[0].sent)
    bench = _Bench(task, office, Sandbox(task.settings, task.server, task.number), specimens, sent)
    bench.sandbox.lay_ground(
        [(name, period, _as_planted(files, specimens[0])) for name, period, files in task.ground],
        ((held.dependency, held.sent()) for held in task.history),
    )
    bench.checked = bench.check(sent)
    bench.judged = bench.sandbox.judge(task.dependency, sent, bench.periods)
    alarms = _rules(seen for seen in bench.judged if not seen.is_note)
    blocking = [seen for seen in bench.judged if seen.blocks]
    if blocking:
        because = f"The untouched file is not released: {', '.join(_rules(blocking))}."
        controls = (_untouched(bench),) if task.known is not None else ()
        return _tried(task, sent, refused=because, alarms=alarms, controls=controls)
    wanted = [corruption for corruption in CORRUPTIONS if corruption.name in task.corruptions]
    trials: list[Trial] = []
    for count, corruption in enumerate(wanted, 1):
        trials += _try(bench, corruption)
        if task.tells and (count % 15 == 0 or count == len(wanted)):
            sys.stderr.write(f"  {sent.name}: {count} of {len(wanted)} errors planted\n")
    controls = (*((_untouched(bench),) if task.known is not None else ()), *_harmless(bench))
    return _tried(
        task,
        sent,
        is_rendered=specimens[0].is_rendered,
        alarms=alarms,
        trials=tuple(trials),
        controls=controls,
    )


def _as_planted(files: Sequence[Sent], specimen: Specimen) -> list[Sent]:
    """The ground's files; the supplier's own last one written as the specimen is."""
    previous = specimen.previous
    is_rendered = previous is not None and previous.is_rendered and specimen.is_rendered
    return [previous.sent if previous and is_rendered and _is_of(sent, previous.sent) else sent for sent in files]


def _is_of(sent: Sent, other: Sent) -> bool:
    return (sent.supplier, sent.periods) == (other.supplier, other.periods)


def _try(bench: _Bench, corruption: Corruption) -> list[Trial]:
    """Plant an error, in some of the tables where there are several; the same seed takes the same ones."""
    specimens = list(bench.specimens)
    random.Random(f"{bench.task.seed}/{corruption.name}/{bench.sent.sha256}").shuffle(specimens)  # noqa: S311
    trials: list[Trial] = []
    for specimen in specimens:
        trial, is_of_all = _try_in(bench, specimen, corruption)
        trials = [each for each in [*trials, trial] if each.fate != "not applicable"] or [trial]
        if is_of_all or (trial.fate != "not applicable" and len(trials) == _TABLES_EACH):
            break
    return trials


def _try_in(bench: _Bench, specimen: Specimen, corruption: Corruption) -> tuple[Trial, bool]:
    """Plant an error in a table; and whether it is one of the submission as a whole, whatever its tables."""
    about: dict[str, Any] = {
        "corruption": corruption.name,
        "file": bench.sent.name,
        "supplier": bench.sent.supplier,
        "period": bench.periods[0],
        "earlier": bench.task.earlier,
    }
    is_of_all = False
    try:
        planted = plant(corruption, specimen, bench.task.seed)
        is_of_all = planted.sent is None or planted.sent.content == specimen.sent.content
        columns = tuple(qualified(specimen.table, column) or "" for column in planted.columns)
        planted = replace(planted, sent=planted.sent and specimen.submitted(planted.sent), columns=columns)
        about |= {"rows": planted.rows, "columns": planted.columns}
        found = bench.new_of(planted.sent)
    except NotApplicable as reason:
        return Trial(**about, fate="not applicable", because=str(reason)), is_of_all
    except IntegrityError as error:
        return Trial(**about, fate="error", because=str(error)), is_of_all
    except Exception as error:  # noqa: BLE001 - whatever broke, it was no trial; its text may quote a cell
        return Trial(**about, fate="error", because=type(error).__name__), is_of_all
    return judged_trial(about, corruption, planted, found), is_of_all


def judged_trial(about: dict[str, Any], corruption: Corruption, planted: Planted, found: Sequence[Seen]) -> Trial:
    """What became of a planted error, from what the gates say of it, the earliest gate first."""
    if not found:
        return Trial(**about, fate="missed")
    heard = [seen for seen in found if not seen.is_note]
    first = (heard or list(found))[0]
    return Trial(
        **about,
        fate="caught" if heard else "noticed",
        gate=first.gate,
        rule=first.rule,
        rules=_rules(found),
        is_blocked=any(seen.blocks for seen in heard),
        is_expected=any(seen.kind in corruption.kinds for seen in heard),
        is_placed=planted.whole_file or any(_is_there(seen, planted) for seen in heard),
    )


def _is_there(seen: Seen, planted: Planted) -> bool:
    return seen.column in planted.columns or bool(set(seen.rows) & set(planted.rows))


def _untouched(bench: _Bench) -> Control:
    """The file as it was accepted: whatever the register did not say of it then is a false alarm."""
    return _control(bench, "untouched", new_in(bench.judged, bench.task.known or ()))


def _harmless(bench: _Bench) -> list[Control]:
    found = []
    for change in HARMLESS:
        for specimen in bench.specimens[:_TABLES_EACH]:
            try:
                planted = plant(change, specimen, bench.task.seed)
            except NotApplicable:
                continue
            sent = planted.sent and specimen.submitted(planted.sent)
            found.append(_control(bench, change.name, bench.new_of(sent)))
    return found


def _control(bench: _Bench, change: str, found: Sequence[Seen]) -> Control:
    sent = bench.sent
    return Control(change, sent.name, sent.supplier, bench.periods[0], _rules(s for s in found if not s.is_note))


def _rules(found: Iterable[Seen]) -> tuple[str, ...]:
    """Each rule once, in the order in which they spoke."""
    return tuple(dict.fromkeys(seen.rule for seen in found))


def _tried(task: Task, sent: Sent, **more: Any) -> Tried:
    return Tried(task.number, sent.name, sent.supplier, sent.periods, task.sent.sha256, **more)
