"""Answering issues from Slack: what ``integrity issues`` does when it is typed, done when a button is clicked.

Slack says by which member it was; the inventory says whether that is somebody who may. The register's refusals are
told to whoever asked, and to nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackClientError

from integrity.alerts.buttons import ACKNOWLEDGE, Click, clicked
from integrity.alerts.channels import Channels
from integrity.alerts.delivery import deliver
from integrity.alerts.modals import Form, entered, refused
from integrity.alerts.rendering import plain
from integrity.alerts.socket_mode import Reply
from integrity.errors import Rejected, kind_and_place
from integrity.inventory.answerers import Answerers, answerers, people
from integrity.inventory.loading import Inventory, load_inventory
from integrity.pipeline import slack_moves
from integrity.pipeline.answering import Repeated
from integrity.register import audit, life
from integrity.register.audit import Way
from integrity.register.sealing import seal
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine, transaction
from integrity.warehouse.models import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slack_sdk import WebClient

log = logging.getLogger("integrity.slack")

_NOT_NOW = "That could not be done now, and nothing was changed. Try again in a minute; our log says why."


@dataclass(frozen=True)
class Caller:
    """Who wants something, and where they hear what came of it."""

    member: str
    channel: str

    def way(self, key: str) -> Way:
        return Way(f"slack:{self.member}", key)


class Desk:
    """Takes what people click and enter. Each of its methods may run in many threads at once.

    Args:
        slack: With the bot's token.
        channels: By which news of a move goes out at once.
    """

    def __init__(self, settings: Settings, slack: WebClient, channels: Channels) -> None:
        self._settings, self._slack, self._channels = settings, slack, channels
        self._engine = open_engine(settings)
        self._inventory: tuple[object, Inventory] | None = None
        self._delivering, self._loading = Lock(), Lock()

    def click(self, payload: Mapping[str, Any]) -> None:
        """Do what a button says: acknowledge at once, or open its form."""
        click = clicked(payload.get("actions", ()))
        if click is None:
            return
        caller = Caller(str(payload["user"]["id"]), str(payload.get("container", {}).get("channel_id", "")))
        action = payload["actions"][0]
        key = f"{caller.member}/{action.get('action_ts', '')}/{action['action_id']}"
        says = ""
        with self._told(caller):
            says = self._clicked(click, caller, caller.way(key), str(payload.get("trigger_id", "")))
        if says:
            self._settle(caller, says)

    def submit(self, payload: Mapping[str, Any]) -> Reply:
        """Do what a form asks, and say how Slack is answered."""
        form = Form.of(payload["view"])
        if form is None:
            return Reply()
        caller = Caller(str(payload["user"]["id"]), form.channel)
        given, way = entered(payload["view"]), caller.way(str(payload["view"]["id"]))
        try:
            who = self._who(form.reference, form.what, caller, way)
            says = slack_moves.make(self._settings, form, given, by=who, way=way)
        except Repeated:
            return Reply()
        except Rejected as error:
            if error.about in given:
                why = str(error)
                return Reply(refused(error.about, why), lambda was_seen: None if was_seen else self._tell(caller, why))
            return self._telling(caller, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, who sent the form must hear that nothing was done
            _log(error)
            return self._telling(caller, _NOT_NOW)
        return Reply(settle=lambda _: self._settle(caller, says))

    def _telling(self, caller: Caller, says: str) -> Reply:
        return Reply(settle=lambda _: self._tell(caller, says))

    def _settle(self, caller: Caller, says: str) -> None:
        """Tell who made a move what became of the issue, and send the news of it."""
        self._tell(caller, says)
        # One at a time: what another thread has just written would else wait for whoever delivers next.
        with self._delivering:
            deliver(self._engine, self._channels)

    def _clicked(self, click: Click, caller: Caller, way: Way, trigger: str) -> str:
        who = self._who(click.reference, click.what, caller, way)
        if click.what == ACKNOWLEDGE:
            return slack_moves.make(self._settings, Form(click.what, click.reference, ""), {}, by=who, way=way)
        form = Form(click.what, click.reference, caller.channel)
        with transaction(self._engine) as session:
            issue = life.find(session, click.reference)
            sponsor = self._settings.sponsor
            view = slack_moves.form_view(session, form, issue, self._loaded(), by=who, sponsor=sponsor)
        self._slack.views_open(trigger_id=trigger, view=view)
        return ""

    def _who(self, reference: str, what: str, caller: Caller, way: Way) -> str:
        """The name of who asks, if they may.

        Raises:
            Rejected: They may not, which is put on record.
        """
        with transaction(self._engine) as session:
            issue = life.find(session, reference)
            may = self._answerers(issue)
        try:
            return may.name(caller.member)
        except Rejected:
            self._note_stranger(reference, what, way)
            raise

    def _answerers(self, issue: Issue) -> Answerers:
        inventory = self._loaded()
        everybody = people(inventory.dependencies.values())
        return answerers(inventory.get(issue.dependency), self._settings, issue.owner, everybody)

    def _note_stranger(self, reference: str, what: str, way: Way) -> None:
        with transaction(self._engine) as session:
            issue = life.held(session, reference)
            if not audit.has_come(session, issue.id, way):
                life.record(session, issue, "refused", by=way.account, move=what, **way.told)
        seal(self._engine)

    def _loaded(self) -> Inventory:
        """The inventory, loaded again when it has changed: a form must open within three seconds of its click."""
        files = [*self._settings.dependencies.rglob("*.yml"), self._settings.policy]
        state = tuple((str(path), path.stat().st_mtime_ns) for path in sorted(files))
        with self._loading:
            if self._inventory is None or self._inventory[0] != state:
                self._inventory = (state, load_inventory(self._settings))
            return self._inventory[1]

    @contextmanager
    def _told(self, caller: Caller) -> Iterator[None]:
        """Have who clicked hear of what was refused, or cannot be done."""
        try:
            yield
        except Repeated:
            return
        except Rejected as error:
            self._tell(caller, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, who clicked must hear that nothing was done
            _log(error)
            self._tell(caller, _NOT_NOW)

    def _tell(self, caller: Caller, says: str) -> None:
        """Tell one member, where they clicked, what nobody else sees."""
        try:
            self._slack.chat_postEphemeral(channel=caller.channel, user=caller.member, text=plain(says))
        except (SlackClientError, OSError) as error:
            _log(error)


def _log(error: Exception) -> None:
    """Say what went wrong, without what anybody has written."""
    response = getattr(error, "response", None)
    why = f" {response.get('error')}" if response is not None else ""
    log.error("an answer from Slack: %s%s", kind_and_place(error), why)
