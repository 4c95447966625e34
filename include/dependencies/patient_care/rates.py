"""Rules on an insurer's lifelong sums, beside the years over which they were summed."""

from typing import Any

import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

SERVICES_A_YEAR = {
    "encounters": (1.0, 16.0),
    "medications": (0.3, 3.0),
    "procedures": (0.6, 24.0),
    "immunizations": (0.6, 4.0),
}
"""Least and most that a person gets in a year, as a payer's mean: half and twice what the records have had so far."""

COST_A_YEAR = (1_200, 120_000)
"""US dollars, covered or not: the same."""

PREMIUM_A_YEAR = (1_200, 54_000)
"""US dollars: the same; nothing where nobody pays a premium."""


def rates_plausible() -> Any:
    """What a payer's people got, cost and paid in a year of insurance is what people get, cost and pay."""

    @rule(
        "rates_plausible",
        columns=["member_months", "amount_covered", "amount_uncovered", "revenue"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1", "5.4", "5.6"],
        severity="warn",
        message="By the year of insurance, the payer's services, costs or premiums are far from what is usual.",
        mend="Look for a slip of the decimal point, another unit, or months that were not counted.",
    )
    def rates_plausible(cls: Any, frame: PolarsData) -> pl.LazyFrame:
        years = pl.col("member_months") / 12
        within = [
            ((pl.col(f"covered_{name}") + pl.col(f"uncovered_{name}")) / years).is_between(*bounds)
            for name, bounds in SERVICES_A_YEAR.items()
        ]
        within.append(((pl.col("amount_covered") + pl.col("amount_uncovered")) / years).is_between(*COST_A_YEAR))
        within.append((pl.col("revenue") == 0) | (pl.col("revenue") / years).is_between(*PREMIUM_A_YEAR))
        return frame.lazyframe.select(pl.when(years > 0).then(pl.all_horizontal(within)))

    return rates_plausible
