"""A file that departs from its supplier's layout: harmless changes are noted, others stopped; both say what changed."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from integrity.errors import Misconfigured
from integrity.findings import Finding
from integrity.gates.rules import MOMENT, NUMBER, WHOLE_NUMBER
from integrity.gates.schema import Column, Schema
from integrity.gates.structure import StructureResult, judge_structure
from integrity.inventory.dependency import Dependency, Layout, ReadingHints
from integrity.inventory.loading import load_inventory
from integrity.inventory.policy import load_policy
from integrity.register.problems import problems_from
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions import notations
from integrity.submissions.drift import Shape, changes, likeness
from integrity.submissions.limits import Limits
from integrity.submissions.notations import read_in
from integrity.submissions.opening import open_submission
from integrity.verdicts import Verdict
from integrity.warehouse.models import FindingRow

CSSE = PROJECT_ROOT / "tests" / "data" / "csse"
TYPE_RULES = {pl.Int64(): WHOLE_NUMBER, pl.Float64(): NUMBER, pl.Datetime(): MOMENT}
POLICY = load_policy(Settings.from_environment({}).policy, "low")
Judge = Callable[..., StructureResult]


def schema_of(**dtypes: pl.DataType) -> Schema:
    columns = {
        name: Column(name, dtype, required=False, description="", type_rule=TYPE_RULES.get(dtype), checks=())
        for name, dtype in dtypes.items()
    }
    return Schema(columns=columns, row_rules=(), path=Path("schema.py"))


REPORTS = schema_of(
    province=pl.String(),
    country=pl.String(),
    last_update=pl.Datetime(),
    confirmed=pl.Int64(),
    deaths=pl.Int64(),
    recovered=pl.Int64(),
    latitude=pl.Float64(),
    longitude=pl.Float64(),
)
FIRST_REPORTS = Schema(
    columns={name: column for name, column in REPORTS.columns.items() if name not in ("latitude", "longitude")},
    row_rules=(),
    path=REPORTS.path,
)
HEADINGS = {
    "Province/State": "province",
    "Country/Region": "country",
    "Last Update": "last_update",
    "Confirmed": "confirmed",
    "Deaths": "deaths",
    "Recovered": "recovered",
}
PLACES = {"Latitude": "latitude", "Longitude": "longitude"}
LONG_YEAR, SHORT_YEAR, ISO = "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%dT%H:%M:%S"


def csse(*notations: str, places: bool = False) -> Layout:
    return Layout(
        name="csse",
        describes="The daily report",
        rename=HEADINGS | (PLACES if places else {}),
        datetime_formats=list(notations),
    )


@pytest.fixture
def dependency() -> Dependency:
    return load_inventory(Settings.from_environment({})).get("national_hospital_activity").dependency


@pytest.fixture
def judge(dependency: Dependency, tmp_path: Path) -> Judge:
    def judge(
        file: Path | list[list[str]],
        layout: Layout,
        schema: Schema = REPORTS,
        before: Shape | None = None,
        encoding: str = "utf-8",
        delimiter: str = ",",
    ) -> StructureResult:
        if isinstance(file, list):
            text = io.StringIO(newline="")
            csv.writer(text, delimiter=delimiter).writerows(file)
            file = tmp_path / "list.csv"
            file.write_bytes(text.getvalue().encode(encoding))
        reading = open_submission(file, file.name, ReadingHints(), Limits(), tmp_path)
        return judge_structure(
            reading,
            schema,
            dependency.model_copy(update={"layouts": [layout], "population": None}),
            period=date(2020, 4, 1),
            as_of=date(2020, 5, 1),
            policy=POLICY,
            supplier="SOME",
            before=before,
        )

    return judge


def told(result: StructureResult) -> dict[tuple[str, str | None], str]:
    """Detail of every failing finding, by rule and column."""
    return {(f.rule.name, f.column): f.detail for f in result.result.failures}


def finding(result: StructureResult, rule: str) -> Finding:
    return next(f for f in result.result.findings if f.rule.name == rule)


def report(day: str) -> Path:
    return CSSE / f"{day}-2020.csv"


@pytest.mark.parametrize(
    ("before", "day", "layout", "verdict", "expected"),
    [
        pytest.param("01-22", "01-22", csse(LONG_YEAR), Verdict.PASS, {}, id="the-same-layout"),
        pytest.param(
            "01-22",
            "01-23",
            csse(LONG_YEAR),
            Verdict.FAIL,
            {
                ("notation_kept", "last_update"): "'last_update' is written MM/DD/YY hh:mm; its layout says "
                "MM/DD/YYYY hh:mm. The last accepted file had MM/DD/YYYY hh:mm."
            },
            id="23-january-the-year-of-two-digits",
        ),
        pytest.param(
            "01-22",
            "01-23",
            csse(LONG_YEAR, SHORT_YEAR),
            Verdict.WARN,
            {
                ("layout_kept", None): "'last_update' was written MM/DD/YYYY hh:mm and is now written MM/DD/YY hh:mm.",
            },
            id="23-january-where-both-are-described",
        ),
        pytest.param(
            "01-31",
            "02-01",
            csse(LONG_YEAR),
            Verdict.WARN,
            {("layout_kept", None): "The encoding was UTF-8 with byte-order mark and is now UTF-8."},
            id="1-february-no-byte-order-mark",
        ),
        pytest.param(
            "02-01",
            "02-02",
            csse(LONG_YEAR),
            Verdict.FAIL,
            {
                ("notation_kept", "last_update"): "'last_update' is written YYYY-MM-DDThh:mm:ss; its layout says "
                "MM/DD/YYYY hh:mm. The last accepted file had MM/DD/YYYY hh:mm."
            },
            id="2-february-the-year-first",
        ),
        pytest.param("02-02", "02-29", csse(ISO), Verdict.PASS, {}, id="29-february-nothing-changed"),
        pytest.param(
            "02-29",
            "03-01",
            csse(ISO),
            Verdict.WARN,
            {
                ("columns_known", None): "By position: 7, 8.",
                ("layout_kept", None): "There are 2 unknown columns more.",
            },
            id="1-march-two-columns-that-are-not-described",
        ),
        pytest.param(
            "02-29",
            "03-01",
            csse(ISO, places=True).model_copy(update={"may_lack": list(PLACES.values())}),
            Verdict.WARN,
            {("layout_kept", None): "'latitude' is new, in column 7. 'longitude' is new, in column 8."},
            id="1-march-two-columns-that-are-described",
        ),
        pytest.param(
            "03-12",
            "03-13",
            csse(ISO, places=True),
            Verdict.WARN,
            {("layout_kept", None): "The encoding was UTF-8 and is now UTF-8 with byte-order mark."},
            id="13-march-the-byte-order-mark-is-back",
        ),
        pytest.param(
            None,
            "02-29",
            csse(ISO, places=True),
            Verdict.FAIL,
            {("columns_present", None): "Missing: latitude, longitude."},
            id="the-layout-of-march-on-a-file-of-february",
        ),
    ],
)
def test_the_reports_of_early_2020(
    judge: Judge,
    before: str | None,
    day: str,
    layout: Layout,
    verdict: Verdict,
    expected: dict[tuple[str, str | None], str],
) -> None:
    schema = REPORTS if "Latitude" in layout.rename else FIRST_REPORTS
    last = judge(report(before), layout, schema).shape if before else None
    result = judge(report(day), layout, schema, before=last)
    assert told(result) == expected
    assert result.verdict is verdict
    assert result.is_landable == (verdict is not Verdict.FAIL)


PAYMENTS = schema_of(day=pl.Datetime(), payee=pl.String(), code=pl.String(), amount=pl.Float64())
PLAIN = Layout(
    name="plain",
    describes="",
    rename={"Date": "day", "Paid To": "payee", "Amount": "amount"},
    datetime_formats=["%d/%m/%Y"],
)
HEADER = ["Date", "Paid To", "code", "Amount"]


def payments(
    header: list[str] = HEADER, day: str = "%d/%m/%Y", amount: str = "{:.2f}", sign: int = 1, days: range = range(1, 31)
) -> list[list[str]]:
    """Made-up payments, one a day of April."""
    rows = [
        [date(2020, 4, d).strftime(day), f"Firm {'ABCDE'[d % 5]} Ltd", str(700 + d), amount.format(sign * 1000.25 * d)]
        for d in days
    ]
    return [header, *rows]


@pytest.fixture
def usual(judge: Judge) -> Shape:
    result = judge(payments(), PLAIN, PAYMENTS)
    assert result.verdict is Verdict.PASS
    assert result.shape is not None
    return result.shape


def swapped(table: list[list[str]], one: int, other: int, *, header: bool) -> list[list[str]]:
    """The table with two columns exchanged, with their headings or without."""
    order = list(range(len(table[0])))
    order[one], order[other] = order[other], order[one]
    rows = [[row[i] for i in order] for row in table[1:]]
    return [[table[0][i] for i in order] if header else table[0], *rows]


@pytest.mark.parametrize(
    ("table", "options", "note"),
    [
        pytest.param(
            swapped(payments(), 1, 3, header=True),
            {},
            "The columns stand in another order: day, amount, code, payee.",
            id="another-order",
        ),
        pytest.param(
            payments(["DATE", " paid  to: ", "Code", "*Amount*"]),
            {},
            "Headings are written with another case, blanks or punctuation, or another known wording.",
            id="headings-in-another-case",
        ),
        pytest.param(payments(), {"delimiter": ";"}, "The separator was comma and is now semicolon.", id="semicolons"),
        pytest.param(payments(), {"encoding": "utf-16"}, "The encoding was UTF-8 and is now UTF-16.", id="utf-16"),
    ],
)
def test_a_harmless_change_passes_with_a_note(
    judge: Judge, usual: Shape, table: list[list[str]], options: dict[str, str], note: str
) -> None:
    result = judge(table, PLAIN, PAYMENTS, before=usual, **options)
    assert told(result) == {("layout_kept", None): note}
    assert result.verdict is Verdict.WARN
    assert result.accepted.select("amount")["amount"].sum() == pytest.approx(1000.25 * 465)


def test_a_new_blank_column_is_noted(judge: Judge, usual: Shape) -> None:
    table = [[*row, "Remark" if index == 0 else ""] for index, row in enumerate(payments())]
    result = judge(table, PLAIN, PAYMENTS, before=usual)
    assert told(result) == {
        ("columns_known", "column 5"): "By position: 5. Blank throughout: 5.",
        ("layout_kept", None): "There is 1 unknown column more.",
    }
    assert result.verdict is Verdict.WARN


def test_a_column_that_may_lack_is_noted(judge: Judge, usual: Shape) -> None:
    table = [[row[0], row[1], row[3]] for row in payments()]
    result = judge(table, PLAIN.model_copy(update={"may_lack": ["code"]}), PAYMENTS, before=usual)
    assert told(result) == {("layout_kept", None): "'code' was column 3 and is not there any more."}
    assert result.verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("header", "missing", "detail"),
    [
        pytest.param(
            ["Payment Date", "Paid To", "code", "Amount"],
            "day",
            "Missing: day. Column 1 looks like 'day' under another heading (similar words). "
            "'day' was column 1 and is not there any more. There is 1 unknown column more.",
            id="by-its-words",
        ),
        pytest.param(
            ["Date", "Paid To", "code", "Sterling"],
            "amount",
            "Missing: amount. Column 4 looks like 'amount' under another heading (by its cells). "
            "'amount' was column 4 and is not there any more. There is 1 unknown column more.",
            id="by-its-cells",
        ),
        pytest.param(
            ["Date", "Beneficiary", "code", "Amount"],
            "payee",
            "Missing: payee. 'payee' was column 2 and is not there any more. There is 1 unknown column more.",
            id="text-is-told-by-words-only",
        ),
        pytest.param(
            ["Date", "Paid To", "amount.", "AMOUNT"],
            None,
            "Missing: code, amount. Columns 3 and 4 both claim to be 'amount'. 'code' was column 3 and is not there "
            "any more. 'amount' was column 4 and is not there any more. There are 2 unknown columns more.",
            id="two-claim-to-be-one",
        ),
    ],
)
def test_a_renamed_column_stops_the_file(
    judge: Judge, usual: Shape, header: list[str], missing: str | None, detail: str
) -> None:
    result = judge(payments(header), PLAIN, PAYMENTS, before=usual)
    assert told(result)["columns_present", missing] == detail
    assert result.verdict is Verdict.FAIL
    assert not result.is_landable


GROUPED = PLAIN.model_copy(update={"numbers": PLAIN.numbers.model_copy(update={"thousands": [","]})})


@pytest.mark.parametrize(
    ("table", "layout", "column", "detail"),
    [
        pytest.param(
            payments(day="%m/%d/%Y"),
            PLAIN,
            "day",
            "'day' is written MM/DD/YYYY; its layout says DD/MM/YYYY.",
            id="the-month-first",
        ),
        pytest.param(
            payments(day="%m/%d/%Y", days=range(1, 14)),
            PLAIN,
            "day",
            "'day' is written MM/DD/YYYY; its layout says DD/MM/YYYY.",
            id="the-month-first-in-12-of-13-that-could-be-either",
        ),
        pytest.param(
            payments(day="%d-%b-%y"),
            PLAIN,
            "day",
            "'day' is written DD-Mon-YY; its layout says DD/MM/YYYY.",
            id="month-names",
        ),
        pytest.param(
            [[c.replace(".", ",") if i else c for c in row] for i, row in enumerate(payments())],
            PLAIN,
            "amount",
            "'amount' is written 1234,50; its layout says 1234.50.",
            id="a-decimal-comma",
        ),
        pytest.param(
            payments(amount="{:,.2f}"),
            PLAIN,
            "amount",
            "'amount' is written 1,234.50; its layout says 1234.50.",
            id="thousands-signs",
        ),
        pytest.param(
            payments(amount="£{:,.2f}"),
            GROUPED,
            "amount",
            "'amount' is written 1,234.50, with £; its layout says 1,234.50.",
            id="a-currency-sign",
        ),
    ],
)
def test_another_notation_stops_the_file(
    judge: Judge, usual: Shape, table: list[list[str]], layout: Layout, column: str, detail: str
) -> None:
    result = judge(table, layout, PAYMENTS)
    assert told(result) == {("notation_kept", column): detail}
    assert not result.is_landable
    assert finding(result, "notation_kept").rows
    was = usual.notations[column]
    assert told(judge(table, layout, PAYMENTS, before=usual))["notation_kept", column] == (
        f"{detail} The last accepted file had {was}."
    )


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        pytest.param({3: "n.d."}, "number", id="a-slip-in-one-number"),
        pytest.param({3: "1,234.50"}, "number", id="one-number-in-another-notation-that-changes-no-other"),
        pytest.param({0: "31/04/2020"}, "moment", id="a-slip-in-one-date"),
        pytest.param({0: "4/23/2020"}, "moment", id="one-date-in-another-notation-that-not-all-can-follow"),
    ],
)
def test_a_slip_in_a_row_is_the_rows_business(judge: Judge, cells: dict[int, str], rule: str) -> None:
    table = payments()
    for index, cell in cells.items():
        table[20][index] = cell
    result = judge(table, PLAIN, PAYMENTS)
    assert [name for name, _ in told(result)] == [rule]
    assert result.verdict is Verdict.WARN
    assert result.quarantined.height == 1


def test_turned_signs_stop_the_file(judge: Judge, usual: Shape) -> None:
    table = payments(sign=-1)
    assert told(judge(table, PLAIN, PAYMENTS)) == {}, "a list of credits may be what it says"
    result = judge(table, PLAIN, PAYMENTS, before=usual)
    assert told(result) == {
        ("notation_kept", "amount"): "Nearly every value of 'amount' has changed its sign since the last accepted file."
    }
    assert not result.is_landable
    assert told(judge(table[:20], PLAIN, PAYMENTS, before=usual)) == {}, "a short list may hold credits only"
    turned = PLAIN.model_copy(update={"turn_sign": ["amount"]})
    assert told(judge(table, turned, PAYMENTS, before=usual)) == {}, "the layout says so"


def test_columns_that_changed_places_stop_the_file(judge: Judge, usual: Shape) -> None:
    mixed = judge(swapped(payments(), 0, 1, header=False), PLAIN, PAYMENTS)
    assert told(mixed) == {
        ("content_kept", "day"): "Hardly a cell of 'day' can be read; those of 'payee' could be its."
    }
    typed = judge(swapped(payments(), 0, 3, header=False), PLAIN, PAYMENTS)
    assert set(told(typed)) == {("content_kept", "day"), ("content_kept", "amount")}
    amounts = swapped(payments(), 1, 3, header=False)
    assert told(judge(amounts, PLAIN, PAYMENTS)).keys() == {("number", "amount")}, (
        "nothing says what the text should be"
    )
    assert ("content_kept", "amount") in told(judge(amounts, PLAIN, PAYMENTS, before=usual))
    texts = judge(swapped(payments(), 1, 2, header=False), PLAIN, PAYMENTS, before=usual)
    assert told(texts)["content_kept", "payee"] == "'payee' now holds what 'code' held in the last accepted file."
    for result in (mixed, typed, texts):
        assert not result.is_landable


def test_what_is_told_holds_neither_cell_nor_heading(judge: Judge, usual: Shape) -> None:
    table = payments(["Canary Date", "canary payee", "canary", "Amount"], day="%m/%d/%Y", amount="€{:,.2f}")
    table[5][3] = "€87,654.32"
    result = judge(table, PLAIN, PAYMENTS, before=usual)
    assert result.verdict is Verdict.FAIL
    assert result.shape is not None
    everything = json.dumps([f.to_json() for f in result.result.findings]) + json.dumps(result.shape.to_json())
    for secret in ("anary", "87,654", "87654", "Firm", "23/2020", "705"):
        assert secret not in everything


def test_a_shape_survives_storage(usual: Shape) -> None:
    stored: dict[str, Any] = json.loads(json.dumps(usual.to_json()))
    assert Shape.from_json(stored) == usual
    assert changes(usual, Shape.from_json(stored)) == []
    assert changes(None, usual) == []


@pytest.mark.parametrize(("cell", "asked"), [("n.d.", 0), ("1,234", 5), ("£5", 7)])
def test_one_unreadable_cell_among_many_is_not_dear(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, cell: str, asked: int
) -> None:
    """Every notation of numbers reads plain ones; only those that read the odd cell too are asked of all of them."""
    whole: list[int] = []

    def counting(cells: pl.Series, *rest: Any) -> pl.Series:
        whole.extend([len(cells)] if len(cells) > 1000 else [])
        return read_in(cells, *rest)

    monkeypatch.setattr(notations, "read_in", counting)
    table = [HEADER, *([["01/04/2020", "Firm", "1", "25000"]] * 5_000)]
    table[7] = ["01/04/2020", "Firm", "1", cell]
    assert told(judge(table, PLAIN, PAYMENTS)).keys() == {("number", "amount")}
    assert len(whole) <= asked


def test_unreadable_cells_that_follow_nothing_are_the_rows_business(judge: Judge) -> None:
    chosen = random.Random(7)  # noqa: S311 - nothing depends on it
    table = payments()
    table += [[f"{chosen.randrange(10**9):x}", "Firm", "1", f"{chosen.randrange(10**9):x}z"] for _ in range(3000)]
    assert {rule for rule, _ in told(judge(table, PLAIN, PAYMENTS))} == {"moment", "number"}


def test_a_message_speaks_of_the_layouts_own_notation(judge: Judge) -> None:
    table = payments(amount="{:,.2f}")
    table[3][0], table[4][3] = "soon", "much"
    result = judge(table, GROUPED.model_copy(update={"datetime_formats": ["%d/%m/%Y", "%d-%b-%y"]}), PAYMENTS)
    assert finding(result, "moment").message == "The cell must hold a date written as DD/MM/YYYY or DD-Mon-YY."
    assert finding(result, "number").message == "The cell must hold a number written as 1,234.50."
    usual = judge(payments(), Layout(name="iso", describes="", rename=PLAIN.rename), PAYMENTS)
    assert finding(usual, "number").rule == NUMBER
    assert finding(usual, "notation_kept").message.endswith(
        "is written DD/MM/YYYY; its layout says YYYY-MM-DDThh:mm:ss."
    )


def test_another_suppliers_layout_is_not_used(judge: Judge) -> None:
    with pytest.raises(Misconfigured, match="No layout describes the files of supplier 'SOME'"):
        judge(payments(), PLAIN.model_copy(update={"suppliers": ["OTHER"]}), PAYMENTS)


def test_a_table_that_cannot_be_trusted_is_not_judged(judge: Judge) -> None:
    result = judge(payments(["Date", "Paid To", "Amount", "Amount"]), PLAIN, PAYMENTS)
    assert told(result) == {("readable", None): "columns 3 and 4 have the same heading"}
    assert result.verdict is Verdict.ERROR
    assert result.shape is None


@pytest.mark.parametrize(
    ("heading", "name", "alike"),
    [
        ("Supplier Name", "supplier", True),
        ("Date Paid", "date", True),
        ("Transaction No.", "transaction_number", True),
        ("Expenses Area", "expense_area", True),
        ("Ammount", "amount", True),
        ("Entuty", "entity", True),
        ("Supplier", "amount", False),
        ("Financial Year", "expense_area", False),
        ("£", "amount", False),
    ],
)
def test_likeness_of_headings(heading: str, name: str, alike: bool) -> None:
    assert (likeness(heading, name) >= 0.62) == alike


def test_a_note_is_told_and_is_nobodys_issue() -> None:
    """A harmless change of layout passes; only what somebody must answer for opens an issue."""
    told = {"rule": "layout_kept", "dimension": "consistency", "verdict": "WARN", "evaluated": 1, "failed": 1}
    row = FindingRow(**told, severity="note", message="Changed.", mend="Nothing.", supplier=None, column=None)
    assert problems_from([(row, "maker")]) == []
    row.severity = "warn"
    assert [problem.rule for problem in problems_from([(row, "maker")])] == ["layout_kept"]
