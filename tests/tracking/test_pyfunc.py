"""Every kind of model file as MLflow's pyfunc, saved and loaded again."""

import numpy as np
import pytest
from support.tiny_models import SIDE, constant, convolutional, convolutional_onnx, save

from poseline.config.models.config import Config
from poseline.data.keypoints import KNOWN
from poseline.models.metadata import ModelMetadata
from poseline.runtime import open_model
from poseline.runtime.pose_decoder import Decoder
from poseline.tracking import pyfunc

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)
SCALE, OFFSET = 1 / 127.5, -1.0


def sidecar(path, model_type="heatmaps_spe", shape=(8, 8, 17), colour="rgb"):
    ModelMetadata(
        name="tiny",
        model_type=model_type,
        keypoints=KNOWN[17].names,
        skeleton=(),
        input_shape=(SIDE, SIDE, 1 if colour == "grayscale" else 3),
        output_shape=shape,
        decoding="quadratic" if model_type == "heatmaps_spe" else None,
        scale=SCALE,
        offset=OFFSET,
        color_mode=colour,
        interpolation="bilinear",
        aspect_ratio="fit",
    ).write(path)
    return path


def loaded(path, out):
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(pyfunc.save(path, out)))


def pictures(count=3, channels=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, SIDE, SIDE, channels), np.uint8)


@pytest.mark.parametrize("kind", ["keras", "tflite", "int8.tflite", "onnx"])
def test_it_says_what_the_model_says(tmp_path, kind):
    path = tmp_path / f"m.{kind}"
    if kind == "onnx":
        convolutional_onnx(path)
    elif kind == "int8.tflite":
        from poseline.config.models.quantization import Quantization
        from poseline.quantization.source import Source
        from poseline.quantization.tflite_converter import TFLiteConverter

        source = save(convolutional(), tmp_path / "float.keras")
        batch = pictures(4)[:, None] * np.float32(SCALE) + np.float32(OFFSET)
        path.write_bytes(
            TFLiteConverter().quantize(Source(source), lambda: iter(batch), Quantization())
        )
    else:
        save(convolutional(), path)
    model = loaded(sidecar(path), tmp_path / "mlflow")
    found = np.asarray(model.predict(pictures()))
    assert found.shape == (3, 17, 3)
    config = Config.model_validate(
        {"dataset": {"keypoints": 17}, "postprocessing": {"decoding": "quadratic"}}
    )
    ready = pictures() * np.float32(SCALE) + np.float32(OFFSET)
    expected = [f.keypoints[0] for f in Decoder(open_model(path), config).predict(ready)]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    signature = model.metadata.signature
    assert signature.inputs.inputs[0].shape == (-1, SIDE, SIDE, 3)
    assert signature.outputs.inputs[0].shape == (-1, 17, 3)


def test_grey_pictures(tmp_path):
    path = save(convolutional(channels=1), tmp_path / "m.tflite")
    model = loaded(sidecar(path, colour="grayscale"), tmp_path / "mlflow")
    assert np.asarray(model.predict(pictures(channels=1))).shape == (3, 17, 3)


def test_coordinates_and_nobody(tmp_path):
    values = np.tile([0.25, 0.75, 0.9], (17, 1))
    path = sidecar(save(constant(values), tmp_path / "m.tflite"), "spe", (17, 3))
    found = np.asarray(loaded(path, tmp_path / "one").predict(pictures(1)))
    np.testing.assert_allclose(found[0], np.tile([0.75, 0.25, 0.9], (17, 1)), atol=1e-5)
    path = save(constant(np.zeros((56, 80))), tmp_path / "n.tflite")
    found = loaded(sidecar(path, "yolo_mpe", (56, 80)), tmp_path / "two").predict(pictures(2))
    assert np.isnan(np.asarray(found)).all()


def test_without_a_sidecar_heatmaps_are_read_plainly(tmp_path):
    path = convolutional_onnx(tmp_path / "m.onnx")
    found = np.asarray(loaded(path, tmp_path / "mlflow").predict(pictures(2)))
    assert found.shape == (2, 17, 3)
    assert ((found[..., :2] * 8 - 0.5) % 1 < 1e-4).all()
