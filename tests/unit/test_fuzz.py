"""The reader under a fuzzer for a bounded time: ten seconds a kind, or ``INTEGRITY_FUZZ_SECONDS``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from integrity.settings import PROJECT_ROOT

from tests.corpus import ALL
from tests.corpus.raw_workbooks import cell, rows_of, sheet_parts

SECONDS = int(os.environ.get("INTEGRITY_FUZZ_SECONDS", "10"))
_LONGEST_SEED = 4_096
_ENDINGS = {
    "text": (".csv", ".txt", ".tsv"),
    "json": (".json", ".jsonl"),
    "packed": (".gz", ".zip", ".zst", ".xls", ".parquet"),
}

pytest.importorskip("atheris", reason="atheris has no wheel for this system")


def _seeds(kind: str) -> list[bytes]:
    if kind in _ENDINGS:
        found = [case.content for case in ALL if case.name.endswith(_ENDINGS[kind]) and not case.limits]
        return [data for data in found if 0 < len(data) <= _LONGEST_SEED]
    parts = sheet_parts(
        rows_of([["Paid", "Payee", "Code"], ["1 April", "Acme", "x"]])
        + f'<row r="3" hidden="1">{cell("A3", "43922", style=1)}{cell("B3", "#N/A", kind="e")}'
        f"{cell('C3', '7', style=2)}</row>"
        '<row r="4"><c r="A4"><f>A3</f></c><c r="B4" t="b"><v>1</v></c><c t="str"><v>x</v></c></row>',
        before='<dimension ref="A1:C4"/><cols><col min="2" max="2" hidden="1"/></cols>',
        after='<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>',
    )
    names = ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"]
    return [parts[names[0]].encode()] if kind == "xlsx" else ["\0".join(parts[name] for name in names).encode()]


def fuzz(kind: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, data in enumerate(_seeds(kind)):
        (seeds / str(number)).write_bytes(data)
    command = [sys.executable, "-m", "tests.fuzz.fuzz_reader", kind, str(folder / "found"), *options, str(seeds)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "include")}
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS + 120, check=False
    )


@pytest.mark.timeout(SECONDS + 150)
@pytest.mark.parametrize("kind", ["text", "json", "xlsx", "parts", "packed"])
def test_any_bytes_give_a_table_or_a_refusal(kind: str, tmp_path: Path) -> None:
    ran = fuzz(kind, tmp_path, f"-max_total_time={SECONDS}", "-seed=1")
    found = tmp_path / "found"
    shutil.rmtree(found / "at_work" / "scratch", ignore_errors=True)
    told = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(found.glob("*.txt")))
    assert told == "", f"the bytes are in {found}"
    assert ran.returncode == 0, f"killed at {found / 'at_work' / 'file'}: {ran.stderr[-2_000:]}"
    assert "stat::number_of_executed_units" in ran.stderr


def test_a_reader_that_raises_is_found(tmp_path: Path) -> None:
    """The fuzzer itself: a reader that breaks on the first file is seen."""
    broken = "import integrity.submissions.opening as o\no.members = None\n"
    start = "import runpy, sys; sys.argv[0] = 'fuzz'; runpy.run_module('tests.fuzz.fuzz_reader', run_name='__main__')"
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "one").write_bytes(b"a,b\n1,2\n")
    subprocess.run(
        [sys.executable, "-c", broken + start, "text", str(tmp_path / "found"), "-runs=20", str(seed)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "include")},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert list((tmp_path / "found").glob("text-TypeError-*"))
