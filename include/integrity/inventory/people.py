"""Who answers for data, when they work, and where news reaches them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from integrity.inventory.calendars import Hour, Place, Strict, TimeZone, is_open
from integrity.settings import MEMBER_ID

SLACK, EMAIL, WEBHOOK = "slack", "email", "webhook"
"""How news travels. A route is one of these, a colon, and where to."""

Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Person(Strict):
    """Somebody who answers for data.

    Attributes:
        slack: Slack member id, mentioned when they must act.
        timezone, holidays: By whose clocks and public holidays their working days are told; the dependency's time
            zone, and no holidays, where not stated.
    """

    name: str
    title: str
    email: Address
    slack: str | None = Field(default=None, pattern=f"^{MEMBER_ID}$")
    timezone: TimeZone | None = None
    holidays: Place | None = None

    @property
    def full_name(self) -> str:
        """As an issue names who is to act."""
        return f"{self.name}, {self.title}"

    @property
    def route(self) -> str:
        """Where a message reaches them alone."""
        return f"{SLACK}:{self.slack}" if self.slack else f"{EMAIL}:{self.email}"

    def working_days_between(self, day: date, until: date) -> int:
        """Days after the first, up to and with the last, on which they work."""
        days = (day + timedelta(days=number) for number in range(1, (until - day).days + 1))
        return sum(is_open(each, self.holidays, ()) for each in days)


class QuietHours(Strict):
    """When nobody is disturbed by what has not high impact, by the owner's clocks; over midnight if it begins later."""

    since: Hour
    until: Hour

    def end(self, moment: datetime, timezone: str) -> datetime | None:
        """When the quiet ends in which this moment lies; None where it lies in none."""
        zone = ZoneInfo(timezone)
        local = moment.astimezone(zone)
        over_midnight = self.since > self.until
        is_late = over_midnight and local.time() >= self.since
        is_early = local.time() < self.until and (over_midnight or local.time() >= self.since)
        if not is_late and not is_early:
            return None
        return datetime.combine(local.date() + timedelta(days=is_late), self.until, zone).astimezone(moment.tzinfo)


class Alerts(Strict):
    """Where news of issues goes; without a channel, to the owner's address.

    Attributes:
        email: Addresses that get all news as well.
        webhook: Connection of a ticket system that gets all news as well.
    """

    slack_channel: str | None = Field(default=None, pattern=r"^[#CDG].+")
    email: list[Address] = []
    webhook: str | None = Field(default=None, pattern=r"^\w+$")
    quiet_hours: QuietHours | None = None

    def routes(self, owner: Person, told: str) -> list[str]:
        """Where news goes.

        Args:
            told: ``channel``, ``owner`` or ``nobody``, as the policy has it for an issue's impact.
        """
        if told == "nobody":
            return []
        first = f"{SLACK}:{self.slack_channel}" if told == "channel" and self.slack_channel else owner.route
        others = [f"{EMAIL}:{address}" for address in self.email]
        others += [f"{WEBHOOK}:{self.webhook}"] if self.webhook else []
        return list(dict.fromkeys([first, *others]))
