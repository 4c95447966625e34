"""How far a submission may depart from its history before it is told, and how much history that takes."""

from __future__ import annotations

from dataclasses import dataclass

from integrity.findings import Severity
from integrity.gates.profiling import rules


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """The settings of the profiling gate. The defaults were found on daily and monthly figures of public bodies.

    Attributes:
        severity: What comes of a departure. A guess about history is no proof of an error, so it warns.
        off: Rules by name that are not asked.
        window: Earlier periods that are looked at; two months of a daily series hold its weeks and its trend.
        least_history: Earlier periods without which no departure from usual change is told: two weeks of a daily
            series, so that each weekday was seen twice; of a monthly one, a year with all its months.
        least_for_scale: The same for a tenfold change, which is told from any series that is not erratic itself.
        least_for_shares: The same for shares of blanks, noughts, negative and round numbers, most of which are steady.
        least_for_categories: Earlier periods that must all show a category before it can vanish; where it occurs so
            seldom that it might be lacking by chance, twice as many.
        least_peers: Other suppliers without which none can stand out from them.
        width: A change is told beyond this many times the size that only one in twenty earlier changes exceeded.
        scale_width: The same for a tenfold change.
        rows_floor, level_floor: Least change that is told of the number of rows and of a column's level, in decades:
            0.045 is 10 %, 0.015 is 3.5 %.
        scale_floor: Least change that is told as one of scale, in decades: 0.7 is five times as much.
        share_floor: Least change that is told of a share of blanks, noughts or negative numbers.
        round_floor: Least change that is told of the share of round numbers.
        rare: Share of rows in new categories that is told at least.
        copied: Share of rows, shared with one earlier submission, above which the file is a copy of it.
        peers_width: Times the usual difference among peers' changes.
        peers_floor: Least difference from the peers' change that is told, in decades: 0.3 is twice as much.
    """

    severity: Severity = "warn"
    off: frozenset[str] = frozenset()
    window: int = 60
    least_history: int = 14
    least_for_scale: int = 4
    least_for_shares: int = 5
    least_for_categories: int = 8
    least_peers: int = 6
    width: float = 3.0
    scale_width: float = 1.5
    rows_floor: float = 0.045
    level_floor: float = 0.015
    scale_floor: float = 0.7
    share_floor: float = 0.1
    round_floor: float = 0.3
    rare: float = 0.02
    copied: float = 0.9
    peers_width: float = 5.0
    peers_floor: float = 0.3

    def __post_init__(self) -> None:
        if self.severity == "quarantine":
            why = "profiling judges a submission as a whole and can set no row aside"
            raise ValueError(f"{why}: use block, warn or note")

    def history_needed(self, rule: str) -> int:
        """Earlier submissions without which a rule of the gate, by its name, is not judged."""
        if rule in _NEED_A_HISTORY:
            return self.least_history
        if rule in _NEED_SHARES:
            return self.least_for_shares
        if rule in _NEED_CATEGORIES:
            return self.least_for_categories
        return self.least_for_scale if rule == rules.SCALE_KEPT.name else 1


_NEED_A_HISTORY = {rules.VOLUME_USUAL.name, rules.LEVEL_USUAL.name, rules.COLUMN_RENEWED.name}
_NEED_SHARES = {each.name for each in (rules.NULLS_USUAL, rules.NOUGHTS_USUAL, rules.SIGNS_USUAL, rules.DIGITS_USUAL)}
_NEED_CATEGORIES = {rules.CATEGORIES_NEW.name, rules.CATEGORIES_VANISHED.name}

DEFAULTS = Sensitivity()
