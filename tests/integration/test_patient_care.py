"""Eighteen linked tables, submitted together: one submission, one verdict, one release; each row in its own table."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.gates.profiling.profile import Profile
from integrity.inventory.loading import load_inventory
from integrity.pipeline.ingesting import Ingested, ingest
from integrity.pipeline.office import Office
from integrity.pipeline.replaying import replay
from integrity.reports.tracing import trace_row
from integrity.settings import PROJECT_ROOT
from integrity.warehouse.connection import open_engine, transaction

CARE, SUPPLIER, MONTH = "patient_care", "synthea", date(2024, 2, 1)
NAME = "patient_care_202402.zip"
SENT = PROJECT_ROOT / "include" / "demonstration" / CARE / NAME
ROWS = {
    **{"allergies": 40, "careplans": 49, "claims": 1267, "claims_transactions": 5228, "conditions": 438, "devices": 3},
    **{"encounters": 604, "imaging_studies": 1, "immunizations": 29, "medications": 663, "observations": 990},
    **{"organizations": 63, "patients": 27, "payer_transitions": 1051, "payers": 10, "procedures": 249},
    **{"providers": 166, "supplies": 72},
}
"""Rows of each table, as the publisher counts them."""

Change = Callable[[list[str]], list[str]]


def bundle(**changed: Change | None) -> bytes:
    """The real submission with the lines of some tables changed, or without them."""
    made = io.BytesIO()
    with zipfile.ZipFile(SENT) as real, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as anew:
        for member in real.namelist():
            table = member.removesuffix(".csv")
            lines = real.read(member).decode().splitlines(keepends=True)
            change = changed.get(table, list)
            if change is not None:
                anew.writestr(member, "".join(change(lines)))
    return made.getvalue()


def cell(row: int, column: str, value: str) -> Change:
    """Another cell in a row, by its physical number; the tables that this is used on quote nothing."""

    def change(lines: list[str]) -> list[str]:
        place = lines[0].strip().split(",").index(column)
        cells = lines[row - 1].rstrip("\n").split(",")
        cells[place] = value
        return [*lines[: row - 1], ",".join(cells) + "\n", *lines[row:]]

    return change


@pytest.fixture
def send(house: Any) -> Callable[[bytes], Ingested]:
    def sent(content: bytes) -> Ingested:
        house.send(CARE, content, name=NAME, supplier=SUPPLIER)
        return ingest(Office.open(CARE, house.settings), MONTH, house.channels)

    return sent


def counts(house: Any) -> dict[str, int]:
    return {
        table: house.query(f"SELECT count(*) AS n FROM published.{CARE}__{table}")[0]["n"]
        for table in ROWS
        if house.query("SELECT to_regclass(%s) AS found", f"published.{CARE}__{table}")[0]["found"]
    }


def test_all_tables_are_released_together_and_a_second_run_changes_nothing(
    house: Any, send: Callable[[bytes], Ingested]
) -> None:
    ingested = send(SENT.read_bytes())
    assert str(ingested.verdict) == "PASS"
    assert counts(house) == ROWS
    assert house.query("SELECT rows, accepted, quarantined, verdict, status FROM register.submissions") == [
        {"rows": 10950, "accepted": 10950, "quarantined": 0, "verdict": "PASS", "status": "released"}
    ]
    ingest(Office.open(CARE, house.settings), MONTH, house.channels)
    assert counts(house) == ROWS
    assert house.query("SELECT count(*) AS n FROM register.release") == [{"n": 1}]

    kept = house.query("SELECT profile FROM register.profile")[0]["profile"]
    assert {table: profile.rows for table, profile in Profile.from_json(kept).tables.items()} == ROWS

    registered = load_inventory(house.settings).get(CARE)
    visit = house.query(f"SELECT id, _row FROM published.{CARE}__encounters ORDER BY _row LIMIT 1")[0]
    with transaction(open_engine(house.settings)) as session:
        (origin,) = trace_row(session, registered, ["encounters", visit["id"]], "archive")
    assert (origin.file_name, origin.row, origin.supplier) == (NAME, visit["_row"], SUPPLIER)

    replayed = replay(Office.open(CARE, house.settings))
    assert [each.now.verdict for each in replayed.submissions if each.now] == ["PASS"]


def test_a_row_that_names_nobody_in_the_other_table_keeps_all_tables_back(
    house: Any, send: Callable[[bytes], Ingested]
) -> None:
    ingested = send(bundle(conditions=cell(7, "PATIENT", "00000000-0000-0000-0000-000000000000")))
    assert str(ingested.verdict) == "FAIL"
    found = [f for f in ingested.to_json()["findings"] if f["verdict" if "verdict" in f else "failed"]]
    linked = next(f for f in found if f["column"] == "conditions.patient")
    assert (linked["failed"], linked["rows"], linked["kind"]) == (1, [7], "relationship")
    assert not any(counts(house).values())


def test_a_mistake_is_told_by_its_table_and_row_and_comes_back_marked_in_that_table_only(
    house: Any, send: Callable[[bytes], Ingested]
) -> None:
    ingested = send(bundle(supplies=cell(3, "QUANTITY", "many"), careplans=lambda lines: [*lines, lines[-1]]))
    (submission,) = ingested.to_json()["submissions"]
    by_column = {finding["column"]: finding for finding in submission["findings"]}
    assert by_column["supplies.quantity"]["rows"] == [3]
    assert by_column["careplans.id"]["rule"] in {"row_once", "entry_once"}

    pack = house.settings.outbox / CARE / SUPPLIER
    content = json.loads((pack / f"{MONTH}.r1.json").read_text())
    (quantity,) = (f for f in content["findings"] if f["column"] == "supplies.quantity")
    assert (quantity["table"], quantity["columns"][0]["heading"]) == ("supplies", "QUANTITY")
    assert quantity["examples"][0]["cells"][0]["value"] == "many"
    page = (pack / f"{MONTH}.r1.html").read_text()
    assert "<dt>Table</dt><dd>supplies</dd>" in page
    with zipfile.ZipFile(pack / content["marked"]) as marked:
        assert sorted(marked.namelist()) == ["careplans.xlsx", "supplies.xlsx"]


def test_a_table_that_is_not_there_is_an_error_of_that_table_and_the_others_are_judged(
    house: Any, send: Callable[[bytes], Ingested]
) -> None:
    ingested = send(bundle(claims=None, supplies=cell(3, "QUANTITY", "many")))
    assert str(ingested.verdict) == "ERROR"
    (submission,) = ingested.to_json()["submissions"]
    by_column = {finding["column"]: finding["rule"] for finding in submission["findings"]}
    assert by_column["claims"] == "readable"
    assert by_column["supplies.quantity"] == "whole_number"
    assert not any(counts(house).values())
    page = (house.settings.outbox / CARE / SUPPLIER / f"{MONTH}.r1.html").read_text()
    assert "claims" in page


def test_a_file_that_no_table_is_read_from_is_told_and_stops_nothing(
    house: Any, send: Callable[[bytes], Ingested], tmp_path: Path
) -> None:
    path = tmp_path / NAME
    path.write_bytes(SENT.read_bytes())
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("claims_backup.csv", "a,b\n1,2\n")
        packed.writestr("letter.pdf", "%PDF-1.4")
    ingested = send(path.read_bytes())
    assert str(ingested.verdict) == "WARN"
    (finding,) = ingested.to_json()["submissions"][0]["findings"]
    assert (finding["rule"], finding["failed"]) == ("parts_known", 1)
    assert counts(house) == ROWS
