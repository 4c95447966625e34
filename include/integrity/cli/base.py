"""What every command shares: the application, how it prints, and the exit codes of its verdicts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from integrity.errors import Misconfigured
from integrity.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Takes in what suppliers submit, judges it, releases only what holds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class WithDefault(TyperGroup):
    """A group whose first word may be left out: what is none of its commands goes to the default one."""

    default: str

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_EXIT = {"PASS": 0, "WARN": 0, "FAIL": 1, "ERROR": 2}


def tell_judged(told: dict[str, Any], as_json: bool) -> NoReturn:
    if as_json:
        print_json(told)
    else:
        from integrity.reports.console import print_judged

        print_judged(console(), told)
    raise typer.Exit(_EXIT[told["verdict"]])


def open_engine() -> Any:
    from integrity.warehouse.connection import open_engine

    return open_engine(Settings.from_environment())


def engine() -> Any:
    """The warehouse, for commands that read its register."""
    from sqlalchemy import text

    opened = open_engine()
    with opened.connect() as connection:
        if connection.execute(text("SELECT to_regclass('register.audit')")).scalar() is None:
            raise Misconfigured("The warehouse has no register yet. Run: integrity migrate (or make run).")
    return opened


def console() -> Console:
    from integrity.reports.console import console as made

    return made()


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
