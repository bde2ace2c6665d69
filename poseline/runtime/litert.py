"""LiteRT models: .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from poseline.errors import ModelError
from poseline.models.metadata import read_metadata
from poseline.runtime.runtime import checked_input

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
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} cannot be loaded: {str(error).splitlines()[0]}", "convert the model again"
            ) from None
        (self._input,) = self._interpreter.get_input_details()[:1]
        self._outputs = self._interpreter.get_output_details()
        self.metadata = read_metadata(path)
        self.input_shape = checked_input(path, tuple(map(int, self._input["shape"][1:])))
        self.input_dtype = np.dtype(self._input["dtype"]).name
        self.output_dtype = np.dtype(self._outputs[0]["dtype"]).name
        self.output_shapes = [tuple(map(int, o["shape"][1:])) for o in self._outputs]
        self.output_dtypes = [np.dtype(o["dtype"]).name for o in self._outputs]
        self.input_quantization = _quantization(self._input)
        self.output_quantizations = [_quantization(o) for o in self._outputs]
        self._batch, self._batches = 1, True

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        ready = self.quantize(images)
        step = self._allocate(max(len(images), 1))
        found = [np.empty((len(images), *shape), np.float32) for shape in self.output_shapes]
        for index in range(0, len(images), step):
            self._interpreter.set_tensor(self._input["index"], ready[index : index + step])
            self._interpreter.invoke()
            for output, place in zip(self._outputs, found, strict=True):
                values = self._interpreter.get_tensor(output["index"])
                place[index : index + step] = dequantize(values, output)
        return found

    def _allocate(self, batch: int) -> int:
        """Make room for a batch; return how many pictures fit: the batch, or one."""
        wanted = batch if self._batches else 1
        if wanted != self._batch and not self._resize(wanted):
            self._batches, wanted = False, 1  # a reshaping with a constant size, for example
            self._resize(1)
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
        scale, zero = self._input["quantization"]
        limits = np.iinfo(dtype)
        return np.asarray(np.clip(np.rint(images / scale) + zero, limits.min, limits.max), dtype)


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
    if values.dtype.kind == "f":
        return values
    scale, zero = details["quantization"]
    return np.asarray((values.astype(np.float32) - zero) * np.float32(scale))
