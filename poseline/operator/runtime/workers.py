"""Threads that take keys from the queue and look at them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from poseline.errors import PoselineError
from poseline.log import get_logger
from poseline.operator.runtime import metrics
from poseline.operator.runtime.cluster import ConflictError
from poseline.operator.runtime.queue import Key, Queue

Look = Callable[[str, str], float | None]
_STUCK_S = 600.0  # a look whose calls all have time-outs takes far less
_log = get_logger(__name__)


class Workers:
    """Looks at what is due; a fault of one look delays that one alone.

    Args:
        queue: What is due.
        looks: Kind to what looks at one object of it.
        count: Threads.
    """

    def __init__(self, queue: Queue, looks: Mapping[str, Look], count: int) -> None:
        self._queue, self._looks = queue, looks
        self._begun: dict[str, float] = {}
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{index}", daemon=True)
            for index in range(count)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def fault(self) -> str:
        """Return why the process should be restarted; empty: it is well."""
        late = time.monotonic() - _STUCK_S
        stuck = [name for name, begun in list(self._begun.items()) if begun < late]
        return f"a look does not end: {', '.join(stuck)}" if stuck else ""

    def join(self, seconds: float) -> None:
        """Wait for the looks under way; the queue is closed by then."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        name = threading.current_thread().name
        while key := self._queue.get():
            self._begun[name] = time.monotonic()
            self._look(key)
            metrics.LOOK_SECONDS.labels(key.kind).observe(time.monotonic() - self._begun.pop(name))
            metrics.WAITING.set(len(self._queue))

    def _look(self, key: Key) -> None:
        outcome = "done"
        try:
            again = self._looks[key.kind](key.namespace, key.name)
        except ConflictError:
            outcome = "conflict"
            self._queue.failed(key)
        except PoselineError as error:
            outcome = "failed"
            pause = self._queue.failed(key)
            _log.warning("look failed", **key._asdict(), why=error.message, again=round(pause, 1))
        except Exception:
            outcome = "broken"
            self._queue.failed(key)
            _log.exception("look broken", **key._asdict())
        else:
            self._queue.done(key, again)
        metrics.LOOKS.labels(key.kind, outcome).inc()
