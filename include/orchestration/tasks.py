"""The one adapter between Airflow and the pipeline: each task calls one step. Ids travel between tasks, never data."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from integrity.errors import CouldNotCheck, GateFailed, Misconfigured
from integrity.inventory.loading import Broken

from orchestration.assets import judge_again, mart, published
from orchestration.running import (
    alert_channels,
    lineage_client,
    open_office,
    period_of_run,
    run_id,
    telling,
    told_apart,
)

if TYPE_CHECKING:
    from integrity.pipeline.office import Office

log = logging.getLogger("integrity")

_BATCH = 200
"""Submissions judged by one task, so that cost grows with data and not with the number of tasks."""
_BACKFILL_HOLD = timedelta(minutes=20)
"""When a backfill has found nothing new for so long, all that it found is told, together."""


@task
@told_apart
def receive(dependency: str) -> list[list[int]]:
    """Pull from the sources; archive, identify and register what lies in the inbox; gives what to judge, in batches."""
    from integrity.pipeline.receiving import receive as receive_files

    from orchestration.connections import airflow_connection

    office, period = open_office(dependency), period_of_run()
    if period != office.registered.dependency.reporting.period_of(period):
        label = office.registered.dependency.reporting.label(period)
        raise Misconfigured(f"{period} is no reporting period of {dependency}. Start the run with the key of {label}.")
    attempt = get_current_context()["ti"]
    # The last try takes a supplier's server that is down as it is: the day must not fail for ever because of it.
    is_last_try = attempt.try_number > attempt.max_tries
    waiting = receive_files(office, period, connections=airflow_connection, is_last_try=is_last_try)
    return [waiting[start : start + _BATCH] for start in range(0, len(waiting), _BATCH)] or [[]]


@task
@told_apart
def watch(dependencies: list[str]) -> list[list[str]]:
    """Take in what came late; gives the periods, as [dependency, period], that must be judged for what is overdue."""
    from integrity.pipeline.watching import watch as watch_one

    from orchestration.connections import airflow_connection

    found: list[list[str]] = []
    broken: list[str] = []
    for name in dependencies:
        try:
            office = open_office(name)
            periods = watch_one(office, datetime.now(UTC), connections=airflow_connection)
        except Exception as error:  # noqa: BLE001 - one that breaks must not keep the others from being watched
            log.error("%s is not watched: %s", name, telling(error))  # noqa: TRY400 - a library's own text may hold cells
            broken.append(name)
            continue
        found += [[name, period.isoformat()] for period in periods]
        _tend(office)
    if broken and not found:
        raise Misconfigured(f"Not watched: {', '.join(broken)}. See above.")
    if not found:
        raise AirflowSkipException("Nothing is overdue that has not been judged so, and nothing came late.")
    log.info("to be judged: %s", ", ".join(" ".join(pair) for pair in found))
    return found


def _tend(office: Office) -> None:
    """What needs no night; nothing of it keeps anybody from being watched."""
    from integrity.pipeline.tending import tend

    try:
        for difference in tend(office, alert_channels(office), datetime.now(UTC)):
            log.error("%s: register, log and findings do not agree: %s", office.name, difference)
    except Exception as error:  # noqa: BLE001 - told, and tried again in a while
        log.error("%s is not tended: %s", office.name, telling(error))  # noqa: TRY400 - as above


@task
@told_apart
def submissions_to_judge(dependency: str) -> list[list[int]]:
    """The period's submissions that have not been judged under the present rules, in one batch."""
    from integrity.register.receipts import submissions_to_judge as waiting
    from integrity.warehouse.connection import transaction

    office = open_office(dependency)
    with transaction(office.engine) as session:
        return [waiting(session, dependency, period_of_run(), office.fingerprint)]


@task
@told_apart
def judge_submissions(dependency: str, batch: list[int]) -> None:
    """Judge each file against its schema and land its rows; red if one blocks, the others are judged all the same."""
    from integrity.pipeline.judging import judge_submissions as judge

    verdicts = judge(open_office(dependency), batch, run_id())
    blocked = [str(submission) for submission, verdict in verdicts.items() if verdict.blocks]
    log.info("judged %d submission(s), %d blocked", len(batch), len(blocked))
    if blocked:
        raise GateFailed(f"Structure: submission {', '.join(blocked)} is blocked. See: integrity trace {blocked[0]}")


@task(trigger_rule="all_done")
@told_apart
def judge_coverage(dependency: str) -> None:
    """Judge who and what came against who and what was expected."""
    from integrity.pipeline.judging import judge_coverage as judge

    verdict = judge(open_office(dependency), period_of_run(), run_id())
    if verdict.blocks:
        raise GateFailed(f"Coverage: {verdict}. See: integrity issues list --dependency {dependency}")


@task(trigger_rule="all_done")
@told_apart
def judge_relations(dependency: str) -> None:
    """Judge the candidate against its own history, then against other days and data sets.

    The former by its profile, the latter by dbt tests in a schema of this run's own.
    """
    from integrity.pipeline.judging import judge_candidate

    verdicts = judge_candidate(open_office(dependency), period_of_run(), run_id())
    if not verdicts:
        raise AirflowSkipException("No submission was accepted, so there is no candidate to judge.")
    if blocked := [f"{gate.capitalize()}: {verdict}." for gate, verdict in verdicts.items() if verdict.blocks]:
        raise GateFailed(f"{' '.join(blocked)} See: integrity issues list --dependency {dependency}")


