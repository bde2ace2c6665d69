"""A float model computed as its int8 one will be, with gradients: fake quantization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.models.functional import operation_fn

from poseline.config.models.quantization import Granularity
from poseline.quantization.folding import CONVOLUTIONS, channels_last

_PASSES = (
    *(layers.Dropout, layers.ZeroPadding2D, layers.UpSampling2D, layers.MaxPooling2D),
    *(layers.Reshape, layers.Permute, layers.Flatten),
)
"""Layers whose int8 output has the scale of their input."""


class FakeQuantized:
    """Computes a model with the rounding of int8: weights, and what each layer puts out.

    Weights are symmetric, [-127, 127], by channel or by tensor; activations have a zero point and
    one scale a tensor, [-128, 127]. So it is in LiteRT's specification of 8-bit quantization. The
    rounding lets gradients through where a value is within its range, and stops them elsewhere:
    Jacob et al. 2018, arXiv:1712.05877, section 3.

    Attributes:
        variables: The weights that a training changes.
    """

    def __init__(self, model: keras.Model, granularity: Granularity) -> None:
        """Look through a model whose normalizations are folded."""
        self._graph = getattr(model, "_functional", model)
        self._granularity = granularity
        points = [layer.name for layer in model.layers if _rounds(layer)]
        self._ranges = {name: tf.Variable([0.0, 0.0], trainable=False) for name in points}
        self.variables = [
            variable
            for layer in model.layers
            if not isinstance(layer, layers.BatchNormalization)
            for variable in layer.trainable_variables
        ]
        self._observe = tf.function(self._observed, autograph=False)

    def measure(self, batches: Iterable[Any]) -> None:
        """Set the ranges of activations to the extremes that batches of pictures come to."""
        lowest = dict.fromkeys(self._ranges, np.zeros((), np.float32))
        highest = dict(lowest)
        for images in batches:
            for name, (low, high) in self._observe(images).items():
                lowest[name] = np.minimum(lowest[name], low)
                highest[name] = np.maximum(highest[name], high)
        for name, variable in self._ranges.items():
            variable.assign([lowest[name], highest[name]])

    def __call__(self, images: Any) -> Any:
        """Return the output for (B, H, W, C) float32, rounded as in int8."""

        def rounded(name: str, value: Any) -> Any:
            low, high = tf.unstack(self._ranges[name])
            return tf.quantization.fake_quant_with_min_max_vars(value, low, high)

        return self._walk(images, rounded, self._kernel)

    def _observed(self, images: Any) -> dict[str, Any]:
        found = {}

        def observe(name: str, value: Any) -> Any:
            found[name] = tf.reduce_min(value), tf.reduce_max(value)
            return value

        self._walk(images, observe)
        return found

    def _walk(self, images: Any, activation: Any, kernel: Any = None) -> Any:
        def operation(layer: Any) -> Any:
            computed = operation_fn(layer, training=False)

            def call(*args: Any, **kwargs: Any) -> Any:
                if kernel and isinstance(layer, CONVOLUTIONS):
                    with keras.StatelessScope([(layer.kernel, kernel(layer))]):
                        value = computed(*args, **kwargs)
                else:
                    value = computed(*args, **kwargs)
                return activation(layer.name, value) if layer.name in self._ranges else value

            return call

        if isinstance(first := self._graph.layers[0], layers.InputLayer):
            images = activation(first.name, images) if first.name in self._ranges else images
        return self._graph._run_through_graph(images, operation_fn=operation)

    def _kernel(self, layer: Any) -> Any:
        kernel = tf.convert_to_tensor(layer.kernel)
        wide = tf.reshape(kernel, channels_last(layer, kernel))
        axes = range(wide.shape.rank - 1) if self._granularity == "per_channel" else None
        largest = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(wide), axes), 1e-8))
        rounding = (
            tf.quantization.fake_quant_with_min_max_vars_per_channel
            if self._granularity == "per_channel"
            else tf.quantization.fake_quant_with_min_max_vars
        )
        return tf.reshape(rounding(wide, -largest, largest, narrow_range=True), kernel.shape)


def _rounds(layer: Any) -> bool:
    """Tell whether what a layer puts out is rounded: not within a convolution and its ReLU."""
    if _passes(layer):
        return False
    following = layer
    while len(following._outbound_nodes) == 1:
        following = following._outbound_nodes[0].operation
        if not _is_linear(following):
            break
    merges = isinstance(layer, (*CONVOLUTIONS.__args__, layers.Add))
    return not (merges and following is not layer and _is_relu(following))


def _passes(layer: Any) -> bool:
    return isinstance(layer, _PASSES) or _is_linear(layer)


def _is_linear(layer: Any) -> bool:
    return isinstance(layer, layers.Activation) and layer.activation is keras.activations.linear


def _is_relu(layer: Any) -> bool:
    if isinstance(layer, layers.Activation):
        return layer.activation in (keras.activations.relu, keras.activations.relu6)
    return isinstance(layer, layers.ReLU)
