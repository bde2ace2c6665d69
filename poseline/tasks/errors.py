"""What a task does about faults: it waits for what mends itself, and ends with its error's code."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import stamina

from poseline import log
from poseline.errors import PoselineError, StoreAwayError, StoreError, storage_error

P = ParamSpec("P")
R = TypeVar("R")
_log = log.get_logger(__name__)

patiently = stamina.retry(
    on=StoreAwayError, attempts=8, timeout=600, wait_initial=2.0, wait_max=90.0
)
"""Where the fault is I/O that may mend itself, a pod tries again before KFP starts another."""


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Let a task end with the exit code of its error, and with its remedy instead of a trace."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        log.configure()
        try:
            return function(*args, **kwargs)
        except PoselineError as error:
            _log.error(error.message, remedy=error.remedy)
            sys.exit(error.exit_code)
        except OSError as error:
            refused = storage_error(error)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            more = "give the task more room: `scratch` of the platform"
            _log.error(refused.message, remedy=more if full else refused.remedy)
            sys.exit(StoreError.exit_code)

    return call
