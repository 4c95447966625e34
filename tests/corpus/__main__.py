"""Write the corpus into a folder, with ``expectations.json``: ``python -m tests.corpus FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.corpus import ALL

_LONGEST = 200


def write(folder: Path) -> None:
    """Write every file, and what is expected of it; a name that a folder cannot hold is replaced by a number."""
    folder.mkdir(parents=True, exist_ok=True)
    expectations = []
    for number, case in enumerate(ALL):
        is_plain = case.name.isprintable() and "/" not in case.name and len(case.name) < _LONGEST
        stored = case.name if is_plain else f"{number}.{case.name.rpartition('.')[2]}"
        (folder / stored).write_bytes(case.content)
        expectations.append({"stored_as": stored, **case.expectation()})
    told = json.dumps(expectations, indent=1, ensure_ascii=False)
    (folder / "expectations.json").write_text(told, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
