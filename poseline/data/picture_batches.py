"""The pictures of a split converted in batches, by threads where those take less time."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from poseline import stopping
from poseline.data.coco import Annotations, Picture
from poseline.data.picture_choice import Chosen
from poseline.data.picture_conversion import Converted, PictureConverter

T = TypeVar("T")

_AHEAD = 2
"""Batches that wait for each thread."""
_SLOW_S = 1e-3
"""Seconds of a picture from which on threads gain: it is decoded, or fetched, or the disk is slow.

A picture that is only copied takes a tenth of that, in which threads would hand Python's lock to
each other at each of its system calls: 13,000 of them take two threads one and a half times as
long as one.
"""


def converted(
    chosen: Sequence[Chosen],
    annotations: Annotations,
    converter: PictureConverter[T],
    *,
    jobs: int | None,
    batch: int,
) -> Iterator[tuple[str, Converted[T]]]:
    """Convert pictures.

    Args:
        chosen: The pictures.
        annotations: Of their split.
        converter: Converts each.
        jobs: Threads for pictures that take long; None: one a core. More of them only wait for the
            folder that all write to.
        batch: Pictures that are converted at once; one by one costs as much as a small picture.

    Yields:
        The name of each picture and what became of it, in their order.
    """
    seconds = 0.0  # of a picture, in the batch that was done last

    def convert(pictures: Sequence[tuple[Picture, str]]) -> list[tuple[str, Converted[T]]]:
        nonlocal seconds
        began = time.perf_counter()
        done = [(one.name, converter.convert(one, stem)) for one, stem in pictures]
        seconds = (time.perf_counter() - began) / len(pictures)
        return done

    threads = jobs or os.cpu_count() or 1
    waiting: deque[Future[list[tuple[str, Converted[T]]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(chosen), batch):
                some = chosen[start : start + batch]
                read = [(annotations.picture(name), stem) for name, stem in some]
                threaded = threads > 1 and seconds > _SLOW_S
                if threaded:
                    with stopping.held():
                        waiting.append(pool.submit(convert, read))
                while len(waiting) > (_AHEAD * threads if threaded else 0):
                    yield from waiting.popleft().result()
                if not threaded:
                    yield from convert(read)
            while waiting:
                yield from waiting.popleft().result()
        except BaseException:  # Ctrl-C waits for no picture that is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
