import shutil
import zipfile

import numpy as np
import pytest
from support.export_library import compiler, run
from support.sidecars import write_sidecar
from support.tiny_models import SIDE, constant, convolutional, convolutional_onnx, save

from poseline.config.models.config import Config
from poseline.config.models.quantization import Quantization
from poseline.data.keypoints import PERSON_17
from poseline.errors import ModelError
from poseline.export.c_text import comment, real, text
from poseline.quantization.source import Source
from poseline.quantization.tflite_converter import TFLiteConverter
from poseline.runtime.litert import LiteRTRuntime
from poseline.stages import export

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def config(**sections):
    given = {"general": {"project_name": "a */ project"}, "dataset": {"keypoints": 17}}
    return Config.model_validate(given | {"export": {}} | sections)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """An int8 model with uint8 pictures in and int8 heatmaps out."""
    folder = tmp_path_factory.mktemp("models")
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 1, SIDE, SIDE, 3)).astype(np.float32)
    settings = Quantization.model_validate({"quantization_output_type": "int8"})
    source = save(convolutional(), folder / "m.keras")
    path = folder / "m.tflite"
    path.write_bytes(TFLiteConverter().quantize(Source(source), lambda: iter(pictures), settings))
    return path


def built(result, name="gcc"):
    """Build an export's self-test and run it; return what it says."""
    compiler("make")
    folder = result.out / export.FOLDER
    return run(["make", "-B", f"CC={compiler(name)}"], cwd=folder).stdout


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_the_export_builds_and_passes_its_self_test(quantized, tmp_path, name):
    settings = config(
        postprocessing={"decoding": "dark"}, preprocessing={"resizing": {"aspect_ratio": "padding"}}
    )
    result = export.run(settings, {"model": quantized}, tmp_path / "out")
    assert "pass" in built(result, name)
    folder = result.out / export.FOLDER
    assert (folder / "model/model.tflite").read_bytes() == quantized.read_bytes()
    resolver = (folder / "tflm/poseline_tflm.cc").read_text()
    assert "MicroMutableOpResolver<4>" in resolver
    assert resolver.count("resolver.Add") == 4
    assert "resolver.AddDepthwiseConv2D() == kTfLiteOk" in resolver
    header = (folder / "include/poseline_model.h").read_text()
    assert 'POSELINE_MODEL_NAME "a */ project"' in header
    assert "typedef int8_t poseline_output_t" in header
    assert result.metrics["tflm_arena_kb"] > 5


def test_the_self_test_fails_where_the_code_is_another(quantized, tmp_path):
    result = export.run(config(), {"model": quantized}, tmp_path / "out")
    decoder = result.out / export.FOLDER / "src/poseline_decode_heatmaps.c"
    decoder.write_text(
        decoder.read_text().replace("(double)best_column + 0.5", "(double)best_column + 0.6")
    )
    with pytest.raises(AssertionError, match="values are not as expected"):
        built(result)


@pytest.mark.parametrize(
    ("model_type", "keypoints", "shape"),
    [
        ("spe", 17, (17, 3)),
        ("hand_spe", 21, (21, 3)),
        ("yolo_mpe", 17, (56, 80)),
        ("yolo_mpe", 17, (80, 56)),
    ],
)
@pytest.mark.parametrize("side", [1, 32])
def test_every_kind_of_model_is_exported(tmp_path, model_type, keypoints, shape, side):
    values = np.random.default_rng(1).uniform(0, side, shape)
    if model_type == "yolo_mpe":
        values[(slice(4, None, 3) if shape[0] == 56 else (slice(None), slice(4, None, 3)))] /= side
    model = save(constant(values), tmp_path / "m.tflite")
    settings = config(general={"model_type": model_type}, dataset={"keypoints": keypoints})
    result = export.run(settings, {"model": model}, tmp_path / "out")
    assert "pass" in built(result)


