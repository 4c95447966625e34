"""Replay: archived submissions under the rules as they are now written, beside what was said of them then.

Only the structure gate is replayed, since it alone looks at one submission by itself. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from integrity.errors import CouldNotCheck, IntegrityError, Rejected, is_retryable
from integrity.gates.structure import StructureResult
from integrity.pipeline.office import Office
from integrity.pipeline.rereading import judged_as_read, read_again, release_readings, shape_before
from integrity.register.judgements import findings_of, structure_judgements
from integrity.reports.catalogue import catalogue_of
from integrity.submissions.archive import archived_path, verify
from integrity.verdicts import Verdict, worst
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Submission

Key = tuple[str, str | None]
"""A rule and the column it was asked of."""


@dataclass(frozen=True)
class Answer:
    """What the structure gate said of a submission: its verdict, and by rule and column the verdict and rows failed."""

    verdict: Verdict
    outcomes: dict[Key, tuple[Verdict, int]]

    def failed(self, rule: str | None = None) -> int:
        """Rows that failed a rule, over its columns."""
        return sum(failed for (name, _), (_, failed) in self.outcomes.items() if name == rule)

    def told(self) -> set[Key]:
        """Rules and columns of which something was told."""
        return {key for key, (verdict, _) in self.outcomes.items() if verdict is not Verdict.PASS}


@dataclass(frozen=True)
class Replayed:
    """One submission, then and now.

    Attributes:
        then: None where it was never judged.
        now: None where it could not be replayed.
        because: Why it could not be.
    """

    submission: int
    supplier: str
    period: date
    revision: int
    file_name: str
    then: Answer | None
    now: Answer | None
    because: str = ""

    @property
    def new(self) -> list[Key]:
        """What is told now and was not then."""
        return _sorted(self.now.told() - self._told_then()) if self.now else []

    @property
    def cured(self) -> list[Key]:
        """What was told then and is not now."""
        return _sorted(self._told_then() - self.now.told()) if self.now else []

    @property
    def has_changed(self) -> bool:
        return self.now is not None and (self.then is None or self.then != self.now)

    def _told_then(self) -> set[Key]:
        return self.then.told() if self.then else set()

    def to_json(self) -> dict[str, Any]:
        then, now = self.then, self.now
        rules = sorted({name for answer in (then, now) if answer for name, _ in answer.told()})
        return {
            "submission": self.submission,
            "supplier": self.supplier,
            "period": self.period.isoformat(),
            "revision": self.revision,
            "file": self.file_name,
            "then": str(then.verdict) if then else None,
            "now": str(now.verdict) if now else None,
            "rules": [
                {"rule": name, "then": then.failed(name) if then else None, "now": now.failed(name) if now else None}
                for name in rules
            ],
            "new": [{"rule": rule, "column": column} for rule, column in self.new],
            "cured": [{"rule": rule, "column": column} for rule, column in self.cured],
            "because": self.because or None,
        }


@dataclass(frozen=True)
class Replay:
    """A dependency's submissions, then and now."""

    dependency: str
    submissions: tuple[Replayed, ...]

    @property
    def not_replayed(self) -> list[Replayed]:
        return [replayed for replayed in self.submissions if replayed.now is None]

    def verdicts(self) -> dict[tuple[str, str], int]:
        """How many submissions have each pair of verdicts, then and now; ``-`` for never judged."""
        counts: dict[tuple[str, str], int] = {}
        for replayed in self.submissions:
            if replayed.now:
                pair = str(replayed.then.verdict) if replayed.then else "-", str(replayed.now.verdict)
                counts[pair] = counts.get(pair, 0) + 1
        return dict(sorted(counts.items()))

    def rules(self) -> list[dict[str, Any]]:
        """By rule, over all submissions that could be replayed: rows failed, and submissions that are told of it."""
        pairs = [(r.then, r.now) for r in self.submissions if r.now]
        names = sorted({name for pair in pairs for answer in pair if answer for name, _ in answer.told()})
        return [_compared(name, pairs) for name in names]

    def to_json(self) -> dict[str, Any]:
        return {
            "dependency": self.dependency,
            "summary": {
                "submissions": len(self.submissions),
                "changed": sum(replayed.has_changed for replayed in self.submissions),
                "not_replayed": len(self.not_replayed),
                "verdicts": [{"then": then, "now": now, "count": n} for (then, now), n in self.verdicts().items()],
                "rules": self.rules(),
            },
            "submissions": [replayed.to_json() for replayed in self.submissions],
        }


