"""YAML files that people write: what one says, and on which line each part of it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]
"""The way to something within a YAML file: keys and positions."""

# libyaml's parser, where PyYAML was built with it: some ten times as fast, and an inventory is read by every command.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """A YAML file.

    Attributes:
        says: Its content as dicts, lists and scalars; an empty dict if there is none.
    """

    says: Any
    _root: yaml.Node | None = field(repr=False)

    def line_of(self, at: Place) -> int:
        """The line in the file, from 1, of the deepest node on this path that exists."""
        line, node = 1, self._root
        for key in at:
            found = _below(node, key)
            if found is None:
                break
            node, line = found
        return line


def read_yaml(path: Path) -> YamlFile:
    """Read a file.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8 text.
        yaml.YAMLError: It is not YAML, or names a key twice.
    """
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
        if root is None:
            return YamlFile({}, None)
        _require_each_key_once(root)
        return YamlFile(loader.construct_document(root) or {}, root)
    except ValueError as error:
        # Such as a day that no month has.
        raise yaml.MarkedYAMLError(problem=str(error)) from error
    finally:
        loader.dispose()


def _below(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value, name.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    return None


def _require_each_key_once(root: yaml.Node) -> None:
    for mapping in _mappings(root):
        seen: set[str] = set()
        for name, _ in mapping.value:
            if isinstance(name, yaml.ScalarNode) and name.value in seen:
                raise yaml.MarkedYAMLError(problem=f"found duplicate key '{name.value}'", problem_mark=name.start_mark)
            seen.add(str(name.value))


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Each mapping once, whatever refers to it."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
