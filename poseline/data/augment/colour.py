"""Steps on colours: hue, saturation, value, grayscale."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from poseline.config.models.augmentation_steps import (
    RandomHsv,
    RandomHue,
    RandomRgbToGrayscale,
    RandomRgbToHsv,
    RandomSaturation,
    RandomValue,
)
from poseline.data.augment.scene import Scene

Pixels = NDArray[np.uint8]


def hue(scene: Scene, settings: RandomHue, generator: np.random.Generator) -> None:
    """Turn the hue."""
    _shift(scene, generator.uniform(*settings.delta), 0, 0)


def saturation(scene: Scene, settings: RandomSaturation, generator: np.random.Generator) -> None:
    """Add to the saturation."""
    _shift(scene, 0, generator.uniform(*settings.delta), 0)


def value(scene: Scene, settings: RandomValue, generator: np.random.Generator) -> None:
    """Add to the value."""
    _shift(scene, 0, 0, generator.uniform(*settings.delta))


def hsv(scene: Scene, settings: RandomHsv, generator: np.random.Generator) -> None:
    """Turn the hue, add to saturation and value."""
    deltas = (settings.hue_delta, settings.saturation_delta, settings.value_delta)
    _shift(scene, *(generator.uniform(*delta) for delta in deltas))


def rgb_to_hsv(scene: Scene, _: RandomRgbToHsv, __: np.random.Generator) -> None:
    """Put hue, saturation and value, each of [0, 255], in the place of the colours."""
    _set_colours(scene, _convert(scene, cv2.COLOR_RGB2HSV_FULL))


def rgb_to_grayscale(scene: Scene, _: RandomRgbToGrayscale, __: np.random.Generator) -> None:
    """Set every colour to the luma."""
    if scene.image.shape[2] > 1:
        grey = _convert(scene, cv2.COLOR_RGB2GRAY)
        _set_colours(scene, cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def _shift(scene: Scene, hue: float, saturation: float, value: float) -> None:
    """Change a scene in HSV: shares of the full range; the hue goes round."""
    levels = np.arange(256)
    tables = [(levels + round(hue * 256)) % 256]
    tables += [(levels + round(delta * 255)).clip(0, 255) for delta in (saturation, value)]
    table = np.stack(tables, axis=-1).astype(np.uint8)[None]
    changed = cv2.LUT(_convert(scene, cv2.COLOR_RGB2HSV_FULL), table)
    _set_colours(scene, cv2.cvtColor(changed, cv2.COLOR_HSV2RGB_FULL))


def _convert(scene: Scene, code: int) -> Pixels:
    colours = np.ascontiguousarray(scene.image[..., :3])
    return np.asarray(cv2.cvtColor(colours, code), np.uint8)


def _set_colours(scene: Scene, colours: Any) -> None:
    """Take other colours over; an alpha channel stays."""
    alpha = scene.image[..., 3:]
    scene.image = np.concatenate([colours, alpha], axis=2) if alpha.size else np.asarray(colours)
