"""What an augmentation changes: a picture and everything that is marked in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREY = 128
"""Value of the parts that come in from outside of the picture."""

Matrix = NDArray[np.float64]
"""(3, 3): an affine map of positions in px, pixel i covering [i, i + 1)."""


@dataclass
class Scene:
    """A picture with the poses in it.

    Attributes:
        image: Pixels (H, W, C) uint8.
        keypoints: (n, K, 3) float: x and y as shares of the picture, v; v is 0 where a keypoint
            is not labelled or has left the picture.
        boxes: (n, 4) float: cx, cy, w, h as shares of the picture.
        areas: (n,) float: area of each box in px² of the original picture; grows with a zoom.
    """

    image: NDArray[np.uint8]
    keypoints: NDArray[Any]
    boxes: NDArray[Any]
    areas: NDArray[Any]
