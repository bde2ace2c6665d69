import json
from math import prod

import numpy as np
import pytest
from support.tiny_models import SIDE, convolutional, convolutional_onnx, save

from poseline.boards.arena import ALIGNMENT, arena_bytes, lifetimes, plan
from poseline.boards.estimate import RAM_ERROR, Cost, cost, fit, fits
from poseline.boards.graph import read_graph
from poseline.boards.onnx_graph import read_onnx
from poseline.boards.published import Work
from poseline.boards.table import BOARDS, board
from poseline.config.models.config import Config
from poseline.config.models.quantization import Quantization
from poseline.errors import ModelError
from poseline.quantization.registry import quantizer_for
from poseline.quantization.source import Source
from poseline.stages import benchmark

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

# Activation RAM in KiB as ST publishes it (int8, STM32Cube.AI 10.0.0 on STM32H7, and ST Edge AI
# 3.0.0 on STM32N6 for MoveNet), and as our plan has it for the same architecture.
PUBLISHED_RAM = (
    (66.96, 63.0),
    (272.96, 343.0),
    (449.58, 588.0),
    (272.96, 343.0),
    (431.07, 588.0),
    (1331.13, 1176.0),
    (237.32, 240.0),
    (832.64, 735.0),
    (237.32, 240.0),
    (832.64, 735.0),
    (1727.02, 1470.0),
    (2332.2, 2205.0),
    (914.88, 1080.0),
    (1239.04, 1470.0),
    (1607.68, 1920.0),
)


def quantized(path, **settings):
    asked = Quantization.model_validate(settings)
    pictures = np.random.default_rng(0).uniform(-1, 1, (4, 1, SIDE, SIDE, 3)).astype(np.float32)
    source = Source(path)
    return quantizer_for(asked, source).quantize(source, lambda: iter(pictures), asked)


