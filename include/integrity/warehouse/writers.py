"""Writing a large submission's rows over several connections, while they are still being judged."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from types import TracebackType

import polars as pl
from sqlalchemy import Engine

from integrity.gates.judged import JudgedRows
from integrity.warehouse.attempts import join_attempt
from integrity.warehouse.connection import transaction
from integrity.warehouse.landing import SLICE_ROWS, LandingRows, copy_rows

_CONNECTIONS = 2
_WAITING = 32
"""Slices that wait to be written: so many that the server has work while the last rules are asked of all rows, and so
few that memory does not grow where it is slower than the gate."""
_LOOK_SECONDS = 0.2


class _GivenUp(Exception):
    """Nothing of what was written is to stay."""


class Writers:
    """Writes rows as they come, each connection in a transaction of its own; all of them stay, or none does.

    Used as a context. Until somebody registers the landing its rows are nobody's; it must be an attempt under way.

    Args:
        rows: Whose rows they are.
    """

    def __init__(self, engine: Engine, rows: LandingRows) -> None:
        self._engine, self._rows = engine, rows
        self._accepted: _Slices = Queue(_WAITING)
        self._set_aside: _Slices = Queue(_WAITING)
        self._pool = ThreadPoolExecutor(_CONNECTIONS)
        self._writing: list[Future[None]] = []
        self._is_finished = False

    def __enter__(self) -> Writers:
        self._writing = [self._pool.submit(self._write) for _ in range(_CONNECTIONS)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_finished:
            for waiting in (self._accepted, self._set_aside):
                _give_up(waiting)
        self._pool.shutdown()

    def accept(self, batch: pl.DataFrame) -> None:
        """Write rows that were accepted: ``_row`` and the dictionary's columns, typed.

        Raises:
            Transient: The attempt was given up meanwhile.
        """
        for part in self._rows.accepted(batch).iter_slices(SLICE_ROWS):
            self._put(self._accepted, part)

    def finish(self, quarantined: JudgedRows) -> None:
        """Write the rows that were set aside, and have all rows in the database.

        Raises:
            Transient: The attempt was given up meanwhile.
        """
        self._end(self._accepted)
        for batch in quarantined.batches():
            for part in self._rows.set_aside(batch).iter_slices(SLICE_ROWS):
                self._put(self._set_aside, part)
        self._end(self._set_aside)
        for written in self._writing:
            written.result()
        self._is_finished = True

    def _end(self, waiting: _Slices) -> None:
        for _ in range(_CONNECTIONS):
            self._put(waiting, None)

    def _put(self, waiting: _Slices, part: pl.DataFrame | None) -> None:
        while True:
            for written in self._writing:
                if written.done() and (error := written.exception()):
                    raise error
            try:
                return waiting.put(part, timeout=_LOOK_SECONDS)
            except Full:
                continue

    def _write(self) -> None:
        with transaction(self._engine) as session:
            join_attempt(session, self._rows.landing)
            copy_rows(session, self._rows.accepted_table, _taken(self._accepted))
            copy_rows(session, self._rows.set_aside_table, _taken(self._set_aside))


_Slices = Queue["pl.DataFrame | None | _GivenUp"]


def _taken(waiting: _Slices) -> Iterator[pl.DataFrame]:
    while (part := waiting.get()) is not None:
        if isinstance(part, _GivenUp):
            raise part
        yield part


def _give_up(waiting: _Slices) -> None:
    """Have every connection that still takes slices end without keeping any."""
    while True:
        try:
            waiting.get_nowait()
        except Empty:
            break
    for _ in range(_CONNECTIONS):
        waiting.put_nowait(_GivenUp())
