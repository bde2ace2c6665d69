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
_PRIOR_LOGIT = -3.9
"""First output of every cell: 0.02, about the share of a heatmap that a keypoint covers. From 0.5,
a training would spend its first epochs on the background alone (arXiv:1708.02002, 4.1)."""


def build(
    model: Model,
    keypoints: int,
    dropout: float | None = None,
    *,
    flexible: bool = False,
    weights: str | None = None,
) -> keras.Model:
    """Return a new model.

    Args:
        model: Width, input shape and name of the pretrained weights.
        keypoints: Heatmaps to put out.
        dropout: Rate before the last convolution; None: no such layer.
        flexible: Leave height and width open, for training at several sizes.
        weights: Path of the pretrained weights where they were fetched already; takes the place
            of `model.pretrained_weights`.

    Returns:
        Input (B, H, W, C), output (B, H / 4, W / 4, K): in [0, 1] with sigmoid. With softmax,
        logits: int8 has too few steps for probabilities that sum to 1 over a heatmap, and the
        best cell is the same.

    Raises:
        ModelError: The pretrained weights cannot be had or do not fit.
    """
    height, width, channels = model.input_shape
    shape = (None, None, channels) if flexible else (height, width, channels)
    backbone = mobilenet_v2(shape, model.alpha, weights or model.pretrained_weights)
    quarter, eighth, sixteenth, last = tapped(backbone)
    laterals = [
        _project(tap, filters)
        for tap, filters in zip((quarter, eighth, sixteenth), _PYRAMID, strict=True)
    ]
    x = _up(_project(last, _PYRAMID[2]), laterals[2])
    x = _up(_separable(x, _PYRAMID[1]), laterals[1])
    x = _up(_separable(x, _PYRAMID[0]), laterals[0])
    x = _separable(x, _PYRAMID[0])
    x = _separable(x, _HEAD)
    if dropout:
        x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(keypoints, 1, padding="same", use_bias=False)(x)
    if model.final_activation == "softmax":
        return keras.Model(backbone.input, layers.BatchNormalization()(x), name=NAME)
    x = layers.BatchNormalization(beta_initializer=keras.initializers.Constant(_PRIOR_LOGIT))(x)
    return keras.Model(backbone.input, layers.Activation("sigmoid")(x), name=NAME)


def _project(x: Any, filters: int) -> Any:
    """1×1 convolution and batch normalization."""
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _separable(x: Any, filters: int) -> Any:
    """Depthwise 3×3 and pointwise convolution, each normalized, then ReLU."""
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.ReLU()(_project(x, filters))


def _up(x: Any, lateral: Any) -> Any:
    """Double the size bilinearly and add the features of that size."""
    return layers.Add()([layers.UpSampling2D(2, interpolation="bilinear")(x), lateral])
