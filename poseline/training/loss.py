"""The loss of heatmaps."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from poseline.config.models.training import Heatmaps
from poseline.data.heatmaps import encode
from poseline.data.labels import unpack


def heatmap_loss(heatmaps: Any, labels: Any, settings: Heatmaps) -> Any:
    """Return the squared error against the target heatmaps, masked by visibility.

    The error is summed over the cells of a heatmap and averaged over the visible keypoints: its
    size then depends neither on the resolution nor on how many keypoints are hidden.

    Args:
        heatmaps: (B, h, w, K) predictions in [0, 1].
        labels: (B, K + 1, 3) label tensors.
        settings: Shape of the targets.

    Returns:
        A scalar ≥ 0.
    """
    height, width = heatmaps.shape[1] or tf.shape(heatmaps)[1], heatmaps.shape[2]
    width = width or tf.shape(heatmaps)[2]
    points = unpack(labels).keypoints
    targets, mask = encode(points, height, width, settings.target, settings.sigma)
    error = tf.reduce_sum(tf.square(heatmaps - targets) * mask)
    return error / tf.maximum(tf.reduce_sum(mask), 1.0)
