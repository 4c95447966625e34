"""What can go wrong, told apart by what a person or a scheduler does next.

IntegrityError
├── Misconfigured      an engineer mends the project's own files; a retry cannot help
├── Rejected           the request or the file is refused, with the reason; a retry cannot help
├── GateFailed         a gate has judged, and its verdict blocks; already stored when raised
├── CouldNotCheck      a gate could not give a verdict; blocks exactly as a failure does
├── Transient          out of reach for now (database, network); a retry may help
└── Undeliverable      an alert could not be delivered; changes no verdict
"""

from __future__ import annotations

import traceback
from pathlib import Path


class IntegrityError(Exception):
    """Base of all errors that this product raises on purpose; its text is fit to be shown to a person."""


class Misconfigured(IntegrityError):
    """The project's own files or settings are wrong; the text names file, line and mend."""


class Rejected(IntegrityError):
    """A file or request is refused; the text says why, in words that its sender understands.

    Attributes:
        about: The one of what was given that it is about, by its name; '' where it is about none alone.
    """

    def __init__(self, text: str, about: str = "") -> None:
        super().__init__(text)
        self.about = about


class GateFailed(IntegrityError):
    """A gate's verdict blocks the release. Raised only after the verdict has been stored."""


class CouldNotCheck(IntegrityError):
    """A rule could not be evaluated. The caller records ERROR, which blocks as FAIL does."""


class Transient(IntegrityError):
    """Something is out of reach for now."""


class Undeliverable(IntegrityError):
    """An alert could not be handed over; it stays in the outbox.

    Attributes:
        retry_after: Seconds for which whoever refused it wants to be left in peace.
    """

    def __init__(self, text: str, retry_after: int = 0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


def is_retryable(error: BaseException) -> bool:
    """Whether running the same step again may end differently.

    A verdict never changes by asking twice; an outage may. Database and network errors that
    reach the edge unmapped are outages: what a rule does wrong is caught where rules are judged.
    """
    if isinstance(error, Transient | Undeliverable):
        return True
    if isinstance(error, IntegrityError):
        return False
    module = type(error).__module__.split(".")[0]
    return isinstance(error, OSError) or (module in {"psycopg", "sqlalchemy"} and "Operational" in type(error).__name__)


def place_within(folder: Path, error: BaseException) -> str:
    """File and line in a folder where an error arose, as ``trust_spend/schema.py:12``; '' if in none of its files."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).relative_to(folder)}:{f.lineno}" for f in frames if _is_within(folder, f.filename)]
    return places[-1] if places else ""


def _is_within(folder: Path, file: str) -> bool:
    return Path(file).is_relative_to(folder)


def kind_and_place(error: BaseException) -> str:
    """The kind of an error and where it arose, without its text: libraries quote cells in theirs."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames[1:]]
    return f"{type(error).__name__} at {' > '.join(places[-6:])}"
