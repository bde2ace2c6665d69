"""Batches for validation and evaluation: every picture once, in order, without TensorFlow."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from poseline.config.models.preprocessing import Preprocessing, Rescaling
from poseline.data.buffers import Buffers
from poseline.data.crops import Frame
from poseline.data.input_cache import Person, Pictures, Size
from poseline.data.labels import pack
from poseline.data.preprocess import rescale
from poseline.data.share import WHOLE, Share
from poseline.data.yolo import Sample

Shape = tuple[int, int, int]
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
Change = Callable[[int, NDArray[np.uint8], Person], tuple[NDArray[np.uint8], Person]]


class EvaluationBatches:
    """All samples in order, without augmentation; can be iterated over again and again.

    Threads make the next batches while one is used: decoding lets go of Python's lock.

    Args:
        samples: Pictures with their labels.
        preprocessing: How a picture becomes an input.
        input_shape: Height, width and channels.
        keypoints: Keypoints of a pose.
        batch_size: Pictures of a batch; the last one may have fewer.
        cache_bytes: Memory for resized pictures, for a set that is read in every epoch.
        parallel: Batches that are made at the same time; None: one a core.
        share: Of the batches, those that are made here: every `of`-th.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preprocessing: Preprocessing,
        input_shape: Shape,
        keypoints: int,
        batch_size: int,
        cache_bytes: int = 0,
        parallel: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        self._size = input_shape[0], input_shape[1]
        self._rescaling, self._batch_size = preprocessing.rescaling, batch_size
        self._pictures = Pictures(samples, preprocessing, keypoints, [self._size], cache_bytes)
        self._parallel = parallel or os.cpu_count() or 1
        self._share = share
        largest = batch_size * self._size[0] * self._size[1] * self._pictures.channels
        self._buffers = Buffers(largest)

    def __len__(self) -> int:
        """Return the number of batches, all shares together."""
        return -(-len(self._pictures) // self._batch_size)

    @property
    def frames(self) -> dict[int, Frame]:
        """Number of each sample that is a crop to what was seen of it, once it was read."""
        return self._pictures.frames

    def __iter__(self) -> Iterator[Batch]:
        """Yield (images (B, H, W, C), labels (B, K + 1, 3)), float32, images rescaled.

        Raises:
            PoselineError: A picture, its label or its shard cannot be read.
        """
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self._parallel) as pool:
            try:
                for number in range(self._share.index, len(self), self._share.of):
                    waiting.append(pool.submit(self._batch, number))
                    if len(waiting) > self._parallel:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _batch(self, number: int) -> Batch:
        start = number * self._batch_size
        order = np.arange(start, min(start + self._batch_size, len(self._pictures)))
        return assemble(
            self._pictures, self._buffers, order, self._size, self._rescaling, _unchanged
        )


def assemble(
    pictures: Pictures,
    buffers: Buffers,
    order: NDArray[np.int64],
    size: Size,
    rescaling: Rescaling,
    change: Change,
) -> Batch:
    """Read pictures into one batch.

    Args:
        pictures: The set.
        buffers: Memory for the images.
        order: Numbers of the pictures.
        size: Height and width of the images.
        rescaling: How pixels become inputs.
        change: Called with a picture's number, its pixels and its person; returns the latter two.
    """
    images = buffers.take((len(order), *size, pictures.channels))
    labels = []
    for place, index in enumerate(order):
        image, person = change(int(index), *pictures.read(int(index), size))
        rescale(image, rescaling, out=images[place])
        labels.append(pack(person.keypoints, *person.picture_size, person.area))
    return images, np.stack(labels)


def _unchanged(
    _: int, image: NDArray[np.uint8], person: Person
) -> tuple[NDArray[np.uint8], Person]:
    return image, person
