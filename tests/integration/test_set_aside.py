"""Rows that were set aside can be looked at, and it is on record who did."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REGIONAL = "regional_hospital_activity"
ABRUZZO, CANARY = "13", "canary-4711-zanzara"


@pytest.fixture
def at_night(settled: Any, real: Any) -> Any:
    """A night on which a row was set aside; one of its cells could be taken for a formula."""
    bad = real(REGIONAL, 29).change(ABRUZZO, deceduti=9, denominazione_regione=f"={CANARY}")
    settled.send(REGIONAL, bad, 29)
    settled.run(REGIONAL, 29)
    return settled


def trail(house: Any) -> list[dict[str, Any]]:
    query = "SELECT event, period::text, details FROM register.audit WHERE event ~ 'set aside$' ORDER BY at"
    return list(house.query(query))


def test_whoever_looks_is_on_record(at_night: Any, types: Callable[..., Any]) -> None:
    shown = types("set-aside", REGIONAL, "--period", "2020-04-29", "--json")
    assert shown.returncode == 0, shown.stderr
    (row,) = json.loads(shown.stdout)
    assert row["record"]["codice_regione"] == ABRUZZO
    assert row["record"]["denominazione_regione"] == f"={CANARY}"
    assert "total_cases" in row["rules"]
    (event,) = trail(at_night)
    assert (event["event"], event["period"], event["details"]["rows"]) == ("viewed rows set aside", "2020-04-29", 1)
    assert CANARY not in json.dumps(event)
    told = types("audit", "show", "--dependency", REGIONAL)
    assert "viewed rows set aside" in told.stdout
    assert CANARY not in told.stdout


def test_what_is_written_to_a_file_is_an_export_and_no_formula(
    at_night: Any, types: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    done = types("set-aside", REGIONAL, "--period", "2020-04-29", "--output", str(path))
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    assert row["denominazione_regione"] == f"'={CANARY}"
    (event,) = trail(at_night)
    assert (event["event"], event["details"]) == (
        "exported rows set aside",
        {"rows": 1, "supplier": None, "to": "rows.csv"},
    )


def test_nobody_sees_a_row_where_it_cannot_be_put_on_record(at_night: Any, types: Callable[..., Any]) -> None:
    at_night.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.event LIKE '%set aside' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"
    )
    at_night.execute("CREATE TRIGGER no BEFORE INSERT ON register.audit_event FOR EACH ROW EXECUTE FUNCTION refuse()")
    shown = types("set-aside", REGIONAL, "--period", "2020-04-29")
    assert shown.returncode != 0
    assert CANARY not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--period", "2020-04-28"), "No row was set aside."),
        (("--period", "2020-04-29", "--supplier", "nobody"), "No row was set aside."),
    ],
)
def test_where_nothing_was_set_aside_it_says_so(
    at_night: Any, types: Callable[..., Any], arguments: tuple[str, ...], said: str
) -> None:
    assert said in types("set-aside", REGIONAL, *arguments).stdout


def test_what_is_no_period_is_a_clear_message(at_night: Any, types: Callable[..., Any]) -> None:
    refused = types("set-aside", REGIONAL, "--period", "April")
    assert refused.returncode == 2
    assert "is no reporting period. Write it as 2020-02-24." in refused.stderr
