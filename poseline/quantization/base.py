"""The protocol of the quantizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from poseline.config.models.quantization import Quantization
from poseline.quantization.source import Source

Array = np.ndarray[Any, Any]
Calibration = Callable[[], Iterable[Array]]
"""Gives pictures one at a time: (1, H, W, C) float32, rescaled."""


class Quantizer(Protocol):
    """Turns a float model into an int8 one."""

    suffix: str
    """Suffix of the files it makes."""
    accepts: tuple[str, ...]
    """Suffixes of the models it takes."""

    def quantize(self, source: Source, calibration: Calibration, settings: Quantization) -> bytes:
        """Return the quantized model's file.

        Raises:
            ModelError: The model cannot be converted.
        """


IO_NAMES = {"int8": "int8", "uint8": "uint8", "float": "float32"}
"""The config's names of tensor types, as NumPy has them."""
