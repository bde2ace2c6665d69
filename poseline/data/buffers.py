"""Memory for batches, used again and again."""

from __future__ import annotations

import sys
import threading

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64  # bytes; TensorFlow takes arrays that are so aligned over without a copy
_MOST = 16  # buffers kept; a batch that finds none free gets memory of its own
_HELD_HERE = 3  # references to a free buffer: the list's, the loop's, and the count's own


class Buffers:
    """Lends float arrays, and reuses their memory once nobody refers to it.

    A batch is large enough for the system to take its memory back each time and to clear it page
    by page for the next one, which costs more than to fill it.
    """

    def __init__(self, values: int) -> None:
        """Set up without taking memory.

        Args:
            values: The most that an array will hold.
        """
        self._bytes = 4 * values
        self._lock = threading.Lock()
        self._buffers: list[NDArray[np.uint8]] = []

    def take(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return an array of at most `values`, undefined ones."""
        with self._lock:
            for buffer in self._buffers:
                # Whatever is made of an array refers to the buffer below it.
                if sys.getrefcount(buffer) == _HELD_HERE:
                    break
            else:
                buffer = np.empty(self._bytes + _ALIGNMENT, np.uint8)
                if len(self._buffers) < _MOST:
                    self._buffers.append(buffer)
            start = -buffer.ctypes.data % _ALIGNMENT
            used = buffer[start : start + 4 * int(np.prod(shape))]
        return used.view(np.float32).reshape(shape)
