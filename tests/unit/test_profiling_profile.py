"""A profile is the same however its rows arrive, and tells of no cell."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, time
from typing import Any

import polars as pl
import pytest
from integrity.gates.profiling.hashing import Key, Sample
from integrity.gates.profiling.measuring import Profiler, profile_of
from integrity.gates.profiling.profile import LEAST_CELLS, Profile
from integrity.submissions.reading import ROW

MIDNIGHT = datetime.combine(date(2026, 1, 1), time())
KEY = Key(b"a key of sixteen bytes or more")
COLUMNS: dict[str, pl.DataType] = {
    "day": pl.Datetime(),
    "unit": pl.String(),
    "note": pl.String(),
    "count": pl.Int64(),
    "cost": pl.Float64(),
}


def frame(rows: int = 1000, seed: int = 1, **changed: Any) -> pl.DataFrame:
    dice = random.Random(seed)  # noqa: S311 - test data
    columns = {
        "day": [MIDNIGHT] * rows,
        "unit": [f"U{i:05}" for i in range(rows)],
        "note": [dice.choice(["ward A", "ward B", None]) for _ in range(rows)],
        "count": [dice.randrange(-5, 500) for _ in range(rows)],
        "cost": [round(dice.lognormvariate(5, 2), 2) for _ in range(rows)],
    }
    columns |= changed
    return pl.DataFrame({ROW: range(2, rows + 2)} | columns, schema={ROW: pl.Int64(), **COLUMNS})


def profiled(rows: pl.DataFrame | list[pl.DataFrame], key: Key = KEY) -> Profile:
    return profile_of(rows, COLUMNS, key=key, identifying=["unit", "day"])


class TestArrival:
    @pytest.mark.parametrize("rows", [1, 7, 1000, 40_000])
    @pytest.mark.parametrize("size", [1, 333, 9000])
    def test_batches_give_the_profile_of_the_whole(self, rows: int, size: int) -> None:
        size = max(size, rows // 500)
        whole = frame(rows)
        assert profiled(list(whole.iter_slices(size))) == profiled(whole)

    def test_the_order_of_rows_and_of_batches_does_not_matter(self) -> None:
        whole = frame(40_000)
        assert profiled(whole.sample(fraction=1, shuffle=True, seed=1)) == profiled(whole)

    def test_merged_parts_give_the_profile_of_the_whole(self) -> None:
        whole = frame(40_000)
        parts = [Profiler(COLUMNS, key=KEY, identifying=["unit"]) for _ in range(3)]
        for index, part in enumerate(whole.iter_slices(9_001)):
            parts[index % 3].add(part)
        parts[2].merge(parts[0])
        parts[2].merge(parts[1])
        assert parts[2].profile() == profiled(whole)

    def test_it_survives_being_kept(self) -> None:
        profile = profiled(frame())
        assert Profile.from_json(json.loads(json.dumps(profile.to_json()))) == profile

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(ValueError, match="version"):
            Profile.from_json({**profiled(frame()).to_json(), "version": 2})


class TestFigures:
    def test_counts_are_exact(self) -> None:
        rows = frame(100, count=[0] * 10 + [-3] * 20 + [1000] * 30 + [None] * 40)
        count = profiled(rows).columns["count"]
        assert (count.nulls, count.values.distinct) == (40, 3)
        assert count.number is not None
        assert (count.number.noughts, count.number.negatives, count.number.reach) == (10, 20, 4)
        assert count.number.total == pytest.approx(29_900, rel=0.01)

    def test_ten_times_as_much_is_one_decade_more(self) -> None:
        once, tenfold = (profiled(frame(cost=[c * f for c in frame()["cost"]])) for f in (1, 10))
        levels = [p.columns["cost"].number.level for p in (once, tenfold)]  # type: ignore[union-attr]
        assert levels[1] - levels[0] == pytest.approx(1, abs=0.001)  # type: ignore[operator]

    def test_quantiles_are_near_the_truth(self) -> None:
        rows = frame(10_000)
        number = profiled(rows).columns["cost"].number
        assert number is not None
        for percent, told in number.quantiles.items():
            assert told == pytest.approx(rows["cost"].quantile(int(percent) / 100), rel=0.02)

    def test_distinct_values_are_estimated_where_they_are_many(self) -> None:
        unit = profiled(frame(40_000)).columns["unit"]
        assert unit.values.level > 0
        assert unit.values.distinct == pytest.approx(40_000, rel=0.15)

    def test_formats_and_lengths(self) -> None:
        text = profiled(frame(30, note=["A1"] * 20 + ["x y"] * 10)).columns["note"].text
        assert text is not None
        assert (text.formats, text.shortest, text.longest) == ({"LD": 20, "LSL": 10}, 2, 3)

    def test_memory_is_bounded(self) -> None:
        sample = Sample(100)
        sample.add(pl.int_range(100_000, eager=True).hash(1))
        assert len(sample.counts) <= 100


class TestOddSubmissions:
    def test_no_row(self) -> None:
        profile = profiled(frame(0))
        assert profile.rows == 0
        assert profile.columns["cost"].number is not None
        assert profile.columns["cost"].number.magnitude is None

    def test_a_blank_column(self) -> None:
        cost = profiled(frame(50, cost=[None] * 50)).columns["cost"]
        assert cost.nulls == 50
        assert cost.number is not None
        assert (cost.number.level, cost.number.quantiles, cost.number.total) == (None, {}, None)

    def test_numbers_that_are_none(self) -> None:
        odd = [float("nan"), float("inf"), 1e300, 5e-324] * 10
        number = profiled(frame(40, cost=odd)).columns["cost"].number
        assert number is not None
        json.dumps(number.model_dump(), allow_nan=False)

    def test_only_dates(self) -> None:
        profile = profile_of(frame(5).select(ROW, "day"), {"day": pl.Datetime()}, key=KEY, identifying=["day"])
        assert (profile.content, profile.keys) == ("", None)


class TestPrivacy:
    def test_no_text_and_no_number_of_a_cell_is_kept(self) -> None:
        texts, number = ["CANARY one", "CANARY two"] * 30, 7_391_547.83
        rows = frame(60, unit=texts, note=texts, cost=[number] * 60, count=[84_213_977] * 60)
        kept = json.dumps(profiled(rows).to_json())
        assert "CANARY" not in kept
        for cell in ("7391547", "84213977", "7.391547", "8.4213977"):
            assert cell not in kept

    def test_few_cells_are_told_by_half_a_decade_only(self) -> None:
        profile = profiled(frame(LEAST_CELLS - 1, count=[437] * 9, unit=["only"] * 9))
        number, text = profile.columns["count"].number, profile.columns["unit"].text
        assert number is not None
        assert (number.magnitude, number.level, number.total, number.quantiles) == (2.5, None, None, {})
        assert sum(number.digits) == number.sampled == 0
        assert text is not None
        assert (text.shortest, text.longest, text.formats) == (None, None, {})

    @pytest.mark.parametrize(("rows", "told"), [(20, []), (21, ["50"]), (43, ["25", "50", "75"])])
    def test_a_quantile_has_ten_cells_on_either_side(self, rows: int, told: list[str]) -> None:
        number = profiled(frame(rows, count=list(range(100, 100 + rows)))).columns["count"].number
        assert number is not None
        assert list(number.quantiles) == told

    @pytest.mark.parametrize(("largest", "is_told"), [(90, True), (5000, False)])
    def test_a_sum_that_one_cell_dominates_is_not_told(self, largest: int, is_told: bool) -> None:
        number = profiled(frame(20, count=[10] * 19 + [largest])).columns["count"].number
        assert number is not None
        assert (number.total is not None) is is_told

    def test_hashes_are_of_use_with_the_key_only(self) -> None:
        ours, theirs = (profiled(frame(), Key(secret)) for secret in (b"1" * 16, b"2" * 16))
        for one, other in (
            (ours.columns["note"].values.counts, theirs.columns["note"].values.counts),
            (ours.records.counts, theirs.records.counts),
        ):
            assert not set(one) & set(other)
        assert ours.content != theirs.content

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match="16 bytes"):
            Key(b"secret")

    def test_the_key_is_not_shown(self) -> None:
        assert "sixteen" not in repr(KEY)
