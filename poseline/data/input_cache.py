"""Samples as arrays of the model's input size, decoded at most once where memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from poseline.config.models.preprocessing import Preprocessing
from poseline.data.crops import Frame
from poseline.data.image_reading import CHANNELS, read_reduced
from poseline.data.preprocess import Transform, resize
from poseline.data.yolo import Poses, Sample, read_label

Size = tuple[int, int]


class Person(NamedTuple):
    """Who is marked in a picture.

    Attributes:
        keypoints: (K, 3): x and y as shares of the input, v.
        box: (4,): cx, cy, w, h as shares of the input.
        area: Area of the box in px² of the original picture.
        picture_size: Width and height of the original picture, or of the crop, in px.
    """

    keypoints: NDArray[np.float64]
    box: NDArray[np.float64]
    area: float
    picture_size: tuple[int, int]


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
    """Samples at the model's input size, before augmentation.

    To a sample that is a crop, its frame is the picture.

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
        self._samples = samples
        self._preprocessing = preprocessing
        self._keypoints = keypoints
        budget = spare_memory() // 4 if cache_bytes is None else cache_bytes
        self.channels = CHANNELS[preprocessing.color_mode]
        each = sum(height * width * self.channels for height, width in set(sizes))
        kept = min(len(samples), budget // each)
        self._images: dict[Size, NDArray[np.uint8]] = {
            size: np.empty((kept, *size, self.channels), np.uint8) for size in set(sizes)
        }
        self._persons: dict[tuple[Size, int], Person] = {}
        self.frames: dict[int, Frame] = {}
        """What was seen of each sample that is a crop, once it was read."""

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, index: int, size: Size) -> tuple[NDArray[np.uint8], Person]:
        """Return one sample.

        Args:
            index: Its place in the samples.
            size: Height and width of the input.

        Returns:
            Pixels (H, W, C), not to be written to, and the person with the largest box.

        Raises:
            DataError: The picture or its label cannot be read.
        """
        cache = self._images[size]
        person = self._persons.get((size, index))
        if person is not None:
            return cache[index], person
        sample = self._samples[index]
        resizing = self._preprocessing.resizing
        poses = read_label(sample.label, self._keypoints)
        averages = resizing.interpolation == "area" and resizing.aspect_ratio == "fit"
        picture, factor = read_reduced(
            sample.image,
            self._preprocessing.color_mode,
            size if averages and not sample.crop else None,
        )
        picture_size = picture.shape[1] * factor, picture.shape[0] * factor
        if sample.crop:
            frame = Frame.around(
                poses.boxes[sample.crop.person], picture_size, size, sample.crop.margin
            )
            picture, poses = frame.cut(picture), frame.of(poses, sample.crop.person)
            picture_size = frame.width, frame.height
            self.frames[index] = frame
        image = resize(picture, size, resizing)
        person = self._person(poses, picture_size, size)
        if index < len(cache):
            cache[index] = image
            self._persons[size, index] = person  # last: its presence says that the image is there
        return image, person

    def _person(self, poses: Poses, picture_size: Size, size: Size) -> Person:
        if not len(poses):
            nobody = np.zeros((self._keypoints, 3)), np.zeros(4), 0.0
            return Person(*nobody, picture_size)
        largest = poses.largest()
        transform = Transform.of(picture_size, size, self._preprocessing.resizing.aspect_ratio)
        points, box = poses.keypoints[largest].astype(np.float64), poses.boxes[largest]
        points[:, :2] = transform.to_input(points[:, :2] * picture_size)
        points[:, 2] *= ((points[:, :2] >= 0) & (points[:, :2] <= 1)).all(axis=1)
        centre = transform.to_input(box[None, :2] * picture_size)[0]
        extent = box[2:] * picture_size * transform.scale / transform.input_size
        area = float(np.prod(box[2:].astype(np.float64) * picture_size))
        return Person(points, np.concatenate([centre, extent]), area, picture_size)
