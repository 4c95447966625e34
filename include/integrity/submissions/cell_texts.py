"""Typed cells as text: one notation for dates, moments, times, numbers and truth values, whatever they came from."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_EXACT_BELOW = 1e15
"""Whole numbers below it have at most 15 digits, which is all that a spreadsheet keeps and shows."""
_NOISE_MICROSECONDS = 1_000
"""Moments are stored as fractions of a day, so a whole second may come out some microseconds off."""
_UNSHOWN = re.compile(r"\[[^\]]*\]|_.|\*.")
"""Colours, conditions, and blanks by which a number is set off."""
_SECTION = re.compile(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.|\*.")


def text_of(value: Any) -> str:
    """A typed value as text: 2020-04-01, 2020-04-01T10:30:00, 10:30:00, 1234.5, 25000, TRUE; '' for nothing."""
    if isinstance(value, float):
        return text_of_number(value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return _text_of_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _text_of_duration(value)
    if isinstance(value, time):
        return _text_of_duration(
            timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
        )
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def text_of_number(number: float) -> str:
    """The shortest plain decimal, with the 15 digits that spreadsheets show; further ones are noise of adding up."""
    if number.is_integer() and -_EXACT_BELOW < number < _EXACT_BELOW:
        return str(int(number))
    text = repr(number)
    if len(text) > 16:  # noqa: PLR2004 - 15 digits and a point
        text = f"{number:.15g}" if abs(number) < _EXACT_BELOW else text
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def with_leading_noughts(text: str, width: int) -> str:
    """A whole number's text, filled with noughts to ``width`` digits as its number format shows it."""
    digits = text.removeprefix("-")
    return text.removesuffix(digits) + digits.zfill(width) if digits.isdigit() else text


def width_of_noughts(number_format: str) -> int:
    """How many digits a number format fills with noughts (5 for ``00000``); 0 where it does not, or shows more."""
    first = _UNSHOWN.sub("", number_format.split(";")[0])
    return len(first) if re.fullmatch(r"0{2,}", first) else 0


def is_per_cent(number_format: str) -> bool:
    """Whether a number format shows 0.05 as 5%."""
    return "%" in _SECTION.sub("", number_format)


def _text_of_moment(moment: datetime) -> str:
    with suppress(OverflowError):  # the last moment of the last year stays as it is
        moment = moment.replace(microsecond=0) + timedelta(microseconds=_without_noise(moment.microsecond))
    if moment.time() == time.min and moment.tzinfo is None:
        return moment.date().isoformat()
    return moment.isoformat().rstrip("0") if moment.microsecond and moment.tzinfo is None else moment.isoformat()


def _text_of_duration(duration: timedelta) -> str:
    sign, duration = ("-", -duration) if duration < timedelta(0) else ("", duration)
    duration = timedelta(
        days=duration.days, seconds=duration.seconds, microseconds=_without_noise(duration.microseconds)
    )
    seconds = duration.days * 86_400 + duration.seconds
    fraction = f".{duration.microseconds:06d}".rstrip("0") if duration.microseconds else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _without_noise(microseconds: int) -> int:
    if microseconds <= _NOISE_MICROSECONDS:
        return 0
    return 1_000_000 if microseconds >= 1_000_000 - _NOISE_MICROSECONDS else microseconds
