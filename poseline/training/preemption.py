"""SIGTERM: the end of a pod, with half a minute to put things away."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from poseline import stopping
from poseline.errors import PoselineError

GRACE_S = 30.0
"""From SIGTERM to SIGKILL, as Kubernetes has it by default."""
_RESERVE_S = 3.0  # of the grace period, for what follows
_WITHIN = "stopped by SIGTERM within an epoch"
_GOES_ON = "run the same command again; it goes on from its checkpoint"


class TrainingInterruptedError(PoselineError):
    """The training was told to stop; it goes on from its checkpoint."""

    exit_code = 143


class Preemption:
    """Lets SIGTERM end a training within the grace period, its last finished epoch kept.

    The running epoch may still end in the first half of the period, if it asks `check`; then it is
    broken off. The rest is for sending what there is.

    Args:
        flush: Sends it, within the seconds that it is given; called at every end.
        patience: Most seconds for that where there was no SIGTERM.
    """

    def __init__(self, flush: Callable[[float], object], patience: float = 60.0) -> None:
        self._flush, self._patience = flush, patience
        self._asked = threading.Event()
        self._end, self._over = math.inf, False
        self._before: list[tuple[int, Any]] = []

    def check(self, done: int) -> None:
        """End the training here if it was told to.

        Args:
            done: Epochs that are done and kept.

        Raises:
            TrainingInterruptedError: SIGTERM came.
        """
        if self._asked.is_set():
            raise TrainingInterruptedError(f"stopped by SIGTERM after epoch {done}", _GOES_ON)

    def __enter__(self) -> Preemption:
        with suppress(ValueError):  # signals can be set in the main thread alone
            for number, handle in ((signal.SIGTERM, self._stop), (signal.SIGALRM, self._break)):
                self._before.append((number, signal.signal(number, handle)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._over = True
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._flush(min(self._patience, max(self._end - time.monotonic(), 0.0)))
        for number, handle in self._before:
            signal.signal(number, handle)
        if (
            self._asked.is_set()
            and isinstance(error, Exception)
            and not isinstance(error, PoselineError)
        ):  # the other workers of a group have stopped before this one
            raise TrainingInterruptedError(_WITHIN, _GOES_ON) from error

    def _stop(self, *_: object) -> None:
        stopping.say("SIGTERM, after this epoch or within it")
        self._asked.set()
        self._end = time.monotonic() + GRACE_S - _RESERVE_S
        signal.setitimer(signal.ITIMER_REAL, GRACE_S / 2)

    def _break(self, *_: object) -> None:
        if not self._over:
            raise TrainingInterruptedError(_WITHIN, _GOES_ON)
