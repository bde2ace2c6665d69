import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError
from support.tiny_models import convolutional_onnx

from poseline.config.models.config import Config
from poseline.errors import ModelError
from poseline.runtime import open_model
from poseline.stages import evaluate, quantize


@pytest.fixture
def model(tmp_path):
    """One convolution of stride 4 and a sigmoid: heatmaps of 17 keypoints, channels first."""
    random = np.random.default_rng(0)
    weight = numpy_helper.from_array(
        random.normal(0, 0.1, (17, 3, 4, 4)).astype(np.float32), "weight"
    )
    nodes = [
        helper.make_node("Conv", ["picture", "weight"], ["logits"], strides=[4, 4]),
        helper.make_node("Sigmoid", ["logits"], ["heatmaps"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["n", 17, 16, 16])],
        [weight],
    )
    path = tmp_path / "tiny.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)
    return path


def settings(**quantization):
    return Config.model_validate(
        {
            "dataset": {"keypoints": 17},
            "quantization": {
                "quantizer": "onnx_quantizer",
                "quantization_input_type": "float",
            }
            | quantization,
        }
    )


def test_qdq_runs_and_stays_near_the_float_model(model, yolo, tmp_path):
    config = settings(quantization_input_type="float")
    inputs = {"model": model, "calibration": yolo / "train"}
    result = quantize.run(config, inputs, tmp_path / "out")
    kinds = {node.op_type for node in onnx.load(result.files["model"]).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    pictures = np.random.default_rng(1).uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)
    exact = open_model(model).predict(pictures)[0]
    found = open_model(result.files["model"]).predict(pictures)[0]
    assert exact.shape == (3, 16, 16, 17)
    assert np.abs(exact - found).max() < 0.05
    metrics = evaluate.run(config, {"model": model, "test": yolo / "val"}, tmp_path / "e").metrics
    assert 0 <= metrics["oks"] <= 1


def test_further_options_of_the_quantizer_reach_it(model, yolo, tmp_path):
    inputs = {"model": model, "calibration": yolo / "train"}
    made = {}
    for symmetric in (False, True):
        options = {"ActivationSymmetric": symmetric}
        config = settings(quantization_input_type="float", onnx_extra_options=options)
        result = quantize.run(config, inputs, tmp_path / f"out{symmetric}")
        graph = onnx.load(result.files["model"]).graph
        points = [numpy_helper.to_array(t) for t in graph.initializer if "zero_point" in t.name]
        made[symmetric] = any(point.any() for point in points)
    assert made == {False: True, True: False}  # a symmetric range has its zero in the middle


def test_what_it_cannot_do_is_told(model, tmp_path):
    with pytest.raises(ValidationError, match="a QDQ model is float at its ends"):
        settings(quantization_input_type="uint8")
    (tmp_path / "m.tflite").write_bytes(b"")
    with pytest.raises(ModelError, match=r"takes \.onnx"):
        quantize.run(settings(), {"model": tmp_path / "m.tflite"}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_fixed_batch_is_quantized_with_batches_of_its_size(tmp_path, yolo):
    path = convolutional_onnx(tmp_path / "m.onnx", batch=4)
    inputs = {"model": path, "calibration": yolo / "train"}
    made = quantize.run(settings(), inputs, tmp_path / "out").files["model"]
    pictures = np.random.default_rng(1).uniform(-1, 1, (6, 32, 32, 3)).astype(np.float32)
    exact, found = (open_model(model).predict(pictures)[0] for model in (path, made))
    assert np.abs(exact - found).max() < 0.2
