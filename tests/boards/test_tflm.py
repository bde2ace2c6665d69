import re

import numpy as np
import pytest
from support.tiny_models import SIDE, convolutional, convolutional_onnx, save

from poseline.boards import tflm
from poseline.boards.arena import arena_bytes
from poseline.boards.estimate import cost
from poseline.boards.figures import labelled, remarks
from poseline.boards.graph import Graph, Operation, read_graph
from poseline.boards.tflm_operators import adding, missing, used
from poseline.config.models.config import Config
from poseline.config.models.quantization import Quantization
from poseline.quantization.source import Source
from poseline.quantization.tflite_converter import TFLiteConverter
from poseline.stages import benchmark

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    source = save(convolutional(), folder / "m.keras")
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 1, SIDE, SIDE, 3)).astype(np.float32)
    found = {"float": save(convolutional(), folder / "float.tflite")}
    for granularity in ("per_channel", "per_tensor"):
        settings = Quantization.model_validate({"granularity": granularity})
        found[granularity] = folder / f"{granularity}.tflite"
        content = TFLiteConverter().quantize(Source(source), lambda: iter(pictures), settings)
        found[granularity].write_bytes(content)
    return found


def config(*backends, board="NUCLEO-G474RE"):
    return Config.model_validate({"benchmarking": {"board": board, "backends": backends}})


@pytest.mark.parametrize("kind", ["float", "per_channel", "per_tensor"])
def test_the_plan_of_the_activations_is_the_head_that_tflm_takes(models, kind):
    found = tflm.Tflm().measure(models[kind], config("tflm"))
    planned = arena_bytes(read_graph(models[kind].read_bytes()))
    assert found.metrics["tflm_arena_head_kb"] * 1024 == planned
    assert found.metrics["tflm_flash_kb"] * 1024 == models[kind].stat().st_size
    assert "CONV_2D" in found.summary["tflm_operators"]


def test_the_ram_and_the_fit_are_the_measured_ones(models, tmp_path):
    result = benchmark.run(
        config("estimate", "tflm"), {"model": models["per_channel"]}, tmp_path / "out"
    )
    metrics, summary = result.metrics, result.summary
    assert metrics["ram_kb"] == metrics["tflm_arena_kb"]
    assert metrics["ram_kb_estimate"] > metrics["ram_kb"] + 20  # 30 KB are for ST's runtime
    mine = next(b for b in summary["boards"] if b["board"] == "NUCLEO-G474RE")
    assert mine["ram_margin_kb"] == pytest.approx(128 - metrics["ram_kb"], abs=0.06)
    assert re.search(
        r"KB before the measurement: \+\d.*%; planned activations: \+0\.0 KB", summary["ram_error"]
    )
    labels = labelled(metrics, summary)
    assert labels["RAM, runtime included (measured in TFLM)"]
    assert "flash may be below the file's size" in remarks(summary)["flash"]


def test_without_a_measurement_the_ram_is_an_estimate(models, tmp_path):
    result = benchmark.run(config("estimate"), {"model": models["per_channel"]}, tmp_path / "out")
    assert result.metrics["ram_kb"] == result.metrics["ram_kb_estimate"]
    assert "RAM, runtime included (estimate)" in labelled(result.metrics, result.summary)
    assert "within a factor of 1.31" in result.summary["ram_error"]


def test_flash_tells_one_scale_a_tensor_and_one_a_channel_apart(models):
    graphs = {g: read_graph(models[g].read_bytes()) for g in ("per_channel", "per_tensor")}
    assert graphs["per_tensor"].channel_scales == 0
    # What the layers put out, each channel of which has its scale: 8, 8 (depthwise), 12, 17.
    assert graphs["per_channel"].channel_scales == 8 + 8 + 17 + 12
    apart = cost(graphs["per_channel"]).flash_kb - cost(graphs["per_tensor"]).flash_kb
    assert apart * 1024 == pytest.approx(5 * 45, abs=1)


def test_an_operator_that_tflm_lacks_is_named_and_no_fault(models, tmp_path, monkeypatch):
    real = read_graph(models["per_channel"].read_bytes())
    strange = tuple(Operation(kind, 0, (), ()) for kind in ("LSTM", "Mine"))
    other = Graph(real.tensors, (*real.operations, *strange), real.inputs, real.outputs)
    monkeypatch.setattr(tflm, "read_graph", lambda _: other)
    tflm._inspect.cache_clear()
    result = benchmark.run(
        config("tflm", "estimate"), {"model": models["per_channel"]}, tmp_path / "out"
    )
    tflm._inspect.cache_clear()
    assert result.summary["tflm"] == "TFLM does not have the operators LSTM, Mine"
    assert remarks(result.summary)["TFLM"] == result.summary["tflm"]
    assert result.metrics["ram_kb"] == result.metrics["ram_kb_estimate"]


def test_an_onnx_model_is_not_for_tflm_and_is_benchmarked_all_the_same(tmp_path):
    model = convolutional_onnx(tmp_path / "m.onnx")
    result = benchmark.run(config("estimate", "tflm"), {"model": model}, tmp_path / "out")
    assert "this is an .onnx" in result.summary["tflm"]
    assert result.metrics["flash_kb"] > 0


def test_operators_are_named_as_the_resolver_adds_them():
    spelled = {
        "CONV_2D": "AddConv2D",
        "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
        "RELU6": "AddRelu6",
        "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
        "PADV2": "AddPadV2",
        "MAX_POOL_2D": "AddMaxPool2D",
        "L2_NORMALIZATION": "AddL2Normalization",
        "TFLite_Detection_PostProcess": "AddDetectionPostprocess",
        "SPLIT_V": "AddSplitV",
    }
    assert {kind: adding(kind) for kind in spelled} == spelled


def test_the_operators_of_the_real_architecture_are_in_tflm(models):
    graph = read_graph(models["float"].read_bytes())
    assert used(graph) == ["CONV_2D", "DEPTHWISE_CONV_2D", "LOGISTIC"]
    assert missing(graph) == []
