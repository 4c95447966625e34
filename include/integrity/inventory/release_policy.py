"""How much of a period must have passed before any of it is released."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from integrity.inventory.calendars import Hour
from integrity.thresholds import Share

_WAYS = "release is 'all', 'by_supplier', or both of 'coverage' and 'from'"


def _something(value: Fraction) -> Fraction:
    if value == 0:
        raise ValueError("a coverage of 0 would release a period of which nothing has passed")
    return value


class ReleasePolicy(BaseModel):
    """``release`` in ``dependency.yml``.

    Attributes:
        how: ``all``: one supplier's failure holds the whole period back. ``by_supplier``: what passed is released, and
            a supplier that failed keeps its last good submission. ``coverage``: as ``all`` until ``hour``, and from
            then on as ``by_supplier`` if at least ``coverage`` has passed.
        coverage: Least share of the reporting units, or of the suppliers where no units are listed.
        hour: Where the dependency reports, on the day after the period's last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: Literal["all", "by_supplier", "coverage"] = "all"
    coverage: Annotated[Share, AfterValidator(_something)] | None = None
    hour: Hour | None = Field(default=None, alias="from")

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        if value in ("all", "by_supplier"):
            return {"how": value}
        if not isinstance(value, dict) or "how" in value or not {"coverage", "from"} <= set(value):
            raise ValueError(_WAYS)
        return {"how": "coverage", **value}

    @property
    def keeps_last_good(self) -> bool:
        """Whether a supplier whose latest submission failed may be released with an earlier one."""
        return self.how != "all"

    def begins(self, first_day_after: date, timezone: str) -> datetime | None:
        """From when on a part of the period may be released; None where no hour is stated."""
        return datetime.combine(first_day_after, self.hour, ZoneInfo(timezone)) if self.hour else None

    def allows_parts(self, *, has_begun: bool, passed: int, expected: int) -> bool:
        """Whether what has passed may be released although something else has not.

        Args:
            has_begun: Whether the hour has come.
            passed: Units (or suppliers) in what would be released.
            expected: Units (or suppliers) that should be; of none at all no share has passed.
        """
        if self.coverage is None:
            return self.how == "by_supplier"
        return has_begun and expected > 0 and Fraction(passed, expected) >= self.coverage


ALL = ReleasePolicy.model_validate("all")
