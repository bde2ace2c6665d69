"""Batches for training, as tf.data.

A batch is made in one piece by one thread from its number alone: decode (OpenCV and libjpeg-turbo,
which let go of Python's lock), resize, augment and rescale picture by picture while its pixels are
in the processor's cache. tf.data numbers the batches, makes several at once and hands them over in
order; how many at once changes nothing in them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from poseline.config.models.augmentation_steps import RandomPeriodicResizing
from poseline.config.models.config import Config
from poseline.data.augment.augmenter import Augmenter
from poseline.data.augment.periodic import size_of_batch
from poseline.data.augment.scene import Scene
from poseline.data.buffers import Buffers
from poseline.data.evaluation_batches import Batch, Shape, assemble
from poseline.data.input_cache import Person, Pictures, Size
from poseline.data.keypoints import KeypointSet
from poseline.data.shards import ShardedSamples
from poseline.data.share import WHOLE, Share
from poseline.data.yolo import Sample
from poseline.errors import PoselineError

_MOST_AT_ONCE = 16  # more would wait for Python's lock, and each is memory
_ORDER, _PICTURE = 0, 1  # what a random stream is for, so that no two share their numbers


class Batches:
    """A dataset that ends with the error of the picture that stopped it.

    tf.data wraps what is raised in its threads into an error of its own, in whose text alone the
    reason is left.
    """

    def __init__(
        self,
        numbers: tf.data.Dataset,
        batch: Callable[[int], Batch],
        shape: tuple[int | None, ...],
        keypoints: int,
        parallel: int | None,
    ) -> None:
        """Make batches by their numbers.

        Args:
            numbers: Of the batches, in their order.
            batch: Makes one.
            shape: Of its images.
            keypoints: Keypoints of a pose.
            parallel: Batches in the making at once; None: one a core, up to 16.
        """
        self._batch, self._refusals = batch, list[PoselineError]()
        ours = weakref.ref(self)  # TensorFlow keeps `attempt`, and all that it holds, for good

        def attempt(number: int) -> Batch:
            batches = ours()
            if batches is None:
                raise StopIteration  # nobody waits for it any more
            try:
                return batches._batch(number)
            except PoselineError as error:
                batches._refusals.append(error)
                raise

        def make(number: Any) -> tuple[Any, Any]:
            images, labels = tf.numpy_function(
                attempt, [number], (tf.float32, tf.float32), stateful=False
            )
            images.set_shape(shape)
            labels.set_shape((shape[0], keypoints + 1, 3))
            return images, labels

        calls = parallel or min(os.cpu_count() or 1, _MOST_AT_ONCE)
        made = numbers.map(make, num_parallel_calls=calls, deterministic=True).prefetch(2)
        options = tf.data.Options()
        # Its thread sleeps ever longer between two looks, for seconds, and an epoch's end waits.
        options.autotune.enabled = False
        self._dataset = made.with_options(options)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yield (images, labels) as tensors.

        Raises:
            PoselineError: A picture, its label or its shard cannot be read.
        """
        return self._through(lambda: iter(self._dataset))

    def as_numpy_iterator(self) -> Iterator[Batch]:
        """Yield (images, labels) as arrays; as `__iter__`."""
        return self._through(self._dataset.as_numpy_iterator)

    def _through(self, start: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        self._refusals.clear()
        try:
            yield from start()
        except tf.errors.OpError:
            if self._refusals:
                raise self._refusals[0] from None
            raise


class TrainingSet:
    """Shuffled, augmented batches that are a pure function of (seed, epoch, batch).

    So a training that is resumed at an epoch sees what the uninterrupted one would have seen.
    The order of an epoch and the draws of each picture come from counter-based generators
    (Philox, Salmon et al. 2011) keyed by seed and epoch. The first epoch on a packed set mixes a
    few shards at a time, so that it begins when the first of them are there.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: Config,
        points: KeypointSet,
        input_shape: Shape,
        batch_size: int,
        seed: int,
        cache_bytes: int | None = None,
        parallel: int | None = None,
        share: Share = WHOLE,
    ) -> None:
        """Prepare the set; nothing is read yet.

        Args:
            samples: Pictures with their labels.
            config: `preprocessing`, `data_augmentation` and `training.dryrun` count.
            points: Keypoints of a pose.
            input_shape: Height, width and channels, where no `random_periodic_resizing` says
                otherwise.
            batch_size: Pictures of a batch. What does not fill a batch is left out of an epoch,
                another part in each, so that every batch has the same shape; a set smaller than
                one batch is one smaller batch.
            seed: Seed of order, draws and sizes.
            cache_bytes: Memory for resized pictures; None: a quarter of what is free.
            parallel: Batches in the making at once; None: one a core, up to 16.
            share: The part of every batch that is made here.
        """
        self._config, self._samples = config, samples
        self._batch_size = min(batch_size, len(samples))
        self._seed = seed
        self._parallel = parallel
        self._share = share.part(self._batch_size)
        settings = [step.random_periodic_resizing for step in config.data_augmentation]
        self._resizing: RandomPeriodicResizing | None = next(filter(None, settings), None)
        self._sizes = (
            self._resizing.image_sizes if self._resizing else ((input_shape[0], input_shape[1]),)
        )
        self._keypoints = len(points)
        self._pictures = Pictures(
            samples, config.preprocessing, self._keypoints, self._sizes, cache_bytes
        )
        self._augmenter = Augmenter(
            config.data_augmentation,
            points.flip,
            self._pictures.channels,
            config.preprocessing.rescaling,
        )
        largest = max(height * width for height, width in self._sizes)
        self._buffers = Buffers(self._batch_size * largest * self._pictures.channels)
        self._order = lru_cache(maxsize=4)(self._shuffle)

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        batches = len(self._pictures) // self._batch_size
        training = self._config.training
        return min(batches, training.dryrun or batches) if training else batches

    @property
    def pictures(self) -> int:
        """The pictures of an epoch, all shares together."""
        return len(self) * self._batch_size

    def batches(self, epoch: int, epochs: int = 1) -> Batches:
        """Return the batches of one epoch or of consecutive ones.

        A new dataset for each epoch costs milliseconds, since its graph holds one call alone.

        Args:
            epoch: Number of the first epoch, from 0.
            epochs: Epochs to go through without a pause between.

        Returns:
            (images (B, H, W, C), labels (B, K + 1, 3)), float32, images rescaled.
        """
        size = self._sizes[0] if len(set(self._sizes)) == 1 else (None, None)
        return Batches(
            tf.data.Dataset.range(epoch * len(self), (epoch + epochs) * len(self)),
            self.batch,
            (self._share.stop - self._share.start, *size, self._pictures.channels),
            self._keypoints,
            self._parallel,
        )

    def size(self, number: int) -> Size:
        """Return height and width of a batch's pictures."""
        if self._resizing is None:
            return self._sizes[0]
        return size_of_batch(self._resizing, number, self._seed, len(self))

    def batch(self, number: int) -> Batch:
        """Make a batch.

        Args:
            number: Its number, counted from the first epoch on.

        Returns:
            Images and labels, as `batches` yields them.

        Raises:
            DataError: A picture or its label cannot be read.
        """
        epoch, place = divmod(number, len(self))
        order = self._order(epoch)[place * self._batch_size : (place + 1) * self._batch_size]
        return assemble(
            self._pictures,
            self._buffers,
            order[self._share],
            self.size(number),
            self._config.preprocessing.rescaling,
            lambda index, image, person: self._augment(epoch, index, image, person),
        )

    def _shuffle(self, epoch: int) -> NDArray[np.int64]:
        generator = self._generator(epoch, _ORDER, 0)
        if epoch == 0 and isinstance(self._samples, ShardedSamples):
            return self._samples.permutation(generator)  # while shards arrive
        return generator.permutation(len(self._pictures))

    def _generator(self, epoch: int, purpose: int, index: int) -> np.random.Generator:
        philox = np.random.Philox(key=[self._seed, epoch], counter=[0, index, purpose, 0])
        return np.random.Generator(philox)

    def _augment(
        self, epoch: int, index: int, image: NDArray[np.uint8], person: Person
    ) -> tuple[NDArray[np.uint8], Person]:
        scene = Scene(image, person.keypoints[None], person.box[None], np.array([person.area]))
        self._augmenter(scene, self._generator(epoch, _PICTURE, index))
        moved = Person(
            scene.keypoints[0], scene.boxes[0], float(scene.areas[0]), person.picture_size
        )
        return scene.image, moved
