"""What one inference of a Keras model costs, estimated from its layers before it is run.

A model from elsewhere may be a small file and take hours or all of the memory: one weight over a
huge map, a window as wide as the picture, a recurrence over a million steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import keras

from poseline.errors import ModelError

MOST_PRODUCTS = 10**12
"""Multiplications of one picture: some twenty seconds on two cores, and what hundreds of times a
pose model takes."""
MOST_VALUES = 2**31
"""Values that all layers put out for one picture: 8 GiB as float32."""
_STEP = 10**6
"""What starting a step of a recurrence costs, as multiplications."""
_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)
_ATTENTIVE = (
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
)


def check_cost(path: Path, model: Any) -> None:
    """Make sure that a model can be run on one picture.

    Raises:
        ModelError: It takes more multiplications or memory than any model of poses does.
    """
    products = values = 0
    for layer in _layers(model):
        taken, put_out = _shapes(layer, "input"), _shapes(layer, "output")
        sizes = list(map(prod, put_out))
        values += sum(sizes)
        products += max(sizes) * _window(layer)
        places = max(_places(shape, layer) for shape in (*taken, *put_out))
        products += places * sum(prod(weight.shape) for weight in layer.weights)
        if isinstance(layer, _RECURRENT):
            products += max(shape[0] for shape in taken) * _STEP
        if isinstance(layer, _ATTENTIVE):
            values += places**2
            products += places**2 * taken[0][-1]
    for found, most, what in (
        (products, MOST_PRODUCTS, "multiplications"),
        (values, MOST_VALUES, "values in its layers"),
    ):
        if found > most:
            raise ModelError(
                f"{path} takes about {found:.1e} {what} a picture",
                f"expected at most {most:.1e}; give a smaller model, or a smaller input_shape",
            )


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers, those of models within it, too, without the models themselves."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _shapes(layer: Any, end: str) -> list[tuple[int, ...]]:
    """Return the shapes at one end of a layer without the batch; an open side counts as one."""
    tensors = keras.tree.flatten(getattr(layer, end))
    return [tuple(side or 1 for side in tensor.shape[1:]) for tensor in tensors]


def _places(shape: tuple[int, ...], layer: Any) -> int:
    """Return how often the weights are used: the cells of a map."""
    first = getattr(layer, "data_format", "") == "channels_first"
    return prod(shape[1:] if first else shape[:-1])


def _window(layer: Any) -> int:
    """Return how many values a pooling reads for each that it writes."""
    window = getattr(layer, "pool_size", 1)
    return prod(window) if isinstance(window, tuple | list) else int(window)
