"""The bar of a transfer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def bar(total: int, what: str, *, show: bool) -> Iterator[Any]:
    """Give a bar of bytes, on stderr where that is a terminal; its `update` is thread-safe."""
    from tqdm import tqdm

    with tqdm(
        total=total,
        unit="B",
        unit_scale=True,
        unit_divisor=1000,
        leave=False,
        desc=what,
        disable=not (show and sys.stderr.isatty()),
    ) as shown:
        yield shown
