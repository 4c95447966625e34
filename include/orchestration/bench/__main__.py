"""``make bench``: what the gates cost, as ratios measured in one run; writes ``bench.json`` and prints a table.

Seconds depend on the machine and on what else it does; a ratio of two things measured side by side says more.
``python -m orchestration.bench path memory`` measures these parts only.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from integrity.errors import IntegrityError
from integrity.reports.console import console, table
from integrity.settings import PROJECT_ROOT, Settings

from orchestration.bench.audit import measure_audit
from orchestration.bench.gates import measure_gates
from orchestration.bench.judging import measure_judging
from orchestration.bench.measured import Measured
from orchestration.bench.night import measure_night
from orchestration.bench.pages import measure_pages
from orchestration.bench.path import measure_memory, measure_path, measure_spoilt
from orchestration.bench.suppliers import measure_suppliers

_HEADINGS = ["Measured", "Against", "", "", "Ratio", "Target", ""]


def main(wanted: list[str]) -> int:
    out = console()
    parts = _parts(lambda what: out.print(what, markup=False))
    unknown = [part for part in wanted if part not in parts]
    if unknown:
        out.print(f"make bench: there is no part '{unknown[0]}'; there are {', '.join(parts)}.", markup=False)
        return 2
    measured: list[Measured] = []
    # The servers in it end with this process, and may still be writing when it is removed.
    with tempfile.TemporaryDirectory(prefix="integrity-bench-", ignore_cleanup_errors=True) as folder:
        os.environ.pop("INTEGRITY_DATABASE_URL", None)
        try:
            for part in wanted or parts:
                out.print(f"Measuring: {part}", markup=False)
                measured += parts[part](_settings(Path(folder) / part))
        except IntegrityError as error:
            out.print(f"make bench: {error}", style="red", markup=False)
            return 1
    told = json.dumps([each.to_json() for each in measured], indent=2)
    (PROJECT_ROOT / "bench.json").write_text(told, encoding="utf-8")
    out.print(table(_HEADINGS, [each.to_row() for each in measured]))
    return 0


def _parts(say: Callable[[str], None]) -> dict[str, Callable[[Settings], list[Measured]]]:
    return {
        "path": measure_path,
        "judging": measure_judging,
        "memory": measure_memory,
        "spoilt": measure_spoilt,
        "suppliers": measure_suppliers,
        "gates": measure_gates,
        "audit": measure_audit,
        "pages": measure_pages,
        "night": lambda settings: measure_night(Settings.from_environment({"INTEGRITY_HOME": str(settings.home)}), say),
    }


def _settings(home: Path) -> Settings:
    home.mkdir()
    return replace(Settings.from_environment({"INTEGRITY_HOME": str(home)}), dependencies=home / "dependencies")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
