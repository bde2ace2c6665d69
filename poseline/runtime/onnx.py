"""ONNX models, float and QDQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from poseline.errors import BackendError, ModelError
from poseline.models.metadata import read_metadata
from poseline.runtime.runtime import checked_input

Array = np.ndarray[Any, Any]
_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}


class OnnxRuntime:
    """An ONNX model; channels first or last, in batches of the size that the model has, or any."""

    format = "onnx"

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise BackendError("ONNX models need ONNX Runtime", "install poseline[onnx]") from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has one class for each of its status codes
            raise ModelError(
                f"{path} cannot be loaded: {str(error).splitlines()[0]}", "export the model again"
            ) from None
        entry = self._session.get_inputs()[0]
        self._name, shape = entry.name, entry.shape
        self.metadata = read_metadata(path)
        self._first = len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)
        sides = (*shape[2:], shape[1]) if self._first else tuple(shape[1:])
        self.input_shape = checked_input(path, sides)
        self._batch = None if not isinstance(shape[0], int) else shape[0]
        self.input_dtype = _DTYPES.get(entry.type, entry.type)
        if self.input_dtype != "float32":
            raise ModelError(
                f"{path} takes {self.input_dtype} pictures without a scale",
                "give the QDQ model with its float input",
            )
        outputs = self._session.get_outputs()
        self.output_dtype = _DTYPES.get(outputs[0].type, outputs[0].type)
        self.output_shapes = [self._last(tuple(o.shape[1:])) for o in outputs]

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        ready = np.ascontiguousarray(
            images.transpose(0, 3, 1, 2) if self._first else images, np.float32
        )
        count, step = len(ready), self._batch or max(len(ready), 1)
        ready = np.concatenate([ready, np.zeros((-count % step, *ready.shape[1:]), np.float32)])
        parts = [
            self._session.run(None, {self._name: ready[i : i + step]})
            for i in range(0, len(ready), step)
        ]
        joined = [
            np.concatenate(outputs)[:count].astype(np.float32)
            for outputs in zip(*parts, strict=True)
        ]
        if self._first:
            joined = [o.transpose(0, 2, 3, 1) if o.ndim == 4 else o for o in joined]
        return joined

    def _last(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[1:], shape[0]) if self._first and len(shape) == 3 else shape
