"""How columns of the patient care extract are declared: codes, amounts, places, and what is usual of them."""

from typing import Any

import pandera.polars as pa
from integrity.thresholds import Limit, Thresholds

SNOMED = r"^\d{6,18}$"

EXACT = 0.005
"""Amounts that differ by less are the same to the cent."""

CUT_ZIPS = Thresholds(warn=Limit(share=0.25))
"""About one in five of the ZIP codes of Massachusetts' organizations has lost its leading nought, and always had."""

ANY_SHARE = Thresholds(warn=Limit(share=1))
ONE_IN_TWENTY = Thresholds(warn=Limit(share=0.05))


def identifier(description: str, **options: Any) -> Any:
    """An id of Synthea's, 36 signs long."""
    return pa.Field(str_length={"min_value": 36, "max_value": 36}, description=description, **options)


def insurer(description: str) -> Any:
    """A payer's id, or the code that there is none, which any number of claims may have."""
    none = {"missing_codes": {"0": "no insurance"}, "thresholds": {"missing_coded": ANY_SHARE}}
    return identifier(description, nullable=True, metadata=none)


def money(description: str, **options: Any) -> Any:
    """An amount in US dollars, to the cent; nothing here is a credit."""
    return pa.Field(ge=0, metadata={"decimals": 2}, description=description, **options)


def text(description: str, most: int = 250, **options: Any) -> Any:
    return pa.Field(str_length={"max_value": most}, description=description, **options)


def count(description: str, least: int = 0) -> Any:
    return pa.Field(ge=least, description=description)


def latitude() -> Any:
    return pa.Field(
        in_range={"min_value": 41, "max_value": 43}, description="Latitude, degrees WGS84, in Massachusetts"
    )


def longitude() -> Any:
    return pa.Field(
        in_range={"min_value": -74, "max_value": -69}, description="Longitude, degrees WGS84, in Massachusetts"
    )
