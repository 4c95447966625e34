"""OpenLineage: one run event a gate, with its assertions on the data set that it guards. No values, ever."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from integrity.warehouse.models import FindingRow, Judgement

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

_PRODUCER = "https://github.com/integrity-gates/integrity-gates"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, _PRODUCER)


def emit_gates(
    client: OpenLineageClient,
    database_url: str,
    judgements: list[tuple[Judgement, list[FindingRow]]],
    *,
    importance: str,
    head: str = "",
) -> None:
    """Emit a COMPLETE event for each judgement.

    Args:
        importance: Class of the dependency, told with every assertion.
        head: Number and hash of the audit trail's last seal, told with every run.
    """
    for judgement, findings in judgements:
        client.emit(_event(judgement, findings, dataset_namespace(database_url), importance, head))


def dataset_namespace(database_url: str) -> str:
    """The warehouse's name in lineage; the embedded server's address is a folder, and is not told."""
    place = conninfo_to_dict(database_url)
    host = str(place.get("host") or "localhost")
    return "postgres://embedded" if host.startswith("/") else f"postgres://{host}:{place.get('port') or 5432}"


def lineage_client(home: Path) -> OpenLineageClient:
    """A client for the transport of the environment, or else for a file under ``home``."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    if any(name.startswith(("OPENLINEAGE_URL", "OPENLINEAGE__", "OPENLINEAGE_CONFIG")) for name in os.environ):
        return OpenLineageClient()
    path = home / "lineage" / "events.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(path), append=True)))


def _event(judgement: Judgement, findings: list[FindingRow], namespace: str, importance: str, head: str) -> Any:
    from openlineage.client.event_v2 import InputDataset, Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality
    from openlineage.client.facet_v2 import tags_run

    assertions = [
        quality.Assertion(
            assertion=row.rule,
            success=row.verdict == "PASS",
            column=row.column,
            severity="warn" if row.severity in ("warn", "note") else "error",
            description=row.mend,
            params={
                "kind": row.kind,
                "dimension": row.dimension,
                "limitations": row.limitations,
                "importance": importance,
                "evaluated": row.evaluated,
                "failed": row.failed,
            },
        )
        for row in findings
        if not row.not_judged
    ]
    guarded = "landing" if judgement.gate == "structure" else "published"
    dataset = InputDataset(
        namespace=namespace,
        name=f"{guarded}.{judgement.dependency}",
        inputFacets={"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=assertions)},
    )
    subject = (
        f"{judgement.dependency}/{judgement.period}/{judgement.gate}/{judgement.submission_id}/{judgement.judged_at}"
    )
    tags = tags_run.TagsRunFacet(tags=[tags_run.TagsRunFacetFields(key="audit_head", value=head, source="INTEGRITY")])
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=datetime.now(UTC).isoformat(),
        producer=_PRODUCER,
        run=Run(runId=str(uuid.uuid5(_NAMESPACE, subject)), facets={"tags": tags} if head else {}),
        job=Job(namespace="integrity", name=f"{judgement.dependency}.{judgement.gate}"),
        inputs=[dataset],
        outputs=[],
    )
