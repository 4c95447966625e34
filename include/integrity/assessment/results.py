"""The result of an assessment: how much was caught, where, with what false alarms, and what nobody sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from integrity.assessment.catalogue import corruption_named
from integrity.assessment.planting import Corruption, Watcher
from integrity.assessment.trials import Control, Trial, Tried
from integrity.gates.profiling.sensitivity import DEFAULTS
from integrity.inventory import manual
from integrity.verdicts import Verdict

CAUGHT_AT_LEAST = 0.95
"""Share of the planted errors of the kinds that a gate can see, in each dimension."""
FALSE_ALARMS_BELOW = 0.01
"""Share of the files in which nothing is wrong."""
WATCHING: frozenset[Watcher] = frozenset({"structure", "layout", "coverage", "population", "profiling", "relations"})
"""Those who may be at work; what only others could see is told, and does not count towards the target."""


def is_visible(corruption: Corruption, watching: frozenset[Watcher] = WATCHING) -> bool:
    """Whether a gate that is at work could see errors of this kind, were the right rules written."""
    return bool(corruption.seen_by & watching)


def is_not_yet_visible(corruption: Corruption, watching: frozenset[Watcher], earlier: int) -> bool:
    """Whether only the profiling gate could see it, and has too short a history of the supplier's yet.

    How much it takes is the gate's own figure, whatever its rules make of the error: neither a better rule nor a
    worse one changes what counts.
    """
    if corruption.seen_by & watching != {"profiling"}:
        return False
    return earlier < DEFAULTS.history_needed(corruption.profiled_by)


@dataclass(frozen=True)
class Caught:
    """How many of some planted errors were caught."""

    planted: int
    caught: int
    blocked: int

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Caught:
        planted = [trial for trial in trials if trial.fate in ("caught", "noticed", "missed")]
        caught = [trial for trial in planted if trial.fate == "caught"]
        return cls(len(planted), len(caught), sum(trial.is_blocked for trial in caught))

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing was planted."""
        return round(self.caught / self.planted, 4) if self.planted else None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "share": self.share}


