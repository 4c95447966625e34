"""One issue: what is wrong and since when, what was done with the data, what rests on it, and what happened so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from integrity.inventory.dependency import Registered
from integrity.pages.strips import Mark, last_periods
from integrity.register import life
from integrity.reports import trail
from integrity.reports.rows import ranges
from integrity.warehouse.models import AuditEvent, Issue, Occurrence, Waiver

_EVENTS_SHOWN = 200
_FINDINGS_SHOWN = 12
_EFFECTS_SHOWN = 20


@dataclass(frozen=True)
class Story:
    """What the page of an issue tells, beside the issue's own fields.

    Attributes:
        strip: A mark for each of the last periods that were judged.
        findings: What the rule says of the periods that show it, the latest first.
        released: What is published of those periods.
        effects, cause, merged_into: Issues that come of it, or that it comes of or is part of.
        events: What happened, in order; ``untold`` earlier ones are left out.
    """

    issue: Issue
    strip: tuple[Mark, ...]
    findings: tuple[dict[str, Any], ...]
    released: tuple[dict[str, Any], ...]
    waivers: tuple[Waiver, ...]
    effects: tuple[Issue, ...]
    cause: Issue | None
    merged_into: Issue | None
    events: tuple[dict[str, Any], ...]
    untold: int


def story_of(session: Session, registered: Registered, issue: Issue) -> Story:
    """Everything that is on record of an issue."""
    occurrences = session.scalars(select(Occurrence).where(Occurrence.issue_id == issue.id)).all()
    shown_in = sorted((o.period for o in occurrences if o.period and o.closed_at is None), reverse=True)
    shown_in = shown_in[:_FINDINGS_SHOWN]
    effects = select(Issue).where(Issue.explained_by == issue.id, Issue.status != life.CLOSED).order_by(Issue.id)
    waivers = select(Waiver).where(Waiver.issue_id == issue.id).order_by(Waiver.id.desc())
    events = trail.events(session, issue=issue.id, most=_EVENTS_SHOWN + 1)
    untold = len(events) > _EVENTS_SHOWN
    return Story(
        issue=issue,
        strip=_strip(session, registered, occurrences),
        findings=tuple(_findings(session, registered, issue, shown_in)),
        released=tuple(_released(session, registered, issue, shown_in)),
        waivers=tuple(session.scalars(waivers)),
        effects=tuple(session.scalars(effects.limit(_EFFECTS_SHOWN))),
        cause=session.get(Issue, issue.explained_by) if issue.explained_by else None,
        merged_into=session.get(Issue, issue.merged_into) if issue.merged_into else None,
        events=tuple(_told(event) for event in events[untold:]),
        untold=untold,
    )


def _strip(session: Session, registered: Registered, occurrences: Sequence[Occurrence]) -> tuple[Mark, ...]:
    by_period = {occurrence.period: occurrence for occurrence in occurrences}
    marks = []
    for period, label in last_periods(session, registered).items():
        shown = by_period.get(period)
        if shown is None:
            marks.append(Mark(label, "none", "does not show it"))
        elif shown.closed_at:
            marks.append(Mark(label, "cured", f"showed it ({_counted(shown)}), cured"))
        else:
            marks.append(Mark(label, shown.verdict, f"{shown.verdict}, {_counted(shown)}"))
    return tuple(marks)


def _counted(occurrence: Occurrence) -> str:
    return f"{occurrence.failed:,} of {occurrence.evaluated:,}"


def _findings(session: Session, registered: Registered, issue: Issue, periods: list[date]) -> Iterable[dict[str, Any]]:
    """What the gates say of this rule and supplier; of a supplier's revisions the latest counts."""
    query = text(
        """
        SELECT j.period, j.gate, j.run, j.judged_at, f."column", f.verdict, f.evaluated, f.failed, f.rows, f.message,
               f.mend, f.not_judged, s.supplier, s.revision, s.file_name, s.id AS submission
        FROM register.judgement j JOIN register.finding f ON f.judgement_id = j.id
        LEFT JOIN register.submission s ON s.id = j.submission_id
        WHERE j.dependency = :dependency AND j.period = ANY(:periods) AND f.rule = :rule AND f.verdict <> 'PASS'
          AND (:supplier = '' OR coalesce(f.supplier, s.supplier) = :supplier)
          AND (s.id IS NULL OR NOT EXISTS (
              SELECT FROM register.submission later WHERE later.dependency = s.dependency
              AND later.supplier = s.supplier AND later.period = s.period AND later.revision > s.revision))
        ORDER BY j.period DESC, f.id LIMIT :most
        """
    )
    asked = {"dependency": issue.dependency, "rule": issue.rule, "supplier": issue.supplier, "periods": periods}
    for row in session.execute(query, asked | {"most": _FINDINGS_SHOWN}).mappings():
        yield {
            **row,
            "label": registered.dependency.reporting.label(row["period"]),
            "where": ranges(row["rows"]),
            "share": row["failed"] / row["evaluated"] if row["evaluated"] else None,
            "feedback": _feedback(registered, row) if row["submission"] else None,
            "at": run_address(issue.dependency, row["run"]),
        }


def _feedback(registered: Registered, row: Any) -> str:
    """Where the supplier's feedback lies, from the outbox on."""
    return f"{registered.name}/{row['supplier']}/{row['period']}.r{row['revision']}.html"


def run_address(dependency: str, run: str) -> str | None:
    """The page of a run under Airflow's own address; None where it was none of Airflow's runs."""
    return f"/dags/ingest__{dependency}/runs/{quote(run, safe='')}" if "__" in run else None


def _told(event: AuditEvent) -> dict[str, Any]:
    told = trail.to_json(event)
    return {
        "number": event.id,
        "at": event.at,
        "by": told["by"],
        "what": event.event.removeprefix("issue "),
        "period": event.period,
        "said": trail.said(event),
        "link": _link(event),
    }


def _link(event: AuditEvent) -> str | None:
    to = str(event.details.get("to", ""))
    return to if event.event == "issue linked" and to.startswith(("http://", "https://")) else None


def _released(session: Session, registered: Registered, issue: Issue, periods: list[date]) -> Iterable[dict[str, Any]]:
    """What is published of periods; the issue's supplier's only, where it is one's."""
    query = text(
        """
        SELECT r.period, r.supplier, r.verdict, r.rows, r.quarantined, r.waivers, r.released_at, s.revision,
               s.revision < (SELECT max(n.revision) FROM register.submission n WHERE n.dependency = r.dependency
                             AND n.supplier = r.supplier AND n.period = r.period) AS is_older
        FROM register.release r JOIN register.submission s ON s.id = r.submission_id
        WHERE r.dependency = :dependency AND r.period = ANY(:periods) AND r.superseded_at IS NULL
          AND (:supplier = '' OR r.supplier = :supplier)
        ORDER BY r.period DESC, r.supplier LIMIT :most
        """
    )
    asked = {"dependency": issue.dependency, "periods": periods, "supplier": issue.supplier}
    for row in session.execute(query, asked | {"most": _FINDINGS_SHOWN}).mappings():
        yield {**row, "label": registered.dependency.reporting.label(row["period"])}
