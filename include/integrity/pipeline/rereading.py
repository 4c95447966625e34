"""Archived files read again: what one looks like, and what the supplier's last good one before it looked like."""

from __future__ import annotations

from integrity.gates.linked import Readings, judge_tables, read_tables
from integrity.gates.structure import JudgedWhileRead, Sink, StructureResult
from integrity.pipeline.checking import parts_for
from integrity.pipeline.office import Office
from integrity.register.judgements import judgement_of
from integrity.register.receipts import earlier_submissions, periods_of_file
from integrity.submissions.archive import archived_path
from integrity.submissions.drift import Shape
from integrity.submissions.isolation import shared_reader
from integrity.submissions.reading import Reading
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Submission

_LOOKED_BACK = 5
"""Files that are looked at for one that was accepted."""


def read_again(office: Office, submission: Submission, ahead: JudgedWhileRead | None = None) -> Readings:
    """What the reader makes of a submission's archived file, table by table: the same today and in a year.

    Args:
        ahead: Judges a large file while it is read; not asked where the file is for several periods, whose rows are
            only told apart when all of it is known.
    """
    path = archived_path(office.settings.archive, submission.sha256)
    with transaction(office.engine) as session:
        covered = periods_of_file(
            session, dependency=office.name, supplier=submission.supplier, sha256=submission.sha256
        )
    follower = ahead if len(covered) == 1 else None
    readings = read_tables(path, submission.file_name, office.tables, submission.supplier, follower)
    return parts_for(readings, office, submission.supplier, submission.period, covered)


def release_readings(readings: Readings) -> None:
    """Let go of what was read; it must not be used any more."""
    for reading in readings.values():
        if isinstance(reading, Reading):
            shared_reader().release(reading)


def ahead_of(office: Office, submission: Submission, sink: Sink) -> JudgedWhileRead:
    """The structure gate, ready to judge a submission while it is read.

    Args:
        sink: Takes rows that nothing speaks against so far.
    """
    reporting, table = office.registered.dependency.reporting, office.tables[0]
    return JudgedWhileRead(
        table.schema,
        table.dependency,
        period=submission.period,
        as_of=reporting.today(submission.received_at),
        supplier=submission.supplier,
        sink=sink,
    )


def judged_as_read(
    office: Office,
    submission: Submission,
    readings: Readings,
    before: Shape | None,
    ahead: JudgedWhileRead | None = None,
) -> StructureResult:
    """The structure gate on a submission, with everything that decides its answer.

    Args:
        before: Shape of the supplier's last accepted file, if it is to be held against that.
        ahead: What was judged while it was read.
    """
    reporting = office.registered.dependency.reporting
    return judge_tables(
        readings,
        office.tables,
        period=submission.period,
        as_of=reporting.today(submission.received_at),
        policy=office.policy,
        supplier=submission.supplier,
        before=before,
        ahead=ahead,
    )


def shape_before(office: Office, submission: Submission) -> Shape | None:
    """What the supplier's last accepted file before this one looked like; None where there is none.

    Before is in order of receipt, which no rerun changes. Where that file has not been judged yet, since periods may
    be judged in any order, it is judged here for its shape alone: so the answer hangs on no run's order.
    """
    with transaction(office.engine) as session:
        earlier = earlier_submissions(session, submission, _LOOKED_BACK)
        judgements = {s.id: judgement_of(session, office.name, s.period, "structure", s.id) for s in earlier}
    for other in earlier:
        judgement = judgements[other.id]
        if judgement is None:
            readings = read_again(office, other)
            judged = judged_as_read(office, other, readings, None)
            release_readings(readings)
            if judged.is_landable and judged.shape:
                return judged.shape
        elif judgement.landing_id is not None and judgement.shape is not None:
            return Shape.from_json(judgement.shape)
    return None
