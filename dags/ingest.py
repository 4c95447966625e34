"""A Dag for each key data dependency: one run is one reporting period."""

from airflow.sdk import DAG, CronPartitionTimetable
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration import tasks
from orchestration.deciding import deciding

inventory = load_inventory(Settings.from_environment())

for registered in inventory.dependencies.values():
    dependency, reporting = registered.dependency, registered.dependency.reporting
    with DAG(
        dag_id=f"ingest__{registered.name}",
        description=dependency.title,
        doc_md=registered.readme,
        tags=[f"owner: {dependency.owner.name}", f"importance: {dependency.importance}", "ingest"],
        # A period is judged as the next one begins; its key is the (first) day of what has ended.
        schedule=CronPartitionTimetable(
            reporting.cron, timezone=reporting.timezone, run_offset=-1, key_format="%Y-%m-%d"
        ),
        start_date=reporting.first_midnight,
        end_date=reporting.last_midnight,
        catchup=False,
        max_active_runs=4,
        default_args={"owner": dependency.owner.name, "retries": 2},
    ):
        received = tasks.receive(registered.name)
        decided = deciding(registered, waits=True)
        tasks.judge_release_record(registered.name, inventory.leaning_on(registered.name), received, decided)

for broken in inventory.broken.values():
    with DAG(
        dag_id=f"ingest__{broken.name}",
        description="This folder cannot be loaded",
        doc_md=tasks.broken_text(broken),
        tags=["broken", "ingest"],
        schedule=None,
    ):
        tasks.report_broken([str(problem) for problem in broken.problems])
