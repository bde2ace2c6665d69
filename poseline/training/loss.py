"""The loss of heatmaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from poseline.config.models.training import FinalActivation, Heatmaps
from poseline.data.heatmaps import encode
from poseline.data.labels import unpack
from poseline.training.distillation import Lesson


def heatmap_loss(
    heatmaps: Any,
    labels: Any,
    settings: Heatmaps,
    activation: FinalActivation = "sigmoid",
    lesson: Lesson | None = None,
    total: Callable[[Any], Any] = lambda count: count,
) -> Any:
    """Return the error against the target heatmaps, masked by visibility.

    It is the squared error with `sigmoid`, and categorical cross-entropy over the cells with
    `softmax`. It is summed over the cells of a heatmap and averaged over the visible keypoints:
    its size then does not depend on how many keypoints are hidden, nor that of the squared error
    on the resolution.

    Args:
        heatmaps: (B, h, w, K) predictions: in [0, 1] with sigmoid, logits with softmax.
        labels: (B, K + 1, 3) label tensors.
        settings: Shape of the targets; for softmax each is brought to a sum of 1.
        activation: The model's `final_activation`.
        lesson: Heatmaps of a teacher, whose error is weighed against that of the targets.
        total: Gives the visible keypoints of the whole batch, where this is a part of it.

    Returns:
        A scalar ≥ 0; the parts of a batch add up to its loss.
    """
    height, width = heatmaps.shape[1] or tf.shape(heatmaps)[1], heatmaps.shape[2]
    width = width or tf.shape(heatmaps)[2]
    points = unpack(labels).keypoints
    targets, mask = encode(points, height, width, settings.target, settings.sigma)
    error = _error(heatmaps, targets, activation)
    if lesson:
        taught = _error(heatmaps, lesson.heatmaps, activation)
        error = (1 - lesson.weight) * error + lesson.weight * taught
    error *= mask[:, 0, 0]
    return tf.reduce_sum(error) / tf.maximum(total(tf.reduce_sum(mask)), 1.0)


def _error(heatmaps: Any, targets: Any, activation: FinalActivation) -> Any:
    """Return the error of each heatmap: (B, K)."""
    if activation == "softmax":
        return _cross_entropy(heatmaps, targets)
    return tf.reduce_sum(tf.square(heatmaps - targets), (1, 2))


def _cross_entropy(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each heatmap: -Σ t log softmax(z), which is log Σ exp z - Σ t z."""
    weight = tf.reduce_sum(targets, (1, 2))
    expected = tf.math.divide_no_nan(tf.reduce_sum(targets * logits, (1, 2)), weight)
    return tf.reduce_logsumexp(logits, (1, 2)) - expected
