"""Limits of rules with counts at, just under and just over them, and what each count comes to."""

from __future__ import annotations

import pytest
from integrity.inventory import manual
from integrity.thresholds import Limit, Thresholds

ROWS = 200
_TAKEN = Thresholds(warn=Limit(count=3), block=Limit(share=0.05))
"""Ten of the rows."""
_STRICT = Thresholds(block=Limit(count=1))

_CASES = [
    # Of class moderate: one row in a hundred may be set aside, none may fail a rule that blocks.
    ("block", None, {0: "PASS", 1: "FAIL", ROWS: "FAIL"}),
    ("quarantine", None, {0: "PASS", 1: "WARN", 2: "WARN", 3: "FAIL"}),
    ("warn", None, {0: "PASS", 1: "WARN", ROWS: "WARN"}),
    ("note", None, {0: "PASS", 1: "WARN", ROWS: "WARN"}),
    # With limits of its own; where the class is stricter, the class holds.
    ("block", _TAKEN, {0: "PASS", 1: "FAIL"}),
    ("quarantine", _STRICT, {0: "PASS", 1: "WARN", 2: "FAIL"}),
    ("warn", _TAKEN, {2: "PASS", 3: "PASS", 4: "WARN", 9: "WARN", 10: "WARN", 11: "FAIL"}),
]

at_its_limits = pytest.mark.parametrize(
    ("kind", "severity", "thresholds", "failing", "verdict"),
    [
        pytest.param(
            kind, severity, limits, count, verdict, id=f"{kind}-{severity}-{'own' if limits else 'class'}-{count}"
        )
        for kind in manual.kinds()
        for severity, limits, by_count in _CASES
        for count, verdict in by_count.items()
    ],
)
"""Asks a test for every kind and severity, with the rule's own limits or those of class moderate, of ``ROWS`` rows."""
