"""Threads that take keys from the queue and reconcile their objects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from poseline.api_server import ConflictError
from poseline.errors import PoselineError
from poseline.log import get_logger
from poseline.operator.runtime import metrics
from poseline.operator.runtime.queue import Key, Queue

Reconcile = Callable[[str, str], float | None]
_STUCK_S = 600.0  # a reconciliation takes far less: its calls all have time-outs
_log = get_logger(__name__)


class Workers:
    """Reconciles what is due; an error delays the object that it concerns, and no other.

    Args:
        queue: What is due.
        reconcilers: The function that reconciles one object, by kind.
        count: Threads.
    """

    def __init__(self, queue: Queue, reconcilers: Mapping[str, Reconcile], count: int) -> None:
        self._queue, self._reconcilers = queue, reconcilers
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
        return f"a reconciliation does not end: {', '.join(stuck)}" if stuck else ""

    def join(self, seconds: float) -> None:
        """Wait for the reconciliations under way; the queue is closed by then."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        name = threading.current_thread().name
        while key := self._queue.get():
            self._begun[name] = time.monotonic()
            self._reconcile(key)
            metrics.RECONCILE_SECONDS.labels(key.kind).observe(
                time.monotonic() - self._begun.pop(name)
            )
            metrics.WAITING.set(len(self._queue))

    def _reconcile(self, key: Key) -> None:
        outcome = "done"
        try:
            again = self._reconcilers[key.kind](key.namespace, key.name)
        except ConflictError:
            outcome = "conflict"
            self._queue.failed(key)
        except PoselineError as error:
            outcome = "failed"
            pause = self._queue.failed(key)
            _log.warning(
                "reconciliation failed", **key._asdict(), why=error.message, again=round(pause, 1)
            )
        except Exception:
            outcome = "broken"
            self._queue.failed(key)
            _log.exception("reconciliation crashed", **key._asdict())
        else:
            self._queue.done(key, again)
        metrics.RECONCILIATIONS.labels(key.kind, outcome).inc()
