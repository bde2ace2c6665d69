"""MobileNetV2, and where its features are tapped."""

from __future__ import annotations

import re
import warnings
from typing import Any

import keras

TAPS = ("block_2_add", "block_5_add", "block_9_add")
_NAMES = re.compile(r"(bn_)?Conv1(_.+)?|expanded_conv_.+|block_\d+_.+|Conv_1(_bn)?|out_relu")


def mobilenet_v2(input_shape: tuple[int | None, int | None, int], alpha: float) -> keras.Model:
    """Return the backbone without its classifier, with random weights.

    Args:
        input_shape: Height, width and channels; height and width may be None.
        alpha: Width multiplier.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
        return keras.applications.MobileNetV2(
            input_shape=input_shape, alpha=alpha, include_top=False, weights=None
        )


def tapped(backbone: keras.Model) -> tuple[Any, ...]:
    """Return the features at 1/4, 1/8, 1/16 and 1/32 of the input."""
    return (*(backbone.get_layer(name).output for name in TAPS), backbone.output)


def is_backbone(layer: str) -> bool:
    """Tell whether a layer is one of the backbone's, by its name."""
    return _NAMES.fullmatch(layer) is not None
