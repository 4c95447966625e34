"""Feedback: what a supplier gets back on a submission. A page, the same as JSON, and its own file with marks.

The pack holds cells of the supplier's file, so it is written to that supplier's outbox and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from jinja2 import Environment, PackageLoader

from integrity.errors import Rejected
from integrity.gates.rules import IDENTIFIED
from integrity.inventory.dependency import Registered
from integrity.reports.feedback_content import content_of
from integrity.reports.feedback_source import FeedbackSource, RuleOutcome
from integrity.reports.received import Received
from integrity.verdicts import Verdict
from integrity.warehouse.models import FindingRow, Judgement, Submission, Unidentified

PAGES = Environment(loader=PackageLoader("integrity", "reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def write_feedback(
    outbox: Path,
    registered: Registered,
    submission: Submission,
    judgement: Judgement,
    findings: list[FindingRow],
    *,
    respond_by: date | None = None,
    read: Callable[[], Mapping[str, Received]] | None = None,
) -> Path:
    """Write a submission's feedback into its supplier's outbox; writing it again gives the same bytes.

    Args:
        respond_by: Day until which a corrected file is awaited, if there is one.
        read: Reads the archived file's tables again; asked only if something failed. Without it the pack has row
            numbers and reasons, but no cells, headings or marked file.

    Returns:
        The page, ``<period>.r<revision>.html``; JSON and marked file lie beside it.
    """
    dependency = registered.dependency
    supplier = dependency.supplier(submission.supplier)
    source = FeedbackSource(
        dependency=registered.name,
        title=dependency.title,
        supplier=submission.supplier,
        supplier_name=supplier.name if supplier else submission.supplier,
        contact=dependency.owner.email,
        file_name=submission.file_name,
        sha256=submission.sha256,
        period=submission.period,
        revision=submission.revision,
        verdict=Verdict(judgement.verdict),
        rows=judgement.rows or 0,
        accepted=judgement.accepted or 0,
        quarantined=judgement.quarantined or 0,
        outcomes=tuple(RuleOutcome.of_row(row) for row in findings),
        in_words=dependency.reporting.in_words,
        respond_by=respond_by,
        read=read,
    )
    return write_pack(outbox / registered.name / submission.supplier, source)


def write_unplaced(outbox: Path, registered: Registered, file: Unidentified) -> Path | None:
    """Tell a supplier of a file that nobody can place; None where the supplier itself is not known."""
    supplier = registered.dependency.supplier(file.supplier)
    if supplier is None:
        return None
    outcome = RuleOutcome(
        rule=IDENTIFIED.name,
        severity=IDENTIFIED.severity,
        verdict=Verdict.ERROR,
        evaluated=0,
        failed=1,
        message=f"We cannot tell what this file is for. {file.reason}",
        mend="Send it again under its usual name, which tells the reporting period.",
    )
    source = FeedbackSource(
        dependency=registered.name,
        title=registered.dependency.title,
        supplier=supplier.code,
        supplier_name=supplier.name,
        contact=registered.dependency.owner.email,
        file_name=file.file_name,
        sha256=file.sha256,
        period=None,
        revision=1,
        verdict=Verdict.ERROR,
        rows=0,
        accepted=0,
        quarantined=0,
        outcomes=(outcome,),
    )
    return write_pack(outbox / registered.name / supplier.code, source)


def has_feedback(outbox: Path, name: str, submission: Submission) -> bool:
    """Whether a submission's pack has been written."""
    return (outbox / name / submission.supplier / f"{submission.period}.r{submission.revision}.html").is_file()


def write_pack(folder: Path, source: FeedbackSource) -> Path:
    """Write page, JSON and marked file; each appears in one piece, and the same source gives the same bytes.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    received = _read_again(source)
    content = content_of(source, received)
    marked: Path | None = None
    if received:
        from integrity.reports.marked import write_marked  # openpyxl takes its time, and most files pass.

        marked = write_marked(folder, source.stem, received, source.failing)
    for ending in ("xlsx", "csv", "zip"):
        left_over = folder / f"{source.stem}.marked.{ending}"
        if left_over != marked:
            left_over.unlink(missing_ok=True)
    content["marked"] = marked.name if marked else None
    _replace(folder / f"{source.stem}.json", json.dumps(content, ensure_ascii=False, indent=2))
    page = folder / f"{source.stem}.html"
    _replace(page, PAGES.get_template("feedback.html.jinja").render(content))
    return page


def _read_again(source: FeedbackSource) -> Mapping[str, Received]:
    if source.read is None or not source.failing or source.is_refused:
        return {}
    try:
        return source.read()
    except Rejected:
        return {}  # The reader may have changed since: the verdict on record stands, and its reasons are told.


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
