"""Making something on Kubeflow exactly once, although requests get lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from poseline.kubeflow.errors import ConflictError, UnreachableError
from poseline.log import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
_SETTLE_S = (0.5, 1.0, 2.0)
"""Pauses before each look for what a lost request may have made."""
_POSTS = 3


def once(find: Callable[[], T | None], make: Callable[[], T], what: str) -> T:
    """Return what there is, or make it; what a lost request made is found, not made again."""
    found, posts = find(), 0
    while not found:
        posts += 1
        try:
            return make()
        except ConflictError:
            if not (found := find()):
                raise
        except UnreachableError as error:
            _log.warning("no answer; looking whether it was made", what=what, why=error.message)
            if not (found := _settled(find)) and posts == _POSTS:
                raise
    return found


def _settled(find: Callable[[], T | None]) -> T | None:
    """Look for what a lost request may make even after it was lost."""
    for pause in _SETTLE_S:
        time.sleep(pause)
        if found := find():
            return found
    return None
