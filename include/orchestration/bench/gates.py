"""What judging and profiling cost a night: the same real nights with all gates, without profiling, without rules."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from datetime import date, timedelta

from integrity.errors import IntegrityError
from integrity.pipeline.judging import judge_period
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.pipeline.releasing import release
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.inbox import make_folders
from integrity.warehouse.migrate import migrate

from orchestration.bench.measured import Measured, seconds_of

_DEPENDENCY, _SUPPLIER = "regional_hospital_activity", "protezione_civile"
_FIRST, _NIGHTS, _WARMING = date(2020, 4, 1), 22, 16
"""The first nights fill the history that profiling asks for, and are not counted."""


def measure_gates(settings: Settings) -> list[Measured]:
    """Real nights of the regions in this process, one after the other, each with and without, in turns."""
    every = _office(settings, "every")
    without_profiling = _without_profiling(_office(settings, "without_profiling"))
    bare = _without_rules(_without_profiling(_office(settings, "bare")))
    seconds: dict[str, list[float]] = {"every": [], "without_profiling": [], "bare": []}
    for number in range(_NIGHTS):
        period = _FIRST + timedelta(days=number)
        for office in (every, without_profiling, bare):
            took = seconds_of(lambda office=office, period=period: _night(office, period))  # type: ignore[misc]
            if number >= _WARMING:
                seconds[office.settings.home.name].append(took)
    of = {name: statistics.median(taken) for name, taken in seconds.items()}
    return [
        Measured("a night of the regions with all gates", "the same without a rule", of["every"], of["bare"]),
        Measured("the same night", "without profiling", of["every"], of["without_profiling"]),
    ]


def _office(settings: Settings, name: str) -> Office:
    home = settings.home / name
    office = Office.open(_DEPENDENCY, Settings.from_environment({"INTEGRITY_HOME": str(home)}))
    make_folders(office.settings, _DEPENDENCY, [_SUPPLIER])
    migrate(office.engine)
    return office


def _without_profiling(office: Office) -> Office:
    off = office.policy.profiling.model_copy(update={"enabled": False})
    return replace(office, policy=office.policy.model_copy(update={"profiling": off}))


def _without_rules(office: Office) -> Office:
    """Only received, read, cast, landed and released; what cannot be read is set aside all the same."""
    schema = office.table().schema
    columns = {name: replace(column, checks=(), required=False) for name, column in schema.columns.items()}
    declared = office.registered.dependency.model_copy(update={"population": None})
    without = replace(schema, columns=columns, row_rules=(), submission_rules=())
    return replace(
        office,
        tables=(replace(office.table(), dependency=declared, schema=without),),
        registered=office.registered.model_copy(update={"dependency": declared, "relations": ()}),
    )


def _night(office: Office, period: date) -> None:
    name = f"dpc-covid19-ita-regioni-{period:%Y%m%d}.csv"
    shutil.copy(
        PROJECT_ROOT / "include" / "demonstration" / "regions" / name, office.settings.inbox / _DEPENDENCY / _SUPPLIER
    )
    receive(office, period)
    judge_period(office, period, "bench")
    if not release(office, period, "bench"):
        raise IntegrityError(f"The night of {period} was not released, so there is nothing to measure.")
