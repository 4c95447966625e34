"""What needs no night: issues that climb, alerts that wait, seals of the audit trail, and whether all of it agrees."""

from __future__ import annotations

import logging
from datetime import datetime

from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.alerts.trying import try_out
from integrity.pipeline.office import Office
from integrity.pipeline.reconciling import disagreements
from integrity.register.audit import last_event, note
from integrity.register.climbing import climb
from integrity.register.sealing import seal
from integrity.warehouse.connection import transaction

log = logging.getLogger("integrity.alerts")

_TRIED = "alerts tried"


def tend(office: Office, channels: Channels, moment: datetime) -> list[str]:
    """Tend a dependency; twice does no harm.

    Returns:
        A sentence for each difference between register, log and findings.
    """
    with transaction(office.engine) as session:
        climb(session, office.registered, office.settings.sponsor, moment, office.settings.sponsor_slack)
    deliver(office.engine, channels)
    if office.settings.tries_alerts:
        _try_once_a_day(office, channels, moment)
    seal(office.engine)
    return disagreements(office, moment)


def _try_once_a_day(office: Office, channels: Channels, moment: datetime) -> None:
    """A silent morning should mean that nothing is wrong, and not that nobody can be reached."""
    today = office.registered.dependency.reporting.today
    with transaction(office.engine) as session:
        last = last_event(session, office.name, _TRIED)
        if last is not None and today(last.at) == today(moment):
            return
        told = try_out(office.registered, office.settings.sponsor, channels, office.settings.sponsor_slack)
        missed = [route for route, why in told if why]
        note(session, _TRIED, dependency=office.name, routes=[route for route, _ in told], missed=missed)
    for route, why in told:
        if why:
            log.error("%s: alerts do not arrive at %s: %s", office.name, route, why)
