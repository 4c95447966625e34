"""What Dags tell each other: releases, marts, and periods that must be judged again. An event carries its period."""

from __future__ import annotations

from airflow.sdk import Asset


def published(dependency: str) -> Asset:
    """Released rows of a dependency."""
    return Asset(name=f"published.{dependency}", uri=f"integrity://warehouse/published/{dependency}")


def mart(name: str) -> Asset:
    """A mart."""
    return Asset(name=f"marts.{name}", uri=f"integrity://warehouse/marts/{name}")


def judge_again(dependency: str) -> Asset:
    """Periods of a dependency whose neighbours changed, or that received a file after they were judged."""
    return Asset(name=f"judge_again.{dependency}", uri=f"integrity://register/judge_again/{dependency}")
