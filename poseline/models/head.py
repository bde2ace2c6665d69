"""A model's last convolution, made anew for other keypoints; what comes before it is kept."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from poseline.errors import ModelError
from poseline.models.pretrained import transfer_weights


def with_new_head(model: keras.Model, keypoints: int) -> keras.Model:
    """Return a model with the same layers and weights, but for its last convolution.

    A normalization after that one starts anew, too.

    Args:
        model: Heatmaps (h, w, K) of pictures, its last layer with weights a convolution, which
            may be followed by normalizations.
        keypoints: K of the new model.

    Raises:
        ModelError: Its last layer with weights is not a convolution.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    after: list[str] = []
    while weighted and isinstance(weighted[-1], layers.BatchNormalization):
        after.append(weighted.pop().name)
    head = weighted[-1] if weighted else None
    if not isinstance(head, layers.Conv2D):
        kind = type(head).__name__ if head else "no layer with weights"
        raise ModelError(
            f"general.model_path ends in {kind}, and no new head can be made for it",
            "fine-tune a model whose last layer is a convolution",
        )

    def cloned(layer: Any) -> Any:
        settings = layer.get_config()
        if layer is head:
            settings["filters"] = keypoints
        return type(layer).from_config(settings)

    made = keras.models.clone_model(model, clone_function=cloned)
    given = {layer.name: layer.weights for layer in weighted}
    transfer_weights(made, given, without=(head.name, *after))
    return made
