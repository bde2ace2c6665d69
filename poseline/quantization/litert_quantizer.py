"""Static int8 quantization by LiteRT's own quantizer."""

from __future__ import annotations

import tempfile
from pathlib import Path

from poseline.config.deployment import Quantization
from poseline.errors import BackendError, ModelError
from poseline.models.loading import load_keras
from poseline.quantization.quantizer import Calibration
from poseline.quantization.quiet import quiet_stderr


class LiteRTQuantizer:
    """Keras or a float .tflite in, .tflite out; inputs and outputs are int8, too."""

    suffix = ".tflite"
    accepts: tuple[str, ...] = (".h5", ".keras", ".tflite")

    def quantize(self, model: Path, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""
        try:
            from litert_quantizer import quantizer as tool
            from litert_quantizer import recipe
        except ImportError:
            raise BackendError(
                "litert_quantizer is not installed", "install poseline[ml]"
            ) from None
        io_types = {settings.quantization_input_type, settings.quantization_output_type}
        if io_types != {"int8"} or settings.granularity != "per_channel":
            raise ModelError(
                "litert_quantizer makes per_channel models with int8 input and output",
                "set quantization_input_type and quantization_output_type to int8, "
                "or take TFlite_converter",
            )
        with tempfile.TemporaryDirectory() as folder:
            source = model
            if model.suffix.lower() != ".tflite":
                from poseline.quantization.tflite_converter import signed_tflite

                source = Path(folder) / "float.tflite"
                source.write_bytes(signed_tflite(load_keras(model)))
            with quiet_stderr():
                work = tool.Quantizer(str(source), recipe.static_wi8_ai8())
                data = {"serving_default": _named(source, calibration)}
                return bytes(work.quantize(work.calibrate(data)).quantized_model)


def _named(source: Path, calibration: Calibration) -> list[dict[str, object]]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(source)).get_signature_runner()
    (name,) = runner.get_input_details()
    return [{name: picture} for picture in calibration()]