def test_the_stated_error_of_the_ram_holds():
    ratios = [ours / theirs for theirs, ours in PUBLISHED_RAM]
    assert RAM_ERROR - 0.06 <= max(*ratios, 1 / min(ratios)) <= RAM_ERROR + 0.06


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Float and int8 of one model, and what is known of it by hand."""
    folder = tmp_path_factory.mktemp("graphs")
    path = save(convolutional(), folder / "m.keras")
    return {
        "float": read_graph(save(convolutional(), folder / "f.tflite").read_bytes()),
        **{
            g: read_graph(
                quantized(
                    path,
                    granularity=g,
                    quantization_input_type="int8",
                    quantization_output_type="int8",
                )
            )
            for g in ("per_channel", "per_tensor")
        },
    }


def test_multiply_accumulates_are_those_of_the_layers(graphs):
    expected = 8 * 8 * (8 * 27 + 8 * 9 + 8 * 12 + 12 * 17)
    assert {graph.macc for graph in graphs.values()} == {expected}


def test_types_and_scales_are_told_apart(graphs):
    found = {name: cost(graph) for name, graph in graphs.items()}
    assert [c.is_float for c in found.values()] == [True, False, False]
    assert [c.per_channel for c in found.values()] == [False, True, False]
    weights = 8 * 27 + 8 * 9 + 8 * 12 + 12 * 17
    for name in ("per_channel", "per_tensor"):
        assert weights <= graphs[name].weight_bytes <= weights + 4 * (8 + 8 + 12 + 17) + 16
    assert graphs["float"].weight_bytes >= 4 * weights


def test_a_chain_of_operations_needs_its_two_largest_neighbours(graphs):
    """In a model without branches, TFLM's arena is the largest sum of an input and its output."""
    for graph in graphs.values():
        sizes = [
            sum(
                -(-graph.tensors[i].size // ALIGNMENT) * ALIGNMENT
                for i in (*op.inputs, *op.outputs)
                if not graph.tensors[i].constant
            )
            for op in graph.operations
        ]
        assert arena_bytes(graph) == max(sizes)


def test_a_branch_is_kept_until_it_is_read():
    import keras
    from keras import layers

    from poseline.quantization.keras_conversion import float_tflite

    inputs = keras.Input((8, 8, 4))
    early = layers.Conv2D(4, 1)(inputs)
    late = layers.Conv2D(4, 1)(layers.Conv2D(4, 1)(early))
    graph = read_graph(float_tflite(keras.Model(inputs, layers.Add()([early, late]))))
    tensor = prod((8, 8, 4)) * 4
    # While the third convolution runs: its input, its output, and the branch.
    assert arena_bytes(graph) == 3 * tensor
    buffers = lifetimes(graph)
    assert max(o + b.size for o, b in zip(plan(buffers), buffers, strict=True)) == 3 * tensor


def test_onnx_costs_what_the_same_tflite_costs(tmp_path):
    import keras
    from keras import layers

    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.ReLU()(layers.Conv2D(8, 4, strides=4)(inputs))
    twin = keras.Model(inputs, layers.Activation("sigmoid")(layers.Conv2D(17, 1)(x)))
    path = save(twin, tmp_path / "twin.keras")
    model = convolutional_onnx(tmp_path / "m.onnx")
    ends = {"quantization_input_type": "float", "quantization_output_type": "float"}
    pairs = {
        "float": (
            read_onnx(model.read_bytes()),
            read_graph(save(twin, tmp_path / "twin.tflite").read_bytes()),
        ),
        "int8": (
            read_onnx(quantized(model, quantizer="onnx_quantizer", **ends)),
            read_graph(
                quantized(path, quantization_input_type="int8", quantization_output_type="int8")
            ),
        ),
    }
    for kind, (onnx, tflite) in pairs.items():
        assert onnx.macc == tflite.macc, kind
        assert onnx.elements == tflite.elements, kind
        assert arena_bytes(onnx) == arena_bytes(tflite), kind
        assert [op.kind for op in onnx.operations] == [op.kind for op in tflite.operations]
        assert abs(onnx.weight_bytes - tflite.weight_bytes) < 64, kind
        assert cost(onnx).is_float == cost(tflite).is_float == (kind == "float")
        assert cost(onnx).per_channel == cost(tflite).per_channel == (kind == "int8")


def test_a_file_that_is_no_model_is_told():
    with pytest.raises(ModelError, match=r"not a \.tflite"):
        read_graph(b"nothing of that kind")
    with pytest.raises(ModelError, match=r"damaged|not an \.onnx"):
        read_onnx(b"nothing of that kind")


def test_an_onnx_model_without_an_input_is_refused():
    import onnx

    value = onnx.helper.make_tensor("one", 1, [1], [1.0])
    node = onnx.helper.make_node("Identity", ["one"], ["out"])
    out = onnx.helper.make_tensor_value_info("out", 1, [1])
    graph = onnx.helper.make_graph([node], "constant", [], [out], [value])
    with pytest.raises(ModelError, match="has no input"):
        read_onnx(onnx.helper.make_model(graph).SerializeToString())


SMALL = Cost(1_000_000, 300.0, 100.0, Work(1_000_000, 50_000, 200_000), False, True)


def test_verdicts_follow_the_memories():
    found = {v.board: v for v in fits(SMALL)}
    assert found["STM32H747I-DISCO"].verdict == "internal"
    assert found["STM32H747I-DISCO"].flash_margin_kb == 2048 - 300
    assert found["NUCLEO-F401RE"].verdict == "no"
    assert "RAM: needs 100 KB, 96 KB inside" in found["NUCLEO-F401RE"].reason
    assert found["STM32N6570-DK"].verdict == "external"
    assert found["STM32MP135F-DK"].reason == "runs from DDR"
    assert all(v.latency_low_ms < v.latency_ms < v.latency_high_ms for v in found.values())
    assert [v.board for v in fits(SMALL)] == [b.name for b in BOARDS]


def test_the_scales_choose_the_core_of_an_mp25():
    per_tensor = Cost(
        *[getattr(SMALL, n) for n in ("macc", "flash_kb", "ram_kb", "work")],
        is_float=False,
        per_channel=False,
    )
    facts = board("STM32MP257F-EV1")
    assert fit(SMALL, facts).core.startswith("GPU")
    assert fit(per_tensor, facts).core.startswith("NPU")
    assert fit(per_tensor, facts).latency_ms < fit(SMALL, facts).latency_ms


@pytest.mark.parametrize(
    "suffix", [pytest.param(".h5", marks=pytest.mark.slow), ".keras", ".tflite", ".onnx"]
)
def test_the_stage_takes_every_kind_of_file(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    if suffix == ".onnx":
        convolutional_onnx(path)
    else:
        save(convolutional(), path)
    config = Config.model_validate({"benchmarking": {"board": "STM32H747I-DISCO", "runs": 2}})
    result = benchmark.run(config, {"model": path}, tmp_path / "out")
    assert {
        "macc",
        "flash_kb",
        "ram_kb",
        "latency_ms_estimate",
        "fits",
        "host_ms_median",
        "host_ms_p95",
        "host_peak_mb",
        "ram_kb_estimate",
    } <= set(result.metrics)
    assert ("tflm_arena_kb" in result.metrics) == (suffix != ".onnx")
    assert result.metrics["host_ms_p95"] >= result.metrics["host_ms_median"] > 0
    written = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert "15 published times of a Cortex-M7, and a rating for float" in written["latency_error"]
    assert len(written["boards"]) == 15
    assert result.files["boards"].stat().st_size > 5000
