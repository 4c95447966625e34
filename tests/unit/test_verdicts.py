"""How several verdicts become one, and which errors are tried again."""

from __future__ import annotations

import pytest
from integrity.errors import CouldNotCheck, GateFailed, Misconfigured, Rejected, Transient, Undeliverable, is_retryable
from integrity.findings import Finding, GateResult, Rule
from integrity.verdicts import Verdict, worst


def rule(severity: str) -> Rule:
    return Rule(
        name="r",
        kind="business",
        dimension="validity",
        severity=severity,
        message="It is wrong.",
        mend="Mend it.",  # type: ignore[arg-type]
    )


def finding(verdict: Verdict, not_judged: str = "") -> Finding:
    return Finding(rule=rule("block"), verdict=verdict, evaluated=1, failed=0, not_judged=not_judged)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param([], "ERROR", id="of-nothing"),
        pytest.param(["PASS"], "PASS", id="one"),
        pytest.param(["PASS", "WARN"], "WARN", id="warn"),
        pytest.param(["FAIL", "WARN", "PASS"], "FAIL", id="fail"),
        pytest.param(["FAIL", "ERROR"], "ERROR", id="error"),
        pytest.param(["PASS", "skipped"], "ERROR", id="unknown-status"),
        pytest.param(["PASS", ""], "ERROR", id="blank"),
    ],
)
def test_the_worst_wins_and_nothing_is_no_pass(verdicts: list[str], expected: str) -> None:
    assert worst(verdicts) == expected


def test_what_blocks() -> None:
    assert [v for v in Verdict if v.blocks] == [Verdict.FAIL, Verdict.ERROR]


def test_a_gate_that_judged_nothing_is_an_error() -> None:
    assert GateResult.of("g", []).verdict is Verdict.ERROR
    assert GateResult.of("g", [finding(Verdict.PASS, not_judged="a file is missing")]).verdict is Verdict.ERROR
    assert GateResult.of("g", [finding(Verdict.PASS)]).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Transient("x"), True),
        (Undeliverable("x"), True),
        (OSError("x"), True),
        (ConnectionError("x"), True),
        (GateFailed("x"), False),
        (CouldNotCheck("x"), False),
        (Misconfigured("x"), False),
        (Rejected("x"), False),
        (ValueError("x"), False),
    ],
)
def test_only_outages_are_tried_again(error: Exception, expected: bool) -> None:
    assert is_retryable(error) is expected
