"""Every quantizer, with every type of input and output, both granularities, on files."""

import itertools

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from support.tiny_models import SIDE, convolutional, convolutional_onnx, save

from poseline.config.models.quantization import Quantization
from poseline.errors import ModelError
from poseline.quantization.base import IO_NAMES
from poseline.quantization.keras_conversion import keras_converter, signed_tflite
from poseline.quantization.registry import quantizer_for
from poseline.quantization.source import Source
from poseline.runtime import open_model

TYPES = ("int8", "uint8", "float")
GRANULARITIES = ("per_channel", "per_tensor")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model = convolutional()
    save(model, folder / "float.keras")
    convolutional_onnx(folder / "float.onnx")
    (folder / "signed.tflite").write_bytes(signed_tflite(model))
    return folder


def pictures(count=8):
    return np.random.default_rng(0).uniform(-1, 1, (count, 1, SIDE, SIDE, 3)).astype(np.float32)


def quantized(path, **settings):
    asked = Quantization.model_validate(settings)
    source = Source(path)
    tool = quantizer_for(asked, source)
    source = source.equalized() if asked.optimize else source
    made = path.with_name(f"int8{tool.suffix}")
    made.write_bytes(tool.quantize(source, lambda: iter(pictures()), asked))
    return made


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_what_tensorflows_converter_makes_in_one_go_is_made(folder, granularity):
    import tensorflow as tf

    whole = keras_converter(Source(folder / "float.keras").keras)
    whole.optimizations = [tf.lite.Optimize.DEFAULT]
    whole.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    whole._experimental_disable_per_channel = granularity == "per_tensor"
    whole.inference_input_type, whole.inference_output_type = tf.uint8, tf.float32
    whole.representative_dataset = lambda: ([picture] for picture in pictures())
    made = quantized(folder / "float.keras", granularity=granularity)
    models = [Interpreter(model_content=bytes(whole.convert())), Interpreter(str(made))]
    exact, found = ([tensor_of(model, d) for d in model.get_tensor_details()] for model in models)
    assert exact == found and any(value for *_, value in found)


def tensor_of(interpreter, details):
    """A tensor's name, type, quantization and, of a weight, its bytes."""
    scales = details["quantization_parameters"]
    try:
        value = interpreter.get_tensor(details["index"]).tobytes()
    except ValueError:
        value = None  # made when the model runs
    numbers = [scales[key].tolist() for key in ("scales", "zero_points")]
    return details["name"], details["dtype"], *numbers, value


def weight_scales(path):
    """How many scales each weight of a convolution has."""
    interpreter = Interpreter(str(path))
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    return [
        len(details[op["inputs"][1]]["quantization_parameters"]["scales"])
        for op in interpreter._get_ops_details()
        if op["op_name"].endswith("CONV_2D")
    ]


EVERY = itertools.product(("TFlite_converter", "litert_quantizer"), GRANULARITIES, TYPES, TYPES)
FIRST = (
    ("TFlite_converter", "per_channel", "uint8", "float"),
    ("TFlite_converter", "per_tensor", "int8", "uint8"),
    ("litert_quantizer", "per_channel", "float", "int8"),
    ("litert_quantizer", "per_tensor", "uint8", "uint8"),
)


@pytest.mark.parametrize(
    ("quantizer", "granularity", "taken", "given"),
    [pytest.param(*one, marks=() if one in FIRST else pytest.mark.slow) for one in EVERY],
)
def test_types_and_scales_are_those_asked_for(folder, quantizer, granularity, taken, given):
    source = "float.keras" if quantizer == "TFlite_converter" else "signed.tflite"
    made = quantized(
        folder / source,
        quantizer=quantizer,
        granularity=granularity,
        quantization_input_type=taken,
        quantization_output_type=given,
    )
    interpreter = Interpreter(str(made))
    assert interpreter.get_input_details()[0]["dtype"].__name__ == IO_NAMES[taken]
    assert interpreter.get_output_details()[0]["dtype"].__name__ == IO_NAMES[given]
    scales = weight_scales(made)
    assert len(scales) == 4
    assert (max(scales) == 1) == (granularity == "per_tensor")
    batch = np.concatenate(pictures(2))
    exact = open_model(folder / "float.keras").predict(batch)[0]
    found = open_model(made).predict(batch)[0]
    assert np.abs(exact - found).max() < (0.1 if granularity == "per_channel" else 0.4)
    assert not np.array_equal(exact, found)


