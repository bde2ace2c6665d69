"""Static int8 quantization by LiteRT's own quantizer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from poseline.config.models.quantization import IOType, Quantization
from poseline.errors import BackendError, ModelError
from poseline.quantization.base import Calibration
from poseline.quantization.source import SAVED_MODEL, Source
from poseline.quiet import quiet_stderr


class LiteRTQuantizer:
    """Keras or a float .tflite in, .tflite out; weights int8, activations int8."""

    suffix = ".tflite"
    accepts: tuple[str, ...] = (".h5", ".keras", ".tflite", SAVED_MODEL)

    def quantize(self, source: Source, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""
        try:
            from litert_quantizer import quantizer as tool
        except ImportError:
            raise BackendError(
                "litert_quantizer is not installed", "install poseline[ml]"
            ) from None
        with tempfile.TemporaryDirectory() as folder:
            ready = _float_model(source, Path(folder))
            signature, name = _signature(source.path, ready)
            with quiet_stderr():
                work = tool.Quantizer(str(ready), _recipe(settings))
                data = {signature: [{name: picture} for picture in calibration()]}
                return bytes(work.quantize(work.calibrate(data)).quantized_model)


def _float_model(source: Source, folder: Path) -> Path:
    """Return a float .tflite with a signature."""
    if source.suffix == ".tflite":
        return source.path
    from poseline.quantization.keras_conversion import signed_tflite

    ready = folder / "float.tflite"
    if source.suffix == SAVED_MODEL:
        ready.write_bytes(source.float_tflite)
    else:
        ready.write_bytes(signed_tflite(source.keras))
    return ready


def _signature(model: Path, source: Path) -> tuple[str, str]:
    """Return the name of the model's signature and of its input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(source))
    if any(entry["dtype"].__name__ != "float32" for entry in interpreter.get_input_details()):
        raise ModelError(f"{model.name} is quantized already", "give the float model")
    for key, entry in interpreter.get_signature_list().items():
        if len(entry["inputs"]) == 1:
            return str(key), str(entry["inputs"][0])
    raise ModelError(
        f"{model.name} has no signature with one input, which litert_quantizer asks for",
        "give the Keras model, or convert it from a SavedModel",
    )


def _recipe(settings: Quantization) -> Any:
    """Return int8 for everything; the model's ends as the settings have them."""
    from litert_quantizer import qtyping, recipe_manager
    from litert_quantizer.algorithm_manager import AlgorithmName

    name, grain = qtyping.TFLOperationName, qtyping.QuantGranularity
    manager = recipe_manager.RecipeManager()
    granularity = {"per_channel": grain.CHANNELWISE, "per_tensor": grain.TENSORWISE}
    manager.add_static_config(".*", name.ALL_SUPPORTED, 8, 8, granularity[settings.granularity])
    unsigned = qtyping.OpQuantizationConfig(
        activation_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=8, symmetric=False, dtype=qtyping.TensorDataType.UINT
        ),
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=8, symmetric=True),
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
    ends: dict[Any, IOType] = {
        name.INPUT: settings.quantization_input_type,
        name.OUTPUT: settings.quantization_output_type,
    }
    for end, kind in ends.items():
        if kind == "float":
            manager.add_quantization_config(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
        elif kind == "uint8":
            manager.add_quantization_config(".*", end, unsigned)
    return manager.get_quantization_recipe()
