"""Reading a submission as its supplier's layouts say, and finding which of them describes it."""

from __future__ import annotations

from pathlib import Path

from integrity.errors import Rejected
from integrity.inventory.dependency import Dependency
from integrity.submissions.isolation import Follower, read_submission
from integrity.submissions.layouts import LayoutFit, choose_layout
from integrity.submissions.reading import Reading


def read_fitting(
    path: Path,
    name: str,
    dependency: Dependency,
    supplier: str,
    dictionary: tuple[str, ...],
    follower: Follower | None = None,
) -> Reading:
    """Read a file, told what the layout that fits it best tells the reader.

    Layouts that tell the reader nothing share one reading, and are tried first: what the reader decides by itself is
    given up only where a layout fits better.

    Args:
        name: What its supplier called it.
        supplier: Who sent it; '' where nobody knows.
        dictionary: Columns of the data dictionary.
        follower: Is told of a large file's rows while it is read, where there is only one way to read it.

    Raises:
        Rejected: It cannot be read under any of them; the reason is the first one's.
    """
    layouts = [each for each in dependency.layouts if not supplier or not each.suppliers or supplier in each.suppliers]
    told = sorted(
        {layout.reading.model_dump_json(): layout.reading for layout in layouts}.items(), key=lambda t: len(t[0])
    )
    best: tuple[int, Reading] | None = None
    refusal: Rejected | None = None
    for _, hints in told:
        described = [layout for layout in layouts if layout.reading == hints]
        try:
            reading = read_submission(path, name, hints, follower if len(told) == 1 else None)
        except Rejected as error:
            refusal = refusal or error
            continue
        amiss = _amiss(choose_layout(reading.headings, described, dictionary, supplier), reading)
        if best is None or amiss < best[0]:
            best = amiss, reading
        if not amiss:
            break
    if best is None:
        raise refusal or Rejected(f"No layout describes the files of supplier '{supplier}'.")
    return best[1]


def _amiss(fit: LayoutFit, reading: Reading) -> int:
    return len(fit.missing) + len(fit.unknown) + bool(reading.problem)
