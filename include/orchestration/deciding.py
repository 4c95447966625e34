"""The steps in which a run that a gate has failed waits for a person's word; without a failure they are skipped.

Airflow skips them by their trigger rule, so that a night without failure starts no worker for them. A run that waits
holds no worker either.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail
from integrity.errors import GateFailed, Rejected
from integrity.inventory.accounts import account_of
from integrity.inventory.deciders import deciders

from orchestration.running import alert_channels, lineage_client, open_office, period_of_run, run_id, told_apart

if TYPE_CHECKING:
    from airflow.sdk.execution_time.hitl import HITLUser
    from integrity.inventory.deciders import Decider
    from integrity.inventory.dependency import Registered
    from integrity.pipeline.deciding import Case, Terms
    from integrity.pipeline.office import Office

log = logging.getLogger("integrity")

APPROVE, REJECT = "Approve", "Reject"
DECIDE, COUNTERSIGN = "decide", "countersign"

_LAST_GATE = "judge_relations"
_GATES = {"judge_submissions", "judge_coverage", _LAST_GATE}
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_LOOK_AGAIN = timedelta(seconds=3)
_ASKED_AGAIN_AFTER = timedelta(seconds=10)
_LEAST = timedelta(seconds=1)


def _form() -> dict[str, Param]:
    return {
        "reason": Param("", type="string", title="Reason", description="Why it may pass; told with the release."),
        "until": Param(
            None, type=["null", "string"], format="date", title="Until", description="Last day on which it may pass."
        ),
        "rules": Param([], type="array", title="Rules", description="Those that are let pass; none means all."),
        "supplier": Param(
            "own", enum=["own", "all"], title="Suppliers", description="Those that fail, or all of the dependency."
        ),
        "periods": Param("", type="string", title="Periods", description="FROM..TO, or one; this run's if left out."),
    }


class _Asking(HITLOperator):
    """Asks one person to let a failing period pass, and takes nobody else's word."""

    def __init__(self, *, dependency: str, role: str, **kwargs: Any) -> None:
        # An answer in the second in which it parks may be lost: Airflow takes its worker for killed, and asks again.
        kwargs["retry_delay"] = _ASKED_AGAIN_AFTER
        super().__init__(subject=f"Let {dependency} pass?", options=[APPROVE, REJECT], **kwargs)
        self.dependency = dependency
        self.role = role

    def _people(self, office: Office) -> dict[str, Decider]:
        return deciders(office.registered.dependency.owner, office.settings.sponsor, office.policy.waived_by)

    def _ask(self, office: Office, case: Case, until: datetime, **kept: Any) -> NoReturn:
        """Put the question to the person, on record, and wait."""
        from integrity.pipeline.deciding import note_asked

        period, whom = period_of_run(), self._people(office)[self.role]
        label = office.registered.dependency.reporting.label(period)
        self.subject = f"{office.registered.dependency.title}, {label}: let it pass?"
        self.assigned_users = [{"id": account_of(whom), "name": whom.name or whom.address}]
        note_asked(office, period, run_id(), whom, case)
        log.info("waiting for the %s's word until %s", self.role, until.isoformat(timespec="minutes"))
        self._park(until.isoformat(), subject=case.subject, **kept)

    def _park(self, until: str, **kept: Any) -> NoReturn:
        """Have the question answered, or answered again, and leave the worker.

        Args:
            kept: What ``answered`` gets beside the answer.
        """
        upsert_hitl_detail(
            ti_id=cast("Any", get_current_context()["ti"]).id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            params=self.serialized_params,
            assigned_users=cast("list[HITLUser]", self.assigned_users),
        )
        left = datetime.fromisoformat(until) - datetime.now(UTC)
        raise TaskAwaitingInput(method_name="answered", kwargs={"until": until, **kept}, timeout=max(left, _LEAST))

    def _approved(self, office: Office, event: Mapping[str, Any], until: str, subject: str, **kept: Any) -> str:
        """The account under which the person approved.

        Raises:
            GateFailed: They did not, or nobody answered in time; both are on record.
        """
        from integrity.pipeline.deciding import note_answer

        period, whom = period_of_run(), self._people(office)[self.role]
        answer = functools.partial(note_answer, office, period, run_id(), whom=whom, subject=subject)
        if "error" in event:
            answer(account=None, at=datetime.now(UTC))
            raise GateFailed(f"The {self.role} {whom} did not answer in time; {office.name} {period} is not released.")
        account = str((event["responded_by_user"] or {}).get("id"))
        if account != account_of(whom):
            log.warning("an answer was given under an account that is not the %s's; asking again", self.role)
            self._park(until, subject=subject, **kept)
        if event["chosen_options"] != [APPROVE]:
            answer(account=account, at=event["responded_at"])
            raise GateFailed(f"The {self.role} {whom} does not let it pass; {office.name} {period} is not released.")
        return account

    def _note_approval(self, office: Office, event: Mapping[str, Any], account: str, subject: str, terms: Terms) -> int:
        """Put on record that the person approved, and on which terms; gives the event's number."""
        from integrity.pipeline.deciding import note_answer

        return note_answer(
            office,
            period_of_run(),
            run_id(),
            whom=self._people(office)[self.role],
            account=account,
            at=event["responded_at"],
            subject=subject,
            terms=terms,
        )