def test_the_output_of_a_hand_is_the_one_in_pixels(tmp_path):
    metres, pixels = np.random.default_rng(1).uniform(0, [[[0.1]], [[32]]], (2, 21, 3))
    model = save(constant(pixels, extra=metres), tmp_path / "m.tflite")
    settings = config(general={"model_type": "hand_spe"}, dataset={"keypoints": 21})
    result = export.run(settings, {"model": model}, tmp_path / "out")
    assert "pass" in built(result)
    header = (result.out / export.FOLDER / "include/poseline_model.h").read_text()
    outputs = LiteRTRuntime(model).predict(np.zeros((1, SIDE, SIDE, 3), np.float32))
    place = int(np.argmax([output.max() for output in outputs]))
    assert f"POSELINE_OUTPUT_INDEX {place}\n" in header


def test_a_model_of_logits_is_exported(quantized, tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(quantized.read_bytes())
    write_sidecar(model, PERSON_17, SIDE, output_shape=(8, 8, 17), final_activation="softmax")
    result = export.run(config(), {"model": model}, tmp_path / "out")
    assert "pass" in built(result)
    folder = result.out / export.FOLDER
    assert (folder / "src/poseline_likelihood_logits.c").is_file()
    assert "THRESHOLD 0.25f" in (folder / "include/poseline_model.h").read_text()


def test_a_keras_model_is_exported_as_a_float_one(tmp_path):
    model = save(convolutional(channels=1), tmp_path / "m.keras")
    settings = config(
        preprocessing={"color_mode": "grayscale", "resizing": {"interpolation": "area"}}
    )
    result = export.run(settings, {"model": model}, tmp_path / "out")
    assert (
        "typedef float poseline_input_t"
        in (result.out / export.FOLDER / "include/poseline_model.h").read_text()
    )
    assert "pass" in built(result)


def test_the_archive_holds_the_folder_and_is_the_same_each_time(quantized, tmp_path):
    first, second = (
        export.run(config(), {"model": quantized}, tmp_path / name) for name in ("a", "b")
    )
    assert first.files["export"].read_bytes() == second.files["export"].read_bytes()
    with zipfile.ZipFile(first.files["export"]) as archive:
        archive.extractall(tmp_path / "unpacked")
    folder = tmp_path / "unpacked" / export.FOLDER
    shutil.copytree(folder, tmp_path / "c" / export.FOLDER)
    assert "pass" in run(["make"], cwd=folder).stdout
    assert (folder / "stedgeai/generate.sh").read_text().startswith("#!/bin/sh")


def test_vendor_commands_are_for_the_board(quantized, tmp_path):
    settings = config(benchmarking={"board": "STM32N6570-DK"})
    result = export.run(settings, {"model": quantized}, tmp_path / "out")
    said = (result.out / export.FOLDER / "stedgeai/generate.sh").read_text()
    assert "--target stm32n6" in said
    assert "--st-neural-art" in said


@pytest.mark.parametrize(
    ("sections", "suffix", "said"),
    [
        ({}, ".onnx", "TFLM runs .tflite models"),
        ({"preprocessing": {"resizing": {"interpolation": "lanczos3"}}}, ".tflite", "lanczos3"),
        ({"dataset": {"keypoints": 13}}, ".tflite", "13 keypoints"),
        ({"preprocessing": {"color_mode": "grayscale"}}, ".tflite", "3 channels"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_left(
    quantized, tmp_path, sections, suffix, said
):
    model = quantized if suffix == ".tflite" else convolutional_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=said):
        export.run(config(**sections), {"model": model}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_values_are_written_as_c_reads_them_back():
    for value in (1.0, 0.1, -1e-8, 3.4e38, 1 / 127.5):
        written = real(value)
        assert written.endswith("f")
        assert np.float32(written[:-1]) == np.float32(value)
    assert text('a "b"\\ ??/ c') == r'''"a \"b\"\\ ?\?/ c"'''
    assert text("é\n") == '"??"' or text("é\n") == r'"?\?"'
    assert "*/" not in comment("a */ b /* c")
