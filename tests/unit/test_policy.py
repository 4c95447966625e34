"""What a class calls for, how a dependency departs from it, and what counts come to at, under and over a limit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integrity.errors import Misconfigured
from integrity.findings import Rule
from integrity.gates.rules import verdict_of
from integrity.gates.schema import load_schema
from integrity.gates.standing import STANDING_RULES, standing_problems
from integrity.inventory import manual
from integrity.inventory.calendars import months_after
from integrity.inventory.departing import Departure, depart
from integrity.inventory.loading import load_inventory
from integrity.inventory.policy import Policy, load_policy
from integrity.settings import PROJECT_ROOT, Settings
from integrity.thresholds import Limit, Thresholds
from integrity.verdicts import Verdict
from pydantic import ValidationError

POLICY_FILE = PROJECT_ROOT / "include" / "policy.yml"
HIGH, MODERATE, LOW = (load_policy(POLICY_FILE, importance) for importance in ("high", "moderate", "low"))
NATIONAL, REGIONAL = "national_hospital_activity", "regional_hospital_activity"
REASON = "For a test, which needs a reason as well."


def rule(severity: str, thresholds: Thresholds | None = None, kind: str = "business") -> Rule:
    return Rule(
        name="r",
        kind=kind,
        dimension="validity",
        severity=severity,  # type: ignore[arg-type]
        message="It is wrong.",
        mend="Mend it.",
        thresholds=thresholds,
    )


def verdict(stated: Rule, failed: int, evaluated: int = 1000, rows: int | None = None, policy: Policy = HIGH) -> str:
    return str(verdict_of(stated, failed=failed, evaluated=evaluated, rows=rows or evaluated, policy=policy))


# Thresholds


@pytest.mark.parametrize(
    ("severity", "policy", "expected"),
    [
        pytest.param("block", HIGH, {0: "PASS", 1: "FAIL"}, id="block"),
        pytest.param("quarantine", HIGH, {0: "PASS", 1: "FAIL"}, id="quarantine-high"),
        pytest.param("quarantine", MODERATE, {0: "PASS", 9: "WARN", 10: "WARN", 11: "FAIL"}, id="quarantine-moderate"),
        pytest.param("quarantine", LOW, {0: "PASS", 49: "WARN", 50: "WARN", 51: "FAIL"}, id="quarantine-low"),
        pytest.param("warn", HIGH, {0: "PASS", 1: "WARN", 1000: "WARN"}, id="warn"),
        pytest.param("warn", LOW, {0: "PASS", 1: "PASS", 2: "WARN", 1000: "WARN"}, id="warn-low"),
        pytest.param("note", HIGH, {0: "PASS", 1: "WARN", 1000: "WARN"}, id="note"),
    ],
)
def test_what_a_class_makes_of_a_thousand_rows(severity: str, policy: Policy, expected: dict[int, str]) -> None:
    assert {failed: verdict(rule(severity), failed, policy=policy) for failed in expected} == expected


@pytest.mark.parametrize("kind", manual.kinds())
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param(
            {"warn": Limit(share=0.01), "block": Limit(share=0.2)},
            {9: "PASS", 10: "PASS", 11: "WARN", 199: "WARN", 200: "WARN", 201: "FAIL"},
            id="shares",
        ),
        pytest.param(
            {"warn": Limit(count=3), "block": Limit(count=50)},
            {2: "PASS", 3: "PASS", 4: "WARN", 49: "WARN", 50: "WARN", 51: "FAIL"},
            id="counts",
        ),
        pytest.param(
            {"warn": Limit(share=0.01, count=5), "block": Limit(share=0.2, count=500)},
            {4: "PASS", 5: "PASS", 6: "WARN", 200: "WARN", 201: "FAIL"},
            id="what-is-exceeded-first",
        ),
        pytest.param({"warn": Limit(share=0.5)}, {500: "PASS", 501: "WARN", 1000: "WARN"}, id="warn-only"),
        pytest.param({"block": Limit(count=10)}, {1: "WARN", 10: "WARN", 11: "FAIL"}, id="block-only"),
    ],
)
def test_a_warning_rule_with_thresholds_of_its_own(kind: str, limits: dict[str, Limit], expected: Any) -> None:
    stated = rule("warn", Thresholds(**limits), kind)
    assert {failed: verdict(stated, failed) for failed in expected} == expected


def test_a_rule_blocks_sooner_than_its_class_by_itself_and_later_only_by_a_departure() -> None:
    sooner = rule("quarantine", Thresholds(block=Limit(count=4)))
    assert [verdict(sooner, failed, policy=MODERATE) for failed in (4, 5)] == ["WARN", "FAIL"]
    later = rule("quarantine", Thresholds(block=Limit(share=0.5)))
    assert [verdict(later, failed, policy=MODERATE) for failed in (10, 11)] == ["WARN", "FAIL"]
    wider = {"setting": "thresholds", "rule": "r", "to": {"block": {"share": 0.5}}, "reason": REASON}
    departed, told = depart(MODERATE, Departure.model_validate(wider))
    assert [verdict(later, failed, policy=departed) for failed in (11, 500, 501)] == ["WARN", "WARN", "FAIL"]
    assert str(told).startswith("thresholds of r: block at more than 50 % instead of what rule and class say, because:")
    blocking = rule("block")
    assert [verdict(blocking, failed, policy=departed) for failed in (500, 501)] == ["WARN", "FAIL"]


def test_what_blocks_does_so_where_the_class_says_nothing() -> None:
    silent = HIGH.model_copy(update={"thresholds": {}})
    assert [verdict(rule("block"), failed, policy=silent) for failed in (0, 1)] == ["PASS", "FAIL"]


def test_of_the_limits_of_rule_and_class_the_stricter_one_blocks() -> None:
    limits = {"any": Thresholds(block=Limit(count=2))}
    policy = HIGH.model_copy(update={"thresholds": {"warn": limits}})
    for own, expected in ((5, ["WARN", "FAIL"]), (1, ["FAIL", "FAIL"])):
        stated = rule("warn", Thresholds(block=Limit(count=own)))
        assert [verdict(stated, failed, policy=policy) for failed in (2, 3)] == expected


def test_the_class_speaks_of_a_kind_before_any() -> None:
    limits = {"any": Thresholds(), "completeness": Thresholds(block=Limit(count=2))}
    policy = HIGH.model_copy(update={"thresholds": {**HIGH.thresholds, "warn": limits}})
    assert [verdict(rule("warn", kind="completeness"), failed, policy=policy) for failed in (2, 3)] == ["WARN", "FAIL"]
    assert verdict(rule("warn"), 1000, policy=policy) == "WARN"


@pytest.mark.parametrize(
    ("share", "failed", "of"), [(0.29, 29, 100), (0.1, 3, 30), (0.07, 7, 100), (0.000001, 2, 2_000_000)]
)
def test_a_share_is_compared_exactly(share: float, failed: int, of: int) -> None:
    stated = rule("warn", Thresholds(block=Limit(share=share)))
    assert [verdict(stated, count, of) for count in (failed, failed + 1)] == ["WARN", "FAIL"]


def test_floats_would_have_failed_a_file_that_is_exactly_at_its_limit() -> None:
    assert not 29 <= 0.29 * 100
    assert Limit(share=0.29).allows(29, 100)


def test_a_limits_share_is_of_the_rows_that_were_asked_and_quarantine_share_of_all() -> None:
    stated = rule("quarantine", Thresholds(block=Limit(share=0.1)))
    assert verdict(stated, 1, evaluated=10, rows=1000, policy=MODERATE) == "WARN"
    assert verdict(stated, 2, evaluated=10, rows=1000, policy=MODERATE) == "FAIL", "its own limit"
    assert verdict(stated, 2, evaluated=100, rows=100, policy=MODERATE) == "FAIL", "the class's"


def test_a_count_below_nought_is_no_pass() -> None:
    assert verdict(rule("warn"), -1) == "ERROR"
    assert verdict(rule("warn"), 0, evaluated=-1) == "ERROR"


@given(
    severity=st.sampled_from(["block", "quarantine", "warn", "note"]),
    policy=st.sampled_from([HIGH, MODERATE, LOW]),
    share=st.fractions(0, 1),
    count=st.integers(0, 200),
    evaluated=st.integers(1, 200),
    failed=st.integers(0, 200),
)
def test_one_more_failing_row_never_makes_it_better(
    severity: str, policy: Policy, share: Fraction, count: int, evaluated: int, failed: int
) -> None:
    stated = rule(severity, Thresholds(block=Limit(share=share, count=count)))
    ladder = list(Verdict)
    fewer, more = (verdict(stated, failures, evaluated, policy=policy) for failures in (failed, failed + 1))
    assert ladder.index(Verdict(fewer)) <= ladder.index(Verdict(more))


@pytest.mark.parametrize(
    "limit", [{}, {"share": 1.01}, {"share": -0.1}, {"share": "a tenth"}, {"share": True}, {"count": -1}, {"rows": 1}]
)
def test_a_limit_that_says_nothing_or_nonsense_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Limit.model_validate(limit)


# The class


def test_the_classes_differ_as_their_importance_does() -> None:
    policies = (HIGH, MODERATE, LOW)
    assert [p.quarantine_share for p in policies] == sorted(p.quarantine_share for p in policies)
    assert [p.answer_days["high"] for p in policies] == sorted(p.answer_days["high"] for p in policies)
    assert set(HIGH.required_kinds) == set(MODERATE.required_kinds) == set(manual.kinds()) > set(LOW.required_kinds)
    assert HIGH.waived_by == "owner and sponsor"


@pytest.mark.parametrize("importance", manual.classes())
def test_controls_are_assessed_as_often_as_the_manual_says(importance: str) -> None:
    policy = load_policy(POLICY_FILE, importance)
    assert policy.controls_assessed_every_months <= manual.controls_assessed_every_months(importance)


@pytest.mark.parametrize("setting", [name for name in Policy.model_fields if name != "departed"])
def test_the_head_of_the_file_explains_each_entry(setting: str) -> None:
    head = POLICY_FILE.read_text(encoding="utf-8").split("\nhigh:")[0]
    assert f"\n#   {setting}" in head


@pytest.mark.parametrize(
    ("old", "new", "line_with", "what"),
    [
        pytest.param(
            "  quarantine_share: 0.0\n",
            "  quarantine_share: 0.0\n  quarantine: 1\n",
            "  quarantine: 1",
            "unknown key 'high.quarantine'",
            id="unknown-key",
        ),
        pytest.param("  wait_hours: 4\n", "", "high:", "'high.wait_hours' is missing", id="missing"),
        pytest.param(
            "missing_supplier: block",
            "missing_supplier: stop",
            "  missing_supplier: stop",
            "'high.missing_supplier': Input should be 'block' or 'warn'",
            id="unknown-word",
        ),
        pytest.param(
            "{any: quarantine, uniqueness: block",
            "{uniqueness: block",
            "high:",
            "severities: say what holds for 'any' kind of rule",
            id="no-severity-for-any-kind",
        ),
        pytest.param(
            "quarantine: {any: {}}",
            "quarantine: {any: {warn: {count: 3}}}",
            "high:",
            "rows that a quarantine rule sets aside are always told",
            id="rows-set-aside-in-silence",
        ),
        pytest.param(
            "warn: {any: {warn: {count: 0}}}",
            "warn: {sums: {}}",
            "    warn: {sums: {}}",
            "'sums' is no kind of rule; the kinds are field_structure",
            id="unknown-kind",
        ),
        pytest.param(
            "  quarantine_share: 0.0\n",
            "  quarantine_share: 5\n",
            "  quarantine_share: 5",
            "a share is a number from 0 to 1",
            id="percent-for-a-share",
        ),
        pytest.param("\nlow:\n", "\nlowest:\n", None, "class 'low' is missing", id="no-class"),
        pytest.param(
            "  rules: {}\n", "  rules: {}\n  departed: {r: {}}\n", None, "Only a dependency departs", id="departed"
        ),
        pytest.param("\nhigh:\n", "\nhigh: [\n", None, "this is not YAML", id="not-yaml"),
    ],
)
def test_a_mistake_in_the_policy_has_file_line_and_mend(
    tmp_path: Path, settings: Settings, old: str, new: str, line_with: str | None, what: str
) -> None:
    text = POLICY_FILE.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "policy.yml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"^policy\.yml:\d+: ") as raised:
        load_policy(broken, "high")
    assert what in str(raised.value)
    if line_with:
        line = broken.read_text(encoding="utf-8").splitlines().index(line_with) + 1
        assert str(raised.value).startswith(f"policy.yml:{line}: ")
    inventory = load_inventory(replace(settings, policy=broken))
    assert not inventory.dependencies, "what nobody can read makes nobody's data pass"
    assert all("policy.yml" in str(entry.problems) for entry in inventory.broken.values())


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"policy\.yml:1: it cannot be read"):
        load_policy(tmp_path / "policy.yml", "high")


# Departures


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a copy of the project's dependencies, for a test to change."""
    shutil.copytree(settings.dependencies, tmp_path / "dependencies")
    return replace(settings, dependencies=tmp_path / "dependencies")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has changed: mend this test"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def depart_in(own: Settings, name: str, departure: str) -> None:
    """Write a departure before those there are."""
    entry = f"departures:\n  - {{{departure}, reason: '{REASON}'}}\n"
    edit(own.dependencies / name / "dependency.yml", "departures:\n", entry)


