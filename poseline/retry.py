"""The one retry policy: what may mend itself is asked again with growing pauses, for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import stamina

P = ParamSpec("P")
R = TypeVar("R")

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0


def retrying(on: type[Exception], seconds: float) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that calls a function again while it raises an error.

    Args:
        on: The error that may go away.
        seconds: How long after the first call another one may begin; then the error is raised.
    """
    return stamina.retry(
        on=on,
        attempts=None,
        timeout=seconds,
        wait_initial=_FIRST_WAIT_S,
        wait_max=_LONGEST_WAIT_S,
    )
