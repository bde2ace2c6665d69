"""From heatmaps to coordinates."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from poseline.config.models.preprocessing import Decoding

Array = np.ndarray[Any, Any]
_CHANNELS = 128  # that an array of OpenCV has at most
_TINY, _LEAST = 1e-10, 1e-300


def decode_heatmaps(
    heatmaps: Array, decoding: Decoding = "argmax", *, logits: bool = False
) -> Array:
    """Find each keypoint in its heatmap.

    - `argmax`: the centre of the best cell.
    - `quadratic`: the top of the parabola through the logarithms of the best cell and its two
      neighbours, along each axis; exact for a Gaussian.
    - `dark`: the Taylor expansion of the smoothed log-heatmap at the best cell, with the mixed
      derivative (Zhang et al. 2020, arXiv:1910.06278).

    Args:
        heatmaps: (N, h, w, K) float, the higher the likelier.
        decoding: How to read between the cells. A best cell at the border stays at its centre
            along that axis.
        logits: Whether the softmax over the cells of each heatmap makes likelihoods of the values.

    Returns:
        (N, K, 3) float32: x and y as shares of the input in [0, 1], confidence in [0, 1]: the
        best cell's value, or of logits, the probability of the 5×5 cells around it. Cell c of w
        is centred at (c + 0.5) / w.
    """
    if logits:
        heatmaps = softmax(heatmaps)
    count, height, width, keypoints = heatmaps.shape
    flat = heatmaps.reshape(count, height * width, keypoints)
    best = flat.argmax(axis=1)
    rows, columns = np.divmod(best, width)
    if logits:
        confidence = _mass(heatmaps, rows, columns)
    else:
        confidence = np.take_along_axis(flat, best[:, None], axis=1)[:, 0]
    shift = np.zeros((count, keypoints, 2))
    if decoding == "quadratic":
        shift = _quadratic(_patches(heatmaps, rows, columns))
    elif decoding == "dark":
        shift = _taylor(_patches(_smooth(heatmaps), rows, columns))
    result = np.empty((count, keypoints, 3), np.float32)
    inside_x = (columns > 0) & (columns < width - 1)
    inside_y = (rows > 0) & (rows < height - 1)
    result[..., 0] = (columns + 0.5 + np.where(inside_x, shift[..., 0], 0)) / width
    result[..., 1] = (rows + 0.5 + np.where(inside_y, shift[..., 1], 0)) / height
    result[..., 2] = confidence
    return result


def softmax(logits: Array) -> Array:
    """Return the probability of each cell: (N, h, w, K) logits to float64 that sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=(1, 2), keepdims=True)
    exponents = np.exp(shifted)
    return np.asarray(exponents / exponents.sum(axis=(1, 2), keepdims=True))


def mean_logits(first: Array, second: Array) -> Array:
    """Return logits whose probabilities are the mean of those of two: (N, h, w, K) each."""
    return np.asarray(np.log(np.maximum((softmax(first) + softmax(second)) / 2, _LEAST)))


def _mass(probabilities: Array, rows: Array, columns: Array) -> Array:
    """Return the sum over the 5×5 cells around each best one, as many as there are: (N, K)."""
    (count, height, width, keypoints), reach = probabilities.shape, np.arange(-2, 3)
    y, x = rows[..., None, None] + reach[:, None], columns[..., None, None] + reach
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    n, k = np.arange(count)[:, None, None, None], np.arange(keypoints)[:, None, None]
    cells = probabilities[n, np.clip(y, 0, height - 1), np.clip(x, 0, width - 1), k]
    return np.asarray((cells * inside).sum(axis=(2, 3)).clip(0, 1))


def _patches(heatmaps: Array, rows: Array, columns: Array) -> Array:
    """Return the logarithms of the 3×3 cells around each best one: (N, K, 3, 3)."""
    count, height, width, keypoints = heatmaps.shape
    steps = np.arange(-1, 2)
    y = np.clip(rows[..., None, None] + steps[:, None], 0, height - 1)
    x = np.clip(columns[..., None, None] + steps, 0, width - 1)
    n = np.arange(count)[:, None, None, None]
    k = np.arange(keypoints)[:, None, None]
    return np.log(np.maximum(heatmaps[n, y, x, k], _TINY).astype(np.float64))


def _quadratic(patches: Array) -> Array:
    """Vertex of the parabola along each axis, in cells, at most half a cell away."""
    left, middle, right = patches[..., 1, 0], patches[..., 1, 1], patches[..., 1, 2]
    up, down = patches[..., 0, 1], patches[..., 2, 1]
    return np.stack([_vertex(left, middle, right), _vertex(up, middle, down)], axis=-1)


def _vertex(before: Array, middle: Array, after: Array) -> Array:
    curvature = before - 2 * middle + after
    safe = np.where(np.abs(curvature) > _TINY, curvature, -1.0)
    shift = np.where(np.abs(curvature) > _TINY, (before - after) / (2 * safe), 0.0)
    return np.clip(shift, -0.5, 0.5)


def _taylor(patches: Array) -> Array:
    """-H⁻¹ g of the log-heatmap, in cells, at most one cell away; zero at no maximum."""
    gx = (patches[..., 1, 2] - patches[..., 1, 0]) / 2
    gy = (patches[..., 2, 1] - patches[..., 0, 1]) / 2
    xx = patches[..., 1, 2] - 2 * patches[..., 1, 1] + patches[..., 1, 0]
    yy = patches[..., 2, 1] - 2 * patches[..., 1, 1] + patches[..., 0, 1]
    corners = patches[..., 2, 2] - patches[..., 2, 0] - patches[..., 0, 2] + patches[..., 0, 0]
    xy = corners / 4
    determinant = xx * yy - xy * xy
    maximum = (determinant > _TINY) & (xx < 0)
    safe = np.where(maximum, determinant, 1.0)
    shift = np.stack([(xy * gy - yy * gx) / safe, (xy * gx - xx * gy) / safe], axis=-1)
    return np.clip(np.where(maximum[..., None], shift, 0.0), -1.0, 1.0)


def _smooth(heatmaps: Array, sigma: float = 1.0) -> Array:
    """Smooth each heatmap and restore its height, as DARK does before it takes derivatives."""
    smoothed = np.empty(heatmaps.shape, np.float32)
    for first in range(0, heatmaps.shape[3], _CHANNELS):
        part = slice(first, first + _CHANNELS)
        for heatmap, place in zip(heatmaps[..., part], smoothed[..., part], strict=True):
            ready = np.ascontiguousarray(heatmap, np.float32)
            blurred = cv2.GaussianBlur(ready, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
            place[...] = blurred.reshape(heatmap.shape)
    return smoothed