@dataclass(frozen=True)
class Assessment:
    """What an assessment found. Same files, same rules, same seed: same assessment.

    Attributes:
        origin: Where the real submissions come from.
        watching: Gates that the class calls for.
        left_out: Files on which nothing was tried, with the reason.
    """

    dependency: str
    importance: str
    fingerprint: str
    seed: int
    per: int
    origin: str
    tried: tuple[Tried, ...]
    watching: frozenset[Watcher] = WATCHING
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def trials(self) -> list[Trial]:
        return [trial for tried in self.tried for trial in tried.trials]

    @property
    def controls(self) -> list[Control]:
        return [control for tried in self.tried for control in tried.controls]

    @property
    def errors(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.fate == "error"]

    @property
    def false_alarm_share(self) -> float | None:
        """0 to 1; None where no file served as a control."""
        alarms = sum(bool(control.alarms) for control in self.controls)
        return round(alarms / len(self.controls), 4) if self.controls else None

    def _counts(self, trial: Trial) -> bool:
        return is_visible(corruption_named(trial.corruption), self.watching) and not self._is_too_early(trial)

    def _is_too_early(self, trial: Trial) -> bool:
        return is_not_yet_visible(corruption_named(trial.corruption), self.watching, trial.earlier)

    def in_dimension(self, dimension: str) -> list[Trial]:
        """Trials of errors of the kinds that a gate can see and that harm this dimension."""
        return [t for t in self.trials if dimension in corruption_named(t.corruption).dimensions and self._counts(t)]

    @property
    def verdict(self) -> Verdict:
        """PASS where the targets hold, FAIL where one does not, ERROR where it cannot be told."""
        shares = [Caught.of(self.in_dimension(dimension)).share for dimension in manual.dimensions()]
        known = [share for share in shares if share is not None]
        if self.errors or not known or self.false_alarm_share is None:
            return Verdict.ERROR
        holds = min(known) >= CAUGHT_AT_LEAST and self.false_alarm_share < FALSE_ALARMS_BELOW
        return Verdict.PASS if holds else Verdict.FAIL

    def to_json(self) -> dict[str, Any]:
        """One document: counts, shares, names, row numbers; no cell's value. Nothing in it hangs on the time."""
        names = list(dict.fromkeys(trial.corruption for trial in self.trials))
        alarms = [control for control in self.controls if control.alarms]
        return {
            "dependency": self.dependency,
            "importance": self.importance,
            "fingerprint": self.fingerprint,
            "verdict": str(self.verdict),
            "seed": self.seed,
            "per": self.per,
            "origin": self.origin,
            "targets": {"caught_at_least": CAUGHT_AT_LEAST, "false_alarms_below": FALSE_ALARMS_BELOW},
            "submissions": [_submission(tried) for tried in self.tried if tried.trials],
            "left_out": [{"file": file, "because": because} for file, because in self._left_out],
            "total": Caught.of(self.trials).to_json(),
            "dimensions": [self._dimension(name) for name in manual.dimensions()],
            "limitations": self._limitations(),
            "corruptions": [
                _kind(name, [t for t in self.trials if t.corruption == name], self.watching) for name in names
            ],
            "false_alarms": {
                "submissions": len({tried.number for tried in self.tried if tried.controls}),
                "controls": len(self.controls),
                "alarms": len(alarms),
                "share": self.false_alarm_share,
                "untouched_judged": sum(control.change == "untouched" for control in self.controls),
                "by": [{"change": c.change, "file": c.file, "rules": list(c.alarms)} for c in alarms],
            },
            "on_untouched": [
                {"rule": rule, "files": files}
                for rule, files in sorted(Counter(r for t in self.tried if not t.refused for r in t.alarms).items())
            ],
            "missed": _listed(t for t in self.trials if t.fate in ("missed", "noticed") and self._counts(t)),
            "not_yet_visible": self._not_yet_visible(),
            "unseen": _listed(
                t
                for t in self.trials
                if t.fate in ("missed", "noticed") and not self._counts(t) and not self._is_too_early(t)
            ),
            "errors": [{"corruption": t.corruption, "file": t.file, "because": t.because} for t in self.errors],
            "trials": [_trial(trial) for trial in self.trials if trial.fate != "not applicable"],
        }

    @property
    def _left_out(self) -> list[tuple[str, str]]:
        return [*((t.sent_name, t.refused) for t in self.tried if t.refused), *self.left_out]

    def _dimension(self, dimension: str) -> dict[str, Any]:
        caught = Caught.of(self.in_dimension(dimension))
        everything = [t for t in self.trials if dimension in corruption_named(t.corruption).dimensions]
        return {
            "dimension": dimension,
            **caught.to_json(),
            "holds": None if caught.share is None else caught.share >= CAUGHT_AT_LEAST,
            "with_what_no_gate_sees": Caught.of(everything).to_json(),
        }

    def _not_yet_visible(self) -> dict[str, Any]:
        """What only a longer history could tell: counted apart, with how much history it takes."""
        early = [t for t in self.trials if self._is_too_early(t)]
        kinds = dict.fromkeys(t.corruption for t in early if t.fate in ("caught", "noticed", "missed"))
        needed = {name: DEFAULTS.history_needed(corruption_named(name).profiled_by) for name in kinds}
        return {
            **Caught.of(early).to_json(),
            "kinds": [
                {
                    "corruption": name,
                    "says": corruption_named(name).says,
                    **Caught.of(t for t in early if t.corruption == name).to_json(),
                    "rule": corruption_named(name).profiled_by,
                    "history_needed": least,
                    "history": sorted({t.earlier for t in early if t.corruption == name}),
                }
                for name, least in needed.items()
            ],
        }

    def _limitations(self) -> list[dict[str, Any]]:
        told = []
        for code, words in manual.limitations().items():
            caught = Caught.of(t for t in self.trials if code in corruption_named(t.corruption).limitations)
            if caught.planted:
                told.append({"limitation": code, "is": words, **caught.to_json()})
        return told


def _submission(tried: Tried) -> dict[str, Any]:
    return {
        "file": tried.sent_name,
        "supplier": tried.supplier,
        "periods": [period.isoformat() for period in tried.periods],
        "sha256": tried.sha256,
        "as_plain_csv": tried.is_rendered,
    }


def _kind(name: str, trials: Sequence[Trial], watching: frozenset[Watcher]) -> dict[str, Any]:
    corruption = corruption_named(name)
    caught = [trial for trial in trials if trial.fate == "caught"]
    return {
        "corruption": name,
        "says": corruption.says,
        "dimensions": list(corruption.dimensions),
        "limitations": list(corruption.limitations),
        "seen_by": sorted(corruption.seen_by),
        "counts": is_visible(corruption, watching),
        **Caught.of(trials).to_json(),
        "noticed": sum(trial.fate == "noticed" for trial in trials),
        "by_expected_kind": sum(trial.is_expected for trial in caught),
        "in_its_place": sum(trial.is_placed for trial in caught),
        "gates": dict(sorted(Counter(trial.gate for trial in caught).items())),
        "rules": dict(sorted(Counter(trial.rule for trial in caught).items())),
        "not_applicable": sorted({trial.because for trial in trials if trial.fate == "not applicable"}),
    }


def _listed(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    by_kind: dict[str, list[Trial]] = {}
    for trial in trials:
        by_kind.setdefault(trial.corruption, []).append(trial)
    return [
        {
            "corruption": name,
            "says": corruption_named(name).says,
            "seen_by": sorted(corruption_named(name).seen_by),
            "times": len(missed),
            "noticed": sum(trial.fate == "noticed" for trial in missed),
            "columns": sorted({column for trial in missed for column in trial.columns}),
        }
        for name, missed in by_kind.items()
    ]


def _trial(trial: Trial) -> dict[str, Any]:
    told = asdict(trial) | {"period": trial.period.isoformat()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
