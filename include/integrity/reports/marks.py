"""Which cells of a supplier's file are to be marked, and what is said beside each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrity.gates.rules import COLUMNS_KNOWN, ROW_SHAPE
from integrity.reports.feedback_source import RuleOutcome
from integrity.reports.received import OwnColumn, Received
from integrity.submissions.reading import ROW

MOST_ROWS = 100_000
"""More rows than that nobody mends by hand; a file with more failing rows has the first of them marked."""
REASONS = "Please correct"
"""Heading of the column of reasons in the marked file."""
OWN_ROW = "Row in your file"
_COMMENT = 500
_REASONS = 2_000


@dataclass
class Marks:
    """What to mark.

    Attributes:
        cells: Sentences at each marked cell, by physical row and index of the column within the file's columns.
        rows: Sentences beside each row, by physical row.
        headings: Sentences at headings, by index of the column.
        serious: Cells that must be corrected; at the others something is only noted.
    """

    cells: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    rows: dict[int, list[str]] = field(default_factory=dict)
    headings: dict[int, list[str]] = field(default_factory=dict)
    serious: set[tuple[int, int]] = field(default_factory=set)

    def comment(self, cell: tuple[int, int]) -> str:
        return _cut("\n".join(self.cells[cell]), _COMMENT)

    def heading_comment(self, index: int) -> str:
        return _cut("\n".join(self.headings[index]), _COMMENT)

    def reason(self, row: int) -> str:
        """What stands beside a row in the column of reasons."""
        return _cut("\n".join(self.rows.get(row, ())), _REASONS)

    def add(
        self, row: int, outcome: RuleOutcome, columns: Sequence[OwnColumn], places: dict[str, int], *, because: str = ""
    ) -> None:
        """Mark a row, and the cells of these columns in it."""
        said = f"{'Only noted: ' if outcome.is_note else ''}{outcome.message} {because}{outcome.mend}"
        self.rows.setdefault(row, []).append(f"{_named(columns)}{said}")
        for column in columns:
            cell = (row, places[column.heading])
            self.cells.setdefault(cell, []).append(said)
            if not outcome.is_note:
                self.serious.add(cell)


def marks_on(received: Received, failing: Sequence[RuleOutcome]) -> Marks:
    """Every failing cell and row: those that the findings list, and beyond their cap all that were set aside."""
    marks = Marks()
    places = {column.heading: index for index, column in enumerate(received.columns)}
    by_rule: dict[str, list[RuleOutcome]] = {}
    noted: set[tuple[int, str]] = set()
    for outcome in failing:
        if outcome.rule == COLUMNS_KNOWN.name:
            for column in received.unknown:
                marks.headings.setdefault(places[column.heading], []).append(f"{outcome.message} {outcome.mend}")
            continue
        by_rule.setdefault(outcome.rule, []).append(outcome)
        for row in outcome.rows:
            noted.add((row, outcome.rule))
            marks.add(
                row,
                outcome,
                received.columns_of(outcome.rule, outcome.column),
                places,
                because=_because(outcome, received, row),
            )
    for row, rules in received.reasons.head(MOST_ROWS).select(ROW, "rules").iter_rows():
        for rule in rules:
            if (row, rule) in noted or rule not in by_rule:
                continue
            outcomes = by_rule[rule]
            # Beyond the cap, of several columns under one rule nobody has kept which one it was in this row.
            columns = received.columns_of(rule, outcomes[0].column) if len(outcomes) == 1 else ()
            marks.add(row, outcomes[0], columns, places, because=_because(outcomes[0], received, row))
    return marks


def _because(outcome: RuleOutcome, received: Received, row: int) -> str:
    reason = received.bad_rows.get(row, "") if outcome.rule == ROW_SHAPE.name else ""
    return f"({reason}) " if reason else ""


def _named(columns: Sequence[OwnColumn]) -> str:
    """The columns that a sentence is about, before it."""
    if not columns:
        return ""
    named = [f"{column.heading} (column {column.letter})" if column.letter else column.heading for column in columns]
    return f"{', '.join(named)}: "


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
