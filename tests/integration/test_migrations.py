"""The four tests of pytest-alembic: one head, up, down and up again, models that match; and rows that outlast both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from integrity.settings import PROJECT_ROOT
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

REGIONAL = "regional_hospital_activity"

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]


@pytest.fixture
def alembic_config() -> Config:
    config = Config()
    migrations = PROJECT_ROOT / "include" / "integrity" / "warehouse" / "migrations"
    config.set_main_option("script_location", str(migrations))
    return config


@pytest.fixture
def alembic_engine(own_database: Callable[[str], str]) -> Iterator[Engine]:
    """An engine on an empty database."""
    url = make_url(own_database("template0")).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_published_rows_are_the_same_before_and_after_they_lost_what_their_landing_says(
    settled: Any, alembic_config: Config
) -> None:
    released = settled.published(REGIONAL)
    kept = "SELECT count(*) AS rows, min(_landing) AS landing FROM landing.quarantined"
    set_aside = settled.query(kept)
    engine = create_engine(make_url(settled.settings.database_url).set(drivername="postgresql+psycopg"))
    alembic_config.attributes["connection"] = engine
    command.downgrade(alembic_config, "0014")
    assert {(row["_submission"], row["_period"].day) for row in settled.query(f"SELECT * FROM landing.{REGIONAL}")} == {
        (row["_submission"], row["_period"].day) for row in released
    }
    assert settled.published(REGIONAL) == released
    command.upgrade(alembic_config, "head")
    assert "_period" not in settled.query(f"SELECT * FROM landing.{REGIONAL} LIMIT 1")[0]
    assert (settled.published(REGIONAL), settled.query(kept)) == (released, set_aside)
    engine.dispose()
