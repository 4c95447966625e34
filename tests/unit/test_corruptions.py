"""Planting errors: each changes what it says and nothing else, the same again under the same seed, or says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from integrity.assessment.assessing import Wanted, choose, ground_of
from integrity.assessment.catalogue import CORRUPTIONS, HARMLESS, corruption_named
from integrity.assessment.holdings import Held, Holding, names_needed
from integrity.assessment.planting import Corruption, NotApplicable, NothingPlanted, Planted, Watcher, corruption, plant
from integrity.assessment.results import WATCHING, Assessment, is_not_yet_visible, is_visible
from integrity.assessment.seeing import Seen, new_in
from integrity.assessment.specimens import Sent, Specimen, open_specimen
from integrity.assessment.texts import SentText, Unwritable, rewritten
from integrity.assessment.trials import Control, Trial, Tried, judged_trial
from integrity.errors import Rejected
from integrity.gates.profiling.rules import PROFILING_RULES
from integrity.gates.profiling.sensitivity import DEFAULTS
from integrity.inventory import manual
from integrity.inventory.dependency import Numbers
from integrity.pipeline.checking import check
from integrity.pipeline.office import Office
from integrity.settings import PROJECT_ROOT, Settings
from integrity.submissions.dialects import Dialect
from integrity.verdicts import Verdict
from openpyxl import Workbook

REGIONAL, NATIONAL, SPEND = "regional_hospital_activity", "national_hospital_activity", "trust_spend"
REGIONS = PROJECT_ROOT / "include" / "demonstration" / "regions"
APRIL = date(2020, 4, 1)

OFFICES = {name: Office.open(name, Settings.from_environment({})) for name in (REGIONAL, NATIONAL, SPEND)}


def of_region(day: int) -> Sent:
    name = f"dpc-covid19-ita-regioni-202004{day:02d}.csv"
    return Sent((REGIONS / name).read_bytes(), name, "protezione_civile", (date(2020, 4, day),))


def of_trust(code: str, *, name: str = "April.csv") -> Sent:
    """A list of payments as Imperial College Healthcare writes it; payees and payments are invented."""
    heading = "Department Family,Entity,Date Paid,Expense Type,Expenses Area,Supplier Name,Transaction Reference,Amount"
    rows = [
        f'Department of Health,Imperial College Healthcare NHS Trust,{day:02d}/04/2020,{kind},"Wards, {day}",'
        f'Café Example {day} Ltd,{code}{100 + day},"{day * 31},{day:03d}.5{day % 10}"'
        for day, kind in zip(range(1, 13), ["Drugs", "Rent"] * 6, strict=True)
    ]
    content = "\r\n".join([heading, *rows, ""]).encode("cp1252")
    return Sent(content, name, code, (APRIL,))


@pytest.fixture(scope="module")
def regional() -> Specimen:
    return open_specimen(OFFICES[REGIONAL].table(), of_region(28), neighbours=[of_region(27)])


@pytest.fixture(scope="module")
def spend() -> Specimen:
    return open_specimen(OFFICES[SPEND].table(), of_trust("IMPC"), neighbours=[of_trust("CHWE")])


SPECIMENS = ["regional", "spend"]
KINDS = [pytest.param(found, id=found.name) for found in CORRUPTIONS]


def specimen_named(request: pytest.FixtureRequest, name: str) -> Specimen:
    found = request.getfixturevalue(name)
    assert isinstance(found, Specimen)
    return found


# The catalogue.


def test_every_kind_of_error_has_a_name_of_its_own_and_speaks_the_manuals_language() -> None:
    names = [*(found.name for found in CORRUPTIONS), *(found.name for found in HARMLESS)]
    assert len(set(names)) == len(names)
    for found in CORRUPTIONS:
        assert set(found.dimensions) <= set(manual.dimensions())
        assert set(found.limitations) <= set(manual.limitations())
        assert found.says.endswith(".")


def test_the_documentation_tells_every_kind_of_error_as_it_is() -> None:
    told = (PROJECT_ROOT / "docs" / "assess.md").read_text(encoding="utf-8")
    for found in CORRUPTIONS:
        row = next(line for line in told.splitlines() if line.startswith(f"| `{found.name}` |"))
        _, _, says, dimensions, limitations, watchers, _ = (cell.strip() for cell in row.split("|"))
        assert (says, dimensions, limitations) == (
            *(found.says, ", ".join(found.dimensions)),
            ", ".join(found.limitations),
        )
        assert set(watchers.split(", ")) == found.seen_by
    assert all(f"`{change.name}`" in told for change in HARMLESS)


def test_every_dimension_is_harmed_by_errors_that_a_gate_can_see() -> None:
    assert {d for found in CORRUPTIONS if is_visible(found) for d in found.dimensions} == set(manual.dimensions())


def test_a_word_that_is_not_the_manuals_is_refused() -> None:
    with pytest.raises(ValueError, match="beauty"):
        corruption("x", says="X.", dimensions=["beauty"], limitations=[], seen_by=["nobody"], kinds=[])


def test_what_only_the_history_of_figures_can_tell_counts_where_somebody_looks_at_it() -> None:
    assert is_visible(corruption_named("biased"))
    assert not is_visible(corruption_named("biased"), WATCHING - {"profiling"})


@pytest.mark.parametrize(
    ("kind", "watching", "earlier", "is_too_early"),
    [
        ("biased", WATCHING, 13, True),
        ("biased", WATCHING, 14, False),
        ("optional_field_blanked", WATCHING, 4, True),
        ("optional_field_blanked", WATCHING, 5, False),
        ("rows_missing", WATCHING, 0, False),  # whoever lists its reporting units sees it at once
        ("rows_missing", WATCHING - {"population"}, 13, True),
        ("copied_down", WATCHING, 0, False),  # the rows of one file tell it
        ("biased", WATCHING - {"profiling"}, 0, False),  # nobody ever would: that is told apart
    ],
)
def test_what_only_profiling_can_tell_is_not_yet_visible_before_the_gate_has_its_history(
    kind: str, watching: frozenset[Watcher], earlier: int, is_too_early: bool
) -> None:
    assert is_not_yet_visible(corruption_named(kind), watching, earlier) is is_too_early


def test_the_gates_own_figure_decides_what_is_not_yet_visible() -> None:
    needed = {kind.profiled_by: DEFAULTS.history_needed(kind.profiled_by) for kind in CORRUPTIONS if kind.profiled_by}
    assert needed == {"volume_usual": 14, "level_usual": 14, "nulls_usual": 5}
    assert set(needed) <= {rule.name for rule in PROFILING_RULES}


def test_an_error_that_profiling_alone_may_see_names_the_rule_that_would() -> None:
    more = {"says": "X.", "dimensions": ["accuracy"], "limitations": ["5.1"], "kinds": ["business"]}
    with pytest.raises(ValueError, match="profiled_by"):
        corruption("x", seen_by=["profiling"], **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="profiled_by"):
        corruption("x", seen_by=["structure", "profiling"], profiled_by="level_usual", **more)  # type: ignore[arg-type]


# Planting.


@pytest.mark.parametrize("name", SPECIMENS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_planted_and_on_record_or_it_is_said_why_not(
    kind: Corruption, name: str, request: pytest.FixtureRequest
) -> None:
    specimen = specimen_named(request, name)
    for seed in range(4):
        try:
            planted = plant(kind, specimen, seed)
        except NotApplicable as reason:
            assert str(reason).endswith(".")
            continue
        assert planted == plant(kind, specimen, seed)
        assert planted.rows or planted.columns or planted.whole_file
        assert all(isinstance(row, int) for row in planted.rows)
        assert set(planted.columns) <= set(specimen.schema.names)
        if planted.sent is not None:
            assert (planted.sent.content, planted.sent.name) != (specimen.sent.content, specimen.sent.name)


@pytest.mark.parametrize(
    ("name", "not_applicable"),
    [
        ("regional", {"rows_of_another_supplier", "encoding_garbled"}),
        ("spend", {"unit_missing", "old_file_resent", "old_figures_redated", "noughts_lost", "total_broken"}),
    ],
)
def test_what_does_not_apply_is_told(name: str, not_applicable: set[str], request: pytest.FixtureRequest) -> None:
    specimen = specimen_named(request, name)
    told = set()
    for kind in CORRUPTIONS:
        try:
            plant(kind, specimen, 1)
        except NotApplicable:
            told.add(kind.name)
    assert told == not_applicable | ({"negative_number", "cumulative_stale"} if name == "spend" else set())


def test_other_seeds_plant_elsewhere(regional: Specimen) -> None:
    kind = corruption_named("decimal_shifted_cell")
    assert len({plant(kind, regional, seed).rows for seed in range(10)}) > 3


def lines_changed(before: Sent, after: Sent) -> list[int]:
    old, new = before.content.split(b"\n"), after.content.split(b"\n")
    assert len(old) == len(new)
    return [number for number, (one, other) in enumerate(zip(old, new, strict=True), 1) if one != other]


@pytest.mark.parametrize(
    "name", ["field_blanked_few", "code_mistyped", "decimal_shifted_cell", "sign_flipped_cell", "text_in_number"]
)
@pytest.mark.parametrize("specimen", SPECIMENS)
def test_what_is_not_planted_keeps_its_bytes(name: str, specimen: str, request: pytest.FixtureRequest) -> None:
    found = specimen_named(request, specimen)
    planted = plant(corruption_named(name), found, 3)
    assert planted.sent is not None
    assert lines_changed(found.sent, planted.sent) == list(planted.rows)


def test_a_corruption_that_changes_nothing_is_refused(regional: Specimen) -> None:
    idle = replace(corruption_named("biased"), make=lambda specimen, _: Planted(specimen.sent, rows=(2,)))
    with pytest.raises(NothingPlanted, match="left the file as it was"):
        plant(idle, regional, 0)


def test_a_corruption_that_does_not_say_what_it_did_is_refused(regional: Specimen) -> None:
    silent = replace(corruption_named("file_empty"), make=lambda s, _: Planted(replace(s.sent, content=b"")))
    with pytest.raises(NothingPlanted, match="does not say"):
        plant(silent, regional, 0)


def test_a_missing_unit_has_no_row_left(regional: Specimen) -> None:
    planted = plant(corruption_named("unit_missing"), regional, 0)
    assert planted.sent is not None
    gone = regional.cell(planted.rows[0], "codice_regione")
    left = open_specimen(OFFICES[REGIONAL].table(), planted.sent)
    assert len(left.rows) == len(regional.rows) - 1
    assert left.row_of(gone) is None


def test_a_stale_running_total_is_the_units_own_of_the_day_before(regional: Specimen) -> None:
    planted = plant(corruption_named("cumulative_stale"), regional, 5)
    assert planted.sent is not None and regional.previous is not None
    (row,), (column,) = planted.rows, planted.columns
    now = open_specimen(OFFICES[REGIONAL].table(), planted.sent)
    before = regional.previous.row_of(regional.cell(row, "codice_regione"))
    assert before is not None
    assert now.cell(row, column) == regional.previous.cell(before, column) != regional.cell(row, column)


def test_a_bias_is_five_per_cent_everywhere(spend: Specimen) -> None:
    planted = plant(corruption_named("biased"), spend, 0)
    assert planted.sent is not None
    now = open_specimen(OFFICES[SPEND].table(), planted.sent)
    for row in spend.rows:
        assert now.values["amount"][row] == pytest.approx(spend.values["amount"][row] * 1.05, abs=0.01)


def test_the_wrong_period_is_told_by_name_or_by_dates(regional: Specimen, spend: Specimen) -> None:
    by_name = plant(corruption_named("period_wrong"), regional, 0)
    assert by_name.sent and by_name.sent.name == "dpc-covid19-ita-regioni-20200429.csv"
    by_date = plant(corruption_named("period_wrong"), spend, 0)
    assert by_date.sent and b"01/05/2020" in by_date.sent.content and b"/04/2020" not in by_date.sent.content


def test_accents_are_garbled_where_the_encoding_has_the_signs(spend: Specimen) -> None:
    planted = plant(corruption_named("encoding_garbled"), spend, 0)
    assert planted.sent and "CafÃ©" in planted.sent.content.decode("cp1252")


@pytest.mark.parametrize("change", [pytest.param(found, id=found.name) for found in HARMLESS])
@pytest.mark.parametrize("name", SPECIMENS)
def test_a_harmless_change_leaves_the_same_figures(
    change: Corruption, name: str, request: pytest.FixtureRequest
) -> None:
    specimen = specimen_named(request, name)
    planted = plant(change, specimen, 0)
    assert planted.sent is not None
    now = open_specimen(OFFICES[specimen.dependency.name].table(), planted.sent)

    def rows(of: Specimen) -> list[list[str]]:
        return sorted([of.cell(row, column) for column in sorted(of.places)] for row in of.rows)

    assert rows(now) == rows(specimen)


# Reading and writing back.


def test_a_workbook_is_planted_in_as_its_plain_csv(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in of_trust("IMPC").content.decode("cp1252").splitlines()[:3]:
        sheet.append(re.sub(r'"([^",]*),([^"]*)"', r"\1\2", line).split(","))
    path = tmp_path / "april.xlsx"
    book.save(path)
    found = open_specimen(OFFICES[SPEND].table(), Sent(path.read_bytes(), path.name, "IMPC", (APRIL,)))
    assert found.is_rendered
    assert found.sent.name == "april.xlsx.csv"
    assert len(found.rows) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize(("delimiter", "end"), [(",", "\n"), (";", "\r\n"), ("\t", "\r")])
def test_text_is_written_back_byte_for_byte(encoding: str, delimiter: str, end: str) -> None:
    lines = ["a|b|c", '1|"x ""y"" é| z"|3', "||", '"two|words"|| 5 ']
    content = end.join(line.replace("|", delimiter) for line in lines).encode(encoding)
    text = SentText.of(content, encoding, Dialect(delimiter))
    assert text.to_bytes() == content
    assert text.cells(2) == ["1", f'x "y" é{delimiter} z', "3"]
    changed = text.with_cells({(2, 1): f"n{delimiter}o", (4, 2): "6"})
    assert changed.to_bytes().decode(encoding).split(end)[1] == f'1{delimiter}"n{delimiter}o"{delimiter}3'
    assert changed.cells(4) == [f"two{delimiter}words", "", "6"]
    assert (changed.lines[0], changed.lines[2]) == (text.lines[0], text.lines[2])


def test_a_neighbour_that_cannot_be_read_leaves_only_what_needs_it_out() -> None:
    unreadable = replace(of_region(27), content=b"\x00\x01\x02")
    found = open_specimen(OFFICES[REGIONAL].table(), of_region(28), neighbours=[unreadable])
    assert found.previous is None
    with pytest.raises(NotApplicable, match="no earlier file"):
        plant(corruption_named("old_file_resent"), found, 0)


def test_a_file_too_large_to_be_held_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrity.assessment.specimens._MOST_BYTES", 1000)
    with pytest.raises(Rejected, match="is larger than the 1,000 bytes"):
        open_specimen(OFFICES[REGIONAL].table(), of_region(28))


def test_text_in_two_encodings_is_not_planted_in() -> None:
    with pytest.raises(Unwritable):
        SentText.of("é".encode() + "é".encode("cp1252"), "utf-8", Dialect(","))


@pytest.mark.parametrize(
    ("cell", "was", "value", "numbers", "expected"),
    [
        ("1,234.50", 1234.5, 123.45, Numbers(thousands=[","]), "123.45"),
        ("1,234.50", 1234.5, 123450, Numbers(thousands=[","]), "123,450.00"),
        ("1.234,50", 1234.5, 1234567.5, Numbers(decimal=",", thousands=["."]), "1.234.567,50"),
        ("£12", 12, -12, Numbers(currency=["£"]), "-£12"),
        ("(12.0)", -12, 12, Numbers(negative=["brackets"]), "12.0"),
        ("-7", -7, 70, Numbers(), "70"),
        ("n/a", 0, 1, Numbers(), "n/a"),
    ],
)
def test_a_number_keeps_its_notation(cell: str, was: float, value: float, numbers: Numbers, expected: str) -> None:
    assert rewritten(cell, value, numbers, was=was) == expected


# What the gates said.

TOTAL = Seen("structure", "total_cases", "derivation", "FAIL", 1, "totale_casi", rows=(4,))
NOTE = Seen("layout", "layout_kept", "field_structure", "WARN", 1, is_note=True)
ABOUT = {"corruption": "total_broken", "file": "f.csv", "supplier": "s", "period": APRIL, "earlier": 0}


def judged(found: Sequence[Seen], rows: tuple[int, ...] = (4,)) -> Trial:
    return judged_trial(ABOUT, corruption_named("total_broken"), Planted(None, rows=rows), found)


def test_a_finding_is_caught_a_note_is_noticed_and_silence_is_missed() -> None:
    assert (judged([TOTAL]).fate, judged([NOTE]).fate, judged([]).fate) == ("caught", "noticed", "missed")


def test_a_catch_names_gate_and_rule_and_whether_it_was_the_right_one_in_the_right_place() -> None:
    trial = judged([TOTAL])
    assert (trial.gate, trial.rule, trial.is_blocked, trial.is_expected, trial.is_placed) == (
        *("structure", "total_cases"),
        *(True, True, True),
    )
    elsewhere = judged([replace(TOTAL, kind="completeness", verdict="WARN")], rows=(9,))
    assert (elsewhere.is_blocked, elsewhere.is_expected, elsewhere.is_placed) == (False, False, False)


@pytest.mark.parametrize(
    ("now", "is_new"),
    [
        (TOTAL, False),
        (replace(TOTAL, failed=2), True),
        (replace(TOTAL, column="tamponi"), True),
        (replace(TOTAL, verdict="ERROR"), True),
        (replace(TOTAL, verdict="WARN"), False),
    ],
)
def test_what_was_said_of_the_untouched_file_is_no_catch(now: Seen, is_new: bool) -> None:
    assert new_in([now], [TOTAL]) == ([now] if is_new else [])


def test_the_earliest_gate_is_told_first() -> None:
    late = Seen("relations", "totals_never_fall", "business", "FAIL", 1)
    unknown = Seen("history", "volume", "business", "FAIL", 1)
    assert new_in([unknown, late, NOTE, TOTAL], []) == [TOTAL, late, unknown, NOTE]


def assessment(trials: Sequence[Trial], controls: Sequence[Control]) -> Assessment:
    tried = Tried(0, "f.csv", "s", (APRIL,), "0" * 64, trials=tuple(trials), controls=tuple(controls))
    return Assessment(REGIONAL, "high", "", 0, 1, "here", (tried,))


LONG = DEFAULTS.least_history
"""Earlier submissions, as many as any rule of the profiling gate takes."""
QUIET = Control("untouched", "f.csv", "s", APRIL, ())


def of_kinds(fate: Callable[[Corruption], str]) -> list[Trial]:
    return [Trial(kind.name, "f.csv", "s", APRIL, LONG, fate(kind)) for kind in CORRUPTIONS]  # type: ignore[arg-type]


def test_targets_hold_where_all_is_caught_that_a_gate_can_see() -> None:
    trials = of_kinds(lambda kind: "caught" if is_visible(kind) else "missed")
    found = assessment(trials, [QUIET])
    assert found.verdict is Verdict.PASS
    assert {entry["corruption"] for entry in found.to_json()["unseen"]} == {
        kind.name for kind in CORRUPTIONS if not is_visible(kind)
    }


def test_what_is_not_yet_visible_counts_apart_caught_or_not() -> None:
    early = [replace(t, earlier=0) for t in of_kinds(lambda kind: "missed" if kind.name == "biased" else "caught")]
    told = assessment(early, [QUIET]).to_json()
    assert told["verdict"] == "PASS"
    assert (told["missed"], told["unseen"]) == ([], [])
    assert {k["corruption"]: (k["planted"], k["caught"]) for k in told["not_yet_visible"]["kinds"]} == {
        "biased": (1, 0),
        "optional_field_blanked": (1, 1),
    }
    late = assessment([replace(t, earlier=LONG) for t in early], [QUIET]).to_json()
    assert late["not_yet_visible"]["planted"] == 0
    assert [entry["corruption"] for entry in late["missed"]] == ["biased"]


def test_misses_in_one_dimension_break_the_target() -> None:
    stale = {"old_file_resent", "period_wrong"}
    found = assessment(of_kinds(lambda kind: "missed" if kind.name in stale else "caught"), [QUIET])
    told = {entry["dimension"]: entry["holds"] for entry in found.to_json()["dimensions"]}
    assert found.verdict is Verdict.FAIL
    assert told["timeliness"] is False and told["completeness"] is True


def test_one_false_alarm_in_a_hundred_is_too_many() -> None:
    caught = of_kinds(lambda kind: "caught")
    noisy = replace(QUIET, alarms=("total_cases",))
    assert assessment(caught, [noisy, *[QUIET] * 99]).verdict is Verdict.FAIL
    assert assessment(caught, [noisy, *[QUIET] * 100]).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("trials", "controls"),
    [
        ([], [QUIET]),
        (of_kinds(lambda kind: "not applicable"), [QUIET]),
        (of_kinds(lambda kind: "caught"), []),
        (of_kinds(lambda kind: "error" if kind.name == "biased" else "caught"), [QUIET]),
    ],
    ids=["nothing tried", "nothing planted", "no controls", "a trial broke"],
)
def test_an_assessment_that_was_not_made_is_no_pass(trials: list[Trial], controls: list[Control]) -> None:
    assert assessment(trials, controls).verdict is Verdict.ERROR


# Choosing.


def held(dependency: str, supplier: str, period: date, number: int = 0) -> Held:
    name = f"{supplier}-{period}-{number}.csv"
    return Held(dependency, Path(name), name, supplier, (period,), name)


def test_suppliers_take_turns_and_files_with_one_before_go_first() -> None:
    files = [held(SPEND, code, date(2020, month, 1)) for code in ("BART", "KICO") for month in (4, 5, 6, 7)]
    holding = Holding("here", tuple(files))
    chosen = choose(holding, SPEND, Wanted(seed=3))
    assert chosen == choose(holding, SPEND, Wanted(seed=3))
    assert [{h.supplier for h in chosen[i : i + 2]} for i in range(0, 8, 2)] == [{"BART", "KICO"}] * 4
    assert {h.periods[0].month for h in chosen[-2:]} == {4}
    since = choose(holding, SPEND, Wanted(since=date(2020, 7, 1)))
    assert {h.periods[0].month for h in since} == {7}


def test_the_ground_is_laid_with_all_that_the_rules_lean_on() -> None:
    inventory = OFFICES[NATIONAL].inventory
    assert names_needed(inventory, NATIONAL) == [NATIONAL, REGIONAL]
    days = [date(2020, 4, day) for day in (26, 27, 28)]
    files = [held(name, "protezione_civile", day) for name in (NATIONAL, REGIONAL) for day in days]
    holding = Holding("here", tuple(files))
    laid = [(name, day.day) for name, day, _ in ground_of(inventory, holding, files[2])]
    assert laid == [(REGIONAL, 27), (NATIONAL, 27), (REGIONAL, 28)]


def test_other_suppliers_of_the_period_are_there_before_the_one_that_is_tried() -> None:
    may, april = held(SPEND, "BART", date(2020, 5, 1)), held(SPEND, "BART", APRIL)
    other = held(SPEND, "KICO", date(2020, 5, 1))
    laid = ground_of(OFFICES[SPEND].inventory, Holding("here", (may, april, other)), may)
    assert [files for _, _, files in laid] == [[april], [other]]


def test_the_lists_of_this_test_are_what_the_gates_take(tmp_path: Path) -> None:
    folder = tmp_path / "IMPC"
    folder.mkdir()
    (folder / "April.csv").write_bytes(of_trust("IMPC").content)
    assert not check(OFFICES[SPEND], [folder / "April.csv"]).verdict.blocks