def test_a_departure_holds_and_is_told(own: Settings) -> None:
    depart_in(own, REGIONAL, "setting: quarantine_share, to: 0.05")
    depart_in(own, REGIONAL, "setting: severity, rule: row_once, to: warn")
    registered = load_inventory(own).get(REGIONAL)
    assert registered.policy.quarantine_share == Fraction(1, 20)
    told = [str(departed) for departed in registered.departures]
    assert f"quarantine_share: 0.05 instead of 0, because: {REASON}" in told
    assert f"severity of row_once: warn instead of what rule and class say, because: {REASON}" in told
    assert all(f"- {each}" in registered.readme for each in told), "the Dag's page shows it"
    severities = {each.name: each.severity for each in load_schema(registered).rules()}
    assert (severities["row_once"], severities["region_once"]) == ("warn", "quarantine")


def test_a_departure_reaches_the_rules_that_dbt_judges(own: Settings) -> None:
    depart_in(own, REGIONAL, "setting: severity, rule: totals_never_fall, to: block")
    relations = load_inventory(own).get(REGIONAL).relations
    assert {r.rule.name: r.rule.severity for r in relations}["totals_never_fall"] == "block"


def test_a_dbt_test_may_state_thresholds_and_leave_its_severity_to_the_class(own: Settings, tmp_path: Path) -> None:
    shutil.copytree(own.dbt_project / "models", tmp_path / "dbt" / "models")
    settings = replace(own, dbt_project=tmp_path / "dbt")
    gates = tmp_path / "dbt" / "models" / "gates" / f"{REGIONAL}.yml"
    edit(gates, "                  column: nuovi_positivi\n                  severity: warn\n", STATED)
    found = {r.rule.name: r for r in load_inventory(settings).get(REGIONAL).relations}[
        "new_cases_agree_with_day_before"
    ]
    assert found.rule.thresholds == Thresholds(warn=Limit(share=0.1), block=Limit(count=7))
    assert '"share":0.1' in found.model_dump_json(), "what a judgement rests on includes it"
    edit(gates, "severity: warn", "severity: quarantine")
    assert "sets aside are always told" in str(load_inventory(settings).broken[REGIONAL].error())
    edit(gates, "thresholds: {warn: {share: 0.1}, block: {count: 7}}", "thresholds: {block: {count: 7}}")
    edit(gates, "                  severity: quarantine\n                  th", "                  th")
    edit(gates, "column: nuovi_positivi", "kind: relationship")
    found = {r.rule.name: r for r in load_inventory(settings).get(REGIONAL).relations}[
        "new_cases_agree_with_day_before"
    ]
    assert found.rule.severity == HIGH.severities["relationship"] == "block"


