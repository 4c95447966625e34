"""The pages as an application, whoever serves them; Airflow does, and says who is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from integrity.errors import IntegrityError, Misconfigured, Rejected
from integrity.inventory.dependency import Registered
from integrity.pages.deliveries import STATES
from integrity.pages.desk import Desk
from integrity.pages.forms import forms_for
from integrity.pages.guarding import VISITOR, Forms, LoggedInOnly
from integrity.pages.moves import DONE, make_move
from integrity.pages.standing import as_page, open_issues, standing_of
from integrity.pages.story import story_of
from integrity.pages.strips import last_periods, nights, summed_up
from integrity.pages.visitor import Recognise, Visitor, charge_of
from integrity.pages.waiting import MOST_PAGES, Asked, choices_of, issues_asked_for
from integrity.register import life
from integrity.register.proposals import awaiting
from integrity.reports.page_headers import NONCE
from integrity.settings import Settings
from integrity.submissions.supplier_text import printable
from integrity.warehouse.connection import transaction
from integrity.warehouse.models import Issue

_PAGES = Environment(
    loader=ChoiceLoader([PackageLoader("integrity.pages"), PackageLoader("integrity", "reports")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["printable"] = printable
_PAGES.globals |= {"summed_up": summed_up, "done": DONE, "most_pages": MOST_PAGES}
_OTHERS_OFFERED = 50
_DAG_KINDS = ("ingest__", "judge_again__", "assess__")
_NIGHTS_IN_THE_LIST = 21
_FORM_FIELDS = 12


def build_pages(settings: Settings, recognise: Recognise, *, form_key: str) -> ASGIApp:
    """The pages.

    Args:
        recognise: Tells who has sent a request, and what they may see and do.
        form_key: With which forms are marked as ours.
    """
    pages = _Pages(Desk(settings), Forms(form_key))
    routes = [
        Route("/", pages.front),
        Route("/issues", pages.issues),
        Route("/issues/{reference}", pages.issue),
        Route("/issues/{reference}/{move}", pages.move, methods=["POST"]),
        Route("/dependencies", pages.dependencies),
        Route("/dependencies/{name}", pages.dependency),
        Route("/dags/{dag_id}", pages.dag),
    ]
    handlers: Any = {HTTPException: _refused, IntegrityError: _failed, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=handlers)
    # Outermost, so that what breaks off has the same headers as every page.
    return LoggedInOnly(app, recognise=recognise, refuse=_ask_to_log_in)


class _Pages:
    """What each address shows."""

    def __init__(self, desk: Desk, forms: Forms) -> None:
        self._desk, self._forms = desk, forms

    def front(self, request: Request) -> Response:
        """What needs somebody now is what people come for."""
        return RedirectResponse(f"{_base(request)}/issues")

    def issues(self, request: Request) -> Response:
        """What needs me now."""
        desk, visitor = self._desk, _visitor(request)
        inventory = desk.inventory
        charge = charge_of(visitor, inventory, desk.settings.sponsor)
        asked = Asked.read(request.query_params, has_own=bool(charge))
        seen = self._seen_by(visitor)
        today = partial(_today, seen, datetime.now(UTC))
        with transaction(desk.engine) as session:
            found = issues_asked_for(session, asked, charge, dependencies=list(seen), today=today)
        choices = choices_of() | {"dependency": tuple(seen), "supplier": _suppliers(seen, asked.dependency)}
        return _show(
            request,
            "issues",
            asked=asked,
            found=found,
            choices=choices,
            has_own=bool(charge),
            titles={name: registered.dependency.title for name, registered in seen.items()},
            broken=sorted(inventory.broken),
        )

    def issue(self, request: Request) -> Response:
        """One issue, and what can be done about it."""
        return self._issue(request)

    def _issue(
        self, request: Request, *, problem: str = "", at: str = "", given: Mapping[str, str] | None = None
    ) -> Response:
        """Show an issue; where a move was refused, with the reason, and with what was typed."""
        desk, visitor = self._desk, _visitor(request)
        with transaction(desk.engine) as session:
            issue, registered = self._found(session, request)
            may_act = visitor.acts(issue.dependency)
            today = registered.dependency.reporting.today(datetime.now(UTC))
            others = _others(session, issue) if may_act else ()
            story = story_of(session, registered, issue)
            proposals = tuple(awaiting(session, issue, story.waivers, today))
        forms = forms_for(issue, registered, visitor, desk.settings.sponsor, proposals=proposals, others=others)
        return _show(
            request,
            "issue",
            status=409 if problem else 200,
            story=story,
            issue=issue,
            dependency=registered.dependency,
            name=registered.name,
            forms=forms if may_act else [],
            may_act=may_act,
            waived_by=registered.policy.waived_by,
            mark=self._forms.mark(visitor),
            downstream=desk.dependents(issue.dependency),
            is_overdue=life.is_worked_on(issue) and issue.due_on < today,
            outbox=desk.settings.outbox,
            problem=problem,
            at=at,
            given=given or {},
            just_done=request.query_params.get("done", ""),
        )

    async def move(self, request: Request) -> Response:
        """Make a move, and show the issue as it stands then."""
        visitor, path = _visitor(request), request.path_params
        async with request.form(max_files=0, max_fields=_FORM_FIELDS, max_part_size=1 << 14) as sent:
            given = {name: value for name, value in sent.items() if isinstance(value, str)}
        if not self._forms.are_own(request, visitor, given.pop("mark", "")):
            raise HTTPException(
                403, "This form is not one of yours, or too old. Go back, load the page anew, and try again."
            )
        try:
            await run_in_threadpool(self._make, request, visitor, given)
        except Rejected as refusal:
            return await run_in_threadpool(
                partial(self._issue, request, problem=str(refusal), at=path["move"], given=given)
            )
        return RedirectResponse(f"{_base(request)}/issues/{path['reference']}?done={path['move']}", status_code=303)

    def _make(self, request: Request, visitor: Visitor, given: Mapping[str, str]) -> None:
        with transaction(self._desk.engine) as session:
            issue, registered = self._found(session, request)
        if not visitor.acts(issue.dependency):
            raise HTTPException(
                403, "You may look at this, and not answer it. Who runs Airflow can give you that role."
            )
        make_move(self._desk.settings, registered, visitor, issue.reference, request.path_params["move"], given)

    def dependencies(self, request: Request) -> Response:
        """All dependencies, and how their last periods stand."""
        seen, moment = self._seen_by(_visitor(request)), datetime.now(UTC)
        with transaction(self._desk.engine) as session:
            lines = []
            for name, registered in seen.items():
                today = registered.dependency.reporting.today(moment)
                unclosed, overdue = open_issues(session, registered, today)
                strip = nights(session, name, last_periods(session, registered, _NIGHTS_IN_THE_LIST))
                lines.append({"registered": registered, "strip": strip, "unclosed": unclosed, "overdue": overdue})
        return _show(request, "dependencies", lines=lines, broken=sorted(self._desk.inventory.broken))

    def dependency(self, request: Request) -> Response:
        """One dependency."""
        return self._dependency(request, request.path_params["name"])

    def dag(self, request: Request) -> Response:
        """The dependency that a Dag is about: what Airflow shows beside the Dag's own tabs."""
        dag_id = request.path_params["dag_id"]
        name = next((dag_id.removeprefix(kind) for kind in _DAG_KINDS if dag_id.startswith(kind)), None)
        if name is None:
            raise HTTPException(404, "This Dag is about no dependency of its own.")
        return self._dependency(request, name)

    def _dependency(self, request: Request, name: str) -> Response:
        registered = self._readable(_visitor(request), name)
        with transaction(self._desk.engine) as session:
            standing = standing_of(session, registered, datetime.now(UTC))
        return _show(
            request,
            "dependency",
            registered=registered,
            dependency=registered.dependency,
            standing=standing,
            states=STATES,
            readme=as_page(registered.readme),
            downstream=self._desk.dependents(name),
        )

    def _seen_by(self, visitor: Visitor) -> dict[str, Registered]:
        return {name: each for name, each in self._desk.inventory.dependencies.items() if visitor.reads(name)}

    def _readable(self, visitor: Visitor, name: str) -> Registered:
        if not visitor.reads(name):
            raise HTTPException(403, "You may not look at this. Who runs Airflow can give you that role.")
        try:
            return self._desk.inventory.get(name)
        except Misconfigured as error:
            raise HTTPException(404, f"{error} 'integrity doctor' says more.") from error

    def _found(self, session: Session, request: Request) -> tuple[Issue, Registered]:
        reference = request.path_params["reference"]
        try:
            issue = life.find(session, reference)
        except Rejected as error:
            raise HTTPException(404, "There is no issue of that reference.") from error
        return issue, self._readable(_visitor(request), issue.dependency)


