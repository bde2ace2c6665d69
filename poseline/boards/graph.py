"""A .tflite file as a graph: its operations, its tensors, its multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from poseline.errors import ModelError


@dataclass(frozen=True)
class Tensor:
    """A tensor: name, shape with a batch of one, bytes, and whether it is a constant.

    `scales` is how many quantization scales it has: 0 where it is float, several where each
    channel has its own.
    """

    name: str
    shape: tuple[int, ...]
    size: int
    constant: bool
    scales: int = 0


@dataclass(frozen=True)
class Operation:
    """An operation: its name, multiply-accumulates, indices of its tensors."""

    kind: str
    macc: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """A model; operations are in the order of execution."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def macc(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(operation.macc for operation in self.operations)

    @property
    def elements(self) -> int:
        """Values that the operations put out."""
        return sum(prod(self.tensors[i].shape) for op in self.operations for i in op.outputs)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the constants, which go to flash."""
        return sum(tensor.size for tensor in self.tensors if tensor.constant)

    @property
    def channel_scales(self) -> int:
        """Scales of the weights that have one for each of their channels."""
        return sum(kernel.scales for kernel in self.kernels if kernel.scales > 1)

    @property
    def kernels(self) -> list[Tensor]:
        """The weights of the convolutions and fully connected layers."""
        found = [op.inputs[1] for op in self.operations if op.kind in WITH_KERNEL]
        return [self.tensors[index] for index in found if self.tensors[index].constant]


WITH_KERNEL = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
"""Operations whose second input is their weights."""


_SIZES = {
    "FLOAT32": 4,
    "INT32": 4,
    "UINT8": 1,
    "INT8": 1,
    "INT16": 2,
    "INT64": 8,
    "BOOL": 1,
    "FLOAT16": 2,
}
_KINDS = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if name.isupper()}


def read_graph(content: bytes) -> Graph:
    """Read a model's main graph.

    Raises:
        ModelError: The content is not a .tflite.
    """
    if content[4:8] != b"TFL3":
        raise ModelError("the file is not a .tflite model", "give the output of quantize")
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:  # flatbuffers fails in many ways on a damaged file
        raise ModelError(f"the .tflite file is damaged: {error}") from None
    main = model.subgraphs[0]
    tensors = tuple(_tensor(entry, model.buffers) for entry in main.tensors)
    operations = []
    for entry in main.operators:
        code = model.operatorCodes[entry.opcodeIndex]
        kind = _KINDS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
        if kind == "CUSTOM" and code.customCode:
            kind = code.customCode.decode(errors="replace")
        inputs, outputs = tuple(map(int, entry.inputs)), tuple(map(int, entry.outputs))
        used = tuple(index for index in inputs if index >= 0)
        operations.append(Operation(kind, _macc(kind, inputs, outputs, tensors), used, outputs))
    return Graph(tensors, tuple(operations), tuple(main.inputs), tuple(main.outputs))


def _tensor(entry: Any, buffers: Any) -> Tensor:
    shape = tuple(max(int(side), 1) for side in (entry.shape if entry.shape is not None else ()))
    data = buffers[entry.buffer].data
    constant = data is not None and len(data) > 0
    size = len(data) if constant else prod(shape) * _SIZES.get(_TYPES[entry.type], 4)
    scale = entry.quantization.scale if entry.quantization is not None else None
    scales = len(scale) if scale is not None else 0
    return Tensor(entry.name.decode(), shape, size, constant, scales)


def _macc(
    kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...], tensors: tuple[Tensor, ...]
) -> int:
    """Count multiply-accumulates: the outputs, times what each sums up."""
    made = prod(tensors[outputs[0]].shape) if outputs else 0
    if kind == "CONV_2D":
        _, height, width, channels = tensors[inputs[1]].shape
        return made * height * width * channels
    if kind == "DEPTHWISE_CONV_2D":
        _, height, width, _ = tensors[inputs[1]].shape
        return made * height * width
    if kind == "FULLY_CONNECTED":
        return made * tensors[inputs[1]].shape[-1]
    if kind == "TRANSPOSE_CONV":
        _, height, width, _ = tensors[inputs[1]].shape
        return prod(tensors[inputs[2]].shape) * height * width * tensors[inputs[1]].shape[0]
    if kind == "RESIZE_BILINEAR":
        return made * 4
    if kind in ("ADD", "MUL", "SUB"):
        return made
    return 0