@pytest.mark.parametrize("broken", ["sources: [", "sources: []\nsources: []\n"], ids=["not-yaml", "a-key-twice"])
def test_dbt_tests_that_are_no_yaml_break_their_own_dependency_and_no_other(
    own: Settings, tmp_path: Path, broken: str
) -> None:
    shutil.copytree(own.dbt_project / "models", tmp_path / "dbt" / "models")
    (tmp_path / "dbt" / "models" / "gates" / f"{REGIONAL}.yml").write_text(broken, encoding="utf-8")
    inventory = load_inventory(replace(own, dbt_project=tmp_path / "dbt"))
    assert set(inventory.broken) == {REGIONAL}
    assert f"gates/{REGIONAL}.yml:" in str(inventory.broken[REGIONAL].error())
    assert "this is not YAML" in str(inventory.broken[REGIONAL].error())


STATED = """\
                  column: nuovi_positivi
                  severity: warn
                  thresholds: {warn: {share: 0.1}, block: {count: 7}}
"""


def test_to_have_no_relations_is_told_as_a_departure(own: Settings, tmp_path: Path) -> None:
    gates = tmp_path / "dbt_project" / "models" / "gates"
    shutil.copytree(own.dbt_project / "models" / "gates", gates)
    (gates / "trust_spend.yml").unlink()
    path = own.dependencies / "trust_spend" / "dependency.yml"
    edit(path, "alerts:\n", f"relations: {{none_because: '{REASON}'}}\nalerts:\n")
    told = load_inventory(replace(own, dbt_project=tmp_path / "dbt_project")).get("trust_spend").departures
    assert [departed.reason for departed in told if departed.about == "relations"] == [REASON]


