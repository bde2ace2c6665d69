"""The moving average of the weights, which is what is measured and saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class WeightAverage:
    """Weights that follow those that learn, and change places with them between epochs.

    So validation, callbacks, the best model and `last_trained_model.h5` all have the average; what
    learns waits in `values`, which a checkpoint keeps as it keeps the optimizer's state.

    Attributes:
        values: The average while the weights learn; between epochs the weights that learn.
    """

    def __init__(self, weights: Sequence[Any], momentum: float) -> None:
        """Begin with the weights as they are.

        Args:
            weights: Variables that learn.
            momentum: Share of the average that a step leaves, in [0, 1). In step t it is at most
                (1 + t) / (10 + t): else a short training would end near where it began.
        """
        self._weights, self._momentum = list(weights), momentum
        self.values = [
            keras.Variable(tf.convert_to_tensor(weight), trainable=False, name="average")
            for weight in self._weights
        ]

    def update(self, step: Any) -> None:
        """Follow the weights after a step, which is counted from 1."""
        step = tf.cast(step, tf.float32)
        rate = 1 - tf.minimum(self._momentum, (1 + step) / (10 + step))
        for average, weight in zip(self.values, self._weights, strict=True):
            average.assign(average + (weight - average) * tf.cast(rate, average.dtype))

    def swap(self) -> None:
        """Let the average and the weights change places."""
        for average, weight in zip(self.values, self._weights, strict=True):
            kept = tf.identity(tf.convert_to_tensor(average))
            average.assign(weight)
            weight.assign(kept)
