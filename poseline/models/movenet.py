"""st_movenet_lightning_heatmaps: MobileNetV2, a top-down pyramid, one heatmap a keypoint."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from poseline.config.models.training import Model
from poseline.models.backbone import mobilenet_v2, tapped

NAME = "st_movenet_lightning_heatmaps"
_PYRAMID = (24, 32, 64)
"""Channels at 1/4, 1/8 and 1/16 of the input."""
_HEAD = 96
HEAD = ("heatmaps", "heatmaps_bn")
"""Layers whose weights depend on the keypoints."""
_PRIOR_LOGIT = -3.9
"""First output of every cell: 0.02, about the share of a heatmap that a keypoint covers. From 0.5,
a training would spend its first epochs on the background alone (arXiv:1708.02002, 4.1)."""


def build(
    model: Model, keypoints: int, dropout: float | None = None, *, flexible: bool = False
) -> keras.Model:
    """Return a new model with random weights.

    Its layers have names of their own, by which another model can take their weights.

    Args:
        model: Width and input shape.
        keypoints: Heatmaps to put out.
        dropout: Rate before the last convolution; None: no dropout layer.
        flexible: Leave height and width open, for training at several sizes.

    Returns:
        Input (B, H, W, C), output (B, H / 4, W / 4, K): in [0, 1] with sigmoid. With softmax,
        logits: int8 has too few steps for probabilities that sum to 1 over a heatmap, and the
        best cell is the same.
    """
    height, width, channels = model.input_shape
    shape = (None, None, channels) if flexible else (height, width, channels)
    backbone = mobilenet_v2(shape, model.alpha)
    quarter, eighth, sixteenth, last = tapped(backbone)
    laterals = [
        _project(tap, filters, f"lateral_{stride}")
        for tap, filters, stride in zip(
            (quarter, eighth, sixteenth), _PYRAMID, (4, 8, 16), strict=True
        )
    ]
    x = _up(_project(last, _PYRAMID[2], "lateral_32"), laterals[2], 16)
    x = _up(_separable(x, _PYRAMID[1], "smooth_16"), laterals[1], 8)
    x = _up(_separable(x, _PYRAMID[0], "smooth_8"), laterals[0], 4)
    x = _separable(x, _PYRAMID[0], "smooth_4")
    x = _separable(x, _HEAD, "head")
    if dropout:
        x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(keypoints, 1, padding="same", use_bias=False, name=HEAD[0])(x)
    if model.final_activation == "softmax":
        x = layers.BatchNormalization(name=HEAD[1])(x)
        return keras.Model(backbone.input, x, name=NAME)
    prior = keras.initializers.Constant(_PRIOR_LOGIT)
    x = layers.BatchNormalization(beta_initializer=prior, name=HEAD[1])(x)
    return keras.Model(backbone.input, layers.Activation("sigmoid")(x), name=NAME)


def _project(x: Any, filters: int, name: str) -> Any:
    """1×1 convolution and batch normalization."""
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def _separable(x: Any, filters: int, name: str) -> Any:
    """Depthwise 3×3 and pointwise convolution, each normalized, then ReLU."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.BatchNormalization(name=f"{name}_depthwise_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(_project(x, filters, f"{name}_project"))


def _up(x: Any, lateral: Any, stride: int) -> Any:
    """Double the size bilinearly and add the features of that size."""
    x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up_{stride}")(x)
    return layers.Add(name=f"add_{stride}")([x, lateral])
