import json
import shutil

import numpy as np
import pytest
from support.tiny_models import SIDE, convolutional, convolutional_onnx, save

from poseline.config.models.config import Config
from poseline.errors import DataError, ModelError
from poseline.models.metadata import read_metadata
from poseline.quantization.keras_conversion import float_tflite
from poseline.quantization.layer_report import compare_layers
from poseline.quantization.source import Source
from poseline.quantization.tflite_converter import TFLiteConverter
from poseline.runtime import open_model
from poseline.stages import evaluate, quantize

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def config(**quantization):
    return Config.model_validate({"dataset": {"keypoints": 17}, "quantization": quantization})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(convolutional(), tmp_path_factory.mktemp("model") / "float.keras")


def test_random_calibration_is_said_loudly_and_marks_the_accuracy(model, yolo, tmp_path, capfd):
    settings = config()
    result = quantize.run(settings, {"model": model}, tmp_path / "random")
    assert "random data" in "".join(capfd.readouterr())
    assert result.summary["calibrated"] is False
    assert read_metadata(result.files["model"]).calibrated is False
    inputs = {"model": result.files["model"], "test": yolo / "val"}
    found = evaluate.run(settings, inputs, tmp_path / "evaluation")
    assert found.summary["accuracy_known"] is False
    assert "its accuracy says nothing" in "".join(capfd.readouterr())

    inputs = {"model": model, "calibration": yolo / "train"}
    result = quantize.run(settings, inputs, tmp_path / "real")
    assert "random data" not in "".join(capfd.readouterr())
    assert result.summary["calibrated"] is True
    assert result.metrics["calibration_pictures"] > 0
    assert read_metadata(result.files["model"]).calibrated is True


def test_random_calibration_is_the_same_each_time(model, tmp_path):
    made = [
        quantize.run(config(), {"model": model}, tmp_path / name).files["model"].read_bytes()
        for name in ("one", "two")
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize(("split", "expected"), [(None, 24), (0.5, 12), (0.25, 6)])
def test_the_split_limits_the_calibration(model, yolo, tmp_path, split, expected):
    data = config().model_dump(mode="json")
    data["dataset"]["quantization_split"] = split
    inputs = {"model": model, "calibration": yolo / "train"}
    result = quantize.run(Config.model_validate(data), inputs, tmp_path / "out")
    assert abs(result.metrics["calibration_pictures"] - expected) <= 1


@pytest.mark.parametrize("quantizer", ["TFlite_converter", "litert_quantizer"])
def test_the_report_by_layer_names_the_layers(model, yolo, tmp_path, quantizer):
    inputs = {"model": model, "calibration": yolo / "train"}
    result = quantize.run(config(quantizer=quantizer), inputs, tmp_path / "out")
    layers = json.loads(result.files["layers"].read_text())
    assert len(layers) >= 4
    assert all(layer["sqnr_db"] > 5 and layer["range"] > 0 for layer in layers)
    worst = [layer["sqnr_db"] for layer in result.summary["worst_layers"]]
    assert worst == sorted(layer["sqnr_db"] for layer in layers)[: len(worst)]


@pytest.mark.parametrize("quantizer", ["TFlite_converter", "litert_quantizer"])
def test_a_model_is_fine_tuned_for_int8(model, yolo, tmp_path, quantizer):
    tuning = {"epochs": 2, "batch_size": 8}
    settings = config(quantizer=quantizer, quantization_type="QAT", fine_tuning=tuning)
    inputs = {"model": model, "calibration": yolo / "train"}
    before = model.read_bytes()
    result = quantize.run(settings, inputs, tmp_path / "out")
    assert model.read_bytes() == before
    assert result.summary["quantization_type"] == "QAT"
    assert open_model(result.files["model"]).input_shape == (SIDE, SIDE, 3)
    tuned = quantize.run(config(), {"model": result.files["fine_tuned"]}, tmp_path / "again")
    assert tuned.files["model"].exists()


def test_what_cannot_be_fine_tuned_is_refused(model, yolo, tmp_path):
    onnx = convolutional_onnx(tmp_path / "model.onnx")
    cases = {model: {}, onnx: {"calibration": yolo / "train"}}
    for path, others in cases.items():
        ends = dict.fromkeys(("quantization_input_type", "quantization_output_type"), "float")
        tool = {"quantizer": "onnx_quantizer", **ends} if path == onnx else {}
        settings = config(quantization_type="QAT", **tool)
        with pytest.raises(ModelError, match="cannot be fine-tuned"):
            quantize.run(settings, {"model": path, **others}, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_report_by_layer_finds_the_layer_that_was_spoilt():
    """One channel of the first layer is a thousand times the others: per tensor, these vanish."""
    from poseline.config.models.quantization import Quantization

    model = convolutional(relu6=True)
    layer = model.layers[1]
    kernel = layer.get_weights()[0]
    kernel[..., 0] *= 1000
    layer.set_weights([kernel])
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 1, SIDE, SIDE, 3)).astype(np.float32)
    worst = {}
    for granularity in ("per_channel", "per_tensor"):
        settings = Quantization.model_validate({"granularity": granularity})
        int8 = _converted(model, settings, pictures)
        layers = compare_layers(float_tflite(model), int8, iter(pictures))
        worst[granularity] = min(layer["sqnr_db"] for layer in layers)
    assert worst["per_tensor"] < worst["per_channel"] - 3


def _converted(model, settings, pictures):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = save(model, Path(folder) / "m.keras")
        return TFLiteConverter().quantize(Source(path), lambda: iter(pictures), settings)


def test_equal_models_have_no_noise():
    model = float_tflite(convolutional())
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 1, SIDE, SIDE, 3)).astype(np.float32)
    layers = compare_layers(model, model, iter(pictures))
    assert len(layers) >= 4
    assert all(layer["max_error"] == 0 for layer in layers)
    assert all(layer["sqnr_db"] > 100 for layer in layers)


def test_an_onnx_model_goes_through_the_stage(yolo, tmp_path):
    source = convolutional_onnx(tmp_path / "m.onnx")
    settings = config(quantizer="onnx_quantizer", quantization_input_type="float")
    inputs = {"model": source, "calibration": yolo / "train"}
    result = quantize.run(settings, inputs, tmp_path / "out")
    assert open_model(result.files["model"]).format == "onnx"
    assert read_metadata(result.files["model"]).name == "bring-your-own"


def test_a_damaged_calibration_picture_is_reported_by_its_name(model, yolo, tmp_path):
    folder = shutil.copytree(yolo / "val", tmp_path / "set")
    picture = sorted(folder.glob("*.jpg"))[2]
    picture.write_bytes(picture.read_bytes()[:300])
    with pytest.raises(DataError, match=picture.name):
        quantize.run(config(), {"model": model, "calibration": folder}, tmp_path / "out")
