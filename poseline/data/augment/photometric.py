"""Steps that change values, whatever their place: contrast, brightness, gamma and such.

Each is a table of 256 values, drawn for one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.models.augmentation_steps import (
    RandomAutocontrast,
    RandomBrightness,
    RandomContrast,
    RandomGamma,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from poseline.data.augment.scene import Scene

Table = NDArray[np.uint8]

_VALUES = np.arange(256, dtype=np.float32)
_SAME = np.arange(256, dtype=np.uint8)


def contrast(scene: Scene, settings: RandomContrast, generator: np.random.Generator) -> Table:
    """Scale the distance of each value from the mean of the picture's colours."""
    scale = 1 + generator.uniform(*settings.factor)
    colours = min(scene.image.shape[2], 3)
    mean = sum(cv2.mean(scene.image)[:colours]) / colours
    return _table((_VALUES - mean) * scale + mean)


def autocontrast(scene: Scene, settings: RandomAutocontrast, _: np.random.Generator) -> Table:
    """Stretch what is between the darkest and the lightest values to the full range."""
    colours = scene.image[..., :3]
    counts = np.bincount(colours.ravel(), minlength=256).cumsum()
    cut = colours.size * settings.cutoff / 100
    low, high = np.searchsorted(counts, [cut, colours.size - cut], side="left")
    if low >= high:
        return _SAME
    return _table((_VALUES - low) * (255 / (high - low)))


def brightness(settings: RandomBrightness, generator: np.random.Generator) -> Table:
    """Add one value to the whole picture."""
    return _table(_VALUES + generator.uniform(*settings.factor) * 255)


def gamma(settings: RandomGamma, generator: np.random.Generator) -> Table:
    """Raise values, as shares of the full range, to a power."""
    return _table(255 * (_VALUES / 255) ** generator.uniform(*settings.gamma))


def posterize(settings: RandomPosterize, generator: np.random.Generator) -> Table:
    """Keep the upper bits."""
    dropped = 8 - int(generator.integers(*settings.bits, endpoint=True))
    return (_SAME >> dropped << dropped).astype(np.uint8)


def invert(_: RandomInvert, __: np.random.Generator) -> Table:
    """Turn values around."""
    return _SAME[::-1].copy()


def solarize(_: RandomSolarize, generator: np.random.Generator) -> Table:
    """Turn values above a threshold around."""
    return np.where(generator.integers(256) < _SAME, 255 - _SAME, _SAME)


SEEING: dict[type, Callable[[Scene, Any, np.random.Generator], Table]] = {
    RandomContrast: contrast,
    RandomAutocontrast: autocontrast,
}
"""Steps whose table depends on the picture."""
BLIND: dict[type, Callable[[Any, np.random.Generator], Table]] = {
    RandomBrightness: brightness,
    RandomGamma: gamma,
    RandomPosterize: posterize,
    RandomInvert: invert,
    RandomSolarize: solarize,
}
"""Steps whose table is the same for any picture."""


def recolour(scene: Scene, tables: Sequence[Table]) -> None:
    """Apply consecutive tables to a scene in one pass; an alpha channel stays."""
    table = tables[0]
    for later in tables[1:]:
        table = later[table]
    shape = scene.image.shape
    if shape[2] == 4:
        table = np.stack([table, table, table, _SAME], axis=-1)[None]
    scene.image = np.asarray(cv2.LUT(scene.image, table), np.uint8).reshape(shape)


def _table(values: NDArray[Any]) -> Table:
    return values.round().clip(0, 255).astype(np.uint8)