class Decide(_Asking):
    """Asks the owner, where the policy lets the run wait and a waiver could help; else leaves the run red.

    Gives the number of the approval's event where a second person must agree, so that nothing else of it travels.
    """

    def __init__(self, *, waits: bool, **kwargs: Any) -> None:
        super().__init__(role="owner", params=_form(), trigger_rule="one_failed", **kwargs)
        self.waits = waits

    @told_apart
    def execute(self, context: Any) -> None:
        """Go on, where what blocks is waived already; leave it red, where no word could help; or ask and wait."""
        self._wait_for_the_gates(context)
        from integrity.pipeline.deciding import case_of, must_be_decided, question
        from integrity.pipeline.recording import record

        from orchestration.connections import airflow_connection

        office, period, since = open_office(self.dependency), period_of_run(), context["dag_run"].start_date
        if not must_be_decided(office, period, since):
            return
        hours = office.policy.wait_hours
        if not self.waits or not hours or context["dag_run"].run_type == "backfill":
            raise GateFailed(f"{office.name} {period} is not released. See: integrity issues list")
        until = since + timedelta(hours=hours)
        who = " and ".join(f"the {role} {person}" for role, person in self._people(office).items())
        record(
            office,
            period,
            run=run_id(),
            since=since,
            channels=alert_channels(office),
            lineage=lineage_client(),
            connections=airflow_connection,
            note=f"Its run waits until {until:%Y-%m-%d %H:%M} UTC for the word of {who}, given on Airflow's page.",
        )
        case = case_of(office, period)
        self.body = question(office, period, case, until)
        self._ask(office, case, until)

    def _wait_for_the_gates(self, context: Any) -> None:
        """Come back later while a gate is still to answer: the first red one has Airflow start this step already."""
        attempt = context["ti"]
        others = sorted(self.upstream_task_ids - _GATES)
        told = attempt.get_task_states(dag_id=attempt.dag_id, task_ids=[*others, _LAST_GATE], run_ids=[attempt.run_id])
        states = told.get(attempt.run_id, {})
        if states.get(_LAST_GATE) not in _ENDED:
            raise AirflowRescheduleException(datetime.now(UTC) + _LOOK_AGAIN)  # type: ignore[no-untyped-call]
        if broken := [name for name in others if states.get(name) != "success"]:
            raise GateFailed(f"'{broken[0]}' did not end well, so nobody knows what there is to decide.")

    @told_apart
    def answered(self, context: Any, event: dict[str, Any], until: str, subject: str) -> int | None:
        """Take the owner's word on what was asked; what cannot be taken is asked for again."""
        from integrity.pipeline.deciding import case_as_asked, let_pass_in_run, must_be_decided, read_terms

        office, period = open_office(self.dependency), period_of_run()
        account = self._approved(office, event, until, subject)
        if not must_be_decided(office, period, context["dag_run"].start_date):
            return None
        case = case_as_asked(office, period, subject)
        try:
            terms = read_terms(office, event["params_input"] or {}, case, datetime.now(UTC))
        except Rejected as refusal:
            log.warning("the answer cannot be taken; asking again: %s", refusal)
            self._park(until, subject=subject)
        people = self._people(office)
        number = self._note_approval(office, event, account, subject, terms)
        if len(people) > 1:
            return number
        let_pass_in_run(office, period, run_id(), terms, case, [*people.values()])
        return None


class Countersign(_Asking):
    """Asks the sponsor to agree to the owner's terms, within what is left of the time."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(role="sponsor", **kwargs)

    @told_apart
    def execute(self, context: Any) -> None:
        """Ask, if the owner has approved; where nothing was asked there is nothing to agree to."""
        from integrity.pipeline.deciding import agreed_question, approval_of, case_as_asked, question

        number = context["ti"].xcom_pull(task_ids=DECIDE)
        if number is None:
            raise AirflowSkipException("Nobody had to be asked.")
        office, period = open_office(self.dependency), period_of_run()
        approval = approval_of(office, number)
        case = case_as_asked(office, period, approval.subject)
        until = context["dag_run"].start_date + timedelta(hours=office.policy.wait_hours)
        self.body = f"{question(office, period, case, until)}\n\n{agreed_question(approval)}"
        self._ask(office, case, until, number=number)

    @told_apart
    def answered(self, context: Any, event: dict[str, Any], until: str, subject: str, number: int) -> None:
        """Take the sponsor's word: with it the owner's terms hold."""
        from integrity.pipeline.deciding import (
            approval_of,
            case_as_asked,
            let_pass_in_run,
            must_be_decided,
        )

        office, period = open_office(self.dependency), period_of_run()
        account = self._approved(office, event, until, subject, number=number)
        if not must_be_decided(office, period, context["dag_run"].start_date):
            return
        case, terms, people = (
            case_as_asked(office, period, subject),
            approval_of(office, number).terms,
            self._people(office),
        )
        self._note_approval(office, event, account, subject, terms)
        let_pass_in_run(office, period, run_id(), terms, case, [*people.values()])


def deciding(registered: Registered, *, waits: bool) -> list[Any]:
    """The steps between the gates and the release, in order: the owner, and where the class asks for it the sponsor.

    Args:
        waits: Whether a run of this Dag may wait for them; what is waived already is let through in any case.
    """
    steps: list[Any] = [Decide(task_id=DECIDE, dependency=registered.name, waits=waits)]
    if waits and "sponsor" in registered.policy.waived_by and registered.policy.wait_hours:
        steps.append(Countersign(task_id=COUNTERSIGN, dependency=registered.name))
    return steps
