"""Rules over a submission as a whole: one answer of all rows, however they are cut; at their limits, and over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from integrity.findings import Finding
from integrity.gates.structure import StructureResult, judge_structure
from integrity.pipeline.office import Office
from integrity.reports.catalogue import catalogue_of
from integrity.reports.dictionary import content_of
from integrity.settings import Settings
from integrity.submissions.isolation import read_submission
from integrity.submissions.reading import Reading

TRUSTS = "trust_spend"
MONTH = date(2020, 4, 1)
COLUMNS = (
    "department,entity,date,date_basis,expense_type,expense_area,payee,transaction_id,payee_reference,"
    "vat_registration,description,amount"
).split(",")


@pytest.fixture(scope="module")
def trusts(tmp_path_factory: pytest.TempPathFactory) -> Office:
    home = tmp_path_factory.mktemp("home")
    return Office.open(TRUSTS, Settings.from_environment({"INTEGRITY_HOME": str(home)}))


Change = Callable[[int], dict[str, str]]


def reading_of(folder: Path, rows: int, change: Change = lambda _: {}) -> Reading:
    """A list of so many payments, each with what ``change`` says of it."""
    lines = [",".join(COLUMNS)]
    for i in range(rows):
        cells = {
            "department": "Department of Health",
            "entity": "Whittington Health NHS Trust",
            "date": f"2020-04-{i % 28 + 1:02}",
            "date_basis": "payment",
            "expense_type": "Drugs",
            "expense_area": "Pharmacy",
            "payee": "Specimen Pharma Ltd",
            "transaction_id": str(9000 + i),
            "amount": f"{26_000 + i * 137.31:.2f}",
        } | change(i)
        lines.append(",".join(cells.get(name, "") for name in COLUMNS))
    path = folder / "list.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_submission(path)


def judge(office: Office, reading: Reading, supplier: str = "") -> StructureResult:
    return judge_structure(
        reading,
        office.schema,
        office.registered.dependency,
        period=MONTH,
        as_of=date(2020, 6, 1),
        policy=office.policy,
        supplier=supplier,
    )


def found(result: StructureResult, rule: str) -> Finding:
    (finding,) = [f for f in result.result.findings if f.rule.name == rule]
    return finding


def first(count: int, **cells: str) -> Change:
    return lambda i: cells if i < count else {}


def payees(count: int, **cells: str) -> Change:
    """The same of so many payees, each another one."""
    return lambda i: {**cells, "payee": f"Example {i} Ltd"} if i < count else {}


def negative(count: int) -> Change:
    return lambda i: {"amount": f"-{26_000 + i * 137.31:.2f}"} if i < count else {}


def hundreds(count: int) -> Change:
    return lambda i: {"amount": f"{26_000 + i * 100}"} if i < count else {}


@pytest.mark.parametrize(
    ("rule", "change", "at"),
    [
        ("credits_few", negative, 6),
        ("amounts_exact", hundreds, 10),
        # The first of them has no row above that it could repeat.
        ("amounts_vary", lambda count: first(count, amount="31415.92"), 6),
        ("texts_filled", lambda count: first(count, expense_area=""), 4),
        ("amounts_own", lambda count: payees(count, amount="31415.92"), 3),
    ],
)
def test_a_share_is_red_over_its_limit_and_not_at_it(
    trusts: Office, tmp_path: Path, rule: str, change: Callable[[int], Change], at: int
) -> None:
    within = found(judge(trusts, reading_of(tmp_path, 20, change(at))), rule)
    assert (str(within.verdict), within.evaluated, within.failed) == ("PASS", 1, 0)
    result = judge(trusts, reading_of(tmp_path, 20, change(at + 1)))
    over = found(result, rule)
    assert (str(over.verdict), over.evaluated, over.failed, over.rows) == (
        *("FAIL" if over.rule.severity == "block" else "WARN", 1, 1),
        (),
    )
    assert over.detail.startswith("It is ")
    assert result.is_landable == (over.rule.severity != "block")


def test_a_column_that_nobody_fills_is_no_gap(trusts: Office, tmp_path: Path) -> None:
    finding = found(judge(trusts, reading_of(tmp_path, 20, first(20, expense_area=""))), "texts_filled")
    assert str(finding.verdict) == "PASS"


def test_round_amounts_may_be_those_of_several_payees(trusts: Office, tmp_path: Path) -> None:
    reading = reading_of(tmp_path, 20, payees(20, amount="30000.00"))
    assert str(found(judge(trusts, reading), "amounts_own").verdict) == "PASS"


@pytest.mark.parametrize(
    ("supplier", "verdict"), [("WHIT", "PASS"), ("BART", "WARN"), pytest.param("", "PASS", id="nobody knows whose")]
)
def test_a_list_names_the_trust_that_sent_it(trusts: Office, tmp_path: Path, supplier: str, verdict: str) -> None:
    finding = found(judge(trusts, reading_of(tmp_path, 20), supplier), "list_of_its_trust")
    assert (str(finding.verdict), bool(finding.not_judged)) == (verdict, not supplier)


@pytest.mark.parametrize(
    ("area", "rows"),
    [
        ("Pharmcay", (2,)),
        ("Pharmac", (2,)),
        ("Pharmacyy", (2,)),
        ("Phbrmacy", (2,)),
        pytest.param("Phramcay", (), id="two-slips"),
        pytest.param("Theatres", (), id="another-one"),
    ],
)
def test_a_slip_of_the_pen_is_told(trusts: Office, tmp_path: Path, area: str, rows: tuple[int, ...]) -> None:
    assert found(judge(trusts, reading_of(tmp_path, 4, first(1, expense_area=area))), "spelt_as_others").rows == rows


def test_numbered_names_are_no_slips_and_neither_is_what_stands_twice(trusts: Office, tmp_path: Path) -> None:
    wards = reading_of(tmp_path, 5, lambda i: {"expense_area": "Ward 2" if i else "Ward 3"})
    assert found(judge(trusts, wards), "spelt_as_others").failed == 0
    twice = reading_of(tmp_path, 5, first(2, expense_area="Pharmacys"))
    assert found(judge(trusts, twice), "spelt_as_others").failed == 0


def test_of_a_short_list_it_is_not_said(trusts: Office, tmp_path: Path) -> None:
    finding = found(judge(trusts, reading_of(tmp_path, 19, negative(19))), "credits_few")
    assert (str(finding.verdict), finding.not_judged) == ("PASS", "there is too little to say it of")


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_it_does_not_depend_on_the_batches(trusts: Office, tmp_path: Path, rows: int) -> None:
    reading = reading_of(tmp_path, 20, first(7, amount="31415.92"))
    whole = judge(trusts, reading).result
    raw = reading.rows.raw()
    parts = tuple(raw.slice(start, rows) for start in range(0, raw.height, rows))
    cut = replace(reading, rows=replace(reading.rows, parts=parts), _frame=[])
    assert judge(trusts, cut).result == whole


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda data: data.lazyframe.select(pl.col("amount") > 0), id="an-answer-a-row"),
        pytest.param(lambda data: data.lazyframe.select(pl.col("amount").sum()), id="no-yes-or-no"),
        pytest.param(lambda data: data.lazyframe.select(pl.lit(87654) / 0, pl.col("nowhere")), id="no-such-column"),
        pytest.param(lambda _: 1 / 0, id="broken"),
    ],
)
def test_what_gives_no_one_answer_is_an_error(trusts: Office, tmp_path: Path, answer: Any) -> None:
    rule, *others = trusts.schema.submission_rules
    schema = replace(trusts.schema, submission_rules=(replace(rule, check=pa.Check(answer)), *others))
    result = judge(replace(trusts, tables=(replace(trusts.table(), schema=schema),)), reading_of(tmp_path, 20))
    finding = found(result, rule.rule.name)
    assert str(finding.verdict) == "ERROR"
    assert "87654" not in finding.message
    assert not result.is_landable


def test_a_column_that_is_not_there_leaves_it_unasked(trusts: Office, tmp_path: Path) -> None:
    reading_of(tmp_path, 20)
    path = tmp_path / "list.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",amount", ",amounts"), encoding="utf-8")
    result = judge(trusts, read_submission(path))
    assert found(result, "credits_few").not_judged == "column amount is missing"
    assert "amount" not in result.blanks, "what was not sent is no blank cell"
    assert (result.blanks["payee_reference"], result.blanks["payee"]) == (20, 0)


def test_the_catalogue_states_no_limit_of_rows_for_it(trusts: Office) -> None:
    catalogue = catalogue_of(trusts.registered, trusts.schema, trusts.policy)
    entries = {entry.rule.name: entry for entry in catalogue.entries}
    told = {name: (e.warns_at, e.fails_at, e.to_json()["thresholds"]) for name, e in entries.items()}
    assert told["credits_few"] == ("", "if it does not hold", None)
    assert told["amounts_exact"] == told["volume_usual"] == ("if it does not hold", "", None)
    assert told["row_repeated"][0].startswith("any row")
    page = content_of(catalogue, trusts.schema)
    consequences = {rule["name"]: rule["consequence"] for level in page["levels"] for rule in level["rules"]}
    assert consequences["credits_few"] == "The submission fails."
    assert consequences["volume_usual"] == "The submission is released, and the owner is told."
