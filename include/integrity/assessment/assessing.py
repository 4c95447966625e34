"""Assessing a dependency: choose real submissions, share them out to processes, gather what became of the errors."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path

from integrity.assessment.catalogue import CORRUPTIONS
from integrity.assessment.holdings import Held, Holding, from_examples, from_folders, from_register, names_needed
from integrity.assessment.planting import Watcher
from integrity.assessment.results import WATCHING, Assessment
from integrity.assessment.sandbox import Server, temporary_server
from integrity.assessment.trials import Task, Tried, try_submission
from integrity.errors import CouldNotCheck, IntegrityError, Rejected
from integrity.gates.profiling.sensitivity import DEFAULTS
from integrity.inventory.loading import Inventory
from integrity.pipeline.office import Office
from integrity.settings import Settings

_TRIES = 3
"""So many times the submissions wanted are tried before there are not enough that the gates let pass untouched."""


@dataclass(frozen=True)
class Wanted:
    """What is to be assessed.

    Attributes:
        per: Submissions in which each error is planted.
        controls: Further submissions in which none is planted, to see what is said of files that are right.
        since: Only submissions for this period and later.
        folders: Folder of each dependency's files, instead of the archive.
        corruptions: Names of those to plant; all of the catalogue by default.
    """

    seed: int = 0
    per: int = 5
    controls: int = 10
    jobs: int = 2
    since: date | None = None
    folders: Mapping[str, Path] | None = None
    corruptions: tuple[str, ...] = tuple(corruption.name for corruption in CORRUPTIONS)


def assess(office: Office, wanted: Wanted, tell: Callable[[str], None] | None = None) -> Assessment:
    """Plant errors in real accepted submissions and count what the gates catch.

    Args:
        office: The dependency as it really is; only its rules and, where no folders are given, its archive are read.
        tell: Hears of the progress.

    Raises:
        Rejected: There is no submission in which anything could be planted.
    """
    holding = _holding(office, wanted)
    candidates = choose(holding, office.name, wanted)
    if not candidates:
        since = f" since {wanted.since}" if wanted.since else ""
        raise Rejected(f"There is no accepted submission of {office.name}{since} in {holding.origin}.")
    hear = tell or (lambda _: None)
    hear(f"{len(wanted.corruptions)} kinds of error, each in {wanted.per} submissions from {holding.origin}")
    with temporary_server(office.settings) as server:
        tried = tuple(_try_enough(office, wanted, holding, candidates, server, hear, tells=tell is not None))
    return Assessment(
        dependency=office.name,
        importance=office.registered.dependency.importance,
        fingerprint=office.fingerprint,
        seed=wanted.seed,
        per=wanted.per,
        origin=holding.origin,
        watching=_watching(office),
        tried=tried,
        left_out=holding.left_out,
    )


def _watching(office: Office) -> frozenset[Watcher]:
    """Who is at work: none looks at the history of figures, or for reporting units, where it is not declared."""
    absent: set[Watcher] = set() if office.policy.profiling.enabled else {"profiling"}
    if office.registered.dependency.population is None:
        absent.add("population")
    return WATCHING - absent


def _holding(office: Office, wanted: Wanted) -> Holding:
    names = names_needed(office.inventory, office.name)
    if wanted.folders is not None:
        return from_folders(office.settings, wanted.folders)
    return from_register(office.settings, names) or from_examples(office.settings, names)


def choose(holding: Holding, dependency: str, wanted: Wanted) -> list[Held]:
    """Submissions in the order in which they are tried: by chance, suppliers in turn, first those with one before."""
    listed = sorted(
        (held for held in holding.held if held.dependency == dependency),
        key=lambda held: (held.supplier, held.periods, held.name, held.sha256),
    )
    usable = [held for held in listed if wanted.since is None or held.periods[-1] >= wanted.since]
    random.Random(f"{wanted.seed}/choice/{dependency}").shuffle(usable)  # noqa: S311 - chance that can be repeated
    turns: Counter[str] = Counter()
    ranked = []
    for held in sorted(usable, key=lambda held: holding.previous(held) is None):
        ranked.append((turns[held.supplier], held))
        turns[held.supplier] += 1
    return [held for _, held in sorted(ranked, key=lambda entry: entry[0])]


def _try_enough(
    office: Office,
    wanted: Wanted,
    holding: Holding,
    candidates: Sequence[Held],
    server: Server,
    hear: Callable[[str], None],
    *,
    tells: bool,
) -> Iterator[Tried]:
    """Try submissions, in rounds, until enough are of use; which these are does not hang on who is done first."""
    fresh = multiprocessing.get_context("spawn")  # polars' threads do not survive a fork.
    waiting = iter(enumerate(candidates))
    with ProcessPoolExecutor(min(wanted.jobs, wanted.per), mp_context=fresh) as processes:
        for needed, kinds in ((wanted.per, wanted.corruptions), (wanted.controls, ())):
            done = useful = 0
            while done < _TRIES * needed and (batch := list(islice(waiting, needed - useful))):
                tasks = [
                    _task(office, replace(wanted, corruptions=kinds), holding, held, server, number=n, tells=tells)
                    for n, held in batch
                ]
                done += len(batch)
                for tried in _told(processes.map(try_submission, tasks)):
                    useful += not tried.refused
                    hear(f"{tried.sent_name}: {tried.refused or _summary(tried)} ({useful} of {needed} submissions)")
                    yield tried


def _told(answers: Iterable[Tried]) -> Iterator[Tried]:
    """The answers; a process that broke is an assessment that could not be made, and no result of one."""
    try:
        yield from answers
    except IntegrityError:
        raise
    except Exception as error:
        # Not its own text, which may quote a cell.
        raise CouldNotCheck(f"A process of the assessment broke ({type(error).__name__}).") from error


def _summary(tried: Tried) -> str:
    if not tried.trials:
        return f"{len(tried.controls)} controls"
    fates = Counter(trial.fate for trial in tried.trials)
    return ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))


def _task(
    office: Office, wanted: Wanted, holding: Holding, held: Held, server: Server, *, number: int, tells: bool
) -> Task:
    ground = ground_of(office.inventory, holding, held)
    there = {(name, period) for name, period, _ in ground}
    own = holding.history(held, DEFAULTS.window)
    earlier = own if office.policy.profiling.enabled else []
    neighbours = [other for other in (holding.previous(held), holding.stranger(held)) if other]
    return Task(
        number=number,
        dependency=office.name,
        settings=_without_the_real(office.settings, server),
        server=server,
        seed=wanted.seed,
        corruptions=wanted.corruptions,
        sent=held.sent(),
        neighbours=tuple(other.sent() for other in neighbours),
        ground=tuple((name, period, tuple(other.sent() for other in files)) for name, period, files in ground),
        history=tuple(
            replace(other, known=None)
            for other in earlier
            if not any((other.dependency, period) in there for period in other.periods)
        ),
        known=held.known,
        earlier=sum(len(other.periods) for other in own),
        tells=tells,
    )


def _without_the_real(settings: Settings, server: Server) -> Settings:
    """The real rules and policy, without the way to the real warehouse and folders."""
    nowhere = server.folder / "nowhere"
    return replace(
        settings,
        home=nowhere,
        database_url=None,
        inbox=nowhere / "inbox",
        outbox=nowhere / "outbox",
        archive=nowhere / "archive",
    )


def ground_of(inventory: Inventory, holding: Holding, held: Held) -> list[tuple[str, date, list[Held]]]:
    """What must be in the warehouse before a submission comes, in order: dependency, period, and its files.

    That is: what its rules lean on, and what that cannot be released without; the supplier's last file before it; and
    the other suppliers' files for the same periods.
    """
    places: dict[tuple[str, date], None] = {}
    for period in held.periods:
        _lean(inventory, held.dependency, period, places, is_first=True)
    targets = {(held.dependency, period) for period in held.periods}
    ground = [(name, period, holding.of(name, period)) for name, period in places if (name, period) not in targets]
    previous = holding.previous(held)
    if previous and (held.dependency, previous.periods[-1]) not in places:
        ground.append((held.dependency, previous.periods[-1], [previous]))
    for name, period in sorted(targets):
        ground.append((name, period, [other for other in holding.of(name, period) if other.supplier != held.supplier]))
    return [(name, period, files) for name, period, files in sorted(ground, key=lambda g: g[1]) if files]


def _lean(
    inventory: Inventory, name: str, period: date, places: dict[tuple[str, date], None], *, is_first: bool
) -> None:
    """Note what a period leans on before the period itself; of neighbours only what they cannot do without."""
    registered = inventory.get(name)
    for neighbour in (n for relation in registered.relations for n in relation.neighbours):
        place = (neighbour.dependency, neighbour.period_for(period, registered.dependency.reporting))
        if place not in places and (is_first or neighbour.required):
            _lean(inventory, *place, places, is_first=False)
    if not is_first:
        places[name, period] = None
