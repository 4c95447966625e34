"""No cell of any column leaves the warehouse and its supplier's own feedback: planted, and looked for elsewhere."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from integrity.alerts.channels import Channels
from integrity.cli import app
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT
from typer.testing import CliRunner

DEMONSTRATION = PROJECT_ROOT / "include" / "demonstration"
CELLS_LIVE_IN = ("landing", "published", "marts", "information_schema", "pg_catalog", "pg_toast")
TEXT, NUMBER = r"canary\d{4}zanzara", r"(?<![0-9a-f.])91827\d{4}(?![0-9a-f])"
"""A text, which the columns of numbers and days refuse, and a number that most of them take; neither occurs in a real
file. The number stands alone: within keyed hashes and long fractions its digits turn up by chance."""


@dataclass(frozen=True)
class Sent:
    """A submission in which each column of each table holds a canary, as far as there are rows in a row of its own."""

    dependency: str
    supplier: str
    name: str
    period: date
    tables: dict[str, bytes]

    def content(self, kind: str) -> bytes:
        planted = {name: with_canaries(table, kind, at) for at, (name, table) in enumerate(self.tables.items())}
        if len(planted) == 1:
            return next(iter(planted.values()))
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, table in planted.items():
                archive.writestr(name, table)
        return made.getvalue()

    def columns(self) -> int:
        return sum(len(next(csv.reader(io.StringIO(table.decode("utf-8-sig"))))) for table in self.tables.values())


def with_canaries(table: bytes, kind: str, at: int) -> bytes:
    headings, *rows = csv.reader(io.StringIO(table.decode("utf-8-sig"), newline=""))
    for column in range(len(headings)):
        number = f"{at:02}{column:02}"
        rows[column % len(rows)][column] = f"canary{number}zanzara" if kind == TEXT else f"91827{number}"
    written = io.StringIO(newline="")
    csv.writer(written).writerows([headings, *rows])
    return written.getvalue().encode()


def tables_of(path: Path) -> dict[str, bytes]:
    if path.suffix != ".zip":
        return {path.name: path.read_bytes()}
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def croydon() -> bytes:
    """A list in Croydon's layout, with a row for each of its columns."""
    headings = "Supplier,Department family,Date,Expense area,Expense type,Transaction Number,Amount"
    rows = [f"Example Supplies {i},Theatres,0{i}/04/2020,Main,Equipment,100{i},{i}8200" for i in range(1, 9)]
    return "\n".join([headings, *rows, ""]).encode()


def real(dependency: str, supplier: str, name: str, period: date, path: str) -> Sent:
    return Sent(dependency, supplier, name, period, tables_of(DEMONSTRATION / path))


APRIL_28 = "dpc-covid19-ita-regioni-20200428.csv"
NATIONAL_28 = "dpc-covid19-ita-andamento-nazionale-20200428.csv"
CARE = "patient_care_202402.zip"
SUBMISSIONS = [
    real("regional_hospital_activity", "protezione_civile", APRIL_28, date(2020, 4, 28), f"regions/{APRIL_28}"),
    real("national_hospital_activity", "protezione_civile", NATIONAL_28, date(2020, 4, 28), f"national/{NATIONAL_28}"),
    real("patient_care", "synthea", CARE, date(2024, 2, 1), f"patient_care/{CARE}"),
    Sent("trust_spend", "CROY", "CROY 01 - April.csv", date(2020, 4, 1), {"april.csv": croydon()}),
]


@pytest.mark.parametrize("kind", [TEXT, NUMBER], ids=["text", "number"])
@pytest.mark.parametrize("sent", SUBMISSIONS, ids=lambda sent: sent.dependency)
def test_a_cell_of_any_column_stays_in_the_warehouse_and_its_suppliers_feedback(
    house: Any, slack: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, sent: Sent, kind: str
) -> None:
    monkeypatch.setenv("INTEGRITY_DATABASE_URL", house.settings.database_url)
    monkeypatch.setenv("INTEGRITY_HOME", str(house.settings.home))
    caplog.set_level(logging.DEBUG)
    connection = {"conn_type": "slack", "password": "not-a-token", "extra": {"base_url": slack.url}}
    environment = {"AIRFLOW_CONN_SLACK_DEFAULT": json.dumps(connection)}
    house.channels = Channels.from_environment(house.settings.home, environment)
    house.send(sent.dependency, sent.content(kind), name=sent.name, supplier=sent.supplier)
    printed = io.StringIO()
    with redirect_stdout(printed):
        ingest(Office.open(sent.dependency, house.settings), sent.period, house.channels)

    told = {
        "what is printed": printed.getvalue(),
        "the logs": "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records),
        "Slack": json.dumps([slack.posted, slack.shown]),
        **dict(read_by_people(sent, house)),
        **dict(tables(house)),
        **dict(files(house.settings.home, sent)),
    }
    assert len(told["register.audit_event"]) > 500 < len(told["Slack"]), "there is something to be looked through"
    assert {where: found for where, text in told.items() if (found := re.findall(kind, text))} == {}

    kept = house.query("SELECT string_agg(record::text, '') AS text FROM landing.quarantined")[0]["text"] or ""
    planted = re.findall(kind, kept + own_feedback(house, sent))
    assert len(set(planted)) > sent.columns() / 2, "they are where they belong, and so could be found elsewhere"


def read_by_people(sent: Sent, house: Any) -> Iterator[tuple[str, str]]:
    """What the command line says of it to who may see no cell."""
    references = [issue["reference"] for issue in house.open_issues()]
    assert references
    asked = [
        ["issues", "list"],
        *(["issues", "show", reference] for reference in references[:10]),
        ["rules", sent.dependency],
        ["trace", sent.name],
        ["audit", "show", "--issue", references[0]],
        ["releases", sent.dependency],
    ]
    for words in asked:
        ran = CliRunner().invoke(app, [*words, "--json"])
        assert ran.exit_code == 0, (words, ran.output)
        yield " ".join(words), ran.output


def tables(house: Any) -> Iterator[tuple[str, str]]:
    """Every table but those that rows and cells belong into."""
    found = house.query(
        "SELECT schemaname AS schema, tablename AS name FROM pg_tables WHERE schemaname <> ALL(%s)", list(CELLS_LIVE_IN)
    )
    for table in found:
        rows = house.query(f'SELECT to_jsonb(t)::text AS row FROM "{table["schema"]}"."{table["name"]}" t')
        yield f"{table['schema']}.{table['name']}", "\n".join(row["row"] for row in rows)


def files(home: Path, sent: Sent) -> Iterator[tuple[str, str]]:
    """Every file but the submission itself, and its supplier's feedback."""
    own = {home / "archive", home / "inbox", home / "outbox" / sent.dependency / sent.supplier}
    for path in home.rglob("*"):
        if path.is_file() and not own & set(path.parents):
            yield str(path.relative_to(home)), path.read_bytes().decode("utf-8", "replace")


def own_feedback(house: Any, sent: Sent) -> str:
    folder = house.settings.home / "outbox" / sent.dependency / sent.supplier
    return "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.json"))
