import subprocess

import numpy as np
import pytest
from support.tiny_models import SIDE, constant, convolutional, save

from poseline.config.models.quantization import Quantization
from poseline.errors import BackendError, ModelError
from poseline.quantization.source import Source
from poseline.quantization.tflite_converter import TFLiteConverter
from poseline.runtime import open_model, tflm, tflm_once
from poseline.runtime.compared import ComparedRuntime
from poseline.runtime.tflm import TFLMRuntime, measure_arena

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def pictures(count):
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A float model, and int8 ones by the type of their output."""
    import keras

    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("models")
    source = save(convolutional(), folder / "m.keras")
    found = {"float": save(convolutional(), folder / "float.tflite")}
    for output in ("float", "int8", "uint8"):
        settings = Quantization.model_validate({"quantization_output_type": output})
        path = folder / f"int8_to_{output}.tflite"
        path.write_bytes(
            TFLiteConverter().quantize(Source(source), lambda: pictures(8)[:, None], settings)
        )
        found[f"int8 to {output}"] = path
    return found


@pytest.mark.parametrize("kind", ["float", "int8 to float", "int8 to int8", "int8 to uint8"])
def test_its_outputs_are_those_of_litert_up_to_rounding(models, kind):
    ours, theirs = TFLMRuntime(models[kind]), open_model(models[kind])
    assert (ours.input_shape, ours.input_dtype) == (theirs.input_shape, theirs.input_dtype)
    assert (ours.output_shapes, ours.output_dtype) == (theirs.output_shapes, theirs.output_dtype)
    held = ComparedRuntime(ours, theirs)
    (found,) = held.predict(pictures(3))
    assert found.shape == (3, 8, 8, 17)
    assert found.dtype == np.float32
    # Steps of an activation that the two round apart add up over the layers.
    largest, usual = (1e-5, 1e-6) if kind == "float" else (8 / 256, 1 / 256)
    away = np.abs(found - theirs.predict(pictures(3))[0])
    assert away.max() == held.largest_difference <= largest
    assert away.mean() <= usual
    raw = ours.raw(pictures(1)[0])[0]
    assert raw.dtype == ours.output_dtype


def test_the_arena_is_measured_in_its_parts(models):
    arena = measure_arena(models["int8 to int8"])
    assert arena.total == arena.head + arena.tail
    # Both 8×8×12 buffers of int8 that live at once, and the 32×32×3 input before them.
    assert SIDE * SIDE * 3 < arena.head < 2 * SIDE * SIDE * 3 + 8 * 8 * 17 + 1
    assert arena.tail > 500


def test_what_tflm_cannot_run_is_reported_in_its_words(tmp_path):
    """It looks for the operator by its code, which is changed here to one that it does not have."""
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import Builder

    model = schema.ModelT.InitFromPackedBuf(
        save(constant(np.zeros((17, 3))), tmp_path / "m.tflite").read_bytes(), 0
    )
    for code in model.operatorCodes:
        code.builtinCode = schema.BuiltinOperator.LSTM
        code.deprecatedBuiltinCode = schema.BuiltinOperator.LSTM
    builder = Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "lstm.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ModelError, match=r"TFLM cannot run lstm.tflite: .*LSTM"):
        measure_arena(path)


def test_a_crash_and_an_endless_inference_are_reported(models, monkeypatch):
    def ends_with(code):
        return lambda *_, **__: subprocess.CompletedProcess([], code, "", "")

    monkeypatch.setattr(tflm.subprocess, "run", ends_with(-6))
    with pytest.raises(ModelError, match="it ended with code -6"):
        measure_arena(models["float"])
    monkeypatch.setattr(tflm.subprocess, "run", ends_with(tflm_once.NOT_INSTALLED))
    with pytest.raises(BackendError, match="not installed"):
        measure_arena(models["float"])

    def endless(*_, **__):
        raise subprocess.TimeoutExpired("tflm", 600)

    monkeypatch.setattr(tflm.subprocess, "run", endless)
    with pytest.raises(BackendError, match="took over 600 s"):
        measure_arena(models["float"])