def release(dependency: str) -> Any:
    """The task that releases; it alone emits the Asset's event, with the period as its key."""

    @task(outlets=[published(dependency)], trigger_rule="none_failed")
    @told_apart
    def release() -> None:
        from integrity.pipeline.releasing import release as release_period

        office, period = open_office(dependency), period_of_run()
        # The schedule cannot leave holidays out. Nothing comes of such a run, and no mart hears of it.
        if not office.registered.dependency.reporting.is_period(period):
            raise AirflowSkipException(f"Nobody reports for {period}, so there is nothing to release.")
        changed = release_period(office, period, run_id())
        log.info("released: %s", ", ".join(changed) or "what passed is in force already")

    return release()


@task
@told_apart
def record(dependency: str) -> list[list[str]]:
    """Findings to issues, alerts, lineage, feedback; runs whatever the gates said, and leaves the run as red as it is.

    Gives the periods, as [dependency, period], that must be judged again because this run changed what they leaned on.
    """
    from integrity.pipeline.recording import record as record_period
    from integrity.pipeline.releasing import periods_to_judge_again

    from orchestration.connections import airflow_connection

    dag_run = get_current_context()["dag_run"]
    office = open_office(dependency)
    recorded = record_period(
        office,
        period_of_run(),
        run=run_id(),
        since=dag_run.start_date or datetime.now(UTC),
        channels=alert_channels(office),
        lineage=lineage_client(),
        connections=airflow_connection,
        # What a backfill finds is told together, when it has not found anything new for a while.
        hold=_BACKFILL_HOLD if dag_run.run_type == "backfill" else timedelta(),
    )
    changes = recorded.changes
    log.info("%s; issues opened %s, closed %s", recorded.outcome.verdict, list(changes.opened), list(changes.closed))
    return [[name, period.isoformat()] for name, period in periods_to_judge_again(office, period_of_run())]


def call(leaning: str, found: Any) -> Any:
    """The task that has periods of a leaning dependency judged again.

    A task of its own for each, since a task that succeeds emits an event for every outlet it has; skipped where
    there is nothing to judge.

    Args:
        found: What ``record`` gave.
    """

    @task(task_id=f"call__{leaning}", outlets=[judge_again(leaning)])
    @told_apart
    def call(found: list[list[str]], *, outlet_events: Any = None) -> None:
        periods = [period for name, period in found if name == leaning]
        if not periods:
            raise AirflowSkipException("Nothing that changed is leaned on.")
        outlet_events[judge_again(leaning)].add_partitions(periods)
        log.info("%s: to be judged again: %s", leaning, ", ".join(periods))

    return call(found)


def judge_release_record(dependency: str, leaning: list[str], batches: Any, decided: list[Any]) -> None:
    """Wire the steps that follow once it is known what must be judged.

    A red gate stops the release and nothing else: the later gates still judge, so that a supplier hears everything
    at once, and the two teardowns record the run and leave it as red as it is. Between gates and release stand those
    who may let a failure pass; without a failure nobody is asked.

    Args:
        decided: The steps in which they are asked; the first is skipped unless something before it has failed.
    """
    judged = judge_submissions.partial(dependency=dependency).expand(batch=batches)
    covered = judge_coverage(dependency)
    related = judge_relations(dependency)
    released = release(dependency)
    recorded = record(dependency)
    chain(batches, judged, covered, related, *decided, released, recorded)
    # All that the release hangs on goes through the first of these: it fails where what has failed is not let pass.
    chain([batches, judged, covered], decided[0])
    # A step that broke off may have them fail at once: recorded is when the later gates have answered, too.
    chain([covered, related], recorded)
    for name in leaning:
        call(name, recorded).as_teardown()
    # Not on_failure_fail_dagrun: Airflow would then take the run's state from this task, and hide a failed gate.
    recorded.as_teardown()


@task(retries=0)
@told_apart
def assess(dependency: str) -> str:
    """Plant errors in real submissions and keep what the gates caught; skipped while the last result holds.

    Missing a target is an issue of the owner's and no failure of this task, which is to measure. A run that somebody
    started measures in any case.
    """
    from integrity.assessment.assessing import Wanted
    from integrity.assessment.assessing import assess as assess_dependency
    from integrity.assessment.keeping import has_released, is_due, keep
    from integrity.verdicts import Verdict

    office = open_office(dependency)
    if not has_released(office):
        raise AirflowSkipException("Nothing is released yet in which errors could be planted.")
    if get_current_context()["dag_run"].run_type == "scheduled" and not is_due(office):
        raise AirflowSkipException("The last assessment on record still holds.")
    found = assess_dependency(office, Wanted(), log.info)
    kept = keep(office, found, run_id(), alert_channels(office))
    log.info("%s: %s; %d of %d caught", kept.reference, kept.verdict, kept.caught, kept.planted)
    if found.verdict is Verdict.ERROR:
        raise CouldNotCheck(f"{kept.reference} came to no result. " + " ".join(kept.shortfalls))
    return kept.reference


@task
@told_apart
def build_mart(name: str) -> None:
    """Build the mart's rows of this period anew from what is published."""
    from integrity.pipeline.marts import build_mart as build
    from integrity.settings import Settings

    build(Settings.from_environment(), name, period_of_run())


def build(name: str) -> Any:
    """The task that builds a mart and says so to whoever waits for it."""
    return build_mart.override(task_id="build", outlets=[mart(name)])(name)


@task(retries=0)
def report_broken(problems: list[str]) -> None:
    """Red on purpose: a folder that cannot be loaded, with where, what and how to mend it."""
    raise AirflowFailException("\n".join(problems))


def broken_text(broken: Broken) -> str:
    """The problems of a broken folder as Markdown."""
    return "\n".join(f"- `{p.file}:{p.line}`: {p.what}. {p.mend}" for p in broken.problems)
