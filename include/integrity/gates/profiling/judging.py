"""The profiling gate: an accepted submission against its supplier's own history and against the other suppliers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from integrity.findings import GateResult
from integrity.gates.profiling import departing, diverging, resembling, rules
from integrity.gates.profiling.answers import Answer, Case, Past
from integrity.gates.profiling.profile import Profile
from integrity.gates.profiling.sensitivity import DEFAULTS, Sensitivity
from integrity.verdicts import Verdict

GATE = "profiling"

_RULES: dict[str, Callable[[Case], Answer]] = {
    rules.VOLUME_USUAL.name: departing.judge_volume,
    rules.NULLS_USUAL.name: departing.judge_nulls,
    rules.NOUGHTS_USUAL.name: departing.judge_noughts,
    rules.SIGNS_USUAL.name: departing.judge_signs,
    rules.CATEGORIES_NEW.name: resembling.judge_new,
    rules.CATEGORIES_VANISHED.name: resembling.judge_vanished,
    rules.NOT_COPIED.name: resembling.judge_copy,
    rules.DIGITS_USUAL.name: departing.judge_digits,
    rules.SCALE_KEPT.name: departing.judge_scale,
}


def judge_profile(
    profile: Profile,
    *,
    period: date,
    history: Past,
    peers: Mapping[str, Past] | None = None,
    settings: Sensitivity = DEFAULTS,
) -> GateResult:
    """Judge what a submission looks like against what earlier ones looked like.

    Nothing is guessed: a rule for which there is too little history is on record as not judged, with what it lacks.

    Args:
        period: The reporting period of the submission.
        history: Released submissions of the same supplier for earlier periods, oldest first. Whatever is of this
            period or a later one is left out, so that it does not matter in which order periods are run.
        peers: By supplier, the released submissions of the others; those of later periods are left out. One who is
            not there yet for this period is left out as well, so that it is judged again when he is.

    Returns:
        A finding for each rule that was asked, and for each column that failed it. Details tell counts, ratios and
        configured names. A submission of which nothing could be asked passes, as the first one has to.

    Raises:
        ValueError: Every rule is off, and no rules is no gate.
    """
    known = {rule.name for rule in rules.PROFILING_RULES}
    if unknown := settings.off - known:
        raise ValueError(f"'{min(unknown)}' is no rule of the profiling gate; they are {', '.join(sorted(known))}")
    if settings.off == known:
        raise ValueError("every rule of the profiling gate is off: switch profiling off instead")
    case = Case(
        profile=profile,
        period=period,
        history=sorted(((day, past) for day, past in history if day < period), key=lambda one: one[0]),
        peers={name: [one for one in past if one[0] <= period] for name, past in (peers or {}).items()},
        settings=settings,
    )
    findings = [finding for answer in _answers(case) for finding in answer.findings(settings.severity)]
    if all(finding.not_judged for finding in findings):
        return GateResult(gate=GATE, verdict=Verdict.PASS, findings=tuple(findings))
    return GateResult.of(GATE, findings)


def _answers(case: Case) -> list[Answer]:
    """One mistake should be one finding: a rule is not asked of what a plainer one has told."""
    off = case.settings.off
    answers = [ask(case) for name, ask in _RULES.items() if name not in off]
    scaled = _told(answers, {rules.SCALE_KEPT.name})
    if rules.LEVEL_USUAL.name not in off:
        answers.append(departing.judge_level(case, frozenset(name for name in scaled if name)))
    if rules.COLUMN_RENEWED.name not in off:
        answers.append(resembling.judge_renewed(case, _told(answers, {rules.NOT_COPIED.name})))
    if rules.PEERS_ALIKE.name not in off:
        changes = {rules.SCALE_KEPT.name, rules.LEVEL_USUAL.name, rules.VOLUME_USUAL.name}
        answers.append(diverging.judge_peers(case, _told(answers, changes)))
    return answers


def _told(answers: list[Answer], by: set[str]) -> frozenset[str | None]:
    return frozenset(f.column for answer in answers if answer.rule.name in by for f in answer.failing)
