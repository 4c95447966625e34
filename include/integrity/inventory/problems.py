"""Mistakes in the project's own files: where each stands, what it is, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from integrity.errors import Misconfigured
from integrity.inventory.yaml_files import Place, YamlFile


@dataclass(frozen=True)
class Problem:
    """One mistake: the file as people name it, the line, what is wrong, how to mend it."""

    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}. {self.mend}"


def misconfigured(problems: Iterable[Problem]) -> Misconfigured:
    """An error that tells all of them."""
    return Misconfigured("\n".join(str(problem) for problem in problems))


def not_yaml(file: str, error: yaml.YAMLError | UnicodeDecodeError) -> Problem:
    """A file that no YAML parser takes."""
    mark = getattr(error, "problem_mark", None)
    is_text = not isinstance(error, UnicodeDecodeError)
    why = getattr(error, "problem", None) or str(error).splitlines()[0] if is_text else "it is not UTF-8 text"
    what = f"this is not YAML: {why}"
    return Problem(file, mark.line + 1 if mark else 1, what, "Mend the line.")


def from_validation(file: str, written: YamlFile, details: dict[str, Any], within: Place = ()) -> Problem:
    """What pydantic found.

    Args:
        details: One of the entries of ``ValidationError.errors()``.
        within: Where in the file that stands which was validated.
    """
    at: Place = (*within, *details["loc"])
    name = ".".join(str(part) for part in at)
    match details["type"]:
        case "extra_forbidden":
            what, mend = f"unknown key '{name}'", "Remove it, or correct its spelling."
        case "missing":
            what, mend = f"'{name}' is missing", f"Add it under '{at[-2]}'." if len(at) > 1 else "Add it."
        case _:
            what, mend = f"'{name}': {details['msg'].removeprefix('Value error, ')}", "Correct the value."
    return Problem(file, written.line_of(at), what, mend)


def shown(path: Path) -> str:
    """A file of a dependency's folder as people name it."""
    parts = path.parts[-3:] if path.parent.name == "layouts" else path.parts[-2:]
    return str(Path(*parts))