def test_litert_quantizer_takes_keras_and_float_tflite_alone(folder):
    made = quantized(folder / "float.keras", quantizer="litert_quantizer")
    assert (open_model(made).input_dtype, open_model(made).output_dtype) == ("uint8", "float32")
    with pytest.raises(ModelError, match="quantized already"):
        quantized(made, quantizer="litert_quantizer", quantization_input_type="int8")
    path = save(convolutional(), folder / "unsigned.tflite")
    with pytest.raises(ModelError, match="has no signature"):
        quantized(path, quantizer="litert_quantizer")


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_onnx_scales_are_those_asked_for(folder, granularity):
    import onnx

    made = quantized(
        folder / "float.onnx",
        quantizer="onnx_quantizer",
        granularity=granularity,
        quantization_input_type="float",
        quantization_output_type="float",
    )
    model = onnx.load(made)
    scales = [i for i in model.graph.initializer if i.name.endswith("w1_scale")]
    assert scales[0].dims == ([8] if granularity == "per_channel" else [])
    with pytest.raises(ModelError, match="quantized already"):
        quantized(
            made,
            quantizer="onnx_quantizer",
            quantization_input_type="float",
            quantization_output_type="float",
        )


@pytest.mark.parametrize(
    "settings", [{}, {"target_opset": 21}, {"granularity": "per_tensor", "optimize": True}]
)
def test_a_keras_model_is_quantized_by_onnx_runtime(folder, settings):
    import onnx

    made = quantized(
        folder / "float.keras",
        quantizer="onnx_quantizer",
        quantization_input_type="float",
        quantization_output_type="float",
        **settings,
    )
    model = onnx.load(made)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert opsets[""] == settings.get("target_opset", 17)
    batch = np.concatenate(pictures(2))
    exact = open_model(folder / "float.keras").predict(batch)[0]
    found = open_model(made).predict(batch)[0]
    assert exact.shape == found.shape
    assert np.abs(exact - found).max() < 0.05


@pytest.mark.parametrize(
    ("taken", "given"), [t for t in itertools.product(TYPES, TYPES) if t != ("float", "float")]
)
def test_onnx_has_float_ends_and_says_so(folder, taken, given):
    with pytest.raises(ValueError, match="a QDQ model is float at its ends"):
        quantized(
            folder / "float.onnx",
            quantizer="onnx_quantizer",
            quantization_input_type=taken,
            quantization_output_type=given,
        )


def test_an_older_onnx_is_brought_up_to_the_opset(folder):
    import onnx

    path = convolutional_onnx(folder / "old.onnx", opset=11)
    made = quantized(
        path,
        quantizer="onnx_quantizer",
        target_opset=15,
        quantization_input_type="float",
        quantization_output_type="float",
    )
    opsets = {entry.domain: entry.version for entry in onnx.load(made).opset_import}
    assert opsets[""] == 15
    batch = np.concatenate(pictures(2))
    exact, found = (open_model(p).predict(batch)[0] for p in (path, made))
    assert np.abs(exact - found).max() < 0.05


@pytest.mark.parametrize(
    ("name", "quantizer", "message"),
    [
        ("signed.tflite", "onnx_quantizer", r"does not take signed.tflite; it takes \.onnx or"),
        ("float.onnx", "litert_quantizer", r"does not take float.onnx"),
        ("float.onnx", "TFlite_converter", r"does not take float.onnx"),
    ],
)
def test_a_model_of_another_kind_is_told(folder, name, quantizer, message):
    with pytest.raises(ModelError, match=message) as error:
        quantizer_for(Quantization.model_construct(quantizer=quantizer), Source(folder / name))
    assert "quantization.quantizer" in error.value.remedy or "ONNX" in error.value.remedy


def test_equalization_needs_the_keras_model(folder):
    settings = {"granularity": "per_tensor", "optimize": True}
    with pytest.raises(ModelError, match="cannot be equalized"):
        quantized(folder / "signed.tflite", quantizer="litert_quantizer", **settings)
    with pytest.raises(ModelError, match="cannot be equalized"):
        quantized(
            folder / "float.onnx",
            quantizer="onnx_quantizer",
            quantization_input_type="float",
            quantization_output_type="float",
            **settings,
        )


@pytest.mark.slow
@pytest.mark.parametrize("quantizer", ["TFlite_converter", "litert_quantizer"])
def test_equalized_weights_lose_less_per_tensor(folder, quantizer):
    batch = np.concatenate(pictures())
    exact = open_model(folder / "float.keras").predict(batch)[0]
    errors = []
    for optimize in (False, True):
        made = quantized(
            folder / "float.keras",
            quantizer=quantizer,
            granularity="per_tensor",
            optimize=optimize,
            quantization_input_type="float",
        )
        errors.append(np.square(open_model(made).predict(batch)[0] - exact).mean())
    assert errors[1] < errors[0]