@pytest.mark.parametrize(
    ("departure", "what"),
    [
        pytest.param("setting: leniency, to: 1", "'leniency' is no setting; the settings are severity", id="unknown"),
        pytest.param("setting: rules, to: {}", "'rules' is no setting", id="not-as-a-whole"),
        pytest.param("setting: quarantine_share, to: 2", "a share is a number from 0 to 1", id="no-share"),
        pytest.param("setting: quarantine_share, to: 0.0", "this is what holds anyway: 0", id="no-departure"),
        pytest.param("setting: quarantine_share, rule: x, to: 0.1", "holds for the dependency as a whole", id="whole"),
        pytest.param("setting: severity, to: warn", "'severity' names the rule that it is about", id="of-no-rule"),
        pytest.param("setting: severity, rule: row_once, to: stop", "Input should be 'block'", id="no-severity"),
        pytest.param("setting: severity, rule: row_once, to: null", "needs a value", id="no-value"),
        pytest.param("setting: required_kinds, to: none", "names the kind of rule that is not needed", id="no-kind"),
        pytest.param("setting: required_kinds, kind: sums, to: none", "'sums' is no kind of rule", id="unknown-kind"),
        pytest.param(
            "setting: thresholds, rule: row_once, to: {block: {share: 3}}", "a share is a number", id="no-threshold"
        ),
        pytest.param(
            "setting: required_kinds, kind: relationship, to: none",
            "no rule of kind 'relationship' is required anyway",
            id="twice",
        ),
    ],
)
def test_a_mistaken_departure_has_file_line_and_mend(own: Settings, departure: str, what: str) -> None:
    depart_in(own, REGIONAL, departure)
    path = own.dependencies / REGIONAL / "dependency.yml"
    first = path.read_text(encoding="utf-8").splitlines().index("departures:") + 2
    problems = load_inventory(own).broken[REGIONAL].problems
    (problem,) = [problem for problem in problems if what in problem.what]
    assert problem.file == f"{REGIONAL}/dependency.yml"
    assert first <= problem.line <= first + 1
    assert problem.mend


