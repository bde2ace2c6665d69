"""The protocol of the quantizers, and the one that a config asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseline.config.models.deployment import Quantization
from poseline.errors import ModelError

Array = np.ndarray[Any, Any]
Calibration = Callable[[], Iterable[Array]]
"""Gives pictures one at a time: (1, H, W, C) float32, rescaled."""


class Quantizer(Protocol):
    """Turns a float model into an int8 one."""

    suffix: str
    """Suffix of the files it makes."""
    accepts: tuple[str, ...]
    """Suffixes of the models it takes."""

    def quantize(self, model: Path, calibration: Calibration, settings: Quantization) -> bytes:
        """Return the quantized model's file.

        Raises:
            ModelError: The model cannot be converted.
        """


def quantizer_for(settings: Quantization, model: Path) -> Quantizer:
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
    if model.suffix.lower() not in found.accepts:
        other = "onnx_quantizer" if model.suffix == ".onnx" else "TFlite_converter"
        raise ModelError(
            f"{settings.quantizer} does not take {model.name}; it takes "
            + " or ".join(found.accepts),
            f"set quantization.quantizer to {other}, or give a model of that kind",
        )
    return found


IO_NAMES = {"int8": "int8", "uint8": "uint8", "float": "float32"}
"""The config's names of tensor types, as NumPy has them."""
