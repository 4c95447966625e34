"""What a history speaks for is proposed, with its evidence; what the schema has, or the history denies, is not."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from integrity.gates.profiling.hashing import Key
from integrity.gates.profiling.measuring import profile_of
from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.suggesting import LEAST_SUBMISSIONS, Suggestion, suggest
from integrity.gates.rules import CHECK_RULES
from integrity.gates.schema import Column, Schema

KEY = Key(b"a key of sixteen bytes or more")
TYPES: dict[str, pl.DataType] = {
    "unit": pl.String(),
    "ward": pl.String(),
    "beds": pl.Int64(),
    "cost": pl.Float64(),
}
START = date(2026, 1, 1)


class _Check:
    def __init__(self, name: str) -> None:
        self.name = name


def schema(required: tuple[str, ...] = (), checks: dict[str, str] | None = None) -> Schema:
    asked = checks or {}
    columns = {
        name: Column(
            name=name,
            dtype=dtype,
            required=name in required,
            description="",
            type_rule=None,
            checks=((CHECK_RULES[asked[name]], _Check(asked[name])),) if name in asked else (),  # type: ignore[arg-type]
        )
        for name, dtype in TYPES.items()
    }
    return Schema(columns=columns, row_rules=(), path=Path("schema.py"))


def sent(day: int, rows: int = 200, **changed: Any) -> Profile:
    dice = random.Random(day)  # noqa: S311 - test data
    columns: dict[str, Any] = {
        "unit": [f"{i:04}" for i in range(rows)],
        "ward": [dice.choice(["east", "west-1"]) for _ in range(rows)],
        "beds": [dice.randrange(1, 900) for _ in range(rows)],
        "cost": [round(dice.uniform(-20, 50), 2) for _ in range(rows)],
    }
    return profile_of(pl.DataFrame(columns | changed, schema=TYPES), TYPES, key=KEY)


def history(days: int = 10, **last: Any) -> list[tuple[date, Profile]]:
    past = [(START + timedelta(days=day), sent(day)) for day in range(days - 1)]
    return [*past, (START + timedelta(days=days - 1), sent(days - 1, **last))]


def proposed(found: list[Suggestion], column: str, kind: str) -> list[Suggestion]:
    return [each for each in found if (each.column, each.kind) == (column, kind)]


FOUND = suggest(history(), schema())


@pytest.mark.parametrize(
    ("column", "kind", "declaration"),
    [
        ("unit", "completeness", "pa.Field(nullable=False)"),
        ("unit", "uniqueness", '@rule(…) returning pl.col("unit").is_unique()'),
        ("beds", "domain_range", "pa.Field(ge=0)"),
        ("beds", "domain_range", "pa.Field(le=1_000)"),
        ("unit", "field_structure", '@rule(…) returning pl.col("unit").str.len_chars() == 4'),
        ("unit", "field_structure", r'@rule(…) returning pl.col("unit").str.contains(r"^\p{N}+$")'),
    ],
)
def test_what_the_history_keeps_is_proposed(column: str, kind: str, declaration: str) -> None:
    found = [each for each in proposed(FOUND, column, kind) if each.declaration == declaration]
    assert [(each.caught, each.caught_cells) for each in found] == [(0, 0)]
    assert found[0].evidence == {"submissions": 10, "rows": 2000, "filled": 2000}


def test_a_short_list_is_proposed_without_its_values() -> None:
    (found,) = [each for each in proposed(FOUND, "ward", "domain_range")]
    assert found.proposal == "The value is one of a list of 2."
    assert "SELECT DISTINCT ward" in found.how
    assert "east" not in str(FOUND)


def test_a_sum_that_hardly_moves_is_proposed() -> None:
    assert [each.proposal for each in proposed(FOUND, "beds", "business")]


@pytest.mark.parametrize(
    ("column", "kind"), [("cost", "uniqueness"), ("ward", "uniqueness"), ("ward", "field_structure")]
)
def test_what_the_history_denies_is_not_proposed(column: str, kind: str) -> None:
    assert not proposed(FOUND, column, kind)


def test_a_number_that_is_often_negative_may_be() -> None:
    assert "pa.Field(ge=0)" not in {each.declaration for each in proposed(FOUND, "cost", "domain_range")}


@pytest.mark.parametrize(("blank", "is_proposed"), [(2, True), (3, False)])
def test_what_it_would_have_caught_is_counted(blank: int, is_proposed: bool) -> None:
    past = history(beds=[None] * blank + [5] * (200 - blank))
    found = proposed(suggest(past, schema()), "beds", "completeness")
    assert [(each.caught, each.caught_cells) for each in found] == ([(1, blank)] if is_proposed else [])


def test_a_new_value_late_in_the_history_is_counted() -> None:
    past = history(ward=["north"] * 2 + ["east"] * 198)
    (found,) = proposed(suggest(past, schema()), "ward", "domain_range")
    assert (found.caught, found.caught_cells) == (1, 2)
    assert not proposed(suggest(history(ward=["north"] * 3 + ["east"] * 197), schema()), "ward", "domain_range")


def test_what_the_schema_has_is_not_proposed() -> None:
    checks = {"beds": "in_range", "ward": "isin"}
    found = suggest(history(), schema(required=tuple(TYPES), checks=checks))
    assert not [each for each in found if each.kind == "completeness"]
    assert not proposed(found, "beds", "domain_range")
    assert not proposed(found, "ward", "domain_range")


def test_a_short_history_proposes_nothing() -> None:
    assert not suggest(history(LEAST_SUBMISSIONS - 1), schema())
    assert suggest(history(LEAST_SUBMISSIONS), schema())


def test_few_cells_propose_nothing() -> None:
    past = [(START + timedelta(days=day), sent(day, rows=1)) for day in range(20)]
    assert not suggest(past, schema())
