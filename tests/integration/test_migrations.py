"""The four tests of pytest-alembic: one head, up, down and up again, and models that match the migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
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
