"""A Dag for each mart: rebuilds a period when one of its sources releases it."""

from airflow.sdk import DAG, AssetAny, PartitionedAssetTimetable
from integrity.reports.impact import marts, sources_of
from integrity.settings import Settings
from orchestration import tasks
from orchestration.assets import published

settings = Settings.from_environment()

for mart in marts(settings):
    with DAG(
        dag_id=f"build__{mart}",
        description=f"Rebuilds marts.{mart} for a period that was released",
        tags=["mart"],
        schedule=PartitionedAssetTimetable(assets=AssetAny(*map(published, sources_of(settings, mart)))),
        max_active_runs=2,
        default_args={"retries": 2},
    ):
        tasks.build(mart)
