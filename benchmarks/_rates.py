"""Rates measured side by side: in one process, in turn, so that the machine is the same for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Work = Callable[[], int]
"""Does a piece of work and returns the pictures that it went through."""


def compare(title: str, works: Mapping[str, Work], rounds: int = 5) -> None:
    """Print pictures per second of each, the best of several rounds, and ratios to the first.

    Args:
        title: What is measured.
        works: Name to work; each is done once unmeasured, then once a round.
        rounds: Rounds.
    """
    for work in works.values():
        work()
    best = dict.fromkeys(works, 0.0)
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            best[name] = max(best[name], work() / (time.perf_counter() - start))
    first = next(iter(best.values()))
    print(title)
    for name, rate in best.items():
        print(f"  {name:<38}{rate:9.0f} pictures/s {rate / first:7.2f}")
