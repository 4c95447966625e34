"""Every rule of the profiling gate: not red at its limit, red just over it; and silent where it knows too little."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from integrity.findings import Finding, GateResult
from integrity.gates.profiling.hashing import Key
from integrity.gates.profiling.judging import judge_profile
from integrity.gates.profiling.measuring import profile_of
from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.rules import PROFILING_RULES
from integrity.gates.profiling.sensitivity import Sensitivity
from integrity.verdicts import Verdict

MIDNIGHT = datetime.combine(date(2026, 1, 1), time())
KEY = Key(b"a key of sixteen bytes or more")
COLUMNS: dict[str, pl.DataType] = {
    "day": pl.Datetime(),
    "unit": pl.String(),
    "ward": pl.String(),
    "beds": pl.Int64(),
    "cost": pl.Float64(),
}
START = date(2026, 1, 1)
DAYS = 20
TODAY = START + timedelta(days=DAYS)
Past = list[tuple[date, Profile]]


def sent_costs(day: int, rows: int = 100) -> list[float]:
    dice = random.Random(day)  # noqa: S311 - test data
    return [round(dice.uniform(50, 5000), 2) for _ in range(rows)]


def sent(day: int, rows: int = 100, **changed: Any) -> Profile:
    """A submission like any other: the same beds, as many in each ward, and costs of the day."""
    columns: dict[str, Any] = {
        "day": MIDNIGHT + timedelta(days=day),
        "unit": [f"{day}-{i}" for i in range(rows)],
        "ward": ["ABCD"[i % 4] for i in range(rows)],
        "beds": [100 + i for i in range(rows)],
        "cost": sent_costs(day, rows),
    }
    return profile_of(pl.DataFrame(columns | changed, schema=COLUMNS), COLUMNS, key=KEY, identifying=["unit"])


HISTORY: Past = [(START + timedelta(days=day), sent(day)) for day in range(DAYS)]


def judged(
    profile: Profile, history: Past = HISTORY, peers: Mapping[str, Past] | None = None, **how: Any
) -> GateResult:
    return judge_profile(profile, period=TODAY, history=history, peers=peers, settings=Sensitivity(**how))


def told(result: GateResult, rule: str) -> list[Finding]:
    return [finding for finding in result.failures if finding.rule.name == rule]


def test_a_usual_submission_passes_and_every_rule_but_that_on_peers_was_asked() -> None:
    result = judged(sent(DAYS))
    assert result.verdict is Verdict.PASS
    asked = {finding.rule.name for finding in result.findings if not finding.not_judged}
    assert asked == {rule.name for rule in PROFILING_RULES} - {"peers_alike"}


BEDS = [100 + i for i in range(100)]


COSTS = sent_costs(DAYS - 1)
"""Those of the day before."""


def but(cells: list[Any], count: int, instead: Any) -> list[Any]:
    return [instead] * count + cells[count:]


def digits(odd: int) -> list[int]:
    """A hundred numbers of which so many end in nought."""
    return [110 + 10 * i for i in range(odd)] + [101 + 10 * i for i in range(100 - odd)]


def copied(rows: int) -> dict[str, Any]:
    """Some rows of the third day, with the rest of today's."""
    old, today = random.Random(3), random.Random(DAYS)  # noqa: S311 - test data
    theirs, ours = ([round(dice.uniform(50, 5000), 2) for _ in range(100)] for dice in (old, today))
    units = [f"{3 if i < rows else DAYS}-{i}" for i in range(100)]
    return {"cost": theirs[:rows] + ours[rows:], "unit": units}


