"""Cross-layer equalization: the same model with weights that one scale a tensor suits better."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from poseline.quantization.folding import CONVOLUTIONS, only_producer

Array = np.ndarray[Any, Any]
_EPSILON = 1e-8


def equalize(model: keras.Model) -> keras.Model:
    """Scale the channels between consecutive layers so that their weights' ranges agree.

    For two layers with a positively homogeneous activation between them (ReLU or none), channel i
    can be divided by s_i = sqrt(r1_i / r2_i) in the first and multiplied in the second, with r the
    largest weight of the channel: Nagel et al. 2019, arXiv:1906.04721, section 4.1. ReLU6 is not
    homogeneous above 6, so that pairs with a ReLU6 between are left as they are; so is a layer
    whose output goes to several layers.

    Args:
        model: A model of convolutions, each followed by batch normalization.

    Returns:
        A copy; its outputs equal the model's to rounding.
    """
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    for first, norm, second in _pairs(twin):
        gamma, beta, mean, variance = norm.get_weights()
        kernel = first.get_weights()[0]
        folded = gamma / np.sqrt(variance + norm.epsilon)
        ranges = _output_range(first, kernel) * np.abs(folded)
        following = second.get_weights()
        scale = np.sqrt(np.maximum(ranges, _EPSILON) / np.maximum(_input_range(second), _EPSILON))
        scale = np.clip(scale, 1e-2, 1e2)
        norm.set_weights([gamma / scale, beta / scale, mean, variance])
        following[0] = following[0] * scale[None, None, :, None]
        second.set_weights(following)
    return twin


def _pairs(model: keras.Model) -> list[tuple[Any, Any, Any]]:
    """Return (convolution, its normalization, the next convolution) of each chain."""
    found = []
    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization):
            continue
        first, second = only_producer(norm), _only_consumer(norm)
        while second is not None and (
            isinstance(second, keras.layers.ReLU) and second.max_value is None
        ):
            second = _only_consumer(second)
        if isinstance(first, CONVOLUTIONS) and isinstance(second, CONVOLUTIONS):
            found.append((first, norm, second))
    return found


def _only_consumer(layer: Any) -> Any:
    nodes = layer._outbound_nodes
    return nodes[0].operation if len(nodes) == 1 else None


def _output_range(layer: Any, kernel: Array) -> Array:
    axes = (0, 1, 3) if isinstance(layer, keras.layers.DepthwiseConv2D) else (0, 1, 2)
    return np.asarray(np.abs(kernel).max(axis=axes))


def _input_range(layer: Any) -> Array:
    return np.asarray(np.abs(layer.get_weights()[0]).max(axis=(0, 1, 3)))
