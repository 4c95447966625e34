"""Returning: what the feedback pack needs of a submission that was judged, or only checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from integrity.errors import Rejected
from integrity.gates.linked import Readings, read_tables
from integrity.gates.structure import StructureResult
from integrity.pipeline.checking import Checked
from integrity.pipeline.office import Office
from integrity.pipeline.rereading import judged_as_read, read_again
from integrity.reports.feedback_source import FeedbackSource, RuleOutcome, merged
from integrity.reports.received import Received
from integrity.submissions.archive import archived_path
from integrity.submissions.reading import ROW, Reading
from integrity.warehouse.models import Submission


def reading_of(office: Office, submission: Submission) -> Callable[[], Mapping[str, Received]]:
    """How a submission that was judged is read and judged once more, in its supplier's terms, with the same outcome."""

    def again() -> dict[str, Received]:
        readings = read_again(office, submission)
        judged = judged_as_read(office, submission, readings, None)
        path = archived_path(office.settings.archive, submission.sha256)
        return _received(office, path, readings, [judged], submission.supplier)

    return again


def feedback_on_check(office: Office, checked: Checked) -> FeedbackSource:
    """What a supplier is told about a file that was checked before sending; the period's rules are told as well.

    Args:
        checked: One file that was checked, once for each period that it is for; it must still be there when its
            feedback is written.
    """
    files = checked.files
    file = files[0]
    dependency = office.registered.dependency
    supplier = dependency.supplier(file.supplier)
    periods = [each.period for each in files if each.period]
    findings = [
        *(finding for each in files for finding in each.judged.result.findings),
        *(finding for result in checked.coverage for finding in result.findings),
    ]
    return FeedbackSource(
        dependency=office.name,
        title=dependency.title,
        supplier=file.supplier,
        supplier_name=supplier.name if supplier else file.supplier,
        contact=dependency.owner.email,
        file_name=file.path.name,
        sha256=file.sha256,
        period=min(periods, default=None),
        until=max(periods, default=None),
        in_words=dependency.reporting.in_words,
        revision=0,
        verdict=checked.verdict,
        rows=sum(each.judged.rows for each in files),
        accepted=sum(each.judged.accepted.height for each in files if each.judged.is_landable),
        quarantined=sum(each.judged.quarantined.height for each in files),
        outcomes=(
            *merged(RuleOutcome.of(finding) for finding in findings if not finding.not_judged),
            *(RuleOutcome.left_for_later(rule, why) for rule, why in checked.not_judged),
        ),
        read=lambda: _received(
            office,
            file.path,
            read_tables(file.path, file.path.name, office.tables, file.supplier),
            [each.judged for each in files],
            file.supplier,
        ),
    )


def _received(
    office: Office, path: Path, readings: Readings, judged: Sequence[StructureResult], supplier: str
) -> dict[str, Received]:
    """By table, what could be read, and which of its rows were set aside.

    Args:
        judged: The submission, or each of those that one file is.

    Raises:
        Rejected: Nothing could be read.
    """
    found = {}
    for table in office.tables:
        reading = readings[table.name]
        if isinstance(reading, Reading):
            aside = pl.concat([each.of(table.name).quarantined.select(ROW, "rules") for each in judged])
            found[table.name] = Received.of(path, reading, aside, table.schema, table.dependency, supplier)
    if not found:
        raise next(refusal for refusal in readings.values() if isinstance(refusal, Rejected))
    return found
