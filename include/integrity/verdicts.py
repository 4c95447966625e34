"""Verdicts, and how several become one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """A gate's answer. ERROR means that the gate did not run, and blocks exactly as FAIL does."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"

    @property
    def blocks(self) -> bool:
        return self in (Verdict.FAIL, Verdict.ERROR)


_BADNESS = [Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.ERROR]


def worst(verdicts: Iterable[Verdict | str]) -> Verdict:
    """The worst of several verdicts; of none at all: ERROR, since what did not run did not pass."""
    known = [_parse(verdict) for verdict in verdicts]
    return max(known, key=_BADNESS.index, default=Verdict.ERROR)


def _parse(verdict: Verdict | str) -> Verdict:
    try:
        return Verdict(verdict)
    except ValueError:
        return Verdict.ERROR
