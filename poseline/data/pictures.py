"""Samples as arrays of the model's input size, decoded at most once where memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from poseline.config.preprocessing import Preprocessing
from poseline.data.augment import Scene
from poseline.data.decode_jpeg import CHANNELS, read_picture
from poseline.data.preprocess import resize
from poseline.data.yolo import Sample

Size = tuple[int, int]


def spare_memory() -> int:
    """Return the bytes that a process may still take, by the machine and by its container."""
    spare = int(psutil.virtual_memory().available)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        spare = min(spare, limit - used)
    except (OSError, ValueError):
        pass  # no container, or one without a limit ("max")
    return max(spare, 0)


class Pictures:
    """Pictures and labels at the input's size, before augmentation.

    Resized pictures are kept as uint8 until a budget of memory is used up, the first samples of
    the list first; after one pass these are never decoded again.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preprocessing: Preprocessing,
        keypoints: int,
        sizes: Sequence[Size],
        cache_bytes: int | None = None,
    ) -> None:
        """Set up the cache; memory is taken as it fills.

        Args:
            samples: Pictures with their labels.
            preprocessing: How a picture becomes an input.
            keypoints: Keypoints of a pose.
            sizes: Heights and widths that will be asked for.
            cache_bytes: Memory for resized pictures; None: a quarter of what is free.
        """
        self.samples = samples
        self._preprocessing = preprocessing
        self._keypoints = keypoints
        budget = spare_memory() // 4 if cache_bytes is None else cache_bytes
        channels = CHANNELS[preprocessing.color_mode]
        each = sum(height * width * channels for height, width in set(sizes))
        kept = min(len(samples), budget // each)
        self._images: dict[Size, NDArray[np.uint8]] = {
            size: np.empty((kept, *size, channels), np.uint8) for size in set(sizes)
        }
        self._labels: dict[tuple[Size, int], tuple[NDArray[Any], NDArray[Any]]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int, size: Size) -> tuple[Scene, NDArray[np.float64]]:
        """Return one sample at the input's size.

        Args:
            index: Its place in the samples.
            size: Height and width of the input.

        Returns:
            The scene with the person of the largest box alone, safe to change; the width and
            height of the original picture in px.

        Raises:
            DataError: The picture or its label cannot be read.
        """
        cache = self._images[size]
        label = self._labels.get((size, index))
        if label is not None:
            points, original = label
            return _scene(cache[index], points, original), original
        sample = self.samples[index]
        picture = read_picture(sample.image, self._preprocessing.color_mode)
        original = np.array([picture.shape[1], picture.shape[0]], np.float64)
        resizing = self._preprocessing.resizing
        image = resize(picture, size, resizing)
        points = self._points(sample, original, size)
        if index < len(cache):
            cache[index] = image
            self._labels[size, index] = (points, original)
        return _scene(image, points, original), original