def test_a_departure_needs_its_reason(own: Settings) -> None:
    path = own.dependencies / REGIONAL / "dependency.yml"
    edit(path, "departures:\n", "departures:\n  - {setting: wait_hours, to: 9, reason: because}\n")
    (problem,) = load_inventory(own).broken[REGIONAL].problems
    assert problem.what.startswith("'departures.0.reason': String should have at least 20 characters")


@pytest.mark.parametrize(
    ("departure", "what"),
    [
        ("setting: severity, rule: no_such, to: warn", "speaks of 'no_such', which is no rule"),
        ("setting: severity, rule: readable, to: warn", "speaks of 'readable', on which the gate itself rests"),
        ("setting: severity, rule: whole_number, to: warn", "a cell that cannot be read has no value to release"),
        ("setting: thresholds, rule: row_once, to: {warn: {count: 3}}", "sets aside are always told"),
    ],
)
def test_a_departure_that_no_rule_can_follow(own: Settings, departure: str, what: str) -> None:
    depart_in(own, REGIONAL, departure)
    with pytest.raises(Misconfigured, match=what) as raised:
        load_schema(load_inventory(own).get(REGIONAL))
    assert str(raised.value).startswith(f"{REGIONAL}/schema.py:1: ")


# Rules as their schema states them


