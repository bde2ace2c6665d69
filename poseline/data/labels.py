"""The label tensor of one person, which travels beside the picture.

float32 (K + 1, 3). Rows 0 to K - 1 are (x, y, v): x and y as shares of the model's input, v 1 where
the keypoint is to be learned. The last row is (width, height, area): the original picture's size in
px and the area of the person's box in px², which OKS needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def pack(keypoints: Array, width: float, height: float, area: float) -> Array:
    """Return the label tensor of one person.

    Args:
        keypoints: (K, 3): x and y as shares of the input, v.
        width: Width of the original picture in px.
        height: Height of the original picture in px.
        area: Area of the person's box in px².
    """
    last = np.array([[width, height, area]], np.float32)
    return np.concatenate([np.asarray(keypoints, np.float32), last])


@dataclass(frozen=True)
class Labels:
    """A batch of label tensors, taken apart.

    Attributes:
        keypoints: (B, K, 3).
        sizes: (B, 2) width and height in px.
        areas: (B,) box areas in px².
    """

    keypoints: Any
    sizes: Any
    areas: Any


def unpack(labels: Any) -> Labels:
    """Take a batch of label tensors (B, K + 1, 3) apart; NumPy and TensorFlow alike."""
    return Labels(labels[:, :-1, :], labels[:, -1, :2], labels[:, -1, 2])
