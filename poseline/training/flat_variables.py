"""Many variables as one vector: an optimizer then takes a dozen operations instead of thousands."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import keras
import tensorflow as tf


class FlatVariables:
    """A vector that stands in for variables while it is worked on.

    Attributes:
        variables: What it stands in for.
        vector: All their values, in order.
    """

    def __init__(self, variables: Sequence[Any], trainable: bool = True) -> None:
        """Pack the variables.

        Args:
            variables: At least one, all float32.
            trainable: Whether gradients are taken.
        """
        self.variables = list(variables)
        self._shapes = [tuple(variable.shape) for variable in self.variables]
        self.vector = keras.Variable(self.join(self.variables), trainable=trainable, name="packed")

    def load(self) -> None:
        """Take the values from the variables."""
        self.vector.assign(self.join(self.variables))

    def store(self) -> None:
        """Give the values to the variables."""
        for variable, value in zip(self.variables, self.split(), strict=True):
            variable.assign(value)

    def split(self) -> list[Any]:
        """Return the values as tensors of the variables' shapes."""
        parts = tf.split(self.vector.value, [prod(shape) for shape in self._shapes])
        return [tf.reshape(p, shape) for p, shape in zip(parts, self._shapes, strict=True)]

    @staticmethod
    def join(tensors: Sequence[Any]) -> Any:
        """Return tensors as one vector."""
        return tf.concat([tf.reshape(tf.convert_to_tensor(t), [-1]) for t in tensors], 0)


_ELEMENTWISE = frozenset(
    {"SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl", "Lion"}
)


def packable(optimizer: keras.optimizers.Optimizer) -> bool:
    """Return whether an optimizer treats each value by itself.

    Some look at a whole variable: at its norm (LAMB, `clipnorm`), at its rows (Adafactor, Muon),
    or keep an average for it (`use_ema`).
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    apart = optimizer.clipnorm is not None or optimizer.use_ema
    return type(optimizer).__name__ in _ELEMENTWISE and not apart
