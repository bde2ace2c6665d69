"""Steps that change pixels by their neighbours or at random: blur, sharpness, noise, erasing."""

from __future__ import annotations

import math

import cv2
import numpy as np

from poseline.config.models.augmentation_steps import (
    RandomBlur,
    RandomGaussianNoise,
    RandomRectangleErasing,
    RandomSharpness,
)
from poseline.data.augment.scene import Scene


def blur(scene: Scene, settings: RandomBlur, generator: np.random.Generator) -> None:
    """Average over a square window of n px, centred on each pixel.

    A window of an even size covers half of the pixel at either end: with whole pixels alone it
    would shift the picture by half a pixel against its keypoints.
    """
    low, high = settings.filter_size
    size = int(generator.integers(low, high, endpoint=True))
    if size < 2:
        return
    window = np.full(size // 2 * 2 + 1, 1 / size)
    if size % 2 == 0:
        window[[0, -1]] /= 2
    shape = scene.image.shape
    scene.image = np.asarray(cv2.sepFilter2D(scene.image, -1, window, window)).reshape(shape)


def sharpness(scene: Scene, settings: RandomSharpness, generator: np.random.Generator) -> None:
    """Add what a blur of σ = 1 px takes away."""
    factor = generator.uniform(*settings.factor)
    shape = scene.image.shape
    blurred = cv2.GaussianBlur(scene.image, (0, 0), 1.0)
    sharp = cv2.addWeighted(scene.image, 1 + factor, blurred.reshape(shape), -factor, 0)
    scene.image = np.asarray(sharp, np.uint8).reshape(shape)


def noise(scene: Scene, settings: RandomGaussianNoise, generator: np.random.Generator) -> None:
    """Add noise to every value of every colour."""
    shape = scene.image.shape
    colours = min(shape[2], 3)
    deviation = generator.uniform(*settings.stddev) * 255
    added = generator.standard_normal((*shape[:2], colours), np.float32) * np.float32(deviation)
    noisy = np.rint(scene.image[..., :colours] + added).clip(0, 255).astype(np.uint8)
    scene.image = np.concatenate([noisy, scene.image[..., colours:]], axis=2)


def erase(scene: Scene, settings: RandomRectangleErasing, generator: np.random.Generator) -> None:
    """Paint rectangles that lie within the picture, as far as they fit in."""
    height, width, channels = scene.image.shape
    image = scene.image.copy()
    for _ in range(int(generator.integers(*settings.nrec, endpoint=True))):
        area = generator.uniform(*settings.area) * height * width
        ratio = generator.uniform(*settings.wh_ratio)
        wide = min(max(round(math.sqrt(area * ratio)), 1), width)
        high = min(max(round(math.sqrt(area / ratio)), 1), height)
        left = int(generator.integers(width - wide, endpoint=True))
        top = int(generator.integers(height - high, endpoint=True))
        colours = min(channels, 3)
        colour = generator.integers(256, size=colours, dtype=np.uint8)
        image[top : top + high, left : left + wide, :colours] = colour
    scene.image = image
