"""The audit trail of a large entity after years: sealing, proving that it is whole, and telling one story of it."""

from __future__ import annotations

import statistics

from integrity.errors import IntegrityError
from integrity.register.sealing import seal, verify
from integrity.reports.trail import events
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.migrate import migrate
from sqlalchemy import text

from orchestration.bench.measured import Measured, seconds_of

_EVENTS, _OF_EACH = 10_000_000, 100
"""Events in all, and of each issue or submission."""
_TIMES = 20
_FILL = """
    INSERT INTO register.audit_event (at, actor, event, dependency, period, submission_id, issue_id, details)
    SELECT timestamptz '2020-01-01' + n * interval '20 seconds', 'airflow',
        (ARRAY['received', 'judged', 'released', 'issue seen'])[1 + n % 4],
        'dependency_' || n % 50, date '2020-01-01' + (n / 5000),
        CASE WHEN n % 4 < 3 THEN n / :of_each END, CASE WHEN n % 4 = 3 THEN n / :of_each END,
        jsonb_build_object('verdict', 'PASS', 'evaluated', n % 1000, 'failed', 0)
    FROM generate_series(1, :events) AS n"""


def measure_audit(settings: Settings) -> list[Measured]:
    """Against one thing that everybody knows the cost of: counting the events with a full scan of their table."""
    engine = open_engine(settings)
    migrate(engine)
    with transaction(engine) as session:
        session.execute(text(_FILL), {"events": _EVENTS, "of_each": _OF_EACH})
    sealed = seconds_of(lambda: seal(engine))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE register.audit_event"))
        connection.execute(text("VACUUM ANALYZE register.audit_seal"))
        counting = "SELECT sum(length(details::text)) FROM register.audit_event"
        counted = seconds_of(lambda: connection.execute(text(counting)).all())
    found = verify(engine)
    if not found.is_whole or found.waiting:
        raise IntegrityError("A trail that nobody has touched is not whole.")
    verified = seconds_of(lambda: verify(engine))

    def milliseconds(*, issue: int | None = None, submissions: tuple[int, ...] = ()) -> float:
        with transaction(engine) as session:
            asked = [seconds_of(lambda: events(session, issue=issue, submissions=submissions)) for _ in range(_TIMES)]
        return 1000 * statistics.median(asked)

    base = f"reading all {_EVENTS:,} once"
    return [
        Measured(f"sealing {_EVENTS:,} events of the audit trail", base, sealed, counted),
        Measured("proving that they are whole", base, verified, counted),
        Measured("the story of one issue", "100 ms", milliseconds(issue=_EVENTS // _OF_EACH // 2), 100, "ms", most=1),
        Measured("the story of one submission", "100 ms", milliseconds(submissions=(7,)), 100, "ms", most=1),
    ]
