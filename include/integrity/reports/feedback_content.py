"""What a supplier is told about a submission, before it is a page or JSON: words, places in the file, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import polars as pl

from integrity.findings import Severity
from integrity.gates.rules import COLUMNS_KNOWN, COLUMNS_PRESENT, ROW_SHAPE
from integrity.inventory.calendars import day_in_words
from integrity.reports.cells import visible_text
from integrity.reports.feedback_source import FeedbackSource, RuleOutcome
from integrity.reports.received import OwnColumn, Received
from integrity.reports.rows import ranges
from integrity.submissions.reading import ROW
from integrity.verdicts import Verdict

_EXAMPLES = 3
_LOOKED_AT = 200
_RANGES = 40
_CHARACTERS = 60


def content_of(source: FeedbackSource, tables: Mapping[str, Received]) -> dict[str, Any]:
    """The pack's content; plain data, the same whenever it is asked.

    It holds cells of the supplier's file, and so is for that supplier's eyes only.

    Args:
        tables: What was read of each table, '' being the only one; none where nothing has to be pointed at.
    """
    received = tables.get("")
    return {
        "title": source.title,
        "dependency": source.dependency,
        "supplier": source.supplier,
        "supplier_name": source.supplier_name,
        "file": visible_text(source.file_name, 255),
        "sha256": source.sha256,
        "period": source.period.isoformat() if source.period else None,
        "period_in_words": source.period_in_words,
        "revision": source.revision,
        "verdict": str(source.verdict),
        "verdict_in_words": _in_words(source),
        "rows": source.rows,
        "accepted": source.accepted,
        "quarantined": source.quarantined,
        "contact": source.contact,
        "format": received.format if received else None,
        "sheet": visible_text(received.sheet, _CHARACTERS) if received and received.sheet else None,
        "header_row": received.header_row if received else None,
        "skipped": [f"{_in(table)}{each}" for table, read in tables.items() for each in read.skipped],
        "notes": [f"{_in(table)}{each}" for table, read in tables.items() for each in read.notes],
        "findings": [_told(outcome, tables) for outcome in sorted(source.failing, key=_weight)],
        "rules_passed": sum(o.verdict is Verdict.PASS and not o.not_judged for o in source.outcomes),
        "rules_not_judged": [{"rule": o.rule, "because": o.not_judged} for o in source.outcomes if o.not_judged],
        "next": " ".join(_steps(source)),
        "steps": _steps(source),
        "respond_by": source.respond_by.isoformat() if source.respond_by and source.verdict.blocks else None,
        "marked": None,
    }


def _weight(outcome: RuleOutcome) -> tuple[int, int]:
    """What stops the file first, then what sets rows aside, then notes."""
    order = [Verdict.ERROR, Verdict.FAIL, Verdict.WARN]
    return order.index(outcome.verdict), get_args(Severity).index(outcome.severity)


def _in_words(source: FeedbackSource) -> str:
    if not source.was_sent:
        return {
            Verdict.PASS: "This file would pass",
            Verdict.WARN: "This file would be taken in, with notes",
            Verdict.FAIL: "This file would not be used: please correct it before you send it",
            Verdict.ERROR: "This file could not be judged, and would not be used",
        }[source.verdict]
    return {
        Verdict.PASS: "Your file passed its own checks",
        Verdict.WARN: "Your file was taken in, with notes",
        Verdict.FAIL: "Your file is not used: please correct it and send it again",
        Verdict.ERROR: "Your file could not be judged, so it is not used",
    }[source.verdict]


def _steps(source: FeedbackSource) -> list[str]:
    """What happens next, in order."""
    aside = f"{source.quarantined:,} {'row was' if source.quarantined == 1 else 'rows were'} set aside"
    if not source.was_sent:
        if source.verdict.blocks:
            return ["Correct what is listed below.", "Check the file here again, then send it."]
        noted = ["Look at the notes below; you can send the file as it is."]
        return noted if source.verdict is Verdict.WARN else ["You can send it."]
    if source.verdict is Verdict.PASS:
        return ["Nothing is needed from you."]
    if source.verdict is Verdict.WARN:
        if not source.quarantined:
            return ["Please look at the notes below for your next file."]
        return [
            f"{aside} and left out of the figures; the others are in use.",
            "To have them taken in, correct what is listed below and send the whole file again under the same name.",
        ]
    by = f" by {day_in_words(source.respond_by)}" if source.respond_by else ""
    return [
        "Correct what is listed below, in your own file.",
        f"Send the whole file again under the same name{by}.",
        "It is checked again when it arrives; until one passes, the last good figures stay in force.",
        "If you think that your figures are right as they stand, tell us at the address below.",
    ]


def _in(table: str) -> str:
    return f"{table}: " if table else ""


def _told(stated: RuleOutcome, tables: Mapping[str, Received]) -> dict[str, Any]:
    table, outcome = stated.within(tables)
    received = tables.get(table)
    columns = received.columns_of(outcome.rule, outcome.column) if received else ()
    if received and outcome.rule == COLUMNS_KNOWN.name:
        columns = received.unknown
    numbers = _rows(outcome, received)
    parts = ranges(numbers).split(", ") if numbers else []
    return {
        "rule": outcome.rule,
        "column": stated.column,
        "table": table or None,
        "columns": [_column(column) for column in columns],
        "missing": list(received.missing) if received and outcome.rule == COLUMNS_PRESENT.name else [],
        "failed": outcome.failed,
        "evaluated": outcome.evaluated,
        "rows": ", ".join(parts[:_RANGES]),
        "rows_left_off": len(parts) > _RANGES or outcome.failed > len(numbers) > 0,
        "message": outcome.message,
        "mend": outcome.mend,
        "severity": outcome.severity,
        "verdict": str(outcome.verdict),
        "is_note": outcome.is_note,
        "examples": _examples(outcome, columns, received) if received else [],
    }


def _column(column: OwnColumn) -> dict[str, Any]:
    heading = visible_text(column.heading, _CHARACTERS)
    return {"name": column.name, "heading": heading, "number": column.number or None, "letter": column.letter}


def _rows(outcome: RuleOutcome, received: Received | None) -> list[int]:
    """All rows that failed where they are known, otherwise those that the finding kept."""
    if received is None or len(outcome.rows) == outcome.failed or outcome.rule in _ROWLESS:
        return list(outcome.rows)
    known = received.reasons.filter(pl.col("rules").list.contains(outcome.rule))[ROW].to_list()
    # Several columns may share a rule, and the row does not say which of them it was.
    return known if len(known) == outcome.failed else list(outcome.rows)


_ROWLESS = (COLUMNS_KNOWN.name, COLUMNS_PRESENT.name)


def _examples(outcome: RuleOutcome, columns: tuple[OwnColumn, ...], received: Received) -> list[dict[str, Any]]:
    """The first failing rows with what stands in them; rows whose cells say the same are shown once."""
    if outcome.rule == ROW_SHAPE.name:
        return [{"row": row, "cells": [], "reason": received.bad_rows.get(row, "")} for row in outcome.rows[:_EXAMPLES]]
    if not outcome.rows or not columns or outcome.rule in _ROWLESS:
        return []
    headings = [column.heading for column in columns]
    first = received.at(outcome.rows[:_LOOKED_AT]).select(ROW, *headings)
    first = first.unique(headings, keep="first", maintain_order=True).head(_EXAMPLES)
    return [
        {
            "row": row[0],
            "cells": [
                {
                    "cell": f"{column.letter}{row[0]}" if column.letter else None,
                    "heading": visible_text(column.heading, _CHARACTERS),
                    "value": visible_text(value or "", _CHARACTERS),
                }
                for column, value in zip(columns, row[1:], strict=True)
            ],
        }
        for row in first.iter_rows()
    ]
