"""A queue of objects to reconcile, now or later: each once, and never two at the same time."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0


class Key(NamedTuple):
    """The object to reconcile."""

    kind: str
    namespace: str
    name: str


class Queue:
    """Keys by the time that they are due.

    A key that is added while it is reconciled is reconciled again afterwards. Of two times the
    earlier counts.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have a key reconciled after some seconds, or sooner where it is due sooner."""
        with self._changed:
            due = self._clock() + delay
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                heapq.heappush(self._heap, (due, key))
                self._changed.notify()

    def get(self) -> Key | None:
        """Wait for the next key that is due; None: the queue is closed. Each asks for `done`."""
        with self._changed:
            while not self._closed:
                wait = self._next()
                if isinstance(wait, Key):
                    return wait
                self._changed.wait(wait)
            return None

    def done(self, key: Key, again: float | None = None) -> None:
        """Record the end of a reconciliation, and when the next is due; None: on a change."""
        with self._changed:
            self._busy.discard(key)
            self._failures.pop(key, None)
            self._changed.notify_all()
        if again is not None:
            self.add(key, again * random.uniform(0.8, 1.2))  # noqa: S311  jitter

    def failed(self, key: Key) -> float:
        """Record a failure; returns the seconds until the next attempt, doubled each time."""
        with self._changed:
            self._busy.discard(key)
            count = self._failures[key] = self._failures.get(key, 0) + 1
            self._changed.notify_all()
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(count - 1, 10))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  jitter
        self.add(key, pause)
        return pause

    def close(self) -> None:
        """Let every `get` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> Key | float | None:
        """Return a key that is due, or the seconds until one is; None: nothing is waiting."""
        now, later = self._clock(), []
        found: Key | float | None = None
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due:  # a later time than the one that counts
                heapq.heappop(self._heap)
            elif due > now:
                found = due - now
                break
            elif key in self._busy:
                later.append(heapq.heappop(self._heap))
            else:
                heapq.heappop(self._heap)
                del self._due[key]
                self._busy.add(key)
                found = key
                break
        for entry in later:
            heapq.heappush(self._heap, entry)
        return found
