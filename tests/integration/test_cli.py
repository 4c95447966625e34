"""The command line against a warehouse: one JSON document, exit codes, a sentence where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

REGIONAL = "regional_hospital_activity"


def test_ingest_gives_one_document_in_the_agreed_shape(settled: Any, real: Any, types: Any) -> None:
    settled.send(REGIONAL, real(REGIONAL, 29).change("03", terapia_intensiva=1), 29)
    done = types("ingest", REGIONAL, "--period", "2020-04-29", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["dependency"], told["period"], told["verdict"], told["findings"]) == (
        REGIONAL,
        "2020-04-29",
        "FAIL",
        [],
    )
    (submission,) = told["submissions"]
    counts = [submission[name] for name in ("revision", "rows", "accepted", "quarantined", "verdict")]
    assert counts == [1, 21, 20, 1, "FAIL"]
    (finding,) = submission["findings"]
    assert set(finding) == {
        "rule",
        "kind",
        "dimension",
        "limitations",
        "severity",
        "column",
        "evaluated",
        "failed",
        "rows",
        "message",
        "mend",
    }
    assert (finding["rule"], finding["failed"], len(finding["rows"])) == ("hospitalised_total", 1, 1)

    issues = json.loads(types("issues", "list", "--json").stdout)
    assert [(i["reference"], i["rule"], i["status"]) for i in issues][-1][1:] == ("hospitalised_total", "open")
    shown = json.loads(types("issues", "show", issues[0]["reference"], "--json").stdout)
    assert shown["owner"].startswith("Giulia Bianchi")
    assert types("issues", "show", "IG-99999").returncode == 2


def test_trace_leads_back_to_a_line_and_on_to_a_fate(types: Any) -> None:
    origin = json.loads(types("trace", REGIONAL, "2020-04-28", "03", "--json").stdout)[0]
    line = Path(origin["archived_at"]).read_text(encoding="utf-8").splitlines()[origin["row"] - 1]
    assert "Lombardia" in line
    fate = json.loads(types("trace", origin["file_name"], "--json").stdout)
    assert [f["status"] for f in fate] == ["released"]
    assert types("trace", "nothing-of-this-name").returncode == 1
    assert types("trace", REGIONAL, "2020-04-28", "99").returncode == 1


def test_impact_names_what_depends_on_it_with_owners(types: Any) -> None:
    told = json.loads(types("impact", REGIONAL, "--json").stdout)
    assert {(d["kind"], d["owner"]) for d in told} == {
        ("gate", "Marco Ferri"),
        ("mart", "Giulia Bianchi"),
        ("exposure", "Giulia Bianchi"),
    }


def test_what_cannot_be_done_is_a_sentence(settled: Any, types: Any, own_database: Callable[[str], str]) -> None:
    unmigrated = own_database("template0")
    for arguments, changed, words in (
        (("issues", "list"), {"INTEGRITY_DATABASE_URL": unmigrated}, "integrity migrate"),
        (("issues", "list"), {"INTEGRITY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "cannot be reached"),
        (("issues", "list"), {"INTEGRITY_DATABASE_URL": "sqlite://x"}, "postgresql://"),
        (("ingest", "nothing", "--period", "2020-04-29"), {}, "Registered are"),
        (("ingest", REGIONAL, "--period", "yesterday"), {}, "Write it as 2020-02-24"),
        (("ingest", REGIONAL, "--period", "2019-01-01"), {}, "none of its periods"),
        (("check", REGIONAL, "no-such-file.csv"), {}, "no file"),
    ):
        done = types(*arguments, **changed)
        assert done.returncode == 2, arguments
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_the_doctor_names_each_mistake_and_its_mend(settled: Any, types: Any, tmp_path: Path) -> None:
    assert types("doctor").returncode == 0
    broken = tmp_path / "dependencies" / "half_made"
    broken.mkdir(parents=True)
    (broken / "dependency.yml").write_text("name: half_made\ntitel: x\n", encoding="utf-8")
    done = types("doctor", "--json", INTEGRITY_DEPENDENCIES=str(broken.parent))
    assert done.returncode == 1
    found = [entry for entry in json.loads(done.stdout) if not entry["ok"]]
    assert any("half_made/dependency.yml:2" in entry["what"] and "titel" in entry["what"] for entry in found)
    assert all(entry["mend"] for entry in found)
    assert "INTEGRITY_LIMIT_ROWS is 'many'" in types("doctor", INTEGRITY_LIMIT_ROWS="many").stdout
