"""The one retry policy: transient faults are retried with growing pauses, within limits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from poseline.log import get_logger

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

P = ParamSpec("P")
R = TypeVar("R")
Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 60.0
"""Before the second call, and at most; each wait is twice as long as the one before it, and up to
`FIRST_WAIT_S` more by chance, so that those who failed together do not come back together."""
_QUIET_S = 5.0
_log = get_logger(__name__)


def retrying(
    on: Errors, *, seconds: float | None = None, attempts: int | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that calls a function again while it raises an error.

    Args:
        on: The errors that may go away, or what returns whether one of them may.
        seconds: How long after the first call a failure is still followed by another call; 0: the
            function is called once. None: any time.
        attempts: The most calls; None: any number. The last call's error is raised.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            import stamina
            from stamina.instrumentation import set_on_retry_hooks

            set_on_retry_hooks([_report])  # stamina's own hook logs the arguments as well
            caller = stamina.RetryingCaller(
                attempts=1 if seconds == 0 else attempts,
                timeout=seconds or None,
                wait_initial=FIRST_WAIT_S,
                wait_max=LONGEST_WAIT_S,
                wait_jitter=FIRST_WAIT_S,
            )
            return caller(on, function, *args, **kwargs)

        return call

    return decorate


def _report(details: RetryDetails) -> None:
    """Log a pause; only one that makes a user wonder is worth a line by default."""
    is_long = details.waited_so_far + details.wait_for >= _QUIET_S
    log = _log.warning if is_long else _log.debug
    log("trying again", reason=str(details.caused_by), pause_s=round(details.wait_for, 1))
