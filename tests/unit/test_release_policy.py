"""How much of a period must have passed before any of it is released: as written, and as counted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from integrity.inventory.release_policy import ALL, ReleasePolicy
from pydantic import ValidationError


def policy(written: Any) -> ReleasePolicy:
    return ReleasePolicy.model_validate(written)


def at_least(share: float) -> ReleasePolicy:
    return policy({"coverage": share, "from": "06:00"})


def test_without_a_word_all_must_pass() -> None:
    assert policy("all") == ALL
    assert not ALL.allows_parts(has_begun=True, passed=15, expected=16)
    assert not ALL.keeps_last_good


def test_by_supplier_any_part_may_go() -> None:
    assert policy("by_supplier").allows_parts(has_begun=True, passed=1, expected=16)
    assert policy("by_supplier").keeps_last_good


@pytest.mark.parametrize(
    ("share", "passed", "expected", "allowed"),
    [
        pytest.param(0.9, 9, 10, True, id="exactly-at"),
        pytest.param(0.9, 18, 21, False, id="just-under"),
        pytest.param(0.9, 19, 21, True, id="just-over"),
        pytest.param(0.1, 1, 10, True, id="a-tenth-is-a-tenth"),
        pytest.param(1, 20, 21, False, id="all-but-one"),
        pytest.param(0.9, 0, 0, False, id="of-nothing-nothing-has-passed"),
    ],
)
def test_a_coverage_is_compared_exactly(share: float, passed: int, expected: int, allowed: bool) -> None:
    assert at_least(share).allows_parts(has_begun=True, passed=passed, expected=expected) is allowed


def test_before_the_hour_no_coverage_is_enough() -> None:
    assert not at_least(0.1).allows_parts(has_begun=False, passed=10, expected=10)


def test_the_hour_is_that_of_the_place_on_the_day_after_the_period() -> None:
    begins = at_least(0.9).begins(date(2020, 7, 1), "Europe/Rome")
    assert begins == datetime(2020, 7, 1, 4, 0, tzinfo=UTC)
    assert policy("by_supplier").begins(date(2020, 7, 1), "Europe/Rome") is None


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param("by-supplier", "release is 'all', 'by_supplier'", id="misspelt"),
        pytest.param(None, "release is 'all', 'by_supplier'", id="nothing"),
        pytest.param({"coverage": 0.9}, "both of 'coverage' and 'from'", id="no-hour"),
        pytest.param({"from": "06:00"}, "both of 'coverage' and 'from'", id="no-coverage"),
        pytest.param({"how": "coverage", "coverage": 0.9, "from": "06:00"}, "release is", id="not-a-key-of-the-file"),
        pytest.param({"coverage": 0.9, "from": "06:00", "form": 1}, "form", id="unknown-key"),
        pytest.param({"coverage": 90, "from": "06:00"}, "a number from 0 to 1", id="per-cent"),
        pytest.param({"coverage": 0, "from": "06:00"}, "would release a period of which nothing", id="nought"),
        pytest.param({"coverage": 0.9, "from": 360}, "written in quotes", id="an-hour-without-quotes"),
        pytest.param({"coverage": 0.9, "from": "24:00"}, "written in quotes", id="no-hour-of-the-day"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        policy(written)
