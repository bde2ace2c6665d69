"""QDQ quantization by ONNX Runtime."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from poseline.config.models.quantization import Quantization
from poseline.errors import BackendError, ModelError
from poseline.quantization.base import Calibration
from poseline.quantization.source import Source
from poseline.quiet import quiet_stderr


class OnnxQuantizer:
    """A float model in, an .onnx with QuantizeLinear and DequantizeLinear out."""

    suffix = ".onnx"
    accepts: tuple[str, ...] = (".onnx", ".h5", ".keras")

    def quantize(self, source: Source, calibration: Calibration, settings: Quantization) -> bytes:
        """See `Quantizer.quantize`."""
        try:
            import onnx
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
        loaded = _float_model(source, settings)
        if any(node.op_type == "QuantizeLinear" for node in loaded.graph.node):
            raise ModelError(f"{source.path.name} is quantized already", "give the float model")
        with tempfile.TemporaryDirectory() as folder, quiet_stderr():
            ready, target = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
            onnx.save(_raised(loaded, settings.target_opset), ready)
            quant_pre_process(str(ready), str(ready), skip_symbolic_shape=True)
            tool.quantize_static(
                str(ready),
                str(target),
                _Reader(ready, calibration),
                quant_format=tool.QuantFormat.QDQ,
                per_channel=settings.granularity == "per_channel",
                activation_type=tool.QuantType.QInt8,
                weight_type=tool.QuantType.QInt8,
                extra_options=settings.onnx_extra_options.model_dump(),
            )
            return target.read_bytes()


def _float_model(source: Source, settings: Quantization) -> Any:
    import onnx

    if source.suffix == ".onnx":
        return onnx.load(source.path)
    from poseline.quantization.onnx_export import float_onnx

    return float_onnx(source.keras, settings.target_opset)


def _raised(model: Any, opset: int) -> Any:
    """Return a model whose opset is at least the given one; per-channel scales came with 13."""
    from onnx import version_converter

    own = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return model if own >= opset else version_converter.convert_version(model, opset)


class _Reader:
    """What ONNX Runtime asks for: calibration pictures, in batches of the model's own size."""

    def __init__(self, model: Path, calibration: Calibration) -> None:
        import onnxruntime as ort

        session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        self._name, self._first = entry.name, entry.shape[1] in (1, 3, 4)
        self._batch = entry.shape[0] if isinstance(entry.shape[0], int) else 1
        self._pictures = iter(calibration())

    def get_next(self) -> dict[str, Any] | None:
        pictures = list(itertools.islice(self._pictures, self._batch))
        if not pictures:
            return None
        pictures += pictures[-1:] * (self._batch - len(pictures))
        batch = np.concatenate(pictures)
        return {self._name: batch.transpose(0, 3, 1, 2) if self._first else batch}
