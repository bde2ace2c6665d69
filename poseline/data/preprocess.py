"""From a picture to the model's input, and the way back for points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from poseline.config.models.preprocessing import AspectRatio, Rescaling, Resizing

Array = np.ndarray[Any, Any]

_CV2 = {
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
}
"""Methods that OpenCV computes as TensorFlow does, several times faster; for the others its kernels
differ. Enlarging by area does, too."""


@dataclass(frozen=True)
class Transform:
    """How pictures became inputs; maps points both ways.

    Positions are continuous: pixel i covers [i, i + 1). Works on one picture or on a batch of
    pictures of different sizes at once.

    Attributes:
        scale: Input pixels per picture pixel, x and y: (..., 2).
        offset: Where the picture's corner is in the input, in input pixels, x and y: (..., 2).
        input_size: Width and height of the input: (2,).
    """

    scale: Array
    offset: Array
    input_size: Array

    @classmethod
    def of(
        cls, picture_size: Any, input_shape: tuple[int, ...], aspect_ratio: AspectRatio
    ) -> Transform:
        """Return the transform of a picture, or of a batch of pictures.

        Args:
            picture_size: Width and height in px: (..., 2).
            input_shape: Height and width of the input; what follows does not matter.
            aspect_ratio: `fit` fills the input; `padding` keeps the aspect ratio and centres.
        """
        picture = np.asarray(picture_size, np.float64)
        target = np.array([input_shape[1], input_shape[0]], np.float64)
        if aspect_ratio == "fit":
            return cls(target / picture, np.zeros_like(picture), target)
        ratio = np.max(picture / target, axis=-1, keepdims=True)
        # Whole pixels, rounded down as TensorFlow's resize_with_pad does; the tiny term keeps
        # 192 from becoming 191.99….
        inner = np.maximum(np.floor(picture / ratio + 1e-6), 1)
        return cls(inner / picture, (target - inner) // 2, target)

    def to_input(self, points: Any) -> Array:
        """Map points in px of the picture (..., P, 2) to shares of the input."""
        moved = np.asarray(points) * self.scale[..., None, :] + self.offset[..., None, :]
        return np.asarray(moved / self.input_size)

    def to_picture(self, points: Any) -> Array:
        """Map points as shares of the input (..., P, 2) to px of the picture."""
        moved = np.asarray(points) * self.input_size - self.offset[..., None, :]
        return np.asarray(moved / self.scale[..., None, :])


def resize(image: Array, input_shape: tuple[int, ...], resizing: Resizing) -> Array:
    """Bring a picture to the input's size.

    Args:
        image: Pixels (h, w, C) uint8.
        input_shape: Height and width to reach.
        resizing: Method and handling of the aspect ratio; padding is black.

    Returns:
        Pixels (H, W, C) uint8, rounded and clipped to [0, 255].
    """
    height, width = input_shape[:2]
    size = (image.shape[1], image.shape[0])
    transform = Transform.of(size, input_shape, resizing.aspect_ratio)
    inner_width, inner_height = np.rint(transform.scale * size).astype(int)
    inner = _resample(image, inner_height, inner_width, resizing.interpolation)
    if (inner_height, inner_width) == (height, width):
        return inner
    left, top = transform.offset.astype(int)
    padded = np.zeros((height, width, image.shape[2]), np.uint8)
    padded[top : top + inner_height, left : left + inner_width] = inner
    return padded


def _resample(image: Array, height: int, width: int, interpolation: str) -> Array:
    if image.shape[:2] == (height, width):
        return image
    if interpolation == "nearest":
        rows, columns = _nearest(image.shape[0], height), _nearest(image.shape[1], width)
        return image.take(rows, axis=0).take(columns, axis=1)
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    if interpolation in _CV2 and (shrinks or interpolation != "area"):
        resized = cv2.resize(image, (width, height), interpolation=_CV2[interpolation])
        return np.asarray(resized).reshape(height, width, image.shape[2])
    import tensorflow as tf

    floats = tf.image.resize(image, (height, width), method=interpolation).numpy()
    return np.asarray(np.clip(np.rint(floats), 0, 255).astype(np.uint8))


def _nearest(size: int, wanted: int) -> Array:
    """Return the pixel that the centre of each resized one lies in.

    In whole numbers, so that every machine and the exported C code choose the same one: OpenCV's
    choice between two pixels whose edge is hit depends on its build.
    """
    return (2 * np.arange(wanted) + 1) * size // (2 * wanted)


def rescale(image: Array, rescaling: Rescaling, out: Array | None = None) -> Array:
    """Return scale · pixel + offset as float32, written into `out` where it is given."""
    result = np.multiply(image, np.float32(rescaling.scale), out=out, dtype=np.float32)
    result += np.float32(rescaling.offset)
    return result
