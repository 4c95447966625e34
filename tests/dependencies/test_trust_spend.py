"""The trusts' real lists against facts that were taken from them by hand and by other programs.

The lists name people, so they are no part of this project; ``tests/data/README.md`` says where to get them. The facts
(``trust_spend_facts.csv``) hold counts, places and sums only.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl
import pytest
from integrity.gates.schema import load_schema
from integrity.gates.structure import StructureResult, judge_structure
from integrity.inventory.dependency import Layout, ReadingHints
from integrity.inventory.loading import load_inventory
from integrity.inventory.policy import load_policy
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.identifying import identify_periods, reading_of_period
from integrity.submissions.layouts import apply_layout, choose_layout
from integrity.submissions.limits import Limits
from integrity.submissions.notations import typed
from integrity.submissions.opening import open_submission
from integrity.submissions.reading import ROW, Reading
from integrity.verdicts import Verdict

FILES = Path(os.environ.get("TRUST_SPEND_FILES", PROJECT_ROOT.parent / "shared" / "data" / "nhs_spend" / "submissions"))
SETTINGS = Settings.from_environment({})
REGISTERED = load_inventory(SETTINGS).get("trust_spend")
DEPENDENCY = REGISTERED.dependency
SCHEMA = load_schema(REGISTERED)
POLICY = load_policy(SETTINGS.policy, DEPENDENCY.importance)
with (PROJECT_ROOT / "tests" / "data" / "trust_spend_facts.csv").open(encoding="utf-8", newline="") as opened:
    FACTS = list(csv.DictReader(opened))

COUNTED = {
    "required": "blank_amounts",
    "row_repeated": "repeated_rows",
    "transaction_identified": "blank_transactions",
    "over_threshold": "small_payments",
    "date_plausible": "far_dates",
    "payee_named": "numbers_as_payee",
    "amount_usual": "large_lines",
    "one_line": "broken_texts",
    "missing_coded": "coded_blanks",
    "spelt_as_others": "slips",
}
"""The fact that each rule's failures must equal; every other rule must find nothing."""

needs_files = pytest.mark.skipif(not FILES.is_dir(), reason="the lists are not here; tests/data/README.md says where")
each_file = pytest.mark.parametrize("fact", FACTS, ids=[fact["file"] for fact in FACTS])


@dataclass(frozen=True)
class Taken:
    """A real list as the product takes it in: as read, its layout and the months that it covers."""

    reading: Reading
    layout: Layout
    covered: tuple[date, ...]
    supplier: str

    def part(self, period: date) -> Reading:
        return reading_of_period(self.reading, DEPENDENCY, self.layout, period, self.covered)

    @cached_property
    def judged(self) -> dict[date, StructureResult]:
        return {
            period: judge_structure(
                self.part(period),
                SCHEMA,
                DEPENDENCY,
                period=period,
                as_of=date(2020, 12, 1),
                policy=POLICY,
                supplier=self.supplier,
            )
            for period in self.covered
        }


