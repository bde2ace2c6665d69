"""The pictures of a split converted by threads, with few of them in memory at a time."""

from __future__ import annotations

import os
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
        jobs: Threads; None: one a core. More of them only wait for the folder that all write to.
        batch: Pictures that are handed to a thread at once; handing over costs as much as a small
            picture.

    Yields:
        The name of each picture and what became of it, in their order.
    """

    def convert(pictures: Sequence[tuple[Picture, str]]) -> list[tuple[str, Converted[T]]]:
        return [(one.name, converter.convert(one, stem)) for one, stem in pictures]

    threads = jobs or os.cpu_count() or 1
    waiting: deque[Future[list[tuple[str, Converted[T]]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(chosen), batch):
                some = chosen[start : start + batch]
                read = [(annotations.picture(name), stem) for name, stem in some]
                with stopping.held():
                    waiting.append(pool.submit(convert, read))
                if len(waiting) > _AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BaseException:  # Ctrl-C waits for no picture that is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