@pytest.mark.parametrize(
    ("rule", "column", "at", "over"),
    [
        ("volume_usual", None, {"rows": 91}, {"rows": 90}),
        ("volume_usual", None, {"rows": 110}, {"rows": 111}),
        ("nulls_usual", "beds", {"beds": but(BEDS, 10, None)}, {"beds": but(BEDS, 11, None)}),
        ("noughts_usual", "beds", {"beds": but(BEDS, 10, 0)}, {"beds": but(BEDS, 11, 0)}),
        ("signs_usual", "beds", {"beds": but(BEDS, 10, -150)}, {"beds": but(BEDS, 11, -150)}),
        ("digits_usual", "beds", {"beds": digits(50)}, {"beds": digits(51)}),
        ("scale_kept", "beds", {"beds": [b * 5 for b in BEDS]}, {"beds": [b * 52 // 10 for b in BEDS]}),
        ("scale_kept", "beds", {"beds": [b // 4 for b in BEDS]}, {"beds": [b // 10 for b in BEDS]}),
        ("level_usual", "beds", {"beds": [b * 103 // 100 for b in BEDS]}, {"beds": [b * 105 // 100 for b in BEDS]}),
        (
            "categories_new",
            "ward",
            {"ward": but(["A", "B", "C", "D"] * 25, 2, "E")},
            {"ward": but(list("ABCD") * 25, 3, "E")},
        ),
        ("categories_vanished", "ward", {"ward": ["A"] + list("BCD") * 33}, {"ward": ["B"] + list("BCD") * 33}),
        ("not_copied", None, copied(90), copied(91)),
        ("column_renewed", "cost", {"cost": [0.01, *COSTS[1:]]}, {"cost": COSTS}),
        ("column_renewed", "cost", {"cost": COSTS[:9] + [None] * 91}, {"cost": COSTS[::-1]}),
    ],
)
def test_a_rule_is_red_over_its_limit_and_not_at_it(rule: str, column: str | None, at: Any, over: Any) -> None:
    assert not told(judged(sent(DAYS, **at)), rule)
    result = judged(sent(DAYS, **over))
    findings = told(result, rule)
    assert {finding.column for finding in findings} == {column}
    assert all(0 <= finding.failed <= finding.evaluated and finding.detail for finding in findings)
    assert result.verdict is Verdict.WARN


@pytest.mark.parametrize(("cells", "is_told"), [(9, False), (10, True)])
def test_a_few_figures_that_cross_nought_have_not_turned_their_sign(cells: int, is_told: bool) -> None:
    history = [(day, sent(number, beds=BEDS[:cells], rows=cells)) for number, (day, _) in enumerate(HISTORY)]
    result = judged(sent(DAYS, beds=[-bed for bed in BEDS[:cells]], rows=cells), history)
    assert bool(told(result, "signs_usual")) is is_told
    said = [finding.not_judged for finding in result.not_judged if finding.rule.name == "signs_usual"]
    assert any("fewer than 10 cells" in why and "beds" in why for why in said) is not is_told


class TestPeers:
    @staticmethod
    def others(count: int, rows: Callable[[int], int]) -> dict[str, Past]:
        return {
            f"s{n}": [(TODAY - timedelta(days=1), sent(n)), (TODAY, sent(n + 50, rows=rows(n)))] for n in range(count)
        }

    def test_who_moves_like_the_others_is_not_told(self) -> None:
        result = judged(sent(DAYS, rows=200), HISTORY[-2:], self.others(6, lambda n: 200))
        assert not told(result, "peers_alike")

    @pytest.mark.parametrize(("rows", "is_told"), [(101, False), (99, True)])
    def test_who_stays_when_all_others_double_is_told(self, rows: int, is_told: bool) -> None:
        result = judged(sent(DAYS, rows=rows), HISTORY[-2:], self.others(6, lambda n: 200))
        assert bool(told(result, "peers_alike")) is is_told

    def test_too_few_peers_are_no_yardstick(self) -> None:
        result = judged(sent(DAYS, rows=20), HISTORY[-2:], self.others(5, lambda n: 200))
        assert not told(result, "peers_alike")
        assert any("5 other suppliers" in f.not_judged for f in result.not_judged if f.rule.name == "peers_alike")

    def test_peers_that_differ_widely_are_no_yardstick(self) -> None:
        result = judged(sent(DAYS, rows=20), HISTORY[-2:], self.others(6, lambda n: 20 * 3**n))
        assert not told(result, "peers_alike")


class TestSeries:
    @staticmethod
    def series(rows: Callable[[int], float], days: int, step: int = 1) -> Past:
        return [(START + timedelta(days=step * d), sent(d, rows=round(rows(d)))) for d in range(days)]

    def told(self, rows: Callable[[int], float], today: float, days: int = 28) -> bool:
        profile = sent(days, rows=round(today))
        result = judge_profile(profile, period=START + timedelta(days=days), history=self.series(rows, days))
        return bool(told(result, "volume_usual"))

    @pytest.mark.parametrize("growth", [1.12, 0.88])
    def test_growth_and_decline_are_no_departure(self, growth: float) -> None:
        def rows(day: int) -> float:
            return (50 if growth > 1 else 2000) * growth**day

        assert not self.told(rows, rows(28))
        assert self.told(rows, rows(28) * 0.7)
        assert self.told(rows, rows(28) * 1.4)

    def test_a_quiet_weekend_is_expected_and_a_quiet_weekday_is_not(self) -> None:
        def rows(day: int) -> float:
            return 40 if (START + timedelta(days=day)).weekday() >= 5 else 200

        saturday, monday = 30, 32
        assert not self.told(rows, 40, saturday)
        assert self.told(rows, 200, saturday)
        assert self.told(rows, 40, monday)

    def test_a_lasting_change_is_told_once(self) -> None:
        assert self.told(lambda day: 100, 150)
        assert not self.told(lambda day: 100 if day < 27 else 150, 150)

    def test_an_outlier_has_no_echo(self) -> None:
        assert not self.told(lambda day: 300 if day == 27 else 100, 100)


class TestShortHistory:
    def test_a_first_submission_is_not_judged_and_passes(self) -> None:
        result = judged(sent(DAYS, rows=1), [])
        assert result.verdict is Verdict.PASS
        assert {finding.rule.name for finding in result.not_judged} == {rule.name for rule in PROFILING_RULES}
        assert all(finding.not_judged for finding in result.findings)

    @pytest.mark.parametrize(
        ("rule", "least", "changed"),
        [
            ("volume_usual", 14, {"rows": 10}),
            ("level_usual", 14, {"beds": [b * 2 for b in BEDS]}),
            ("nulls_usual", 5, {"beds": [None] * 100}),
            ("digits_usual", 5, {"beds": digits(100)}),
            ("scale_kept", 4, {"beds": [b * 10 for b in BEDS]}),
            ("categories_new", 8, {"ward": ["E"] * 100}),
            ("categories_vanished", 8, {"ward": ["A"] * 100}),
            ("not_copied", 2, copied(100)),
            ("column_renewed", 14, {"cost": COSTS}),
        ],
    )
    def test_the_least_history_is_stated_and_kept(self, rule: str, least: int, changed: Any) -> None:
        profile = sent(DAYS, **changed)
        # Copies are told from what is copied: of the third day, of the day before.
        start = {"not_copied": 3, "column_renewed": DAYS - least}.get(rule, 0)
        result = judged(profile, HISTORY[start:][: least - 1])
        assert not told(result, rule)
        assert any(f"it takes {least}" in f.not_judged for f in result.not_judged if f.rule.name == rule)
        assert told(judged(profile, HISTORY[start:][:least]), rule)

    def test_figures_of_one_row_are_judged_by_their_magnitude(self) -> None:
        def one(day: int, beds: int) -> Profile:
            return sent(day, rows=1, beds=[beds])

        past = [(START + timedelta(days=d), one(d, 400 + 7 * d)) for d in range(DAYS)]
        assert not told(judged(one(DAYS, 900), past), "scale_kept")
        assert told(judged(one(DAYS, 5400), past), "scale_kept")

    def test_figures_of_one_row_that_cross_nought_are_not_judged(self) -> None:
        past = [(START + timedelta(days=d), sent(d, rows=1, beds=[100 - 10 * d])) for d in range(DAYS)]
        result = judged(sent(DAYS, rows=1, beds=[90_000]), past)
        assert not told(result, "scale_kept")
        assert not told(result, "signs_usual")


class TestAnswers:
    def test_the_order_of_the_history_and_later_periods_do_not_matter(self) -> None:
        profile = sent(DAYS, rows=60)
        shuffled = [*HISTORY, (TODAY, sent(77, rows=5)), (TODAY + timedelta(days=1), sent(78, rows=5))]
        random.Random(1).shuffle(shuffled)  # noqa: S311 - test data
        assert judged(profile, shuffled) == judged(profile)

    def test_one_mistake_is_told_once(self) -> None:
        result = judged(sent(DAYS, beds=[b * 10 + b % 10 for b in BEDS]))
        assert {(f.rule.name, f.column) for f in result.failures} == {("scale_kept", "beds")}
        assert "near a factor of 10" in result.failures[0].detail

    def test_no_cell_and_no_figure_is_told(self) -> None:
        cells = {"unit": [f"CANARY {i}" for i in range(100)], "ward": ["CANARY"] * 100, "beds": [76_543] * 100}
        result = judged(sent(DAYS, **cells))
        texts = " ".join(str(finding.to_json()) + finding.not_judged for finding in result.findings)
        assert {"scale_kept", "categories_new", "categories_vanished"} <= {f.rule.name for f in result.failures}
        assert "CANARY" not in texts
        assert "76543" not in texts.replace(",", "")
        assert not any(name in texts for profile in [sent(DAYS, **cells)] for name in profile.records.counts)

    def test_an_empty_and_a_blank_submission_are_told(self) -> None:
        assert told(judged(sent(DAYS, rows=0)), "volume_usual")
        blank = dict.fromkeys(("unit", "ward", "beds", "cost"), [None] * 100)
        assert {f.column for f in told(judged(sent(DAYS, **blank)), "nulls_usual")} == set(blank)

    def test_rows_that_always_repeat_are_no_copy(self) -> None:
        same = {"cost": [1.5 * i for i in range(100)], "unit": [f"u{i}" for i in range(100)]}
        past = [(START + timedelta(days=d), sent(d, **same)) for d in range(DAYS)]
        result = judged(sent(DAYS, **same), past)
        assert not told(result, "not_copied")
        assert any("usually the same" in finding.not_judged for finding in result.not_judged)

    def test_rows_hashed_by_another_version_are_not_compared(self) -> None:
        old = [(day, profile.model_copy(update={"hashing": "another"})) for day, profile in HISTORY]
        result = judged(sent(DAYS, **copied(100)), old)
        assert not told(result, "not_copied")
        assert "not_copied" in {finding.rule.name for finding in result.not_judged}

    def test_keys_of_an_earlier_period_give_a_copy_away(self) -> None:
        result = judged(sent(DAYS, unit=[f"3-{i}" for i in range(100)]))
        assert [finding.detail for finding in told(result, "not_copied")] == [
            "About 100 % of its keys, dates left aside, are those of the submission for 2026-01-04."
        ]


class TestSettings:
    @pytest.mark.parametrize(("severity", "verdict"), [("warn", "WARN"), ("note", "WARN"), ("block", "FAIL")])
    def test_the_severity_is_the_policys(self, severity: str, verdict: str) -> None:
        result = judged(sent(DAYS, rows=10), severity=severity)
        assert result.verdict == verdict
        assert {finding.rule.severity for finding in result.findings} == {severity}

    def test_it_can_set_no_row_aside(self) -> None:
        with pytest.raises(ValueError, match="no row aside"):
            Sensitivity(severity="quarantine")

    def test_a_rule_can_be_switched_off(self) -> None:
        result = judged(sent(DAYS, rows=10), off=frozenset({"volume_usual"}))
        assert "volume_usual" not in {finding.rule.name for finding in result.findings}

    @pytest.mark.parametrize("off", [{"volume_usul"}, {rule.name for rule in PROFILING_RULES}])
    def test_no_rule_and_a_misspelt_rule_are_refused(self, off: set[str]) -> None:
        with pytest.raises(ValueError, match="rule"):
            judged(sent(DAYS), off=frozenset(off))
