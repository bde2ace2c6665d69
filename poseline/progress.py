"""How far the work is: a bar on a terminal, a line every few seconds in a pipe, never silence."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from poseline.log import get_logger
from poseline.number_format import significant
from poseline.quiet import bar_shown
from poseline.terminal import last_output, note_output

T = TypeVar("T")

EVERY_S = 10.0
"""Seconds between two lines of progress where stderr is not a terminal."""
SILENCE_S = 5.0
"""Seconds of silence after which the current activity is named."""
_LONGEST_SILENCE_S = 60.0
_BAR = "{desc} {n_fmt}/{total_fmt} |{bar:4}| {remaining} left, {rate_fmt}{postfix}"
"""In 80 columns with the figures of a training."""
_log = get_logger(__name__)
_activities: list[str] = []


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Name an activity; it is shown when nothing else is for some seconds.

    Args:
        what: The activity, as in "compiling the training step".
    """
    _activities.append(what)
    try:
        yield
    finally:
        _activities.remove(what)


@contextmanager
def silence_explained(after: float = SILENCE_S) -> Iterator[None]:
    """Log the current activity whenever nothing has been shown for a while.

    Args:
        after: Seconds of silence before the first line; each further line of the same activity
            waits twice as long.
    """
    end = threading.Event()
    thread = threading.Thread(target=_explain, args=(after, end), name="progress", daemon=True)
    note_output()
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _explain(after: float, end: threading.Event) -> None:
    wait, current, since = after, "", time.monotonic()
    while not end.wait(min(after / 5, 1.0)):
        what = _activities[-1] if _activities else ""
        if what != current:
            wait, current, since = after, what, time.monotonic()
        if what and time.monotonic() - last_output() >= wait:
            seconds = round(time.monotonic() - since)
            _log.info("busy", doing=what, **({"seconds": seconds} if seconds else {}))
            wait = min(2 * wait, _LONGEST_SILENCE_S)


class Progress:
    """Progress of a loop over a known number of things.

    Args:
        total: The number of things.
        what: What is being done, such as `epoch 1/20` or `evaluate`.
        unit: What the things are.
        done: Things that are done already.
    """

    def __init__(self, total: int, what: str, unit: str = "pictures", done: int = 0) -> None:
        self.what = what
        self._total, self._unit, self._done = total, unit, done
        self._shown = time.monotonic()
        self._measured_from: tuple[float, int] | None = None
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=done,
                desc=what,
                unit="",
                leave=False,
                bar_format=_BAR,
                dynamic_ncols=True,
            )
            bar_shown(True)

    def __enter__(self) -> Progress:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            bar_shown(False)

    def advance(self, count: int = 1, figures: Callable[[], Mapping[str, float]] = dict) -> None:
        """Count things that are done.

        Args:
            count: How many.
            figures: Called for what to show with them; only when something is shown.
        """
        self._done += count
        now = time.monotonic()
        if self._bar is not None:
            if now - self._shown >= 0.5:
                self._shown = now
                self._bar.set_description_str(self.what, refresh=False)
                self._bar.set_postfix(_rounded(figures()), refresh=False)
            self._bar.update(count)
            note_output()
        elif now - self._shown >= EVERY_S and self._done < self._total:
            self._shown = now
            _log.info(
                "progress",
                of=self.what,
                **{self._unit: f"{self._done}/{self._total}"},
                **_rounded(figures()),
                **self._pace(now),
            )
        # The first things take longer than all others: a step of a training is compiled with them.
        self._measured_from = self._measured_from or (now, self._done)

    def _pace(self, now: float) -> dict[str, str]:
        """Return the rate since the first things were done, and the time that is left by it."""
        if self._measured_from is None:
            return {}
        start, done = self._measured_from
        rate = (self._done - done) / max(now - start, 1e-9)
        left = (self._total - self._done) / max(rate, 1e-9)
        return {f"{self._unit}_per_s": significant(rate, 3), "left": duration(left)}


def duration(seconds: float) -> str:
    """Return a duration for people, such as `1 h 5 min`, `2 min 10 s` or `40 s`."""
    whole = max(round(seconds), 0)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _rounded(figures: Mapping[str, float]) -> dict[str, str]:
    return {name: significant(value) for name, value in figures.items()}


def tracked(things: Iterable[T], total: int, what: str, unit: str = "pictures") -> Iterator[T]:
    """Yield things and show how far the loop over them is."""
    with Progress(total, what, unit) as progress:
        for thing in things:
            yield thing
            progress.advance()
