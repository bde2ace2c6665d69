"""Steps that change values, whatever their place: contrast, brightness."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.augmentation import RandomBrightness, RandomContrast
from poseline.data.augment.scene import Scene

_VALUES = np.arange(256, dtype=np.float32)


def change_contrast(scene: Scene, settings: RandomContrast, generator: np.random.Generator) -> None:
    """Scale the distance of each value from the mean of the picture's colours."""
    scale = generator.uniform(1 - settings.factor, 1 + settings.factor)
    colours = min(scene.image.shape[2], 3)
    mean = sum(cv2.mean(scene.image)[:colours]) / colours
    _apply(scene, (_VALUES - mean) * scale + mean)


def change_brightness(
    scene: Scene, settings: RandomBrightness, generator: np.random.Generator
) -> None:
    """Add one value to the whole picture."""
    _apply(scene, _VALUES + generator.uniform(-settings.factor, settings.factor) * 255)


def _apply(scene: Scene, table: NDArray[np.float32]) -> None:
    """Replace each value by the table's, rounded and clipped; an alpha channel stays."""
    rounded = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    shape = scene.image.shape
    if shape[2] == 4:
        opaque = np.arange(256, dtype=np.uint8)
        rounded = np.stack([rounded, rounded, rounded, opaque], axis=-1)[None]
    scene.image = np.asarray(cv2.LUT(scene.image, rounded), np.uint8).reshape(shape)
