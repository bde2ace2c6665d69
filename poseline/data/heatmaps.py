"""Training targets: where a keypoint is, drawn on the cells of a heatmap."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

Target = Literal["gaussian", "one_hot"]


def encode(
    keypoints: Any, height: int, width: int, target: Target, sigma: float
) -> tuple[Any, Any]:
    """Draw keypoints as heatmaps, in graph, so that targets never pass the input pipeline.

    Both targets are an outer product of a column and a row, so that nothing of the heatmap's size
    is computed but the product itself. With cell c centred at (c + 0.5) / w, `gaussian` is
    exp(-d² / 2σ²) at each cell's centre, d being the distance from the keypoint in cells: its peak
    is at the keypoint itself, between the cells. `one_hot` is 1 in the cell that holds the
    keypoint.

    Args:
        keypoints: (B, K, 3) float; x and y as shares of the input in [0, 1], v > 0 where the
            keypoint is to be learned. x = 1 belongs to the last cell.
        height: Rows of the heatmaps.
        width: Columns of the heatmaps.
        target: Shape of the target.
        sigma: Standard deviation of the gaussian in cells.

    Returns:
        Targets (B, height, width, K) in [0, 1] and mask (B, 1, 1, K), 1 where v > 0, both float32.
        Targets of masked keypoints are zero.
    """
    keypoints = tf.cast(keypoints, tf.float32)
    visible = tf.cast(keypoints[..., 2] > 0, tf.float32)
    columns = _profile(keypoints[..., 0], width, target, sigma)
    rows = _profile(keypoints[..., 1], height, target, sigma) * visible[..., None]
    rows, columns = tf.transpose(rows, (0, 2, 1)), tf.transpose(columns, (0, 2, 1))
    return rows[:, :, None, :] * columns[:, None, :, :], visible[:, None, None, :]


def _profile(position: Any, cells: int, target: Target, sigma: float) -> Any:
    """Return the target along one axis: (B, K) positions in [0, 1] to (B, K, cells)."""
    place = position * tf.cast(cells, tf.float32)
    if target == "one_hot":
        cell = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 0, cells - 1)
        return tf.one_hot(cell, cells)
    centres = tf.range(tf.cast(cells, tf.float32)) + 0.5
    distance = centres - place[..., None]
    return tf.exp(-tf.square(distance) / (2.0 * sigma**2))