Take = Callable[[dict[str, str]], Taken]
_TAKEN: dict[str, Taken] = {}


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Take a list in, once for all tests."""

    def taken(fact: dict[str, str]) -> Taken:
        name, supplier = fact["file"], fact["supplier"]
        if name not in _TAKEN:
            path = FILES / name
            reading = open_submission(path, path.name, ReadingHints(), Limits(), tmp_path)
            layout = choose_layout(reading.headings, DEPENDENCY.layouts, SCHEMA.names, supplier).layout
            covered = identify_periods(
                DEPENDENCY, path.name, lambda: reading, supplier=supplier, dictionary=SCHEMA.names
            )
            _TAKEN[name] = Taken(reading, layout, covered, supplier)
        return _TAKEN[name]

    return taken


def pence(amounts: pl.Series) -> int:
    return int((amounts * 100).round().cast(pl.Int64).sum())


def by_month(told: str) -> dict[date, int]:
    """Read ``2020-04=238 2020-05=…``."""
    pairs = (pair.split("=") for pair in told.split())
    return {date.fromisoformat(f"{month}-01"): int(count) for month, count in pairs}


def test_the_facts_are_of_every_list_and_agree_with_themselves() -> None:
    assert len(FACTS) == 73
    assert sum(int(fact["rows"]) for fact in FACTS) == 11_789
    assert Counter(fact["format"] for fact in FACTS) == {"csv": 59, "xlsx": 14}
    for fact in FACTS:
        assert sum(by_month(fact["months"]).values()) == int(fact["rows"]), fact["file"]
        assert sum(by_month(fact["pence_by_month"]).values()) == int(fact["total_pence"]), fact["file"]


def test_no_two_lists_of_a_trust_are_for_the_same_month() -> None:
    months = Counter((fact["supplier"], month) for fact in FACTS for month in by_month(fact["months"]))
    assert len(months) == 85
    assert set(months.values()) == {1}, "one would replace the other"


def test_every_trust_has_its_layouts() -> None:
    described = {code for layout in DEPENDENCY.layouts for code in layout.suppliers}
    silent = {"BHR"}
    assert described | silent == {supplier.code for supplier in DEPENDENCY.suppliers}
    assert described == {fact["supplier"] for fact in FACTS}
    stated = {name for told in DEPENDENCY.reporting.stated for name in told.layouts}
    assert stated <= {layout.name for layout in DEPENDENCY.layouts}


def test_the_documents_table_agrees_with_the_facts() -> None:
    page = (PROJECT_ROOT / "docs" / "trust_spend.md").read_text(encoding="utf-8")
    table = page[page.index("| List |") :].split("\n\n")[0].splitlines()[2:]
    told = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert [(row[0], row[2], row[3], row[5].replace(",", "").replace(".", "")) for row in told] == [
        (fact["file"].split("/")[1], fact["rows"], f"{fact['first_row']}-{fact['last_row']}", fact["total_pence"])
        for fact in FACTS
    ]


@needs_files
@each_file
def test_a_list_is_read_as_it_is(take: Take, fact: dict[str, str]) -> None:
    reading = take(fact).reading
    rows = reading.frame[ROW]
    assert (reading.format, reading.sheet or "", reading.problem) == (fact["format"], fact["sheet"], "")
    assert reading.header_rows == (int(fact["header_row"]),)
    assert len(reading.headings) == int(fact["columns"])
    assert (len(rows), rows[0], rows[-1]) == (int(fact["rows"]), int(fact["first_row"]), int(fact["last_row"]))
    assert reading.bad_rows == ()
    expected = {"ascii": "utf-8", "mac_roman": "cp1252"}.get(fact["encoding"], fact["encoding"])
    assert (reading.encoding or "") == expected


@needs_files
@each_file
def test_every_pound_is_in_its_month(take: Take, fact: dict[str, str]) -> None:
    taken = take(fact)
    rows, sums, numbers = {}, {}, []
    dates: list[date] = []
    for period in taken.covered:
        text = apply_layout(taken.part(period), taken.layout, SCHEMA.names)
        amounts = text.select(typed("amount", pl.Float64(), taken.layout)).to_series()
        dates += text.select(typed("date", pl.Datetime(), taken.layout).dt.date()).to_series().to_list()
        rows[period], sums[period] = text.height, pence(amounts)
        numbers += text[ROW].to_list()
    assert rows == by_month(fact["months"])
    assert sums == by_month(fact["pence_by_month"])
    assert sorted(numbers) == taken.reading.frame[ROW].to_list(), "each row once"
    assert (str(min(dates)), str(max(dates))) == (fact["first_date"], fact["last_date"])


@needs_files
@each_file
def test_the_rules_find_what_is_there_and_nothing_else(take: Take, fact: dict[str, str]) -> None:
    taken = take(fact)
    failed: Counter[str] = Counter()
    for judged in taken.judged.values():
        for finding in judged.result.failures:
            failed[finding.rule.name] += finding.failed
    counted = {rule: int(fact[column]) for rule, column in COUNTED.items()}
    assert dict(failed) == {rule: count for rule, count in counted.items() if count}


@needs_files
def test_what_becomes_of_the_lists(take: Take) -> None:
    results = {(fact["file"], period): judged for fact in FACTS for period, judged in take(fact).judged.items()}
    assert Counter(judged.verdict for judged in results.values()) == {
        Verdict.PASS: 49,
        Verdict.WARN: 35,
        Verdict.FAIL: 1,
    }
    failed = {key for key, judged in results.items() if judged.verdict is Verdict.FAIL}
    assert failed == {("HILL/HILL 00-03 - Nov 2019 to June 2020.xlsx", date(2020, 4, 1))}, "2 of 114 have no amount"
    aside = {name: judged.quarantined.height for (name, _), judged in results.items() if judged.quarantined.height}
    assert aside == {
        "HILL/HILL 00-03 - Nov 2019 to June 2020.xlsx": 2,
        "ROYF/ROYF 01-03 - April - June.csv": 1,
    }


@needs_files
def test_no_rule_cries_wolf() -> None:
    rows = sum(int(fact["rows"]) for fact in FACTS)
    shares = {rule: sum(int(fact[column]) for fact in FACTS) / rows for rule, column in COUNTED.items()}
    assert max(shares.values()) < 0.01


@needs_files
def test_every_layout_describes_a_list(take: Take) -> None:
    used = {take(fact).layout.name for fact in FACTS}
    assert used == {layout.name for layout in DEPENDENCY.layouts} - {"dictionary"}


def fact_of(file: str) -> dict[str, str]:
    return next(fact for fact in FACTS if fact["file"] == file)


@needs_files
def test_the_invoices_dates_do_not_tell_kings_month(take: Take) -> None:
    """Most of the April list is dated in March: by its dates it would go to a month that is not its own."""
    taken = take(fact_of("KICO/KICO 01 - April.csv"))
    unstated = DEPENDENCY.model_copy(update={"reporting": DEPENDENCY.reporting.model_copy(update={"stated": []})})
    by_dates = identify_periods(unstated, "x.csv", lambda: taken.reading, supplier="KICO", dictionary=SCHEMA.names)
    assert (taken.covered, by_dates) == ((date(2020, 4, 1),), (date(2020, 3, 1),))


@needs_files
def test_a_dash_from_a_mac_is_a_dash(take: Take) -> None:
    taken = take(fact_of("CHWE/CHWE 05 - August.csv"))
    areas = apply_layout(taken.reading, taken.layout, SCHEMA.names).filter(pl.col(ROW) == 34)["expense_area"]
    assert [area.count("–") for area in areas] == [1]
    assert not [area for area in areas if "Ð" in area]


@needs_files
def test_homertons_name_is_brought_back_into_order(take: Take) -> None:
    for fact in FACTS:
        if fact["supplier"] == "HOME":
            taken = take(fact)
            entities = apply_layout(taken.reading, taken.layout, SCHEMA.names)["entity"].unique().to_list()
            assert entities == ["Homerton University Hospital NHS FT"], fact["file"]
