"""The command line. Each command takes ``--json``, prints one document then, and ends with the exit code of DESIGN."""

from __future__ import annotations

import logging
import sys

from integrity.cli import (  # noqa: F401 - each adds its commands to the application
    alerts,
    assess,
    audit,
    files,
    issues,
    periods,
    register,
    rules,
)
from integrity.cli.base import app
from integrity.errors import IntegrityError

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: our own errors are a sentence on standard error, never a traceback."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except IntegrityError as error:
        sys.stderr.write(f"integrity: {error}\n")
        sys.exit(2)
