"""What every page needs at hand; read anew only when a file of it has changed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sqlalchemy import Engine

from integrity.inventory.loading import Inventory, load_inventory
from integrity.reports.impact import Dependent, dependents
from integrity.settings import Settings
from integrity.warehouse.connection import open_engine

_READ = ("*.yml", "*.py", "*.md", "*.csv", "*.sql")
LOOK_AGAIN_SECONDS = 2.0
Seen = frozenset[tuple[str, int, int]]


class Desk:
    """Settings, warehouse and inventory; reading that takes half a second, looking for changes hundredths."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._seen: Seen | None = None
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._inventory = Inventory({}, {})
        self._dependents: dict[str, list[Dependent]] = {}

    @property
    def engine(self) -> Engine:
        return open_engine(self.settings)

    @property
    def inventory(self) -> Inventory:
        """The dependencies as their files have them now."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
                self._look()
            return self._inventory

    def dependents(self, name: str) -> list[Dependent]:
        """What rests on a dependency."""
        inventory = self.inventory
        with self._lock:
            if name not in self._dependents:
                self._dependents[name] = dependents(self.settings, inventory, name)
            return self._dependents[name]

    def _look(self) -> None:
        models = self.settings.dbt_project / "models"
        files = [self.settings.policy, *_files(self.settings.dependencies), *_files(models)]
        stats = [(str(path), path.stat()) for path in files]
        seen = frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
        if seen != self._seen:
            self._inventory, self._dependents = load_inventory(self.settings), {}
            self._seen = seen
        self._looked_at = time.monotonic()


def _files(folder: Path) -> list[Path]:
    return [path for pattern in _READ for path in folder.rglob(pattern)]
