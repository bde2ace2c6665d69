"""Ctrl-C, SIGTERM and a closed terminal: said at once, with how to go on with the work."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

EXIT_CODES = frozenset(128 + number for number in (signal.SIGTERM, signal.SIGHUP))
"""What a program ends with that a signal has stopped."""
_GOES_ON = "Finished work is kept; the same command continues from there."
_advice = [_GOES_ON]
_held: list[int | None] = []
"""The signal that came, for each block of `held` that is being run."""


def advise(text: str) -> None:
    """Set what is said of where the work is and how to go on with it."""
    _advice[:] = [text]


def say(reason: str) -> None:
    """Say that the work stops; may be called by a handler of signals.

    Args:
        reason: What stops it.
    """
    # Not by print: a handler may come in between another print.
    os.write(2, f"\nStopping: {reason}. {_advice[0]}\n".encode(errors="replace"))


@contextmanager
def held() -> Iterator[None]:
    """Let a signal that `heard` hears wait for the end of a short block.

    For what an exception would leave with a lock taken, such as handing work to a pool of threads:
    its workers would wait for that lock forever, and the program for them.
    """
    _held.append(None)
    try:
        yield
    finally:
        number = _held.pop()
    if number is not None:
        signal.raise_signal(number)


@contextmanager
def heard() -> Iterator[None]:
    """Let a signal end the block at once: by KeyboardInterrupt, or with its exit code.

    These are Ctrl-C, SIGTERM (143) and SIGHUP (129), which a terminal sends when it is closed.
    A second Ctrl-C breaks off what cleans up. A signal that is ignored stays so. Python drops what
    is raised while it runs a finalizer; then it is raised once more.
    """
    before: dict[signal.Signals, Any] = {}
    process = os.getpid()

    def stop(number: int, _: FrameType | None) -> None:
        if os.getpid() != process:  # a child that was forked
            os._exit(128 + number)
        if _held:
            _held[-1] = number
            return
        signal.signal(number, signal.SIG_DFL)
        if number == signal.SIGINT:
            say("interrupted")
            raise KeyboardInterrupt
        with contextlib.suppress(OSError):  # the terminal may be gone
            say(signal.Signals(number).name)
        raise SystemExit(128 + number)

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt | SystemExit):
            hook(dropped)
            return

        def stop_again(*_: object) -> None:
            raise dropped.exc_value or KeyboardInterrupt

        signal.signal(signal.SIGALRM, stop_again)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    hook, alarm = sys.unraisablehook, signal.getsignal(signal.SIGALRM)

    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, stop)
        sys.unraisablehook = again
    except ValueError:  # not the main thread
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if sys.unraisablehook is again:
            sys.unraisablehook = hook
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)
        advise(_GOES_ON)
