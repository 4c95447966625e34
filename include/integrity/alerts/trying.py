"""Whether alerts would arrive: a message to each place where news of a dependency may go."""

from __future__ import annotations

import uuid

from integrity.alerts.channels import Channels
from integrity.alerts.message import Message, News
from integrity.errors import Undeliverable
from integrity.inventory.dependency import Registered
from integrity.register.climbing import steps


def try_out(
    registered: Registered, sponsor: str | None, channels: Channels, sponsor_slack: str | None = None
) -> list[tuple[str, str]]:
    """Send a trial on every route: the dependency's, and those of all whom an issue may climb to.

    Returns:
        Each route, with why it was not taken; '' where it was.
    """
    dependency = registered.dependency
    routes = dependency.alerts.routes(dependency.owner, registered.policy.told["high"])
    routes += [step.route for step in steps(registered, sponsor, sponsor_slack) if step.route]
    content = {"title": dependency.title, "reference": "trial"}
    told = []
    for route in dict.fromkeys(routes):
        message = Message(
            to=route.partition(":")[2],
            key=f"trial/{uuid.uuid4().hex}",
            news=(News("trial", content),),
            standing=(),
            thread=None,
            was_tried=False,
        )
        try:
            channels.of(route).send(message)
        except Undeliverable as error:
            told.append((route, str(error)))
        else:
            told.append((route, ""))
    return told
