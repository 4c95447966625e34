"""Returning: what the feedback pack needs of a submission that was judged, or only checked."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from integrity.errors import Rejected
from integrity.gates.structure import judge_structure
from integrity.pipeline.checking import Checked, CheckedFile
from integrity.pipeline.office import Office
from integrity.pipeline.rereading import read_again
from integrity.reports.feedback_source import FeedbackSource, RuleOutcome, merged
from integrity.reports.received import Received
from integrity.submissions.archive import archived_path
from integrity.submissions.fitting import read_fitting
from integrity.submissions.reading import ROW
from integrity.warehouse.models import Submission


def reading_of(office: Office, submission: Submission) -> Callable[[], Received]:
    """How a submission that was judged is read and judged once more, in its supplier's terms, with the same outcome."""

    def again() -> Received:
        reading = read_again(office, submission)
        if isinstance(reading, Rejected):
            raise reading
        dependency = office.registered.dependency
        judged = judge_structure(
            reading,
            office.schema,
            dependency,
            period=submission.period,
            as_of=dependency.reporting.today(submission.received_at),
            policy=office.policy,
            supplier=submission.supplier,
        )
        path = archived_path(office.settings.archive, submission.sha256)
        return Received.of(
            path, reading, judged.quarantined.select(ROW, "rules"), office.schema, dependency, submission.supplier
        )

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
    aside = pl.concat([each.judged.quarantined.select(ROW, "rules") for each in files])
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
        is_monthly=dependency.reporting.frequency == "monthly",
        revision=0,
        verdict=checked.verdict,
        rows=sum(each.judged.rows for each in files),
        accepted=sum(each.judged.accepted.height for each in files if each.judged.is_landable),
        quarantined=aside.height,
        outcomes=(
            *merged(RuleOutcome.of(finding) for finding in findings if not finding.not_judged),
            *(RuleOutcome.left_for_later(rule, why) for rule, why in checked.not_judged),
        ),
        read=lambda: _received(office, file, aside),
    )


def _received(office: Office, file: CheckedFile, aside: pl.DataFrame) -> Received:
    dependency = office.registered.dependency
    reading = read_fitting(file.path, file.path.name, dependency, file.supplier, office.schema.names)
    return Received.of(file.path, reading, aside, office.schema, dependency, file.supplier)
