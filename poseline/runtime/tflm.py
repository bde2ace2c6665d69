"""LiteRT models on TensorFlow Lite Micro's reference kernels: the arithmetic of the chip."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poseline.errors import BackendError, ModelError
from poseline.runtime import tflm_once
from poseline.runtime.litert import LiteRTRuntime, dequantize

Array = np.ndarray[Any, Any]
_LIMIT_S = 600
_USED = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
_NOISE = re.compile(r"^(WARNING|INFO|Traceback|  )|TFLM failed")


@dataclass(frozen=True)
class Arena:
    """The memory that TFLM's interpreter takes for a model, in bytes.

    Attributes:
        total: All of it.
        head: Activations, by the interpreter's memory plan.
        tail: What lives as long as the interpreter: tensor and node structures, and what kernels
            keep. Measured with 64-bit pointers, and so an upper bound for a 32-bit chip.
    """

    total: int
    head: int
    tail: int


def measure_arena(model: Path) -> Arena:
    """Run a model once in TFLM's interpreter, in a process of its own, and return its arena.

    The interpreter does not check a file before it uses it: whatever a model does to it happens
    to the other process.

    Args:
        model: A .tflite file.

    Raises:
        BackendError: TFLM is not installed, or took over ten minutes.
        ModelError: TFLM cannot run the model; with its own words.
    """
    command = [sys.executable, str(Path(__file__).with_name("tflm_once.py")), str(model)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(
            f"one inference of {model} in TFLM took over {_LIMIT_S} s", "leave tflm out"
        ) from None
    if done.returncode == tflm_once.NOT_INSTALLED:
        raise not_installed()
    found = {name: int(size) for name, size in _USED.findall(done.stderr)}
    if done.returncode or len(found) != len(Arena.__dataclass_fields__):
        said = [line for line in done.stderr.splitlines() if line and not _NOISE.search(line)]
        reason = "; ".join(said[:2]) or f"it ended with code {done.returncode}"
        raise ModelError(
            f"TFLM cannot run {model.name}: {reason}",
            "leave out what TFLM does not have, or use the backends host, estimate and stedgeai",
        )
    return Arena(**found)


class TFLMRuntime:
    """A .tflite model on TFLM's reference kernels, picture by picture.

    Raises:
        BackendError: TFLM is not installed.
        ModelError: The file is damaged, or TFLM cannot run it.
    """

    format = "tflm"

    def __init__(self, path: Path) -> None:
        litert = LiteRTRuntime(path)  # it checks the file, which TFLM does not
        measure_arena(path)
        self.metadata, self._quantize = litert.metadata, litert.quantize
        self.input_shape, self.input_dtype = litert.input_shape, litert.input_dtype
        self.takes_pixels = litert.takes_pixels
        self.output_dtype, self.output_shapes = litert.output_dtype, litert.output_shapes
        self.output_quantizations = litert.output_quantizations
        self._interpreter = _interpreter(path)
        places = range(len(self.output_shapes))
        self._outputs = [_quantization(self._interpreter.get_output_details(i)) for i in places]

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        found = [np.empty((len(images), *shape), np.float32) for shape in self.output_shapes]
        for index, raw in enumerate(map(self.raw, images)):
            for place, values, details in zip(found, raw, self._outputs, strict=True):
                place[index] = dequantize(values, details)
        return found

    def raw(self, image: Array) -> list[Array]:
        """Return the outputs of one picture as the chip has them, without the batch.

        Args:
            image: (H, W, C) float32, rescaled; an integer input is quantized here.
        """
        self._interpreter.set_input(self._quantize(image[None]), 0)
        self._interpreter.invoke()
        places = range(len(self.output_shapes))
        return [self._interpreter.get_output(i)[0].copy() for i in places]


def not_installed() -> BackendError:
    """Return the error of a machine without TFLM."""
    return BackendError(
        "TensorFlow Lite Micro is not installed",
        "install poseline[ml] on x86-64 Linux: tflite-micro is built for no other platform",
    )


def _interpreter(path: Path) -> Any:
    try:
        return tflm_once.interpreter(path)
    except ImportError:
        raise not_installed() from None


def _quantization(details: Any) -> dict[str, Any]:
    """Return an output's scale and zero point as LiteRT's details have them."""
    parameters = details["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    return {"quantization": (scales[0], zeros[0]) if len(scales) else (0.0, 0)}
