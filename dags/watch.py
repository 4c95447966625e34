"""Due times: every quarter of an hour it is looked who is late, and the periods are judged that it concerns."""

from airflow.sdk import DAG, CronTriggerTimetable
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration import tasks

names = list(load_inventory(Settings.from_environment()).dependencies)

if names:
    with DAG(
        dag_id="watch",
        description="Finds what is overdue, and takes in what comes late",
        tags=["watch"],
        schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 0},
    ):
        found = tasks.watch(names)
        for name in names:
            tasks.call(name, found)
