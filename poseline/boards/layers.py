"""The layers of a model file, numbered as `training.frozen_layers` counts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseline.boards.graph import WITH_KERNEL, Graph, read_graph
from poseline.boards.onnx_graph import read_onnx
from poseline.errors import ModelError

if TYPE_CHECKING:
    import keras

GRAPHS = {".tflite": read_graph, ".onnx": read_onnx}
"""Suffix of a file to what reads its content as a graph."""
_WITH_VALUES = (*WITH_KERNEL, "ADD", "MUL", "SUB", "PRELU")
"""Operations whose constants are parameters; those of others are shapes and axes."""
SUFFIXES = (".h5", ".keras", *GRAPHS)


@dataclass(frozen=True)
class Layer:
    """A layer of a Keras model, or an operation of another one.

    Attributes:
        number: Its place from 0; of a Keras model what `frozen_layers` means.
        name: Its name; of an operation that of its output.
        kind: Such as `Conv2D` or `CONV_2D`.
        shape: Of its first output, without the batch; None: a side that is not fixed.
        parameters: Values that it holds.
        macc: Multiply-accumulates of one inference; None: it depends on a side that is not fixed.
    """

    number: int
    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    macc: int | None


def read_layers(path: Path) -> list[Layer]:
    """Return the layers of a model, in the order of execution.

    Args:
        path: A .h5, .keras, .tflite or .onnx file.

    Raises:
        ModelError: The file is missing, damaged or of another kind.
    """
    check_model(path)
    suffix = path.suffix.lower()
    if suffix in GRAPHS:
        return list(_operations(GRAPHS[suffix](path.read_bytes())))
    from poseline.models.loading import load_keras

    return [_layer(number, layer) for number, layer in enumerate(load_keras(path).layers)]


def check_model(path: Path) -> None:
    """Refuse what is not a model file that is there.

    Raises:
        ModelError: It is missing or of another kind.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{path} is not a model file", f"give one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ModelError(f"{path} does not exist", "check the path of the model")


def _operations(graph: Graph) -> Iterator[Layer]:
    for number, operation in enumerate(graph.operations):
        output = graph.tensors[operation.outputs[0]] if operation.outputs else None
        values = [graph.tensors[i] for i in operation.inputs if graph.tensors[i].constant]
        counted = operation.kind in _WITH_VALUES
        yield Layer(
            number,
            _short(output.name) if output else "",
            operation.kind,
            output.shape[1:] if output else (),
            sum(prod(tensor.shape) for tensor in values) if counted else 0,
            operation.macc,
        )


def _short(name: str) -> str:
    """Return the first of the names that a converter joined, without the model's own."""
    first = name.partition(";")[0]
    return first.partition("/")[2] or first


def _layer(number: int, layer: keras.layers.Layer) -> Layer:
    return Layer(
        number,
        layer.name,
        type(layer).__name__,
        _first(layer.output),
        int(layer.count_params()),
        _macc(layer),
    )


def _first(tensors: Any) -> tuple[int | None, ...]:
    """Return the shape of a tensor, or of the first of several, without the batch."""
    while isinstance(tensors, list | tuple):
        tensors = tensors[0]
    return tuple(tensors.shape[1:])


def _macc(layer: keras.layers.Layer) -> int | None:
    """Count as for .tflite: normalizations and activations are part of the layer before."""
    import keras
    from keras import layers

    if isinstance(layer, keras.Model):
        inner = [_macc(one) for one in layer.layers]
        return None if None in inner else sum(one or 0 for one in inner)
    transposed = isinstance(layer, layers.Conv2DTranspose)
    *places, channels = _first(layer.input) if transposed else _first(layer.output) or (1,)
    each = _macc_of_a_place(layer, channels or 0)
    known = [side for side in places if side is not None]
    return prod(known) * each if not each or len(known) == len(places) else None


def _macc_of_a_place(layer: keras.layers.Layer, channels: int) -> int:
    """Return the multiply-accumulates of one place of the output; transposed: of the input."""
    from keras import layers

    if isinstance(layer, layers.UpSampling2D):
        return 4 * channels if layer.interpolation == "bilinear" else 0
    if isinstance(layer, layers.Add | layers.Multiply | layers.Subtract):
        return channels
    if isinstance(layer, layers.SeparableConv2D):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return sum(prod(map(int, kernel.shape)) for kernel in kernels)
    kernel = getattr(layer, "kernel", None)
    return prod(map(int, kernel.shape)) if kernel is not None else 0
