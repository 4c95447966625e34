"""What lies downstream of a dependency, read from the dbt project and the inventory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from integrity.inventory.loading import Inventory
from integrity.settings import Settings

_SOURCE = re.compile(r"source\(\s*'published'\s*,\s*'(\w+)'\s*\)")
_REF = re.compile(r"ref\(\s*'(\w+)'\s*\)")


@dataclass(frozen=True)
class Dependent:
    """Something that rests on a dependency: a gate of another one, a mart, or an exposure of people's use."""

    kind: Literal["gate", "mart", "exposure"]
    name: str
    owner: str
    through: str

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "owner": self.owner, "through": self.through}


def dependents(settings: Settings, inventory: Inventory, name: str) -> list[Dependent]:
    """Everything downstream of ``published.<name>``, nearest first."""
    found = [
        Dependent("gate", f"{other.name}: {relation.rule.name}", other.dependency.owner.name, name)
        for other in inventory.dependencies.values()
        for relation in other.relations
        if other.name != name and any(n.dependency == name for n in relation.neighbours)
    ]
    folder = settings.dbt_project / "models" / "marts"
    described = _described(folder)
    owners = {m["name"]: m.get("config", {}).get("meta", {}).get("owner", "nobody") for m in described["models"]}
    reached = {name}
    models = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql"))}
    grew = True
    while grew:
        grew = False
        for model, sql in models.items():
            through = reached & {*_SOURCE.findall(sql), *_REF.findall(sql)}
            if model not in reached and through:
                reached.add(model)
                found.append(Dependent("mart", model, owners.get(model, "nobody"), min(through)))
                grew = True
    for exposure in described["exposures"]:
        through = reached & {ref for text in exposure.get("depends_on", []) for ref in _REF.findall(text)}
        if through:
            found.append(Dependent("exposure", exposure["label"], exposure["owner"]["name"], min(through)))
    return found


def readers_of(settings: Settings, name: str) -> list[str]:
    """Marts that read ``published.<name>`` itself."""
    folder = settings.dbt_project / "models" / "marts"
    return [p.stem for p in sorted(folder.glob("*.sql")) if name in _SOURCE.findall(p.read_text(encoding="utf-8"))]


def sources_of(settings: Settings, mart: str) -> list[str]:
    """Dependencies that a mart reads; none if there is no such mart."""
    path = settings.dbt_project / "models" / "marts" / f"{mart}.sql"
    return sorted(set(_SOURCE.findall(path.read_text(encoding="utf-8")))) if path.is_file() else []


def marts(settings: Settings) -> list[str]:
    """All marts of the project."""
    return [path.stem for path in sorted((settings.dbt_project / "models" / "marts").glob("*.sql"))]


def _described(folder: Path) -> dict[str, list[dict[str, Any]]]:
    described: dict[str, list[dict[str, Any]]] = {"models": [], "exposures": []}
    for path in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for section, entries in described.items():
            entries += content.get(section, [])
    return described
