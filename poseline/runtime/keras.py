"""Keras models: .h5 and .keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from poseline.models.loading import load_keras
from poseline.runtime.base import checked_input, own_metadata

Array = np.ndarray[Any, Any]


class KerasRuntime:
    """A Keras model; whole batches at once.

    Attributes:
        model: The model.
    """

    format = "keras"
    output_dtype = "float32"

    def __init__(self, path: Path) -> None:
        self.model = model = load_keras(path)
        (entry,) = model.inputs
        self.input_shape = checked_input(path, entry.shape[1:])
        self.input_dtype = str(entry.dtype)
        self.takes_pixels = np.dtype(self.input_dtype).kind in "iu"
        self.output_shapes = [tuple(output.shape[1:]) for output in model.outputs]
        self.metadata = own_metadata(path, self.input_shape, self.output_shapes)
        signature = tf.TensorSpec((None, *self.input_shape), self.input_dtype)
        self._call = tf.function(
            lambda x: model(x, training=False), input_signature=[signature], autograph=False
        )

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        found = self._call(tf.constant(images.astype(self.input_dtype)))
        return [np.asarray(output) for output in tf.nest.flatten(found)]
