"""Batch normalization folded into the convolution before it, as converters to int8 do."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

CONVOLUTIONS = layers.Conv2D | layers.DepthwiseConv2D


def folded(model: keras.Model) -> keras.Model:
    """Return a copy whose convolutions hold the normalizations that follow them.

    With s = γ / √(σ² + ε), a kernel k becomes k · s, and its bias β - μ · s: Jacob et al. 2018,
    arXiv:1712.05877, section 3.2. A normalization that follows anything else stays.

    Args:
        model: A functional or sequential model.

    Returns:
        A model whose outputs equal the model's in inference, to rounding.
    """
    pairs = {norm.name: first for first, norm in _pairs(model)}
    convolutions = {first.name for first in pairs.values()}

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in pairs:
            return layers.Activation("linear", name=layer.name)
        config = layer.get_config()
        if layer.name in convolutions:
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer.name in pairs:  # a normalization takes a mask
            kwargs.pop("mask", None)
        return layer(*args, **kwargs)

    twin = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if layer.weights and layer.name not in pairs and layer.name not in convolutions:
            twin.get_layer(layer.name).set_weights(layer.get_weights())
    for name, first in pairs.items():
        twin.get_layer(first.name).set_weights(_merged(first, model.get_layer(name)))
    return twin


def channels_last(layer: Any, kernel: Any) -> tuple[int, ...]:
    """Return the shape of a kernel with all of its output channels on the last axis."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return (*kernel.shape[:2], kernel.shape[2] * kernel.shape[3])
    return tuple(kernel.shape)


def only_producer(layer: Any) -> Any:
    """Return the layer whose output a layer reads; None: there are several, or none."""
    parents = layer._inbound_nodes[0].parent_nodes
    return parents[0].operation if len(parents) == 1 else None


def _merged(convolution: Any, norm: Any) -> list[Any]:
    kernel, *rest = convolution.get_weights()
    values = {weight.name: weight.numpy() for weight in norm.weights}
    scale = 1 / np.sqrt(values["moving_variance"] + norm.epsilon)
    scale = scale * values.get("gamma", np.float32(1))
    bias = (rest[0] if rest else 0) - values["moving_mean"]
    wide = kernel.reshape(channels_last(convolution, kernel)) * scale
    return [wide.reshape(kernel.shape), bias * scale + values.get("beta", np.float32(0))]


def _pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return (convolution, its normalization) wherever nothing else reads the convolution."""
    found = []
    for norm in model.layers:
        if not isinstance(norm, layers.BatchNormalization) or len(norm._inbound_nodes) != 1:
            continue
        first = only_producer(norm)
        if (
            type(first) in (layers.Conv2D, layers.DepthwiseConv2D)
            and len(first._outbound_nodes) == 1
            and len(first._inbound_nodes) == 1
            and first.activation is keras.activations.linear
            and first.data_format == "channels_last"
            and norm.axis in (-1, 3)
        ):
            found.append((first, norm))
    return found
