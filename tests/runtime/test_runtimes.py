import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.tiny_models import SIDE, constant, convolutional, convolutional_onnx, save, save_onnx

from poseline.errors import ModelError
from poseline.models.metadata import ModelMetadata
from poseline.models.probe import check_first_inference
from poseline.runtime import open_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def pictures(count, channels=3):
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (count, SIDE, SIDE, channels)).astype(np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = convolutional()
    found = {name: save(model, folder / f"m.{name}") for name in ("h5", "keras", "tflite")}
    return found | {"onnx": convolutional_onnx(folder / "m.onnx")}


@pytest.mark.parametrize("kind", ["h5", "keras", "tflite", "onnx"])
def test_a_batch_gives_what_its_pictures_give(models, kind):
    runtime = open_model(models[kind])
    batch = pictures(7)
    alone = np.concatenate([runtime.predict(batch[i : i + 1])[0] for i in range(7)])
    for size in (7, 3, 7, 1):
        np.testing.assert_allclose(runtime.predict(batch[:size])[0], alone[:size], atol=1e-6)


def test_scales_beyond_xnnpacks_limits_are_left_to_litert(tmp_path):
    """A channel whose large weights cancel out has a scale that XNNPACK refuses."""
    import keras
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    kernel = np.zeros((1, 1, 3, 4), np.float32)
    kernel[0, 0, :2, 0] = 1e5, -1e5
    inputs = keras.Input((SIDE, SIDE, 3))
    wide = keras.layers.Conv2D(4, 1, use_bias=False)
    outputs = keras.layers.Conv2D(17, 4, 4)(keras.layers.ReLU()(wide(inputs)))
    model = keras.Model(inputs, outputs)
    wide.set_weights([kernel])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    grey = np.repeat(pictures(4, channels=1), 3, axis=-1)
    converter.representative_dataset = lambda: ([one[None]] for one in grey)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path = tmp_path / "m.tflite"
    path.write_bytes(converter.convert())
    with pytest.raises(RuntimeError, match="XNNPACK"):
        Interpreter(str(path)).allocate_tensors()
    check_first_inference(path)
    found = open_model(path).predict(grey)[0]
    assert found.shape == (4, SIDE // 4, SIDE // 4, 17)
    np.testing.assert_allclose(found, model.predict(grey, verbose=0), atol=0.05)


def test_keras_and_litert_agree(models):
    exact, found = (open_model(models[k]).predict(pictures(3))[0] for k in ("keras", "tflite"))
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_litert_runs_a_batch_at_once_where_it_can(models, tmp_path):
    runtime = open_model(models["tflite"])
    runtime.predict(pictures(4))
    assert runtime._batch == 4
    values = np.arange(51, dtype=np.float32)
    # Its reshaping has a constant size, so that a batch does not fit through.
    fixed = open_model(save(constant(values.reshape(17, 3)), tmp_path / "fixed.tflite"))
    for count in (4, 1, 3):
        np.testing.assert_array_equal(
            fixed.predict(pictures(count))[0], np.repeat(values.reshape(1, 17, 3), count, 0)
        )
    assert fixed._batch == 1


@pytest.mark.parametrize("batch", ["n", 1, 4])
def test_onnx_takes_the_batch_that_it_has(tmp_path, batch):
    values = np.arange(51, dtype=np.float32).reshape(17, 3)
    runtime = open_model(save_onnx(tmp_path / "m.onnx", values, batch=batch))
    for count in (1, 4, 6):
        np.testing.assert_array_equal(
            runtime.predict(pictures(count))[0], np.repeat(values[None], count, 0)
        )


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_litert_starts_as_many_threads_as_it_is_told(models, threads):
    code = (
        "import os, sys, numpy as np; from pathlib import Path\n"
        "from poseline.runtime import open_model\n"
        "import poseline.runtime.litert\n"
        "count = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = count(); model = open_model(Path(sys.argv[1]), int(sys.argv[2]))\n"
        f"model.predict(np.zeros((1, {SIDE}, {SIDE}, 3), np.float32)); print(count() - before)\n"
    )
    command = [sys.executable, "-c", code, str(models["tflite"]), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) == threads - 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.tflite", b"", "cannot be loaded"),
        ("m.tflite", b"nonsense" * 9, "cannot be loaded"),
        ("m.onnx", b"nonsense", "cannot be loaded"),
        ("m.h5", b"nonsense", "cannot be loaded"),
        ("m.txt", b"text", "is not a model file"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        open_model(tmp_path / name)


@pytest.mark.parametrize("kind", ["tflite", "onnx", "h5", "keras"])
def test_a_missing_file_is_told(tmp_path, kind):
    with pytest.raises(ModelError, match="does not exist"):
        open_model(tmp_path / f"missing.{kind}")


@pytest.mark.parametrize(("kind", "pixels"), [("UINT8", True), ("INT32", True), ("FLOAT16", False)])
def test_an_onnx_takes_whole_numbers_as_pixels(tmp_path, kind, pixels):
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Cast", ["picture"], ["found"], to=TensorProto.FLOAT)],
        "cast",
        [helper.make_tensor_value_info("picture", getattr(TensorProto, kind), [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, tmp_path / "m.onnx")
    runtime = open_model(tmp_path / "m.onnx")
    assert runtime.takes_pixels is pixels
    given = np.full((2, SIDE, SIDE, 3), 200, np.float32)
    np.testing.assert_array_equal(runtime.predict(given)[0], given)


@pytest.mark.parametrize("kind", ["h5", "keras", "tflite", "onnx"])
def test_the_sidecar_of_another_model_is_told(models, kind, tmp_path):
    model = tmp_path / f"m.{kind}"
    shutil.copyfile(models[kind], model)
    shapes = {"input_shape": (SIDE, SIDE, 3), "output_shape": open_model(model).output_shapes[0]}
    common = {
        "name": "tiny",
        "model_type": "heatmaps_spe",
        "keypoints": ("a", "b"),
        "skeleton": (),
        "scale": 1.0,
        "offset": 0.0,
        "color_mode": "rgb",
        "interpolation": "bilinear",
        "aspect_ratio": "fit",
    }
    ModelMetadata(**common, **shapes).write(model)
    assert open_model(model).metadata
    for field, shape in shapes.items():
        other = shapes | {field: (shape[0] + 1, *shape[1:])}
        ModelMetadata(**common, **other).write(model)
        with pytest.raises(ModelError, match=f"m.{kind}.json: {field} is "):
            open_model(model)
