"""Delivers an outbox in the background, for as long as it takes and no longer than allowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from poseline.errors import BackendError
from poseline.log import get_logger
from poseline.masking import mask
from poseline.tracking.outbox import Entry, Outbox
from poseline.tracking.sink import Sink, refused

_log = get_logger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LAST_WAIT_S, _POLL_S = 0.5, 30.0, 2.0, 0.05
_LONGEST_END_S = 60.0


class Sender:
    """A thread that delivers an outbox.

    Args:
        outbox: With its address set.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._news, self._hurry = threading.Event(), threading.Event()
        self._closing, self._given_up = threading.Event(), threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        self._news.set()

    def flush(self, patience: float) -> int:
        """Wait as `close` does, and go on; return how much is left."""
        self._hurry.set()
        self._news.set()
        left = self._wait(patience, lambda: not self._outbox.pending())
        self._hurry.clear()
        return left

    def close(self, patience: float) -> int:
        """Wait until all is delivered; return how much is left.

        Args:
            patience: Most seconds without any delivery; as long as something is delivered, the
                wait goes on, for a minute at most.
        """
        self._closing.set()
        self._hurry.set()
        self._news.set()
        left = self._wait(patience, lambda: not self._thread.is_alive())
        self._given_up.set()
        return left

    def _wait(self, patience: float, done: Callable[[], bool]) -> int:
        left = len(self._outbox.pending())
        now = time.monotonic()
        end, last = now + patience, now + max(patience, _LONGEST_END_S)
        while not done() and time.monotonic() < min(end, last):
            time.sleep(_POLL_S)
            if (fewer := len(self._outbox.pending())) < left:
                left, end = fewer, time.monotonic() + patience
        return len(self._outbox.pending())

    def _work(self) -> None:
        sink: Sink | None = None
        wait = _FIRST_WAIT_S
        with self._outbox.delivering() as allowed:
            while allowed:
                self._news.clear()
                last = self._closing.is_set()
                try:
                    if self._outbox.pending():
                        address = self._outbox.address
                        assert address is not None  # noqa: S101  set before
                        sink = sink or Sink(address)
                        deliver(self._outbox, sink)
                    wait = _FIRST_WAIT_S
                    if last:
                        return
                    self._news.wait()
                except Exception as error:  # MLflow's, requests', urllib3's, SQLAlchemy's, OSError
                    self._tell(error)
                    # No news shortens this wait: they come with every epoch.
                    self._hurry.wait(wait)
                    if self._hurry.is_set() and self._given_up.wait(_LAST_WAIT_S):
                        return
                    wait = min(2 * wait, _LONGEST_WAIT_S)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            _log.warning("MLflow cannot be reached; what is logged waits", reason=brief(error))
        self._told = True


def deliver(outbox: Outbox, sink: Sink) -> int:
    """Deliver what is pending, in order; return how many entries were.

    An entry that the server will never take is set aside, so that the rest goes on.

    Raises:
        Exception: The server cannot be reached or has a fault; what is left stays pending.
    """
    count = 0
    for entries, place in _groups(outbox.pending()):
        try:
            _deliver(sink, entries)
        except Exception as error:
            if not refused(error):
                raise
            for entry in entries:
                outbox.reject(entry, brief(error))
            _log.warning(
                "not tracked", run=entries[0].run, what=entries[0].kind, reason=brief(error)
            )
        outbox.mark(place)
        count += len(entries)
    return count


def sync(folder: Path) -> int:
    """Deliver what earlier runs left in the outbox of an experiment.

    Args:
        folder: The outbox's folder.

    Returns:
        How many entries were delivered.

    Raises:
        BackendError: The server cannot be reached, or another process is delivering.
    """
    outbox = Outbox(folder)
    address = outbox.address
    if address is None or not outbox.pending():
        return 0
    with outbox.delivering(wait=_LAST_WAIT_S) as allowed:
        if not allowed:
            raise BackendError(f"{folder} is being delivered by a running chain", "wait for it")
        try:
            return deliver(outbox, Sink(address))
        except Exception as error:
            left = len(outbox.pending())
            raise BackendError(
                f"MLflow at {address.uri}: {brief(error)}; {left} entries wait in {folder}",
                "start the server, or set MLFLOW_TRACKING_URI, and try again",
            ) from None


def brief(error: Exception) -> str:
    """Return an error's first line, cut."""
    return (mask(str(error)).splitlines() or [type(error).__name__])[0][:200]


def _deliver(sink: Sink, entries: list[Entry]) -> None:
    try:
        sink.deliver(entries)
    except Exception as error:
        if not refused(error):
            raise
        sink.forget()  # the run was removed, or another process has logged since
        sink.deliver(entries)


def _groups(pending: list[tuple[Entry, int]]) -> list[tuple[list[Entry], int]]:
    """Put neighbouring metrics of a run together."""
    groups: list[tuple[list[Entry], int]] = []
    for entry, place in pending:
        if groups:
            before = groups[-1][0]
            alike = before[-1].kind == entry.kind == "metrics" and before[-1].run == entry.run
            if alike:
                groups[-1] = ([*before, entry], place)
                continue
        groups.append(([entry], place))
    return groups
