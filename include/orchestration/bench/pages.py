"""The pages at 100,000 issues: what somebody waits for who opens one."""

from __future__ import annotations

import statistics
from dataclasses import replace

from integrity.errors import IntegrityError
from integrity.pages.application import build_pages
from integrity.pages.visitor import Visitor
from integrity.pages.waiting import MOST_PAGES
from integrity.settings import PROJECT_ROOT, Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.migrate import migrate
from sqlalchemy import text
from starlette.requests import Request
from starlette.testclient import TestClient

from orchestration.bench.measured import Measured, seconds_of

_ISSUES, _PERIODS_OF_EACH, _EVENTS_OF_EACH = 100_000, 3, 8
_TIMES, _TARGET_MS = 20, 200
_DEPENDENCY = "regional_hospital_activity"
_OWNER = "capacity-planning@example.org"
_FILL = (
    """
    INSERT INTO register.issue (dependency, rule, supplier, dimension, impact, status, owner, description, raised_on,
                                raised_by, due_on)
    SELECT (ARRAY['regional_hospital_activity', 'national_hospital_activity', 'trust_spend'])[1 + n % 3],
           'rule_' || n % 60, 'supplier_' || n, 'accuracy', (ARRAY['low', 'medium', 'high'])[1 + n % 3],
           (ARRAY['open', 'acknowledged', 'investigating', 'resolved', 'closed'])[1 + n % 5],
           (ARRAY['Giulia Bianchi, Head of Hospital Capacity Planning', 'Somebody else'])[1 + n % 2],
           'Something does not hold.', now(), 'gate', current_date - 30 + n % 60
    FROM generate_series(1, :issues) n""",
    """
    INSERT INTO register.occurrence (issue_id, period, verdict, evaluated, failed, opened_at)
    SELECT i.id, date '2020-04-01' + p, 'FAIL', 21, 1, now()
    FROM register.issue i CROSS JOIN generate_series(1, :periods) p""",
    """
    INSERT INTO register.audit_event (at, actor, event, dependency, issue_id, details)
    SELECT now(), 'airflow', 'issue seen', i.dependency, i.id, '{"verdict": "FAIL", "evaluated": 21, "failed": 1}'
    FROM register.issue i CROSS JOIN generate_series(1, :events) e""",
    """
    WITH judged AS (
        INSERT INTO register.judgement (dependency, period, gate, verdict, subject, run, judged_at)
        SELECT 'regional_hospital_activity', date '2019-07-01' + n, g, 'FAIL', '', 'run', now()
        FROM generate_series(1, 300) n, unnest(ARRAY['coverage', 'profiling', 'relations']) g
        RETURNING id)
    INSERT INTO register.finding (judgement_id, rule, kind, dimension, limitations, severity, verdict, evaluated,
                                  failed, rows, message, mend, not_judged)
    SELECT j.id, 'rule_' || r, 'business', 'accuracy', '{}', 'block', CASE WHEN r = 3 THEN 'FAIL' ELSE 'PASS' END, 21,
           1, '{}', 'It does not hold.', 'Mend it.', ''
    FROM judged j CROSS JOIN generate_series(0, 59) r""",
)


def measure_pages(settings: Settings) -> list[Measured]:
    """Each page against the 200 ms in which it is to be there, all of it: the database, the words, the request."""
    settings = replace(settings, dependencies=PROJECT_ROOT / "include" / "dependencies")
    engine = open_engine(settings)
    migrate(engine)
    with transaction(engine) as session:
        counts = {"issues": _ISSUES, "periods": _PERIODS_OF_EACH, "events": _EVENTS_OF_EACH}
        for statement in _FILL:
            session.execute(text(statement), counts)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))

    async def recognise(request: Request) -> Visitor | None:
        return Visitor(_OWNER, lambda _: True, lambda _: True)

    pages = {
        "what needs me now": "/issues",
        "everybody's issues, the last page": f"/issues?whose=all&status=every&page={MOST_PAGES}",
        "issues of one supplier": "/issues?whose=all&supplier=supplier_77777",
        "one issue": "/issues/IG-50001",
        "all dependencies": "/dependencies",
        "one dependency": f"/dependencies/{_DEPENDENCY}",
    }
    with TestClient(build_pages(settings, recognise, form_key="of the benchmark's")) as client:
        found = []
        for what, path in pages.items():
            value = _milliseconds(client, path)
            what = f"{what}, at {_ISSUES:,} issues"
            found.append(Measured(what, f"{_TARGET_MS} ms", value, _TARGET_MS, "ms", most=1))
        return found


def _milliseconds(client: TestClient, path: str) -> float:
    if (answer := client.get(path)).status_code != 200:
        raise IntegrityError(f"{path} answers {answer.status_code}.")
    return 1000 * statistics.median(seconds_of(lambda: client.get(path)) for _ in range(_TIMES))
