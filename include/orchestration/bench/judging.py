"""Reading and judging alone, beside Great Expectations and Pandera, both on pandas, with the same rules."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

from integrity.errors import IntegrityError
from integrity.gates.structure import judge_structure
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.isolation import shared_reader
from integrity.verdicts import Verdict

from orchestration.bench.generated import DAY, generate, open_generated
from orchestration.bench.measured import Measured, seconds_of

_ROWS = 2_000_000
_REPEATS = 3
_VENV = PROJECT_ROOT / ".venv-bench"
_OTHERS = Path(__file__).parent / "others.py"
_OTHER_WAYS = (
    ("Great Expectations", "same rules", 0.2),
    ("Great Expectations", "typed by pandas", None),
    ("Pandera", "same rules", None),
    ("Pandera", "typed by pandas", None),
)


def measure_judging(settings: Settings) -> list[Measured]:
    """Seconds from the file to a verdict; what each program imports before is not counted."""
    python = _VENV / "bin" / "python"
    if not python.is_file():
        raise IntegrityError("Great Expectations is not installed for the comparison: run 'make bench'.")
    office = open_generated(settings, "judged")
    file = generate(settings.home / "judged.csv", _ROWS)
    shared_reader().start()
    ours = statistics.median(seconds_of(lambda: _judge(office, file)) for _ in range(_REPEATS))
    measured = []
    for program, how, most in _OTHER_WAYS:
        told = subprocess.run(  # noqa: S603 - our own script, in an environment of its own
            [python, _OTHERS, program, file, how],
            env={**os.environ, "GX_ANALYTICS_ENABLED": "False"},
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        answer = json.loads(told.stdout.splitlines()[-1])
        if not answer["passed"]:
            raise IntegrityError(f"{program} finds fault with the generated file, so it was not asked the same.")
        measured.append(
            Measured(
                f"reading and judging, {_ROWS:,} rows",
                f"{program} on pandas, {how}",
                ours,
                answer["seconds"],
                most=most,
            )
        )
    file.unlink()
    return measured


def _judge(office: Office, file: Path) -> None:
    reading = shared_reader().read(file)
    judged = judge_structure(
        reading,
        office.schema,
        office.registered.dependency,
        period=DAY,
        as_of=DAY,
        policy=office.policy,
    )
    shared_reader().release(reading)
    if judged.verdict is not Verdict.PASS:
        raise IntegrityError(f"The generated file is judged {judged.verdict}, so there is nothing to measure.")
