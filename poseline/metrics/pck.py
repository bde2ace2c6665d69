"""Percentage of correct keypoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from poseline.metrics.oks import nanmean

Array = np.ndarray[Any, Any]


def normalized_distance(predicted: Array, truth: Array, boxes: Array) -> Array:
    """Return each keypoint's distance from the truth as a share of the person's size.

    Args:
        predicted: (N, K, 2) x and y in px.
        truth: (N, K, 3) x and y in px, v.
        boxes: (N, 2) width and height of the person's box in px; the larger side is its size
            (Yang & Ramanan 2013).

    Returns:
        (N, K) ≥ 0; NaN where the keypoint is not visible.
    """
    distance = np.linalg.norm(predicted[..., :2] - truth[..., :2], axis=-1)
    size = np.maximum(boxes.max(axis=1), 1e-9)[:, None]
    return np.where(truth[..., 2] > 0, distance / size, np.nan)


def pck(distances: Array, threshold: float = 0.1) -> float:
    """Return the share of visible keypoints nearer than `threshold` sizes; NaN without any."""
    known = np.isfinite(distances)
    return float(nanmean(np.where(known, np.nan_to_num(distances) <= threshold, np.nan)))
