"""The structure of an .onnx file, checked before ONNX Runtime sees it."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from math import prod
from pathlib import Path
from typing import Any

from poseline.errors import BackendError, ModelError
from poseline.models.file import MAX_ELEMENTS, first_line, model_format

_DOMAINS = {
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "com.microsoft",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
}
_EXPORT = "export the model again"


def read_onnx_file(path: Path) -> Any:
    """Read a model without its external data, and check it.

    Returns:
        The `onnx.ModelProto`.

    Raises:
        BackendError: The onnx package is not installed.
        ModelError: The file is damaged, or is not a model of one picture.
    """
    model_format(path)
    try:
        import onnx
    except ImportError:
        raise BackendError("ONNX models need the onnx package", "install poseline[onnx]") from None
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf fails in many ways on a damaged file
        raise ModelError(f"{path} cannot be loaded: {first_line(error)}", _EXPORT) from None
    if not model.graph.node:
        raise ModelError(f"{path} cannot be loaded: it has no operations", _EXPORT)
    _check_ends(path, model.graph)
    _check_order(path, model.graph)
    _check_operators(path, model)
    _check_external(path, model)
    return model


def _check_ends(path: Path, graph: Any) -> None:
    weights = {entry.name for entry in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in weights]
    if len(inputs) != 1:
        found = " and ".join(f"{entry.name} {_shape(entry)}" for entry in inputs[:5]) or "none"
        raise ModelError(
            f"{path} has {len(inputs)} inputs: {found}",
            "expected one input, the picture; export the model with the others as constants",
        )
    if not graph.output:
        raise ModelError(f"{path} has no output", _EXPORT)
    shape = _shape(inputs[0])
    if prod(side for side in shape if isinstance(side, int)) > MAX_ELEMENTS:
        raise ModelError(
            f"{path} takes an input of shape {shape}",
            f"expected at most {MAX_ELEMENTS:,} values; export it with a smaller batch",
        )


def _check_order(path: Path, graph: Any) -> None:
    """Make sure that each value is made once, and by no way from itself."""
    makers: dict[str, int] = {}
    for place, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if name in makers:
                raise ModelError(f"{path} cannot be loaded: two operations make {name}", _EXPORT)
            makers[name] = place
    order = TopologicalSorter(
        {
            place: {makers[name] for name in node.input if name in makers}
            for place, node in enumerate(graph.node)
        }
    )
    try:
        order.prepare()
    except CycleError as error:
        cycle = [graph.node[place] for place in error.args[1][:6]]
        names = " → ".join(node.name or node.op_type for node in cycle)
        raise ModelError(
            f"{path} cannot be loaded: its graph is a cycle: {names}", _EXPORT
        ) from None


def _check_operators(path: Path, model: Any) -> None:
    known = _DOMAINS | {function.domain for function in model.functions}
    custom = {
        f"{node.domain}.{node.op_type}" for node in _nodes(model.graph) if node.domain not in known
    }
    if custom:
        raise ModelError(
            f"{path} has custom operators: {', '.join(sorted(custom)[:5])}",
            "export the model with ONNX's own operators",
        )


def _check_external(path: Path, model: Any) -> None:
    """Make sure that weights in files of their own are beside the model, and there."""
    folder = path.resolve().parent
    for tensor in _tensors(model.graph):
        if not tensor.external_data:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        file = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not file.is_relative_to(folder):
            raise ModelError(
                f"{path} keeps {tensor.name} in {location!r}, outside of its folder",
                "expected a file beside the model; save the model in one file",
            )
        if not file.is_file():
            raise ModelError(
                f"{path} keeps {tensor.name} in {location}, which is not there",
                "copy that file beside the model, or save the model in one file",
            )


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in _nodes(graph):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from inner.initializer


def _shape(entry: Any) -> tuple[int | str, ...]:
    dims = entry.type.tensor_type.shape.dim
    return tuple(side.dim_value or side.dim_param or "?" for side in dims)
