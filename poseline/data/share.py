"""The part of the work that one of several workers does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One worker of several.

    Attributes:
        index: Its number, from 0.
        of: How many there are.
    """

    index: int = 0
    of: int = 1

    def part(self, count: int) -> slice:
        """Return its part of `count` things in order; parts differ by one thing at most."""
        return slice(self.index * count // self.of, (self.index + 1) * count // self.of)


WHOLE = Share()
