"""Receive: archive first, then identify, then register, then clear the inbox."""

from __future__ import annotations

import logging
from datetime import date

from integrity.errors import Rejected, is_retryable
from integrity.pipeline.office import Office
from integrity.register.receipts import Receipt, register_submission, register_unidentified, submissions_to_judge
from integrity.submissions.archive import Archived, archive_file
from integrity.submissions.identifying import identify_period
from integrity.submissions.inbox import Arrival, arrivals
from integrity.warehouse.connection import transaction

log = logging.getLogger("integrity.receive")


def receive(office: Office, period: date) -> list[int]:
    """Take in everything that lies in the dependency's inbox, for whatever period it is.

    A file is in the archive, on disk, before it is opened, and leaves the inbox only once it is registered: a process
    killed in between leaves a file that the next one finds again and acknowledges.

    Returns:
        Submissions of this period whose structure must be judged.
    """
    for arrival in arrivals(office.settings, office.name):
        receipt = _receive_file(office, arrival)
        if receipt:
            log.info(
                "%s: %s, period %s, submission %s", office.name, receipt.outcome, receipt.period, receipt.submission
            )
    with transaction(office.engine) as session:
        return submissions_to_judge(session, office.name, period, office.fingerprint)


def _receive_file(office: Office, arrival: Arrival) -> Receipt | None:
    try:
        archived = archive_file(arrival.path, office.settings.archive)
    except FileNotFoundError:
        return None  # Another run has taken it.
    except (Rejected, OSError) as error:
        log.error("%s: left in the inbox, it cannot be archived: %s", arrival.path.name[:80], type(error).__name__)  # noqa: TRY400
        return None
    receipt = _register(office, arrival, archived)
    if archived.is_still(arrival.path):
        arrival.path.unlink(missing_ok=True)
    return receipt


def _register(office: Office, arrival: Arrival, archived: Archived) -> Receipt:
    name = _printable(arrival.path.name)
    try:
        period = _identify(office, arrival, name, archived)
    except Exception as error:
        if is_retryable(error):
            raise
        # One file that breaks the reader must not keep the others waiting; what a library says of it may quote cells.
        reason = str(error) if isinstance(error, Rejected) else f"It cannot be opened ({type(error).__name__})."
        with transaction(office.engine) as session:
            return register_unidentified(
                session,
                dependency=office.name,
                supplier=_printable(arrival.supplier),
                file_name=name,
                archived=archived,
                reason=reason,
            )
    with transaction(office.engine) as session:
        return register_submission(
            session, dependency=office.name, supplier=arrival.supplier, period=period, file_name=name, archived=archived
        )


def _identify(office: Office, arrival: Arrival, name: str, archived: Archived) -> date:
    if office.registered.dependency.supplier(arrival.supplier) is None:
        raise Rejected("It does not lie in the folder of a registered supplier.")
    return identify_period(office.registered.dependency, name, archived.path)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name.encode("utf-8", "replace").decode())[:255]
