"""Fuzzing of the reader: whatever the bytes are, it gives a table or a refusal, soon and in bounded memory.

``python -m tests.fuzz.fuzz_reader KIND FOLDER [options of libFuzzer's, folders of seeds]`` goes on until
``-max_total_time``. KIND is ``text``, ``json``, ``xlsx``, ``parts`` or ``packed``. Each finding is left in FOLDER
once, as bytes and a traceback; the file that it was at when it was killed is ``FOLDER/at_work/file``.
A file of findings, given in place of a folder of seeds, is read again.
"""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["integrity.submissions"]):
    from integrity.errors import Rejected
    from integrity.inventory.dependency import ReadingHints
    from integrity.submissions.limits import Limits
    from integrity.submissions.opening import open_submission
    from integrity.submissions.reading import Reading

from tests.corpus.fates import rows_without_fate
from tests.corpus.raw_workbooks import packed, sheet_parts

LIMITS = Limits(
    file_bytes=1 << 20,
    unpacked_bytes=4 << 20,
    rows=20_000,
    columns=200,
    cells=100_000,
    cell_characters=100_000,
    members=20,
)
FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("findings")


def read(data: bytes, name: str) -> Reading | None:
    """Read as the reader's process does; None where it is refused. Any other error is a finding."""
    path, scratch = FOLDER / "at_work" / "file", FOLDER / "at_work" / "scratch"
    scratch.mkdir(parents=True)
    path.write_bytes(data)
    try:
        reading = open_submission(path, name, ReadingHints(), LIMITS, scratch)
    except Rejected as refusal:
        assert str(refusal).strip()
        return None
    finally:
        shutil.rmtree(scratch)
    _require_sound(reading)
    return reading


def _require_sound(reading: Reading) -> None:
    """What must hold for any reading: a cell for each heading, rows in order, no row both taken and set aside."""
    frame = reading.frame
    numbers = frame["_row"].to_list()
    assert len(set(reading.headings)) == len(reading.headings)
    assert frame.width == len(reading.headings) + 1
    assert numbers == sorted(set(numbers))
    assert not set(numbers) & {bad.number for bad in reading.bad_rows}
    assert not set(numbers) & set(reading.header_rows)
    assert reading.understood().height >= frame.height


def text(data: bytes) -> None:
    """Delimited text; no line of it may be left in silence."""
    reading = read(data, "file.csv")
    if reading is None or reading.format != "csv" or reading.containers or reading.encoding != "utf-8":
        return
    lost = rows_without_fate(data.decode("utf-8", "replace"), reading)
    assert not lost, f"lines without a fate: {lost[:5]}"


def json(data: bytes) -> None:
    read(data, "file.jsonl" if data[:1] == b"{" else "file.json")


def xlsx(data: bytes) -> None:
    """A workbook that is whole but for the XML of its sheet."""
    read(packed({**sheet_parts(""), "xl/worksheets/sheet1.xml": data}), "file.xlsx")


def parts(data: bytes) -> None:
    """A workbook of which every part is the fuzzer's: the bytes are cut at null bytes."""
    whole = sheet_parts("")
    pieces = data.split(b"\0")
    names = ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"]
    whole.update(zip(names, (piece or whole[name] for name, piece in zip(names, pieces, strict=False)), strict=False))
    read(packed(whole), "file.xlsx")


def packed_files(data: bytes) -> None:
    """Containers: as they are; and a good gzip or zip around what the fuzzer gives."""
    if data[:1] == b"g":
        data = gzip.compress(data[1:], 1, mtime=0)
    elif data[:1] == b"z":
        with io.BytesIO() as target:
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr(zipfile.ZipInfo("april.csv"), data[1:])
            data = target.getvalue()
    read(data, "file.zip")


KINDS: dict[str, Callable[[bytes], None]] = {
    "text": text,
    "json": json,
    "xlsx": xlsx,
    "parts": parts,
    "packed": packed_files,
}


def keeping_findings(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The target, which goes on after a finding; one is kept for each place in the code that raised."""

    def run(data: bytes) -> None:
        try:
            target(data)
        except BaseException as error:  # noqa: BLE001 - a panic of a parser's is no Exception
            frame = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{target.__name__}-{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            if not (FOLDER / name).exists():
                (FOLDER / name).write_bytes(data)
                (FOLDER / f"{name}.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")

    return run


def main() -> None:
    program, kind, _, *options = sys.argv
    FOLDER.mkdir(parents=True, exist_ok=True)
    standing = [f"-{name}" for name in ("timeout=20", "rss_limit_mb=2048", "max_len=4096", "print_final_stats=1")]
    atheris.Setup([program, *standing, *options], keeping_findings(KINDS[kind]))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