def schema_rules(own: Settings, name: str = NATIONAL) -> dict[str, Rule]:
    return {each.name: each for each in load_schema(load_inventory(own).get(name)).rules()}


def test_a_rule_without_severity_has_its_classs(own: Settings) -> None:
    schema = own.dependencies / NATIONAL / "schema.py"
    edit(schema, '        severity="block",\n', "")
    assert schema_rules(own)["day_once"].severity == HIGH.severities["uniqueness"] == "block"
    edit(schema, 'kind="uniqueness"', 'kind="business"')
    assert schema_rules(own)["day_once"].severity == HIGH.severities["any"] == "quarantine"


def test_a_rules_own_thresholds_reach_it(own: Settings) -> None:
    schema = own.dependencies / NATIONAL / "schema.py"
    edit(schema, "import polars as pl\n", "import polars as pl\nfrom integrity.thresholds import Limit, Thresholds\n")
    stated = 'severity="warn",\n        thresholds=Thresholds(warn=Limit(count=1), block=Limit(share=0.5)),'
    edit(schema, 'severity="block",', stated)
    found = schema_rules(own)["day_once"]
    assert found.thresholds == Thresholds(warn=Limit(count=1), block=Limit(share=0.5))
    edit(schema, 'severity="warn"', 'severity="block"')
    with pytest.raises(Misconfigured, match="rows that a block rule sets aside are always told"):
        schema_rules(own)


FIELD = """
    stato: str = pa.Field(isin=["ITA"], metadata={"thresholds": {"%s": Thresholds(block=Limit(count=2))}})
"""


def state_on_a_field(own: Settings, name: str) -> None:
    schema = own.dependencies / NATIONAL / "schema.py"
    imports = "import pandera.polars as pa\nimport polars as pl\nfrom integrity.thresholds import Limit, Thresholds\n"
    edit(schema, "import polars as pl\n", imports)
    edit(schema, "class Schema(Figures):\n", f"class Schema(Figures):{FIELD % name}\n")


def test_a_field_may_have_thresholds_for_what_is_asked_of_it(own: Settings) -> None:
    state_on_a_field(own, "required")
    columns = load_schema(load_inventory(own).get(NATIONAL)).columns
    assert columns["stato"].required_rule.thresholds == Thresholds(block=Limit(count=2))
    assert columns["stato"].checks[0][0].thresholds is None
    assert columns["tamponi"].required_rule.thresholds is None


def test_thresholds_for_what_is_not_asked_of_a_field_are_refused(own: Settings) -> None:
    state_on_a_field(own, "in_range")
    with pytest.raises(Misconfigured, match="thresholds for 'in_range', which is not asked of it. Asked are in_list"):
        schema_rules(own)


