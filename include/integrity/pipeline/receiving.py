"""Receive: pull from the sources, archive, identify, register, and only then clear the inbox and the sources."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from integrity.connections import Connections, connections_from_environment
from integrity.errors import Rejected, Transient, is_retryable
from integrity.pipeline.office import Office
from integrity.register.receipts import Receipt, register_file, register_unidentified, submissions_to_judge
from integrity.sources.pulling import Pulling, Trouble
from integrity.submissions.archive import Archived, archive_file
from integrity.submissions.fitting import read_fitting
from integrity.submissions.identifying import identify_periods
from integrity.submissions.inbox import Arrival, arrivals, settled_seconds
from integrity.submissions.limits import Limits
from integrity.warehouse.connection import transaction

log = logging.getLogger("integrity.receive")


def receive(
    office: Office, period: date, *, connections: Connections | None = None, is_last_try: bool = True
) -> list[int]:
    """Take in everything that lies in the dependency's sources and inbox, for whatever period it is.

    A file is in the archive, on disk, before it is opened, and leaves the inbox (and then its source) only once it is
    registered: a process killed in between leaves a file that the next one finds again and acknowledges.

    Args:
        connections: Gives the sources' credentials; read from Airflow's environment variables where it is None.
        is_last_try: Nobody calls again if a source is out of reach. It is then told in the log only: that the supplier
            is missing is for the coverage gate to say, and the other suppliers' files are due.

    Returns:
        Submissions of this period whose structure must be judged.

    Raises:
        Transient: A source was out of reach, and another try is left. Everything else has been taken in.
    """
    pulling = Pulling(
        dependency=office.registered.dependency,
        inbox=office.settings.inbox,
        engine=office.engine,
        connections=connections or connections_from_environment(),
        limits=Limits.from_environment(os.environ),
    )
    troubles = pulling.pull()
    _receive_inbox(office)
    troubles += pulling.settle()
    _tell(troubles, is_last_try)
    with transaction(office.engine) as session:
        return submissions_to_judge(session, office.name, period, office.fingerprint)


def _tell(troubles: Sequence[Trouble], is_last_try: bool) -> None:
    for trouble in troubles:
        log.error("%s", trouble)
    passing = sorted({str(trouble) for trouble in troubles if is_retryable(trouble.error)})
    if passing and not is_last_try:
        raise Transient("All else is received. Another try may bring what is missing: " + "; ".join(passing))


def _receive_inbox(office: Office) -> None:
    for arrival in arrivals(office.settings, office.name, settled_seconds(os.environ)):
        for receipt in _receive_file(office, arrival):
            log.info(
                "%s: %s, period %s, submission %s", office.name, receipt.outcome, receipt.period, receipt.submission
            )


def _receive_file(office: Office, arrival: Arrival) -> tuple[Receipt, ...]:
    shown = _printable(arrival.path.name)[:80]
    try:
        archived = archive_file(arrival.path, office.settings.archive)
    except FileNotFoundError:
        return ()  # Another run has taken it.
    except (Rejected, OSError) as error:
        # Not its own text, which quotes the name as it is.
        log.error("%s: left in the inbox, it cannot be archived: %s", shown, type(error).__name__)  # noqa: TRY400
        return ()
    if _changed_meanwhile(arrival.path, archived):
        log.warning("%s: left in the inbox, it is still being written", shown)
        return ()
    receipts = _register(office, arrival, archived)
    if archived.is_still(arrival.path):
        arrival.path.unlink(missing_ok=True)
    return receipts


def _changed_meanwhile(source: Path, archived: Archived) -> bool:
    """Whether the file was being written while it was copied, so that the copy may be half a file.

    One that was taken away, or replaced by another, was copied as a whole.
    """
    try:
        found = source.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    is_the_same_file = (found.st_dev, found.st_ino) == archived.identity[:2]
    return is_the_same_file and not (archived.is_still(source) and archived.size_bytes == found.st_size)


def _register(office: Office, arrival: Arrival, archived: Archived) -> tuple[Receipt, ...]:
    name = _printable(arrival.path.name)
    try:
        periods = _identify(office, arrival, name, archived)
    except Exception as error:
        if is_retryable(error):
            raise
        # One file that breaks the reader must not keep the others waiting; what a library says of it may quote cells.
        reason = str(error) if isinstance(error, Rejected) else f"It cannot be opened ({type(error).__name__})."
        with transaction(office.engine) as session:
            unplaced = register_unidentified(
                session,
                dependency=office.name,
                supplier=_printable(arrival.supplier),
                file_name=name,
                archived=archived,
                reason=reason,
            )
        return (unplaced,)
    with transaction(office.engine) as session:
        return register_file(
            session,
            dependency=office.name,
            supplier=arrival.supplier,
            periods=periods,
            file_name=name,
            archived=archived,
        )


def _identify(office: Office, arrival: Arrival, name: str, archived: Archived) -> tuple[date, ...]:
    if office.registered.dependency.supplier(arrival.supplier) is None:
        raise Rejected("It does not lie in the folder of a registered supplier.")
    dependency, dictionary = office.registered.dependency, office.tables[0].schema.names
    return identify_periods(
        dependency,
        name,
        lambda: read_fitting(archived.path, name, dependency, arrival.supplier, dictionary),
        supplier=arrival.supplier,
        dictionary=dictionary,
    )


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name.encode("utf-8", "replace").decode())[:255]
