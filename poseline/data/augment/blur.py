"""The step that blurs."""

from __future__ import annotations

import cv2
import numpy as np

from poseline.config.augmentation import RandomBlur
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
