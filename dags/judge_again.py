"""A Dag for each key data dependency: judges a period again when what it leaned on has changed, or a late file came."""

from airflow.sdk import DAG, PartitionedAssetTimetable
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration import tasks
from orchestration.assets import judge_again
from orchestration.deciding import deciding

inventory = load_inventory(Settings.from_environment())

for registered in inventory.dependencies.values():
    with DAG(
        dag_id=f"judge_again__{registered.name}",
        description=f"{registered.dependency.title}: periods whose neighbours changed",
        tags=[f"owner: {registered.dependency.owner.name}", f"importance: {registered.dependency.importance}"],
        schedule=PartitionedAssetTimetable(assets=judge_again(registered.name)),
        max_active_runs=4,
        default_args={"owner": registered.dependency.owner.name, "retries": 2},
    ):
        waiting = tasks.submissions_to_judge(registered.name)
        decided = deciding(registered, waits=False)
        tasks.judge_release_record(registered.name, inventory.leaning_on(registered.name), waiting, decided)
