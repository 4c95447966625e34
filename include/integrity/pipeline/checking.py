"""Check: judge files as the gates would, with no database and no Airflow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from integrity.errors import Misconfigured, Rejected
from integrity.findings import Finding, GateResult
from integrity.gates.coverage import SUPPLIER_REPORTED, judge_coverage
from integrity.gates.rules import IDENTIFIED
from integrity.gates.structure import StructureResult, judge_structure
from integrity.pipeline.office import Office
from integrity.submissions.identifying import identify_period
from integrity.submissions.reading import Reading, read_submission
from integrity.verdicts import Verdict, worst


@dataclass(frozen=True)
class CheckedFile:
    path: Path
    sha256: str
    supplier: str
    period: date | None
    judged: StructureResult

    def to_json(self) -> dict[str, Any]:
        judged = self.judged
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "supplier": self.supplier,
            "period": self.period.isoformat() if self.period else None,
            "revision": None,
            "rows": judged.rows,
            "accepted": judged.accepted.height if judged.is_landable else 0,
            "quarantined": judged.quarantined.height if judged.is_landable else 0,
            "verdict": str(judged.verdict),
            "findings": [f.to_json() for f in judged.result.failures],
        }


@dataclass(frozen=True)
class Checked:
    """Files that were checked together.

    Attributes:
        coverage: Of each period that the files are for, what can be said without the other suppliers' files.
        not_judged: Rules that need other days or data sets, or suppliers that were not given.
    """

    dependency: str
    files: tuple[CheckedFile, ...]
    coverage: tuple[GateResult, ...]
    not_judged: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> Verdict:
        period = [f.verdict for result in self.coverage for f in result.failures]
        return worst([*(file.judged.verdict for file in self.files), *period])

    def to_json(self) -> dict[str, Any]:
        periods = {file.period for file in self.files}
        only = next(iter(periods)) if len(periods) == 1 else None
        return {
            "dependency": self.dependency,
            "period": only.isoformat() if only else None,
            "verdict": str(self.verdict),
            "submissions": [file.to_json() for file in self.files],
            "findings": [f.to_json() for result in self.coverage for f in result.failures],
            "not_judged": [{"rule": rule, "because": why} for rule, why in self.not_judged],
        }


def check(office: Office, paths: list[Path]) -> Checked:
    """Judge files against a dependency's schema and population.

    A supplier is told from the file's folder, or is the only one there is.

    Raises:
        Misconfigured: A file is not there.
    """
    files = tuple(_check_file(office, path) for path in paths)
    not_judged = {relation.rule.name: "it needs other days or data sets" for relation in office.registered.relations}
    coverage = []
    for period in sorted({file.period for file in files if file.period}):
        units = {f.supplier: f.judged.units if f.judged.layout else None for f in files if f.period == period}
        result = judge_coverage(office.registered, period=period, units=units)
        kept = [f for f in result.findings if f.rule is not SUPPLIER_REPORTED]
        coverage.append(GateResult(gate="coverage", verdict=result.verdict, findings=tuple(kept)))
        not_judged[SUPPLIER_REPORTED.name] = "only the given files are known"
        not_judged.update({f.rule.name: f.not_judged for f in kept if f.not_judged})
    for file in files:
        not_judged.update({f.rule.name: f.not_judged for f in file.judged.result.not_judged})
    return Checked(office.name, files, tuple(coverage), tuple(not_judged.items()))


def _check_file(office: Office, path: Path) -> CheckedFile:
    if not path.is_file():
        raise Misconfigured(f"There is no file {path}.")
    dependency = office.registered.dependency
    named = dependency.supplier(path.resolve().parent.name)
    supplier = named.code if named else (dependency.suppliers[0].code if len(dependency.suppliers) == 1 else "")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    today = dependency.reporting.today(datetime.now(UTC))
    reading: Reading | Rejected
    period: date | None = None
    unplaced = ""
    try:
        reading = read_submission(path)
    except Rejected as refusal:
        reading = refusal
    try:
        period = identify_period(dependency, path.name, path)
    except Rejected as refusal:
        unplaced = str(refusal)
    judged = judge_structure(
        reading, office.schema, dependency, period=period or today, as_of=today, policy=office.policy
    )
    if unplaced and judged.verdict is not Verdict.ERROR:
        finding = Finding(rule=IDENTIFIED, verdict=Verdict.FAIL, evaluated=1, failed=1, detail=unplaced)
        judged = replace(judged, result=GateResult.of("structure", [finding]))
    return CheckedFile(path, sha256, supplier, period, judged)
