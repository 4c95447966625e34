"""Distinct values in bounded memory: all of them while they are few, then those whose hash falls into a known part."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import polars as pl

from integrity.gates.profiling.profile import HashedSet

_BITS = 64


@dataclass(frozen=True)
class Key:
    """The secret under which values are hashed: who lacks it cannot try out values against a stored profile.

    Two profiles are comparable only under the same key, so it is kept for good, and not beside the profiles.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("a key has at least 16 bytes, so that it cannot be guessed")

    def seed(self, purpose: str) -> int:
        """Seed for polars' own hash, which decides what a sample holds."""
        return int.from_bytes(hmac.digest(self.secret, purpose.encode(), "sha256")[:8], "big")

    def name(self, purpose: str, value: str) -> str:
        """What a value is called in a profile."""
        return hashlib.blake2b(
            f"{purpose}\0{value}".encode("utf-8", "surrogatepass"), key=self.secret[:64], digest_size=6
        ).hexdigest()

    def whole(self, parts: list[int]) -> str:
        """Hash of a few whole numbers."""
        return self.name("whole", ",".join(map(str, parts)))


@dataclass
class Sample:
    """Hashes with their counts; which of them it holds depends on the values alone, not on their order or batches.

    While more than `most` distinct hashes are in it, the upper half of their range is dropped (Gibbons' distinct
    sampling). A hash that is in it was never dropped before, so its count is whole.

    Args:
        shown: What else is to be known of each value that it holds, by hash.
    """

    most: int
    level: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    shown: dict[int, str] = field(default_factory=dict)

    def add(self, hashes: pl.Series, values: pl.Series | None = None) -> None:
        """Count some more; `values`, where given, are the texts that the hashes are of."""
        frame = pl.DataFrame({"hash": hashes} if values is None else {"hash": hashes, "value": values})
        if self.level:
            frame = frame.filter(pl.col("hash") < (1 << (_BITS - self.level)))
        first = [] if values is None else [pl.col("value").first()]
        for found, count, *value in frame.group_by("hash").agg(pl.len(), *first).iter_rows():
            self.counts[found] = self.counts.get(found, 0) + count
            if value:
                self.shown[found] = value[0]
        self._thin()

    def merge(self, other: Sample) -> None:
        """Take in what another sample holds."""
        for found, count in other.counts.items():
            self.counts[found] = self.counts.get(found, 0) + count
        self.shown.update(other.shown)
        self.level = max(self.level, other.level)
        self._drop()
        self._thin()

    @property
    def distinct(self) -> int:
        return len(self.counts) << self.level

    def kept(self, names: dict[int, str], most: int) -> HashedSet:
        """What a profile keeps of it: the most frequent under their names; where it is a sample, with their depths."""
        order = sorted(names, key=lambda found: (-self.counts[found], names[found]))[:most]
        return HashedSet(
            level=self.level,
            distinct=self.distinct,
            cells=sum(self.counts.values()),
            counts={names[found]: self.counts[found] for found in order},
            depths=tuple(_BITS - found.bit_length() for found in order),
        )

    def _thin(self) -> None:
        while len(self.counts) > self.most:
            self.level += 1
            self._drop()

    def _drop(self) -> None:
        if not self.level:
            return
        limit = 1 << (_BITS - self.level)
        self.counts = {found: count for found, count in self.counts.items() if found < limit}
        self.shown = {found: value for found, value in self.shown.items() if found < limit}
