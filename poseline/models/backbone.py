"""MobileNetV2, and where its features are tapped."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import keras

from poseline.errors import ModelError

TAPS = ("block_2_add", "block_5_add", "block_9_add")
_PUBLISHED_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_PUBLISHED_SIZES = (96, 128, 160, 192, 224)  # wider than alpha 1 there is 224 alone
_PUBLISHED_AT = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"


def mobilenet_v2(
    input_shape: tuple[int | None, int | None, int], alpha: float, weights: str | None
) -> keras.Model:
    """Return the backbone without its classifier.

    Args:
        input_shape: Height, width and channels; height and width may be None.
        alpha: Width multiplier.
        weights: None for random ones, `imagenet`, or the path of a Keras weights file.

    Raises:
        ModelError: The weights cannot be had or do not fit; says what to do.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
        backbone = keras.applications.MobileNetV2(
            input_shape=input_shape, alpha=alpha, include_top=False, weights=None
        )
    if weights is None:
        return backbone
    if input_shape[2] != 3:
        raise ModelError(
            f"pretrained weights are for 3 channels; the input has {input_shape[2]}",
            "use color_mode rgb, or pretrained_weights: None",
        )
    if weights == "imagenet":
        path = _download(alpha, input_shape)
        remedy = f"remove {path} to download it again"
    else:
        path, remedy = Path(weights), "give MobileNetV2 weights without the classifier (no_top)"
    if not path.is_file():
        raise ModelError(f"pretrained_weights: {path} is not a file", remedy)
    try:
        backbone.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path} does not fit MobileNetV2 with alpha {alpha}: {reason}", remedy
        ) from None
    return backbone


def _download(alpha: float, input_shape: tuple[int | None, ...]) -> Path:
    """Let Keras download its ImageNet weights once; its cache keeps them."""
    if alpha not in _PUBLISHED_ALPHAS:
        raise ModelError(
            f"there are no ImageNet weights for alpha {alpha:g}",
            f"use one of {', '.join(map(str, _PUBLISHED_ALPHAS))}, a path, or None",
        )
    size = input_shape[0] if input_shape[0] in _PUBLISHED_SIZES and alpha <= 1 else 224
    name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}_no_top.h5"
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        found = keras.utils.get_file(
            name, _PUBLISHED_AT + name, cache_dir=str(home), cache_subdir="models"
        )
        return Path(found)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise ModelError(
            f"the ImageNet weights cannot be downloaded: {str(error).splitlines()[0]}",
            f"get {_PUBLISHED_AT}{name} elsewhere and put it into "
            f"{home / 'models'}, or set "
            "training.model.pretrained_weights to its path or URI, or to None to start from "
            "scratch",
        ) from None


def tapped(backbone: keras.Model) -> tuple[Any, ...]:
    """Return the features at 1/4, 1/8, 1/16 and 1/32 of the input."""
    return (*(backbone.get_layer(name).output for name in TAPS), backbone.output)