def _others(session: Session, issue: Issue) -> tuple[str, ...]:
    """Issues of the same dependency that this one may be part of, the latest first."""
    query = select(Issue).where(Issue.dependency == issue.dependency, Issue.status != life.CLOSED, Issue.id != issue.id)
    return tuple(other.reference for other in session.scalars(query.order_by(Issue.id.desc()).limit(_OTHERS_OFFERED)))


def _today(seen: Mapping[str, Registered], moment: datetime, name: str) -> date:
    return seen[name].dependency.reporting.today(moment)


def _suppliers(seen: Mapping[str, Registered], dependency: str) -> tuple[str, ...]:
    chosen = [seen[dependency]] if dependency in seen else list(seen.values())
    return tuple(sorted({supplier.code for registered in chosen for supplier in registered.dependency.suppliers}))


def _visitor(request: Request) -> Visitor:
    visitor: Visitor = request.scope["state"][VISITOR]
    return visitor


def _base(request: Request) -> str:
    """The address under which these pages are served."""
    return str(request.scope.get("root_path", ""))


def _show(request: Request, page: str, *, status: int = 200, **content: Any) -> Response:
    shared = {
        "base": _base(request),
        # What these pages are mounted in: Airflow's own address.
        "airflow": str(request.scope.get("app_root_path", "")),
        "nonce": request.scope["state"][NONCE],
        "account": getattr(request.scope["state"].get(VISITOR), "account", ""),
    }
    return HTMLResponse(_PAGES.get_template(f"{page}.html.jinja").render(shared | content), status_code=status)


def _ask_to_log_in(request: Request) -> Response:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _show(request, "log_in", status=401, back=back if request.method == "GET" else _base(request))


async def _refused(request: Request, error: HTTPException) -> Response:
    return _show(request, "refused", status=error.status_code, problem=error.detail)


async def _broken(request: Request, error: Exception) -> Response:
    # Its text may quote what was asked of the database; it is in the server's log.
    return _show(request, "refused", status=500, problem=f"This broke off ({type(error).__name__}). Its log says more.")


async def _failed(request: Request, error: IntegrityError) -> Response:
    return _show(request, "refused", status=503, problem=str(error))
