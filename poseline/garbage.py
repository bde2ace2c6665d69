"""How seldom Python looks for garbage in a process that is poseline's own.

TensorFlow and MLflow come with half a million objects that live as long as the process, and
Python's collector looks through them again and again, and once more at the end: 4 of the 38 s that
a short `chain tqe` took. A user's own process is left as it is.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (50_000, 20, 20)
"""Objects more than a generation starts with that make Python look through it."""
_seldom = False


def collect_seldom() -> None:
    """Look for garbage less often, and not at the end; for processes that are poseline's own."""
    global _seldom
    if not _seldom:
        _seldom = True
        gc.set_threshold(*_THRESHOLDS)
        atexit.register(gc.freeze)


@contextmanager
def lasting() -> Iterator[None]:
    """Take what is made inside, as by an import, for lasting: it is not looked through again."""
    if not _seldom or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
