"""Landing what was judged: small files with their judgement, large ones while they are still being read."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType

import polars as pl
from sqlalchemy import text
from sqlalchemy.orm import Session

from integrity.gates.structure import StructureResult
from integrity.pipeline.office import Office
from integrity.warehouse.attempts import (
    begin_attempt,
    end_attempt,
    holding_submission,
    register_attempt,
    sweep_attempts,
    withdraw_rows,
)
from integrity.warehouse.connection import transaction
from integrity.warehouse.landing import APART_ROWS, LandingRows, ensure_tables, land
from integrity.warehouse.models import Landing, Submission
from integrity.warehouse.writers import Writers


class LargeLanding:
    """The rows of a large submission on their way to the warehouse, before anything is recorded about them.

    Used as a context, which holds the right to land the submission from the first row on. Rows may be given while the
    rest is still being read and judged: what the verdict does not bear out is taken back before it is recorded. One of
    several tables is landed with its judgement, however large it is.
    """

    def __init__(self, office: Office, submission: Submission) -> None:
        self._office, self._submission = office, submission
        self._held = ExitStack()
        self._writing = ExitStack()
        self._writers: Writers | None = None
        self._rows: LandingRows | None = None
        self._is_held = self._is_known = self._is_written = False

    def __enter__(self) -> LargeLanding:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held:
            self._give_up()

    def accept(self, batch: pl.DataFrame) -> None:
        """Write rows that nothing speaks against so far; none where they lie there already."""
        if self._rows is None and not self._is_known:
            self._begin()
        if self._writers:
            self._writers.accept(batch)

    def conclude(self, judged: StructureResult) -> None:
        """Have all rows in the warehouse that the verdict leaves to be landed, if there are many.

        Raises:
            Transient: Another process has given the attempt up meanwhile.
        """
        if not judged.is_landable:
            self._give_up()
            return
        if self._writers and judged.withdrawn is None:
            self._give_up()
        is_large = judged.accepted.height + judged.quarantined.height >= APART_ROWS
        if self._writers is None and is_large and not judged.tables:
            for batch in judged.accepted.batches():
                self.accept(batch)
        if self._writers:
            self._is_written = True
            self._writers.finish(judged.quarantined)

    def register(self, session: Session, judged: StructureResult) -> int | None:
        """Make the rows that were written the submission's landing; None where there are none."""
        if self._rows is None:
            return None
        if judged.withdrawn is not None and judged.withdrawn.len():
            withdraw_rows(session, self._office.name, self._rows.landing, judged.withdrawn.to_list())
        register_attempt(
            session,
            self._rows.landing,
            fingerprint=self._office.fingerprint,
            accepted=judged.accepted.height,
            quarantined=judged.quarantined.height,
        )
        return self._rows.landing

    def _begin(self) -> None:
        office, submission = self._office, self._submission
        if not self._is_held:
            sweep_attempts(office.engine, office.name)
            self._held.enter_context(holding_submission(office.engine, submission.id))
            self._is_held = True
        with transaction(office.engine) as session:
            self._is_known = landing_of(session, office, submission) is not None
            if self._is_known:
                return
            ensure_tables(session, office.tables)
            landing = begin_attempt(session, office.name, submission.id)
        self._rows = LandingRows(office.table(), landing)
        self._writers = self._writing.enter_context(Writers(office.engine, self._rows))

    def _give_up(self) -> None:
        """Leave nothing of what was written, unless it has to be swept, or is registered."""
        self._writing.close()
        if self._rows and not self._is_written:
            with transaction(self._office.engine) as session:
                end_attempt(session, self._rows.landing)
        self._writers = self._rows = None


def landing_of(session: Session, office: Office, submission: Submission) -> int | None:
    """The landing of a submission under these rules, if its rows are there already."""
    found = session.execute(
        text("SELECT id FROM register.landing WHERE submission_id = :s AND fingerprint = :f"),
        {"s": submission.id, "f": office.fingerprint},
    ).scalar()
    return None if found is None else int(found)


def land_submission(
    session: Session, office: Office, submission: Submission, judged: StructureResult, large: LargeLanding
) -> int:
    """Write the rows once for these rules, or register those written already; a repeat finds them there."""
    known = landing_of(session, office, submission)
    if known is not None:
        return known
    written = large.register(session, judged)
    if written is not None:
        return written
    ensure_tables(session, office.tables)
    landing = Landing(
        submission_id=submission.id,
        fingerprint=office.fingerprint,
        accepted=judged.accepted.height,
        quarantined=judged.quarantined.height,
        landed_at=datetime.now(UTC),
    )
    session.add(landing)
    session.flush()
    for table in office.tables:
        rows = judged.of(table.name)
        land(session, LandingRows(table, landing.id), rows.accepted, rows.quarantined)
    return landing.id
