"""LiteRT models: .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from poseline.errors import ModelError
from poseline.models.file import first_line
from poseline.models.tflite_file import open_tflite
from poseline.quiet import quiet_stderr
from poseline.runtime.base import checked_input, own_metadata, padded, takes_pixels

Array = np.ndarray[Any, Any]


class LiteRTRuntime:
    """A LiteRT model; in batches where its operations allow it, else picture by picture.

    Attributes:
        output_dtypes: Type of each output tensor.
        input_quantization: Scale and zero point of the input: real = scale · (value − zero point).
        output_quantizations: The same of each output.
    """

    format = "tflite"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._interpreter = _loaded(path, threads)
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        self.input_shape = checked_input(path, tuple(map(int, self._input["shape"][1:])))
        self.input_dtype = np.dtype(self._input["dtype"]).name
        self.takes_pixels = takes_pixels(path, self.input_dtype, self._input["quantization"][0])
        self.output_dtype = np.dtype(self._outputs[0]["dtype"]).name
        self.output_shapes = [tuple(map(int, o["shape"][1:])) for o in self._outputs]
        self.metadata = own_metadata(path, self.input_shape, self.output_shapes)
        self.output_dtypes = [np.dtype(o["dtype"]).name for o in self._outputs]
        self.input_quantization = _quantization(self._input)
        self.output_quantizations = [_quantization(o) for o in self._outputs]
        self._batch = self._own = int(self._input["shape"][0])
        self._batches = True

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        step = self._allocate(max(len(images), 1))
        ready = padded(self.quantize(images), step)
        found = [np.empty((len(ready), *shape), np.float32) for shape in self.output_shapes]
        for index in range(0, len(ready), step):
            self._interpreter.set_tensor(self._input["index"], ready[index : index + step])
            self._interpreter.invoke()
            for output, place in zip(self._outputs, found, strict=True):
                values = self._interpreter.get_tensor(output["index"])
                place[index : index + step] = dequantize(values, output)
        return [values[: len(images)] for values in found]

    def _allocate(self, batch: int) -> int:
        """Make room for a batch; return how many pictures fit: the batch, or the model's own."""
        wanted = batch if self._batches else self._own
        if wanted != self._batch and not self._resize(wanted):
            self._batches, wanted = False, self._own  # a reshaping of a constant size, perhaps
            self._resize(self._own)
        self._batch = wanted
        return wanted

    def _resize(self, batch: int) -> bool:
        shape = (batch, *self.input_shape)
        try:
            self._interpreter.resize_tensor_input(self._input["index"], shape, strict=False)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError):
            return False
        shapes = [tuple(map(int, o["shape"])) for o in self._interpreter.get_output_details()]
        return shapes == [(batch, *shape) for shape in self.output_shapes]

    def quantize(self, images: Array) -> Array:
        """Return pictures as the input tensor has them.

        Args:
            images: (N, H, W, C) float32, rescaled.
        """
        dtype = np.dtype(self._input["dtype"])
        if dtype.kind == "f":
            return np.ascontiguousarray(images, dtype)
        scale, zero = (1.0, 0) if self.takes_pixels else self._input["quantization"]
        limits = np.iinfo(dtype)
        return np.asarray(np.clip(np.rint(images / scale) + zero, limits.min, limits.max), dtype)


def _loaded(path: Path, threads: int) -> Any:
    """Return an interpreter whose tensors have memory; without XNNPACK where that refuses it."""
    reason = ""
    for accelerated in (True, False):
        interpreter = open_tflite(path, threads, accelerated=accelerated)
        try:
            with quiet_stderr():  # LiteRT notes there which delegate it has made
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = first_line(error)
        else:
            return interpreter
    raise ModelError(f"{path} cannot be loaded: {reason}", "convert the model again")


def _quantization(details: Any) -> tuple[float, int]:
    """Return the scale and the zero point of a tensor; 1 and 0 of a float one."""
    scale, zero = details["quantization"]
    return (float(scale), int(zero)) if scale else (1.0, 0)


def dequantize(values: Array, details: Any) -> Array:
    """Return an output tensor's values as real numbers.

    Args:
        values: As the tensor has them.
        details: `quantization`: the tensor's scale and zero point.
    """
    scale, zero = details["quantization"]
    if values.dtype.kind == "f" or not scale:  # whole numbers without a scale are themselves
        return values
    return np.asarray((values.astype(np.float32) - zero) * np.float32(scale))
