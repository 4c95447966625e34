"""How many failing rows are too many: limits by share and by count, compared in whole numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator


def _as_written(value: Any) -> Fraction:
    """The share exactly as it is written: 0.1 is one tenth, not the nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise ValueError("a share is a number from 0 to 1, such as 0.01 for one in a hundred")  # noqa: TRY004 - pydantic
    try:
        share = value if isinstance(value, Fraction) else Fraction(str(value))
    except ValueError:
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise ValueError("a share is a number from 0 to 1, such as 0.01 for one in a hundred")
    return share


Share = Annotated[Fraction, BeforeValidator(_as_written), PlainSerializer(float, return_type=float)]
"""A part of a whole, 0 to 1, kept exactly."""


def is_within(failed: int, share: Fraction, of: int) -> bool:
    """Whether so many rows are at most this share of ``of``. A share that is just reached is not exceeded."""
    return failed * share.denominator <= share.numerator * of


def shown_share(share: Fraction) -> str:
    """A share as people write it: 12.5 %."""
    return f"{float(share * 100):g} %"


class Limit(BaseModel):
    """The most rows that may fail: a share of those that the rule was asked of, a count, or both.

    Where both are stated, the one that is exceeded first applies.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Share | None = None
    count: Annotated[int, Field(ge=0, strict=True)] | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.share is None and self.count is None:
            raise ValueError("a limit states a share, a count, or both")
        return self

    def allows(self, failed: int, evaluated: int) -> bool:
        """Whether this many failing rows are within the limit; exactly at it they are."""
        within_share = self.share is None or is_within(failed, self.share, evaluated)
        return within_share and (self.count is None or failed <= self.count)

    def __str__(self) -> str:
        """What exceeds it, in words: more than 1 % or 20 rows."""
        if self.share == 0 or self.count == 0:
            return "any row"
        parts = [] if self.share is None else [shown_share(self.share)]
        parts += [] if self.count is None else [f"{self.count:,} row{'' if self.count == 1 else 's'}"]
        return f"more than {' or '.join(parts)}"


class Thresholds(BaseModel):
    """The two limits of a rule.

    Attributes:
        warn: For a rule that warns: so many failing rows are taken for granted, and open no issue. Rows that a rule
            sets aside are always told, so ``block`` and ``quarantine`` rules have no such limit.
        block: More failing rows than this fail the submission, whatever the severity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn: Limit | None = None
    block: Limit | None = None

    def unfit_for(self, severity: str) -> str:
        """Why a rule of this severity cannot have these limits; '' if it can."""
        if severity == "note" and (self.warn or self.block):
            return "a note never stops anything and opens no issue, so it has no thresholds"
        if severity in ("block", "quarantine") and self.warn:
            return f"rows that a {severity} rule sets aside are always told, so it has no threshold 'warn'"
        return ""
