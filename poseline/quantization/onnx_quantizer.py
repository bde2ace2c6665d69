"""QDQ quantization by ONNX Runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from poseline.config.deployment import Quantization
from poseline.errors import BackendError, ModelError
from poseline.quantization.quantizer import Calibration
from poseline.quantization.quiet import quiet_stderr


class OnnxQuantizer:
    """A float .onnx in, an .onnx with QuantizeLinear and DequantizeLinear out."""

    suffix = ".onnx"
    accepts: tuple[str, ...] = (".onnx",)

    def quantize(self, model: Path, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""
        try:
            from onnxruntime import quantization as tool
            from onnxruntime.quantization.shape_inference import quant_pre_process
        except ImportError:
            raise BackendError(
                "onnx_quantizer needs ONNX Runtime", "install poseline[onnx]"
            ) from None
        if {settings.quantization_input_type, settings.quantization_output_type} != {"float"}:
            raise ModelError(
                "a QDQ model has float input and output",
                "set quantization_input_type and quantization_output_type to float",
            )
        with tempfile.TemporaryDirectory() as folder, quiet_stderr():
            ready, target = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
            quant_pre_process(str(model), str(ready), skip_symbolic_shape=True)
            tool.quantize_static(
                str(ready), str(target), _Reader(ready, calibration),
                quant_format=tool.QuantFormat.QDQ,
                per_channel=settings.granularity == "per_channel",
                activation_type=tool.QuantType.QInt8, weight_type=tool.QuantType.QInt8,
            )  # fmt: skip
            return target.read_bytes()


class _Reader:
    """What ONNX Runtime asks for calibration pictures, one at a time."""

    def __init__(self, model: Path, calibration: Calibration) -> None:
        import onnxruntime as ort

        session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        self._name, self._first = entry.name, entry.shape[1] in (1, 3, 4)
        self._pictures = iter(calibration())

    def get_next(self) -> dict[str, Any] | None:
        picture = next(self._pictures, None)
        if picture is None:
            return None
        return {self._name: picture.transpose(0, 3, 1, 2) if self._first else picture}
