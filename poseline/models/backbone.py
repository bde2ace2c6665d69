"""MobileNetV2, and where its features are tapped."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras

from poseline.errors import ModelError
from poseline.models.imagenet import imagenet_weights

TAPS = ("block_2_add", "block_5_add", "block_9_add")


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
        path = imagenet_weights(alpha, input_shape)
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


def tapped(backbone: keras.Model) -> tuple[Any, ...]:
    """Return the features at 1/4, 1/8, 1/16 and 1/32 of the input."""
    return (*(backbone.get_layer(name).output for name in TAPS), backbone.output)
