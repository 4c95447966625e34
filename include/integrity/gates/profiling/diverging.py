"""A supplier's change since its last submission, beside the changes of the others in the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from integrity.gates.profiling import rules
from integrity.gates.profiling.answers import Answer, Case, Past, times
from integrity.gates.profiling.departing import decades
from integrity.gates.profiling.profile import Profile

_TO_DEVIATION = 1.4826
_OWN_WIDTH = 1.5

Measure = Callable[[Profile], float | None]


def judge_peers(case: Case, told: frozenset[str | None]) -> Answer:
    """Whether the supplier has moved in another way than the others.

    Levels are never compared across suppliers, whose sizes differ, only their changes from the period before.

    Args:
        told: Columns of which another rule has told a change already; None stands for the number of rows.
    """
    answer, settings = Answer(rules.PEERS_ALIKE), case.settings
    if not case.history:
        answer.cannot("no earlier submission of the supplier's own")
        return answer
    measures: list[tuple[str | None, Measure]] = [(None, lambda profile: decades(profile.rows))]
    measures += [(name, _level_of(name)) for name, column in case.profile.columns.items() if column.number]
    for column, measure in measures:
        own = _change([*case.history, (case.period, case.profile)], case, measure)
        others = [change for past in case.peers.values() if (change := _change(past, case, measure)) is not None]
        if own is None or column in told:
            continue
        if len(others) < settings.least_peers:
            why = f"{len(others)} other suppliers with both periods, and it takes {settings.least_peers}"
            answer.cannot(why, column or "rows")
            continue
        _judge(case, answer, column, own, others, measure)
    if not answer.judged and not answer.unasked:
        answer.cannot("nothing to compare that is not told already")
    return answer


def _judge(case: Case, answer: Answer, column: str | None, own: float, others: list[float], measure: Measure) -> None:
    settings, usual = case.settings, median(others)
    deviation = _TO_DEVIATION * median(abs(change - usual) for change in others)
    # A supplier that always moves a lot is not odd for doing so again.
    ours = max((abs(step) for step in _steps(case.history, measure)), default=0.0)
    limit = max(settings.peers_floor, settings.peers_width * deviation, _OWN_WIDTH * ours)
    if abs(own - usual) <= limit:
        answer.passes()
        return
    subject = "its rows" if column is None else "the column"
    detail = (
        f"Since the last submission {subject} went to {times(own)} what was there;"
        f" the median of {len(others)} other suppliers is {times(usual)} it."
    )
    answer.fails(column=column, evaluated=len(others) + 1, failed=1, detail=detail)


def _level_of(name: str) -> Measure:
    def level(profile: Profile) -> float | None:
        column = profile.columns.get(name)
        return column.number.level if column and column.number else None

    return level


def _change(past: Past, case: Case, measure: Measure) -> float | None:
    """From the supplier's own last period to this one, where a submission is known for both."""
    known = dict(past)
    now, before = known.get(case.period), known.get(case.history[-1][0])
    if now is None or before is None:
        return None
    value, last = measure(now), measure(before)
    return None if value is None or last is None else value - last


def _steps(past: Past, measure: Measure) -> Iterable[float]:
    values = [value for _, profile in past if (value := measure(profile)) is not None]
    return (after - before for before, after in zip(values, values[1:], strict=False))
