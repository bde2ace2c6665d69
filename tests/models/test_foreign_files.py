"""Model files that somebody else made, damaged or with intent: refused, with what is expected."""

import os

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper
from support.tiny_models import SIDE, convolutional_onnx

from poseline.errors import ModelError
from poseline.models import probe
from poseline.runtime import open_model

PICTURE = ["n", 3, SIDE, SIDE]


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, weights=(), **model):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", model.pop("opset", 17)), helper.make_opsetid("mine", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def endless(path):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["again"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("v", PICTURE)],
        [value("again", [], TensorProto.BOOL), value("w", PICTURE)],
    )
    loop = helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)
    yes = numpy_helper.from_array(np.array(True), "yes")
    return save(path, [loop], [value("x", PICTURE)], [value("y", PICTURE)], [yes])


def expanded(path):
    shape = numpy_helper.from_array(np.array([33_000_000, 3, SIDE, SIDE]), "shape")
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    return save(path, nodes, [value("x", PICTURE)], [value("y", ["m", 3, SIDE, SIDE])], [shape])


def external(path, location):
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Mul", ["x", "w"], ["y"])]
    return save(path, nodes, [value("x", PICTURE)], [value("y", PICTURE)], [weight])


def one(operator, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(operator, list(inputs), list(outputs), **attributes)


ONNX = {
    "no_input": (
        lambda p: save(p, [one("Constant", (), value_float=1.0)], [], [value("y", [])]),
        "0 inputs: none",
    ),
    "two_inputs": (
        lambda p: save(
            p,
            [one("Add", ("x", "z"))],
            [value("x", PICTURE), value("z", PICTURE)],
            [value("y", PICTURE)],
        ),
        "2 inputs: x .* and z",
    ),
    "no_output": (lambda p: save(p, [one("Relu")], [value("x", PICTURE)], []), "no output"),
    "empty": (
        lambda p: save(p, [], [value("x", PICTURE)], [value("x", PICTURE)]),
        "no operations",
    ),
    "huge_batch": (
        lambda p: save(
            p,
            [one("Relu")],
            [value("x", [10**9, 3, 64, 64])],
            [value("y", [10**9, 3, 64, 64])],
        ),
        "shape .1000000000, 3, 64, 64.",
    ),
    "open_size": (
        lambda p: save(
            p, [one("Relu")], [value("x", ["n", 3, "h", "w"])], [value("y", ["n", 3, "h", "w"])]
        ),
        "all fixed",
    ),
    "scalar_output": (
        lambda p: save(
            p, [one("ReduceMean", keepdims=0)], [value("x", [1, 3, SIDE, SIDE])], [value("y", [])]
        ),
        "an entry a picture",
    ),
    "cycle": (
        lambda p: save(
            p,
            [one("Add", ("x", "b"), ("a",)), one("Relu", ("a",), ("b",))],
            [value("x", PICTURE)],
            [value("b", PICTURE)],
        ),
        "its graph is a cycle: Add|its graph is a cycle: Relu",
    ),
    "two_of_a_name": (
        lambda p: save(p, [one("Relu"), one("Abs")], [value("x", PICTURE)], [value("y", PICTURE)]),
        "two operations make y",
    ),
    "custom": (
        lambda p: save(
            p, [one("Mish", domain="mine")], [value("x", PICTURE)], [value("y", PICTURE)]
        ),
        "custom operators: mine.Mish",
    ),
    "unknown_operator": (
        lambda p: save(p, [one("Magic")], [value("x", PICTURE)], [value("y", PICTURE)]),
        "cannot be loaded",
    ),
    "opset": (
        lambda p: save(p, [one("Relu")], [value("x", PICTURE)], [value("y", PICTURE)], opset=99),
        "cannot be loaded",
    ),
    "text_input": (
        lambda p: save(
            p,
            [one("Cast", to=TensorProto.FLOAT)],
            [value("x", [1, 3, SIDE, SIDE], TensorProto.BOOL)],
            [value("y", [1, 3, SIDE, SIDE])],
        ),
        r"tensor\(bool\)",
    ),
    "parent": (lambda p: external(p, "../w.bin"), "outside of its folder"),
    "absolute": (lambda p: external(p, "/etc/hostname"), "outside of its folder"),
    "absent": (lambda p: external(p, "w.bin"), "not there"),
    "expand": (expanded, "needs more than 8 GB"),
}


@pytest.mark.parametrize("name", ONNX)
def test_an_onnx_that_is_no_model_of_a_picture_is_refused(tmp_path, name):
    make, message = ONNX[name]
    with pytest.raises(ModelError, match=message):
        open_model(make(tmp_path / "m.onnx"))


def test_an_endless_loop_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "SECONDS", 8)
    with pytest.raises(ModelError, match="does not finish one inference within 8 s"):
        open_model(endless(tmp_path / "m.onnx"))


