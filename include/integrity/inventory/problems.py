"""Mistakes in the project's own files: where each stands, what it is, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.error import MarkedYAMLError

from integrity.errors import Misconfigured

Place = tuple[str | int, ...]
"""The way to something within a YAML file: keys and positions."""


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


def not_yaml(file: str, error: MarkedYAMLError | UnicodeDecodeError) -> Problem:
    """A file that no YAML parser takes."""
    mark = getattr(error, "problem_mark", None)
    what = f"this is not YAML: {getattr(error, 'problem', None) or 'it is not UTF-8 text'}"
    return Problem(file, mark.line + 1 if mark else 1, what, "Mend the line.")


def line_of(tree: Any, at: Place) -> int:
    """The line in the file, from 1, of the deepest node on this path that exists.

    Args:
        tree: The file as ruamel's round-trip loader gives it.
    """
    line = 1
    for key in at:
        place = getattr(tree, "lc", None)
        try:
            line = (place.key(key) if isinstance(key, str) else place.item(key))[0] + 1  # type: ignore[union-attr]
            tree = tree[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line


def from_validation(file: str, tree: Any, details: dict[str, Any], within: Place = ()) -> Problem:
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
    return Problem(file, line_of(tree, at), what, mend)


def shown(path: Path) -> str:
    """A file of a dependency's folder as people name it."""
    parts = path.parts[-3:] if path.parent.name == "layouts" else path.parts[-2:]
    return str(Path(*parts))


def plain(node: Any) -> Any:
    """A node of ruamel's tree as plain dicts, lists and numbers."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    # ruamel keeps a number's notation by types of its own.
    return next((kind(node) for kind in (int, float, str) if isinstance(node, kind) and type(node) is not bool), node)
