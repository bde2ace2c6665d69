"""Object keypoint similarity."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

AREA_SHARE = 0.53
"""Share of a person's box that counts as the person's area, as the reference has it."""


def keypoint_similarity(predicted: Array, truth: Array, areas: Array, sigmas: Any) -> Array:
    """Return the similarity of each keypoint.

    exp(-d² / (2 · area · (2σ)²)), cocodataset.org/#keypoints-eval, with area = box area · 0.53.

    Args:
        predicted: (N, K, 2) x and y in px of the picture.
        truth: (N, K, 3) x and y in px, v > 0 where visible.
        areas: (N,) box areas in px².
        sigmas: (K,) constants, `KeypointSet.sigmas`.

    Returns:
        (N, K) in [0, 1]; NaN where the keypoint is not visible or the area is not positive.
    """
    distance = np.square(np.asarray(predicted, np.float64)[..., :2] - truth[..., :2]).sum(axis=-1)
    area = np.asarray(areas, np.float64)[:, None] * AREA_SHARE
    variance = np.square(2 * np.asarray(sigmas, np.float64))[None]
    known = (truth[..., 2] > 0) & (area > 0)
    similarity = np.exp(-distance / (2 * np.where(area > 0, area, 1.0) * variance))
    return np.where(known, similarity, np.nan)


def oks(predicted: Array, truth: Array, areas: Array, sigmas: Any) -> Array:
    """Return the mean similarity of each pose over its visible keypoints.

    Args and shapes are those of `keypoint_similarity`.

    Returns:
        (N,) in [0, 1]; NaN for a pose without visible keypoints.
    """
    return nanmean(keypoint_similarity(predicted, truth, areas, sigmas), axis=1)


def nanmean(values: Array, axis: int | None = None) -> Array:
    """Return the mean of the known values; NaN, and no warning, where there is none."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