def test_a_graph_is_run_apart_once_for_the_same_content(tmp_path, monkeypatch):
    path = convolutional_onnx(tmp_path / "m.onnx")
    open_model(path)
    monkeypatch.setattr(probe.subprocess, "run", None)
    open_model(path)


@pytest.mark.parametrize("cut", [8, 100, 1000])
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_truncated_file_is_refused(tmp_path, kind, cut):
    path = tmp_path / f"m.{kind}"
    whole = convolutional_onnx(path).read_bytes() if kind == "onnx" else tflite()
    path.write_bytes(whole[:-cut])
    if kind == "tflite" and cut == 8:
        path.write_bytes(whole[:200])
    with pytest.raises(ModelError, match=r"cannot be loaded|has no"):
        open_model(path)


def tflite(shape=(1, SIDE, SIDE, 3), inputs=1, outputs=1, kind=schema.TensorType.FLOAT32, **model):
    """Return a .tflite of one operation, RELU by default."""
    tensors = []
    for place in range(inputs + 1):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = f"t{place}", list(shape), kind, 0
        tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, list(range(inputs)), [inputs]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = model.get("code", schema.BuiltinOperator.RELU)
    code.customCode = model.get("custom")
    if code.builtinCode == schema.BuiltinOperator.CUSTOM:
        code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, [operator]
    graph.inputs, graph.outputs = list(range(inputs)), [inputs] * outputs
    whole = schema.ModelT()
    whole.version, whole.operatorCodes, whole.buffers = 3, [code], [schema.BufferT()]
    whole.subgraphs = [graph] if model.get("graph", True) else []
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), b"TFL3")
    return bytes(builder.Output())


TFLITE = {
    "two_inputs": (lambda: tflite(inputs=2, code=schema.BuiltinOperator.ADD), "2 inputs: t0"),
    "no_input": (lambda: tflite(inputs=0), "0 inputs|cannot be loaded"),
    "no_output": (lambda: tflite(outputs=0), "no output"),
    "no_graph": (lambda: tflite(graph=False), "cannot be loaded|has 0 inputs"),
    "huge": (lambda: tflite(shape=(1, 100_000, 100_000, 3)), "expected at most 268,435,456"),
    "negative": (lambda: tflite(shape=(1, -5, 32, 3)), "shape|cannot be loaded"),
    "no_height": (lambda: tflite(shape=(1, 0, 32, 3)), "expected one picture"),
    "flat": (lambda: tflite(shape=(1, 32)), "expected one picture"),
    "scalar": (lambda: tflite(shape=()), "expected one picture"),
    "int8": (lambda: tflite(kind=schema.TensorType.INT8), "int8 pictures without a scale|cannot"),
    "custom": (lambda: tflite(code=schema.BuiltinOperator.CUSTOM, custom="Mine"), "Mine|custom"),
    "garbage": (lambda: b"\x1c\0\0\0TFL3" + b"\xff" * 500, "cannot be loaded"),
    "text": (lambda: b"<html>not found</html>", "cannot be loaded"),
}


@pytest.mark.parametrize("name", TFLITE)
def test_a_tflite_that_is_no_model_of_a_picture_is_refused(tmp_path, name):
    make, message = TFLITE[name]
    (tmp_path / "m.tflite").write_bytes(make())
    with pytest.raises(ModelError, match=message):
        open_model(tmp_path / "m.tflite")


def test_the_tflite_of_these_tests_is_a_model(tmp_path):
    (tmp_path / "m.tflite").write_bytes(tflite())
    pictures = np.full((2, SIDE, SIDE, 3), -1, np.float32)
    assert open_model(tmp_path / "m.tflite").predict(pictures)[0].max() == 0


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".h5", ".keras"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "empty", "missing", "long", "null"])
def test_what_is_no_ordinary_file_is_refused(tmp_path, kind, suffix):
    path = tmp_path / f"m{suffix}"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "empty":
            path.touch()
        case "long":
            path = tmp_path / f"{'m' * 300}{suffix}"
        case "null":
            path = tmp_path / f"m\0{suffix}"
    with pytest.raises(ModelError):
        open_model(path)


def test_a_sidecar_that_is_damaged_is_named(tmp_path):
    path = convolutional_onnx(tmp_path / "m.onnx")
    for content in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"name": 1}', b"x" * (2 << 20)):
        (tmp_path / "m.onnx.json").write_bytes(content)
        with pytest.raises(ModelError, match=r"m\.onnx\.json"):
            open_model(path)