def test_the_class_may_speak_of_a_rule_that_every_schema_has(own: Settings, tmp_path: Path) -> None:
    said = tmp_path / "policy.yml"
    text = POLICY_FILE.read_text(encoding="utf-8")
    said.write_text(text.replace("rules: {}", "rules: {in_range: {severity: warn}}", 1), encoding="utf-8")
    assert schema_rules(replace(own, policy=said))["in_range"].severity == "warn"
    said.write_text(text.replace("rules: {}", "rules: {day_once: {severity: warn}}", 1), encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"policy\.yml speaks of 'day_once', which is no rule that every schema"):
        schema_rules(replace(own, policy=said))


# What holds whatever is submitted


TODAY = date(2026, 11, 24)


def problems(settings: Settings, name: str, today: date = TODAY, **more: Any) -> dict[str, str]:
    """Detail of each standing problem, by rule."""
    registered = load_inventory(settings).get(name)
    found = standing_problems(registered, load_schema(registered), registered.policy, today, **more)
    assert [finding.rule for finding in found] == list(STANDING_RULES), "each is on record, passed or not"
    return {f.rule.name: f.detail for f in found if f.verdict is not Verdict.PASS}


@pytest.mark.parametrize("name", [NATIONAL, REGIONAL, "trust_spend"])
def test_the_bundled_dependencies_have_what_their_class_calls_for(settings: Settings, name: str) -> None:
    assert problems(settings, name) == {}


def remove_departures(folder: Path) -> None:
    path = folder / "dependency.yml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("departures:\n"), text.index("suppliers:\n")
    path.write_text(text[:start] + text[end:], encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "break_it", "what"),
    [
        pytest.param(
            NATIONAL,
            remove_departures,
            "No rule is of kind duplicate (no second record for the same instance of data). "
            "Coverage is asked for, and no list says which reporting units there are (population).",
            id="kind-and-population",
        ),
        pytest.param(
            NATIONAL,
            lambda folder: (folder / "README.md").unlink(),
            "There is no README.md that says what the owner does when it fails.",
            id="readme",
        ),
        pytest.param(
            NATIONAL,
            lambda folder: [(folder / "examples" / f"{e}.csv").unlink() for e in ("good", "bad_day_once")],
            "Examples are missing: good, bad_day_once.",
            id="examples",
        ),
    ],
)
def test_what_the_class_calls_for_and_is_lacking_stops_nothing(
    own: Settings, name: str, break_it: Any, what: str
) -> None:
    break_it(own.dependencies / name)
    assert problems(own, name) == {"controls_in_place": what}


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 9, 30), {"importance_assessed", "controls_assessed"}),
        (date(2026, 10, 15), set()),
        (date(2027, 9, 30), set()),
        (date(2027, 10, 1), set()),
        (date(2027, 10, 2), {"importance_assessed"}),
        (date(2027, 10, 15), {"importance_assessed"}),
        (date(2027, 10, 16), {"importance_assessed", "controls_assessed"}),
    ],
)
def test_an_assessment_holds_until_its_day_comes_again(settings: Settings, today: date, expected: set[str]) -> None:
    assert set(problems(settings, NATIONAL, today)) == expected


def test_a_moderate_class_has_its_controls_assessed_every_two_years(settings: Settings) -> None:
    assert "controls_assessed" not in problems(settings, "trust_spend", date(2028, 10, 15))
    assert "controls_assessed" in problems(settings, "trust_spend", date(2028, 10, 16))


def test_evidence_on_record_counts_as_an_assessment_of_the_controls(own: Settings) -> None:
    later = date(2027, 10, 16)
    assert "controls_assessed" in problems(own, NATIONAL, later)
    assert "controls_assessed" not in problems(own, NATIONAL, later, controls_assessed_on=date(2027, 3, 1))
    text = "controls:\n  assessed_on: 2026-10-15\n  assessed_by: Tomas Eriksen, Internal Audit\n"
    edit(own.dependencies / NATIONAL / "dependency.yml", text, "")
    assert problems(own, NATIONAL) == {"controls_assessed": "There is no assessment on record."}


def test_a_month_later_from_a_long_month_is_the_last_day_of_a_short_one() -> None:
    assert months_after(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_after(date(2026, 12, 1), 1) == date(2027, 1, 1)
