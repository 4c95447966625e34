"""Programs that a user's machine may lack."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def have_programs() -> Callable[[dict[str, str]], None]:
    """See to it that programs are there: installed where that is possible, asked for where it is not."""

    def have(packages: dict[str, str]) -> None:
        absent = [package for program, package in packages.items() if shutil.which(program) is None]
        if absent and os.geteuid() == 0 and shutil.which("apt-get"):
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "update", "-q"], check=False, env=quiet, capture_output=True)
            subprocess.run(
                ["apt-get", "install", "-y", "-q", "--no-install-recommends", *absent],
                check=False,
                env=quiet,
                capture_output=True,
            )
        still = [package for program, package in packages.items() if shutil.which(program) is None]
        if still:
            pytest.fail(f"This test looks through real programs. Install them: apt-get install {' '.join(still)}")

    return have
