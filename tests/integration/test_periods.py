"""A file that covers several months: registered, judged and released month by month, each row once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.pipeline.receiving import receive
from integrity.register.receipts import periods_of_file
from integrity.settings import Settings
from integrity.verdicts import Verdict
from integrity.warehouse.connection import open_engine, transaction

TRUSTS = "trust_spend"
APRIL, MAY, JUNE = (date(2020, month, 1) for month in (4, 5, 6))
HEADER = (
    "Dept Family,Organisation Name,Accounting Year,Period,Date,Transaction Number,Supplier,VAT Registration Number,"
    "Expense Area,Expense type,Amount\r\n"
)


def line(number: int, period: int | str, day: str, amount: str = '"30,000.00"') -> str:
    """A line of the quarter's list; payees are made up."""
    return (
        f"Department of Health,Royal Free London NHS Foundation Trust,2020,{period},{day},{number},"
        f"Example Supplies Ltd,,Theatres,Equipment,{amount}\r\n"
    )


QUARTER = [
    line(1, 1, "03/04/2020"),
    line(2, 2, "29/05/2020"),
    line(3, 1, "04/05/2020"),
    line(4, 3, "03/07/2020"),
    line(5, "x", "30/06/2020"),
]
"""Rows 2 to 6: two for April, one for May, one for June although paid in July, and one that states no period."""


def file_of(*lines: str) -> bytes:
    return (HEADER + "".join(lines)).encode()


@pytest.fixture
def house(house: Any, tmp_path: Path) -> Any:
    """The product with one trust only, which sends its list quarter by quarter."""
    folder = tmp_path / "dependencies"
    shutil.copytree(house.settings.dependencies, folder)
    path = folder / TRUSTS / "dependency.yml"
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    told["suppliers"] = [supplier for supplier in told["suppliers"] if supplier["code"] == "ROYF"]
    told["reporting"]["stated"] = [each for each in told["reporting"]["stated"] if each["layouts"] == ["royf"]]
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    for layout in (folder / TRUSTS / "layouts").glob("*.yml"):
        if layout.stem != "ROYF":
            layout.unlink()
    house.settings = replace(house.settings, dependencies=folder)
    return house


@pytest.fixture
def send(house: Any) -> Callable[..., None]:
    def send(*lines: str, name: str = "ROYF 01-03 - April - June.csv") -> None:
        house.send(TRUSTS, file_of(*lines), name=name, supplier="ROYF")

    return send


def take_in(settings: Settings) -> list[int]:
    return receive(Office.open(TRUSTS, settings), APRIL)


def run(house: Any, period: date) -> Verdict:
    return ingest(Office.open(TRUSTS, house.settings), period, house.channels).verdict


def registered(house: Any) -> list[tuple[date, int]]:
    rows = house.query("SELECT period, revision FROM register.submission ORDER BY period, revision")
    return [(row["period"], row["revision"]) for row in rows]


def test_one_file_is_one_submission_for_each_month_it_covers(house: Any, send: Callable[..., None]) -> None:
    send(*QUARTER)
    waiting = take_in(house.settings)
    assert registered(house) == [(APRIL, 1), (MAY, 1), (JUNE, 1)]
    assert len(waiting) == 1, "the other months are judged by their own runs"
    assert len({row["sha256"] for row in house.query("SELECT sha256 FROM register.submission")}) == 1
    sha256 = house.query("SELECT sha256 FROM register.submission")[0]["sha256"]
    with transaction(open_engine(house.settings)) as session:
        assert periods_of_file(session, dependency=TRUSTS, supplier="ROYF", sha256=sha256) == (APRIL, MAY, JUNE)
        assert periods_of_file(session, dependency=TRUSTS, supplier="BART", sha256=sha256) == ()


def test_the_same_bytes_again_are_a_duplicate_for_every_month(house: Any, send: Callable[..., None]) -> None:
    send(*QUARTER)
    take_in(house.settings)
    send(*QUARTER, name="again.csv")
    take_in(house.settings)
    assert registered(house) == [(APRIL, 1), (MAY, 1), (JUNE, 1)]
    noted = house.query("SELECT event, period FROM register.audit WHERE event LIKE 'duplicate%%' ORDER BY period")
    assert [row["period"] for row in noted] == [APRIL, MAY, JUNE]


def test_a_corrected_file_is_a_revision_of_each_month(house: Any, send: Callable[..., None]) -> None:
    send(*QUARTER)
    take_in(house.settings)
    send(*QUARTER, line(6, 4, "31/07/2020"))
    take_in(house.settings)
    assert registered(house) == [
        (APRIL, 1),
        (APRIL, 2),
        (MAY, 1),
        (MAY, 2),
        (JUNE, 1),
        (JUNE, 2),
        (date(2020, 7, 1), 1),
    ]


def test_a_file_that_is_not_registered_for_all_its_months_is_for_none(
    house: Any, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrity.register import receipts

    def breaks(session: Any, what: str, **told: Any) -> None:
        if told.get("period") == JUNE:
            raise RuntimeError("killed")
        noted(session, what, **told)

    noted = receipts.audit.note
    monkeypatch.setattr(receipts.audit, "note", breaks)
    send(*QUARTER)
    with pytest.raises(RuntimeError, match="killed"):
        take_in(house.settings)
    assert registered(house) == []
    monkeypatch.undo()
    take_in(house.settings)
    assert registered(house) == [(APRIL, 1), (MAY, 1), (JUNE, 1)], "the next run finds the file where it lay"


def test_each_month_is_judged_and_released_on_its_own_rows(house: Any, send: Callable[..., None]) -> None:
    send(*QUARTER)
    for period, rows in ((APRIL, [2, 4, 6]), (MAY, [3]), (JUNE, [5])):
        assert not run(house, period).blocks
        assert [row["_row"] for row in house.published(TRUSTS) if row["_period"] == period] == rows
    published = house.published(TRUSTS)
    assert sorted(row["_row"] for row in published) == [2, 3, 4, 5, 6], "every row once"
    assert sum(row["amount"] for row in published) == 150_000


def test_a_month_that_fails_keeps_no_other_back(house: Any, send: Callable[..., None]) -> None:
    send(*QUARTER[:3], line(4, 3, "03/07/2020", amount="thirty thousand"), QUARTER[4])
    assert {period: run(house, period) for period in (APRIL, MAY, JUNE)} == {
        APRIL: Verdict.PASS,
        MAY: Verdict.PASS,
        JUNE: Verdict.FAIL,
    }
    assert {row["_period"] for row in house.published(TRUSTS)} == {APRIL, MAY}
    send(*QUARTER)
    assert run(house, JUNE) is Verdict.PASS
    assert sorted(row["_row"] for row in house.published(TRUSTS)) == [2, 3, 4, 5, 6]