def replay(
    office: Office,
    *,
    rules: Collection[str] = (),
    since: date | None = None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Replay:
    """Judge archived submissions anew, each revision, in order of receipt.

    Args:
        rules: Names of those to look at; every one where there is none. A verdict is then what these alone would say.
        since: The first reporting period.
        tell: Is told how many are done, of how many.

    Raises:
        Rejected: There is no such rule, or it is not asked of a submission by itself.
    """
    _refuse_unknown(office, rules)
    with transaction(office.engine) as session:
        query = select(Submission).where(Submission.dependency == office.name).order_by(Submission.id)
        submissions = session.scalars(query.where(Submission.period >= since) if since else query).all()
    replayed = []
    for number, submission in enumerate(submissions, start=1):
        replayed.append(_replayed(office, submission, frozenset(rules)))
        tell(number, len(submissions))
    return Replay(office.name, tuple(replayed))


def _refuse_unknown(office: Office, rules: Iterable[str]) -> None:
    asked = {"file", "drift", "field", "row"}
    entries = catalogue_of(office.registered, office.schema, office.policy).entries
    for rule in rules:
        levels = {entry.level for entry in entries if entry.rule.name == rule}
        if not levels:
            raise Rejected(f"{office.name} has no rule '{rule}'. 'integrity rules {office.name}' lists those it has.")
        if not levels & asked:
            raise Rejected(f"'{rule}' is not asked of a submission by itself, so it cannot be replayed.")


def _replayed(office: Office, submission: Submission, rules: frozenset[str]) -> Replayed:
    now, because = None, ""
    try:
        now = _as_judged(_judged_now(office, submission), rules)
    except Exception as error:
        if is_retryable(error):
            raise
        # Only an error of our own is quoted: others may hold cells.
        because = str(error) if isinstance(error, IntegrityError) else f"It broke off: {type(error).__name__}."
    with transaction(office.engine) as session:
        then = _as_stored(session, submission, rules)
    return Replayed(
        submission.id,
        submission.supplier,
        submission.period,
        submission.revision,
        submission.file_name,
        then,
        now,
        because,
    )


def _judged_now(office: Office, submission: Submission) -> StructureResult:
    path = archived_path(office.settings.archive, submission.sha256)
    if not path.is_file():
        raise CouldNotCheck("The archived file is missing.")
    if not verify(path, submission.sha256):
        raise CouldNotCheck("The archived file's bytes no longer have the hash they were received with.")
    readings = read_again(office, submission)
    try:
        return judged_as_read(office, submission, readings, shape_before(office, submission))
    finally:
        release_readings(readings)


def _as_judged(judged: StructureResult, rules: frozenset[str]) -> Answer:
    findings = [(f.rule.name, f.column, f.verdict, f.failed, bool(f.not_judged)) for f in judged.result.findings]
    return _answer(findings, rules, judged.verdict)


def _as_stored(session: Session, submission: Submission, rules: frozenset[str]) -> Answer | None:
    judgement = structure_judgements(session, submission.dependency, submission.period).get(submission.id)
    if judgement is None:
        return None
    rows = findings_of(session, [judgement])
    findings = [(row.rule, row.column, worst([row.verdict]), row.failed, bool(row.not_judged)) for row in rows]
    return _answer(findings, rules, worst([judgement.verdict]))


def _answer(
    findings: Iterable[tuple[str, str | None, Verdict, int, bool]], rules: frozenset[str], verdict: Verdict
) -> Answer:
    outcomes: dict[Key, tuple[Verdict, int]] = {}
    for rule, column, found, failed, is_not_judged in findings:
        if is_not_judged or (rules and rule not in rules):
            continue
        before, count = outcomes.get((rule, column), (Verdict.PASS, 0))
        outcomes[rule, column] = worst([before, found]), count + failed
    if rules and verdict is not Verdict.ERROR:
        verdict = worst([Verdict.PASS, *(found for found, _ in outcomes.values())])
    return Answer(verdict, outcomes)


def _compared(rule: str, pairs: Sequence[tuple[Answer | None, Answer]]) -> dict[str, Any]:
    """What a rule said of all submissions, then and now."""
    told = [(_tells(then, rule), _tells(now, rule)) for then, now in pairs]
    return {
        "rule": rule,
        "failed_then": sum(then.failed(rule) for then, _ in pairs if then),
        "failed_now": sum(now.failed(rule) for _, now in pairs),
        "submissions_then": sum(then for then, _ in told),
        "submissions_now": sum(now for _, now in told),
        "new": sum(now and not then for then, now in told),
        "cured": sum(then and not now for then, now in told),
    }


def _tells(answer: Answer | None, rule: str) -> bool:
    return answer is not None and any(name == rule for name, _ in answer.told())


def _sorted(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (key[0], key[1] or ""))
