"""Rules that hold a submission's values and rows against those of earlier ones, by their hashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from integrity.gates.profiling import rules
from integrity.gates.profiling.answers import Answer, Case, percent, too_short
from integrity.gates.profiling.profile import LEAST_CELLS, HashedSet, Profile

_FREQUENT = 7.0
"""So many cells on average, and none by chance is rarer than one in a thousand (Poisson)."""
_NOVELTY_WIDTH = 2.0
_REPEATS = 0.5
_LEAST_PAIRS = 2


def judge_new(case: Case) -> Answer:
    """Values that no earlier submission had, in columns where that is rare."""
    answer, settings = Answer(rules.CATEGORIES_NEW), case.settings
    for name, values, past in _categories(case, answer, settings.history_needed(answer.rule.name)):
        usual = max(_novelty(past))
        seen = frozenset().union(*(known.counts for known in past))
        fresh = [count for value, count in values.counts.items() if value not in seen]
        limit = max(settings.rare, _NOVELTY_WIDTH * usual)
        if not fresh or sum(fresh) <= limit * values.cells:
            answer.passes()
            continue
        share = percent(sum(fresh) / values.cells)
        detail = (
            f"{len(fresh):,} of {values.distinct:,} values are new, in {share} of the rows;"
            f" at most {percent(usual)} were in new values before."
        )
        answer.fails(column=name, evaluated=values.cells, failed=sum(fresh), detail=detail)
    return answer


def judge_vanished(case: Case) -> Answer:
    """Values that every submission had of late, and this one has not."""
    answer = Answer(rules.CATEGORIES_VANISHED)
    least = case.settings.history_needed(answer.rule.name)
    for name, values, past in _categories(case, answer, least):
        lost = [value for value in past[-1].counts if value not in values.counts and _is_lasting(value, past, least)]
        if not lost:
            answer.passes()
            continue
        cells = sum(past[-1].counts[value] for value in lost)
        detail = (
            f"{len(lost):,} of {past[-1].distinct:,} values do not occur;"
            f" they had {percent(cells / past[-1].cells)} of the rows in the submission before."
        )
        answer.fails(column=name, evaluated=past[-1].cells, failed=cells, detail=detail)
    return answer


def _categories(case: Case, answer: Answer, least: int) -> list[tuple[str, HashedSet, list[HashedSet]]]:
    """Text columns with few enough values, with the same columns of earlier submissions."""
    found = []
    for name, column in case.profile.columns.items():
        if column.text is None or not column.values.cells:
            continue
        past = [known.values for _, known in case.past(name)][-case.settings.window :]
        filled = [values for values in past if values.cells]
        if not column.values.is_whole or not all(values.is_whole for values in filled):
            answer.cannot("too many different values to be categories", name)
        elif len(filled) < least:
            answer.cannot(too_short(len(filled), least), name)
        else:
            found.append((name, column.values, filled))
    return found


def _novelty(past: Sequence[HashedSet]) -> list[float]:
    """Share of cells in values new at the time, for each submission once the first half is known."""
    seen = set().union(*(known.counts for known in past[: len(past) // 2]))
    shares = []
    for known in past[len(past) // 2 :]:
        fresh = sum(count for value, count in known.counts.items() if value not in seen)
        shares.append(fresh / known.cells)
        seen.update(known.counts)
    return shares


def _is_lasting(value: str, past: Sequence[HashedSet], least: int) -> bool:
    """Whether a value was there every time, so often, or so evenly and long, that it cannot be lacking by chance."""
    counts = [known.counts.get(value, 0) for known in past]
    if not all(counts[-least:]):
        return False
    if sum(counts[-least:]) / least >= _FREQUENT:
        return True
    return len(counts) >= 2 * least and len(set(counts[-2 * least :])) == 1


@dataclass(frozen=True)
class _Overlap:
    """Share of a submission's rows, or keys, that an earlier one has as well."""

    share: float
    with_period: str


def judge_copy(case: Case) -> Answer:
    """Whether the submission is an earlier one again, dates left aside."""
    answer = Answer(rules.NOT_COPIED)
    past = [profile for _, profile in case.history if profile.hashing == case.profile.hashing]
    if len(past) < _LEAST_PAIRS:
        answer.cannot(too_short(len(past), _LEAST_PAIRS))
        return answer
    recent = past[-case.settings.window :]
    asked = 0
    for what, pick in (("rows", _records_of), ("keys", _keys_of)):
        usual = [_overlap(pick(b), pick(a)) for a, b in zip(recent, recent[1:], strict=False)]
        known = [share for share in usual if share is not None]
        if not known or median(known) >= _REPEATS or asked and answer.failing:
            continue
        asked += 1
        found = _closest(case, pick)
        if found is None or found.share <= case.settings.copied:
            continue
        is_same = any(p.content == case.profile.content != "" for _, p in case.history)
        said = "All" if is_same else f"About {percent(found.share)}"
        answer.fails(
            evaluated=case.profile.rows,
            failed=round(found.share * case.profile.rows),
            detail=f"{said} of its {what}, dates left aside, are those of the submission for {found.with_period}.",
        )
    if not asked:
        answer.cannot("rows and keys are usually the same from one submission to the next")
    elif not answer.failing:
        answer.passes()
    return answer


def judge_renewed(case: Case, told: frozenset[str | None]) -> Answer:
    """Columns that have changed with every submission, and now stand still.

    Args:
        told: Not empty where the whole submission is told to be a copy.
    """
    answer = Answer(rules.COLUMN_RENEWED)
    least = case.settings.history_needed(answer.rule.name)
    if told:
        answer.cannot(f"see {rules.NOT_COPIED.name}")
        return answer
    past = [profile for _, profile in case.history if profile.hashing == case.profile.hashing][-case.settings.window :]
    for name, column in case.profile.columns.items():
        known = [profile.columns[name] for profile in past if name in profile.columns]
        cells = case.profile.rows - column.nulls
        if cells < LEAST_CELLS:
            answer.cannot(f"fewer than {LEAST_CELLS} cells, which may be the same by chance", name)
        elif len(known) < least:
            answer.cannot(too_short(len(known), least), name)
        elif any(now.content == before.content for before, now in zip(known, known[1:], strict=False)):
            answer.cannot("it has stood still before", name)
        elif column.content != known[-1].content:
            answer.passes()
        else:
            answer.fails(column=name, evaluated=cells, failed=cells, detail=f"It did change {len(known) - 1} times.")
    return answer


def _records_of(profile: Profile) -> HashedSet | None:
    return profile.records


def _keys_of(profile: Profile) -> HashedSet | None:
    return profile.keys


def _closest(case: Case, pick: Callable[[Profile], HashedSet | None]) -> _Overlap | None:
    shares = [
        _Overlap(share, period.isoformat())
        for period, profile in case.history
        if profile.hashing == case.profile.hashing
        and (share := _overlap(pick(case.profile), pick(profile))) is not None
    ]
    return max(shares, key=lambda one: one.share, default=None)


def _overlap(now: HashedSet | None, before: HashedSet | None) -> float | None:
    """Share of what is in the one that is in the other as well; None where nothing can be compared."""
    if now is None or before is None:
        return None
    level = max(now.level, before.level)
    ours, theirs = now.at(level), before.at(level)
    return len(ours & theirs) / len(ours) if ours and theirs else None
