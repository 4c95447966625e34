"""A Dag for each key data dependency: measures, by planting errors, whether its controls work, and keeps the result."""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable
from integrity.inventory.loading import load_inventory
from integrity.settings import Settings
from orchestration import tasks

inventory = load_inventory(Settings.from_environment())

for place, registered in enumerate(inventory.dependencies.values()):
    dependency = registered.dependency
    with DAG(
        dag_id=f"assess__{registered.name}",
        description=f"{dependency.title}: how much of what is planted its gates catch",
        tags=[f"owner: {dependency.owner.name}", f"importance: {dependency.importance}", "assess"],
        # Asked each month, made when the last result is about to end (policy.yml: controls_assessed_every_months).
        # A month's days are shared out, so that no two are made at once. There is no start_date: with one, Airflow
        # would make up for the last of them as soon as it is up.
        schedule=CronTriggerTimetable(f"0 4 {1 + place % 28} * *", timezone=dependency.reporting.timezone),
        catchup=False,
        max_active_runs=1,
        default_args={"owner": dependency.owner.name},
    ):
        tasks.assess(registered.name)
