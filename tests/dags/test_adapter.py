"""What the adapter tells Airflow about an error: a verdict never retries, an outage does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from integrity.errors import CouldNotCheck, GateFailed, Misconfigured, Rejected, Transient, is_retryable
from sqlalchemy.exc import OperationalError

_ASK = """
from airflow.sdk.exceptions import AirflowFailException
from orchestration.running import told_apart
from integrity.errors import GateFailed, Transient

@told_apart
def step(error):
    raise error

def outcome(error):
    try:
        step(error)
    except AirflowFailException as failed:
        return "fails, says " + str(failed)
    except Exception as retried:
        return "retries " + type(retried).__name__

print(outcome(GateFailed("red")))
print(outcome(Transient("away")))
print(outcome(ValueError("cell 4711")))
"""


@pytest.mark.parametrize(
    "error", [GateFailed("x"), Misconfigured("x"), Rejected("x"), CouldNotCheck("x"), ValueError("x")]
)
def test_asking_again_does_not_change_it(error: Exception) -> None:
    assert not is_retryable(error)


@pytest.mark.parametrize("error", [Transient("x"), ConnectionResetError(), OperationalError("x", None, Exception())])
def test_an_outage_may_pass(error: Exception) -> None:
    assert is_retryable(error)


def test_the_adapter_maps_errors_in_one_place() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _ASK], capture_output=True, text=True, check=True)
    verdict, outage, bug = done.stdout.splitlines()[-3:]
    assert (verdict, outage) == ("fails, says red", "retries Transient")
    assert bug.startswith("fails, says ValueError at ")
    assert "4711" not in bug, "a library's message may quote a cell"
