"""An .onnx file as the same graph that a .tflite gives, with QDQ folded into int8 tensors."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

from poseline.boards.graph import Graph, Operation, Tensor
from poseline.errors import BackendError, ModelError

_KINDS = {
    "Conv": "CONV_2D",
    "ConvTranspose": "TRANSPOSE_CONV",
    "Gemm": "FULLY_CONNECTED",
    "MatMul": "FULLY_CONNECTED",
    "Resize": "RESIZE_BILINEAR",
    "Add": "ADD",
    "Mul": "MUL",
    "Sub": "SUB",
    "Sigmoid": "LOGISTIC",
    "MaxPool": "MAX_POOL_2D",
    "AveragePool": "AVERAGE_POOL_2D",
    "GlobalAveragePool": "MEAN",
    "Concat": "CONCATENATION",
}
_VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}
_FUSED = {"Relu", "Clip", "LeakyRelu", "BatchNormalization"}
_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8}  # TensorProto.DataType


def read_onnx(content: bytes) -> Graph:
    """Read a model's graph, with a batch of one.

    What a deployed model does not do is folded away: QuantizeLinear and DequantizeLinear become
    int8 tensors, activations and normalizations right after a convolution become part of it, and
    reshaping moves nothing.

    Raises:
        BackendError: The onnx package is not installed.
        ModelError: The content is not an .onnx model, or the shape of a tensor is unknown.
    """
    try:
        import onnx
    except ImportError:
        raise BackendError("ONNX models need the onnx package", "install poseline[onnx]") from None
    try:
        model = onnx.load_model_from_string(content)
        for entry in model.graph.input:
            sides = entry.type.tensor_type.shape.dim
            if sides and not sides[0].dim_value:
                sides[0].dim_value = 1
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # protobuf and onnx fail in many ways on a damaged file
        raise ModelError(f"the .onnx file is damaged: {str(error).splitlines()[0]}") from None
    if not model.graph.node:
        raise ModelError("the file is not an .onnx model", "give the output of quantize")
    constants = {entry.name for entry in model.graph.initializer}
    if constants.issuperset(entry.name for entry in model.graph.input):
        raise ModelError("the .onnx model has no input", "export it with pictures as its input")
    return _Reader(model.graph).read()


class _Reader:
    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._constants = {entry.name: entry for entry in graph.initializer}
        self._shapes = {
            entry.name: tuple(max(side.dim_value, 1) for side in entry.type.tensor_type.shape.dim)
            for entry in (*graph.input, *graph.value_info, *graph.output)
        }
        self._types = {
            entry.name: entry.type.tensor_type.elem_type
            for entry in (*graph.input, *graph.value_info, *graph.output)
        }
        self._same: dict[str, str] = {}
        self._int8: set[str] = set()
        self._scales: dict[str, int] = {}
        self._indices: dict[str, int] = {}
        self._tensors: list[Tensor] = []

    def read(self) -> Graph:
        operations = [self._operation(node) for node in self._fold()]
        inputs = [self._index(e.name) for e in self._graph.input if e.name not in self._constants]
        outputs = [self._index(entry.name) for entry in self._graph.output]
        return Graph(tuple(self._tensors), tuple(operations), tuple(inputs), tuple(outputs))

    def _fold(self) -> list[Any]:
        """Return the nodes that are operations of their own; note which tensors are the same."""
        readers = Counter(name for node in self._graph.node for name in node.input)
        kept: list[Any] = []
        for node in self._graph.node:
            first = self._named(node.input[0]) if node.input else ""
            made = kept[-1].output[0] if kept else ""
            if node.op_type == "Constant":
                value = next(a.t for a in node.attribute if a.name == "value")
                self._constants[node.output[0]] = value
            elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                self._same[node.output[0]] = first
                self._int8.add(first)
                scale = self._constants.get(node.input[1])
                self._scales[first] = prod(scale.dims) if scale is not None else 1
            elif node.op_type in _VIEWS or (
                node.op_type in _FUSED and first == made and readers[node.input[0]] == 1
            ):
                self._same[node.output[0]] = first
            else:
                kept.append(node)
        return kept

    def _named(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name

    def _operation(self, node: Any) -> Operation:
        inputs = tuple(self._index(name) for name in node.input if name)
        outputs = tuple(self._index(name) for name in node.output if name)
        kind = _KINDS.get(node.op_type, node.op_type.upper())
        return Operation(kind, self._macc(kind, inputs, outputs), inputs, outputs)

    def _macc(self, kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        shapes = [self._tensors[index].shape for index in inputs]
        made = prod(self._tensors[outputs[0]].shape)
        if kind == "CONV_2D":
            return made * prod(shapes[1][1:])
        if kind == "TRANSPOSE_CONV":
            return prod(shapes[0]) * prod(shapes[1][1:])
        if kind == "FULLY_CONNECTED":
            return made * shapes[0][-1]
        if kind == "RESIZE_BILINEAR":
            return made * 4
        return made if kind in ("ADD", "MUL", "SUB") else 0

    def _index(self, name: str) -> int:
        name = self._named(name)
        if name not in self._indices:
            self._indices[name] = len(self._tensors)
            self._tensors.append(self._tensor(name))
        return self._indices[name]

    def _tensor(self, name: str) -> Tensor:
        constant = self._constants.get(name)
        if constant is not None:
            shape = tuple(constant.dims)
            size = prod(shape) * _SIZES.get(constant.data_type, 4)
        elif name in self._shapes:
            shape = self._shapes[name]
            size = prod(shape) * (1 if name in self._int8 else _SIZES.get(self._types[name], 4))
        else:
            raise ModelError(
                f"the shape of {name} is unknown",
                "export the model again with fixed shapes, or slim it with onnxslim",
            )
        return Tensor(name, shape, size, constant is not None, self._scales.get(name, 0))
