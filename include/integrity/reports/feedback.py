"""Feedback: what a supplier gets back on a submission, as a page and as JSON. Row numbers and reasons, no values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from integrity.inventory.dependency import Registered
from integrity.reports.rows import ranges
from integrity.verdicts import Verdict
from integrity.warehouse.models import FindingRow, Judgement, Submission

_PAGES = Environment(loader=PackageLoader("integrity", "reports"), autoescape=True)


def write_feedback(
    outbox: Path, registered: Registered, submission: Submission, judgement: Judgement, findings: list[FindingRow]
) -> Path:
    """Write a submission's feedback into its supplier's outbox; writing it again gives the same bytes.

    Returns:
        The page, ``<period>.r<revision>.html``; the same as JSON lies beside it.
    """
    content = _content(registered, submission, judgement, findings)
    folder = outbox / registered.name / submission.supplier
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{submission.period}.r{submission.revision}"
    _replace(folder / f"{stem}.json", json.dumps(content, ensure_ascii=False, indent=2))
    page = folder / f"{stem}.html"
    _replace(page, _PAGES.get_template("feedback.html.jinja").render(content))
    return page


def _content(
    registered: Registered, submission: Submission, judgement: Judgement, findings: list[FindingRow]
) -> dict[str, Any]:
    failing = [row for row in findings if row.verdict != Verdict.PASS]
    return {
        "title": registered.dependency.title,
        "file": submission.file_name,
        "sha256": submission.sha256,
        "period": submission.period.isoformat(),
        "revision": submission.revision,
        "verdict": judgement.verdict,
        "rows": judgement.rows or 0,
        "accepted": judgement.accepted or 0,
        "quarantined": judgement.quarantined or 0,
        "contact": registered.dependency.owner.email,
        "findings": [
            {
                "rule": row.rule,
                "column": row.column,
                "failed": row.failed,
                "evaluated": row.evaluated,
                "rows": ranges(row.rows),
                "message": row.message,
                "mend": row.mend,
                "severity": row.severity,
            }
            for row in failing
        ],
        "rules_passed": sum(row.verdict == Verdict.PASS and not row.not_judged for row in findings),
        "next": _NEXT[Verdict(judgement.verdict)],
    }


_NEXT = {
    Verdict.PASS: "The file passed its own checks. Nothing is needed from you.",
    Verdict.WARN: "The file was taken in. Please look at the notes below for your next one.",
    Verdict.FAIL: "The file is not used. Please correct it and send it again under the same name; "
    "until then the last good figures stay in force.",
    Verdict.ERROR: "The file could not be judged, so it is not used. Please send it again as described below.",
}


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
