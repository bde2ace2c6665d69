"""Batches for training and evaluation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import psutil
import tensorflow as tf

from poseline.config.augmentation import Augmentation, RandomPeriodicResizing
from poseline.config.preprocessing import Preprocessing
from poseline.data.augment import Scene, augment
from poseline.data.augment.periodic import batch_size_in_px
from poseline.data.decode_jpeg import read_picture
from poseline.data.keypoints import keypoint_set
from poseline.data.labels import pack
from poseline.data.preprocess import Transform, rescale, resize
from poseline.data.yolo import Sample, read_label

Array = np.ndarray[Any, Any]

_CACHE_SHARE = 0.25
"""Share of the free memory that decoded pictures may take."""


class Examples:
    """A set's pictures at one input size, decoded once where the memory allows it.

    Args:
        samples: The set.
        preprocessing: How pictures become inputs.
        input_shape: Height and width of the input.
        keypoints: 13, 17 or 21.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preprocessing: Preprocessing,
        input_shape: tuple[int, ...],
        keypoints: int,
    ) -> None:
        self.samples, self.preprocessing = samples, preprocessing
        self.input_shape, self.keypoints = input_shape[:2], keypoints
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[preprocessing.color_mode]
        size = len(samples) * int(np.prod(self.input_shape)) * channels
        fits = size < psutil.virtual_memory().available * _CACHE_SHARE
        self._cache: dict[int, tuple[Scene, Array, Array]] | None = {} if fits else None

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> tuple[Scene, Array, Array]:
        """Return a picture at the input's size.

        Args:
            index: Number of the sample.

        Returns:
            The picture with its largest person, (2,) width and height in px of the picture that
            the whole input shows, and (2,) the picture's own. Not to be changed in place.

        Raises:
            DataError: The picture or its label cannot be read.
        """
        if self._cache is not None and index in self._cache:
            return self._cache[index]
        example = self._read(index)
        if self._cache is not None:
            self._cache[index] = example
        return example

    def _read(self, index: int) -> tuple[Scene, Array, Array]:
        sample, resizing = self.samples[index], self.preprocessing.resizing
        image = read_picture(sample.image, self.preprocessing.color_mode)
        size = np.array([image.shape[1], image.shape[0]], np.float64)
        poses = read_label(sample.label, self.keypoints)
        if len(poses):
            person = [poses.largest()]
            boxes, points = poses.boxes[person], poses.keypoints[person].astype(np.float64)
        else:
            boxes, points = np.zeros((1, 4)), np.zeros((1, self.keypoints, 3))
        transform = Transform.of(size, self.input_shape, resizing.aspect_ratio)
        points[..., :2] = transform.to_input(points[..., :2] * size)
        extent = transform.input_size / transform.scale
        areas = boxes[:, 2] * boxes[:, 3] * size.prod()
        moved = np.concatenate(
            [transform.to_input(boxes[:, :2] * size), boxes[:, 2:] * size / extent], axis=1
        )
        return Scene(resize(image, self.input_shape, resizing), points, moved, areas), extent, size


class TrainingSet:
    """Augmented batches, a pure function of the seed, the epoch and the sample.

    A resumed training sees what the uninterrupted one would have, however many threads read.

    Args:
        samples: The set.
        preprocessing: How pictures become inputs.
        steps: Augmentations in order.
        input_shape: Height, width and channels.
        keypoints: 13, 17 or 21.
        batch_size: Pictures of a batch; the last of an epoch may be shorter.
        seed: Seed of the shuffle and of every draw.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preprocessing: Preprocessing,
        steps: Sequence[Augmentation],
        input_shape: tuple[int, ...],
        keypoints: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self._steps, self._seed, self._batch_size = steps, seed, batch_size
        self._flip = keypoint_set(keypoints).flip
        self._rescaling = preprocessing.rescaling
        resizing = [s.random_periodic_resizing for s in steps if s.random_periodic_resizing]
        self._periodic: RandomPeriodicResizing | None = resizing[-1] if resizing else None
        sizes = set(self._periodic.image_sizes) if self._periodic else {tuple(input_shape[:2])}
        self._examples = {size: Examples(samples, preprocessing, size, keypoints) for size in sizes}
        self._count, self._size = len(samples), tuple(input_shape[:2])
        self._channels = input_shape[2]

    def __len__(self) -> int:
        return -(-self._count // self._batch_size)

    def batches(self, epoch: int) -> Any:
        """Return an epoch as a tf.data.Dataset.

        Yields:
            Images (B, H, W, C) float32, rescaled, and label tensors (B, K + 1, 3).
        """
        order = np.random.default_rng((self._seed, epoch)).permutation(self._count)
        threads = os.cpu_count() or 1
        first = epoch * len(self)

        def example(number: Any, position: Any) -> tuple[Any, Any]:
            index, step = int(number), first + int(position) // self._batch_size
            return self._example(index, epoch, self._size_at(step))

        signature = (tf.float32, tf.float32)
        data = tf.data.Dataset.from_tensor_slices((order, np.arange(self._count)))
        data = data.map(
            lambda n, p: tf.numpy_function(example, (n, p), signature, stateful=False),
            num_parallel_calls=threads,
            deterministic=True,
        )
        keypoints = len(self._flip)
        data = data.map(lambda x, y: (
            tf.ensure_shape(x, (None, None, self._channels)),
            tf.ensure_shape(y, (keypoints + 1, 3)),
        ))  # fmt: skip
        return data.batch(self._batch_size).prefetch(2)

    def _size_at(self, step: int) -> tuple[int, ...]:
        if self._periodic is None:
            return self._size
        return batch_size_in_px(self._periodic, step, self._seed)

    def _example(self, index: int, epoch: int, size: tuple[int, ...]) -> tuple[Array, Array]:
        kept, extent, _ = self._examples[size].read(index)
        scene = Scene(kept.image, kept.keypoints, kept.boxes, kept.areas)
        generator = np.random.default_rng((self._seed, epoch, index))
        augment(scene, self._steps, self._flip, generator)
        label = pack(scene.keypoints[0], extent[0], extent[1], float(scene.areas[0]))
        return rescale(scene.image, self._rescaling), label


def evaluation_batches(examples: Examples, batch_size: int) -> Any:
    """Return a set in order, without augmentation, as a tf.data.Dataset.

    Args:
        examples: The set at the model's input size.
        batch_size: Pictures of a batch; the last may be shorter.

    Yields:
        Images (B, H, W, C) float32, rescaled; label tensors (B, K + 1, 3); sizes of the pictures
        in px (B, 2) float32, width first.
    """
    rescaling = examples.preprocessing.rescaling

    def example(index: Any) -> tuple[Array, Array, Array]:
        scene, extent, size = examples.read(int(index))
        label = pack(scene.keypoints[0], extent[0], extent[1], float(scene.areas[0]))
        return rescale(scene.image, rescaling), label, size.astype(np.float32)

    data = tf.data.Dataset.range(len(examples)).map(
        lambda n: tf.numpy_function(example, (n,), (tf.float32,) * 3, stateful=False),
        num_parallel_calls=os.cpu_count() or 1,
        deterministic=True,
    )
    height, width = examples.input_shape
    data = data.map(
        lambda x, y, s: (
            tf.ensure_shape(x, (height, width, None)),
            tf.ensure_shape(y, (examples.keypoints + 1, 3)),
            tf.ensure_shape(s, (2,)),
        )
    )
    return data.batch(batch_size).prefetch(2)
