"""The quantizer that a config names."""

from __future__ import annotations

from collections.abc import Callable

from poseline.config.models.quantization import Quantization
from poseline.errors import ModelError
from poseline.quantization.base import Quantizer
from poseline.quantization.source import Source


def quantizer_for(settings: Quantization, source: Source) -> Quantizer:
    """Return the quantizer that a config names.

    Raises:
        ModelError: It does not take models of this kind.
    """
    from poseline.quantization.litert_quantizer import LiteRTQuantizer
    from poseline.quantization.onnx_quantizer import OnnxQuantizer
    from poseline.quantization.tflite_converter import TFLiteConverter

    known: dict[str, Callable[[], Quantizer]] = {
        "TFlite_converter": TFLiteConverter,
        "litert_quantizer": LiteRTQuantizer,
        "onnx_quantizer": OnnxQuantizer,
    }
    found = known[settings.quantizer]()
    if source.suffix not in found.accepts:
        other = "onnx_quantizer" if source.suffix == ".onnx" else "TFlite_converter"
        raise ModelError(
            f"{settings.quantizer} does not take {source.path.name}; it takes "
            + " or ".join(found.accepts),
            f"set quantization.quantizer to {other}, or give a model of that kind",
        )
    return found
