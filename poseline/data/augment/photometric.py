"""Steps that change values, whatever their place: contrast, brightness.

Each is a table of 256 values.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.augmentation import RandomBrightness, RandomContrast
from poseline.data.augment.scene import Scene

Table = NDArray[np.uint8]

_VALUES = np.arange(256, dtype=np.float32)
_SAME = np.arange(256, dtype=np.uint8)


def contrast(scene: Scene, settings: RandomContrast, generator: np.random.Generator) -> Table:
    """Scale the distance of each value from the mean of the picture's colours."""
    scale = generator.uniform(1 - settings.factor, 1 + settings.factor)
    colours = min(scene.image.shape[2], 3)
    mean = sum(cv2.mean(scene.image)[:colours]) / colours
    return _table((_VALUES - mean) * scale + mean)


def brightness(settings: RandomBrightness, generator: np.random.Generator) -> Table:
    """Add one value to the whole picture."""
    return _table(_VALUES + generator.uniform(-settings.factor, settings.factor) * 255)


def recolour(scene: Scene, tables: Sequence[Table]) -> None:
    """Apply consecutive tables to a scene in one pass; an alpha channel stays."""
    table = tables[0]
    for later in tables[1:]:
        table = later[table]
    shape = scene.image.shape
    if shape[2] == 4:
        table = np.stack([table, table, table, _SAME], axis=-1)[None]
    scene.image = np.asarray(cv2.LUT(scene.image, table), np.uint8).reshape(shape)


def _table(values: NDArray[np.float32]) -> Table:
    return values.round().clip(0, 255).astype(np.uint8)
