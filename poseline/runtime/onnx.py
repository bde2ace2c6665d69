"""ONNX models, float and QDQ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from poseline.errors import BackendError, ModelError
from poseline.models.file import first_line
from poseline.models.onnx_file import read_onnx_file
from poseline.runtime.base import checked_input, own_metadata, padded, takes_pixels

Array = np.ndarray[Any, Any]
_DTYPES = (
    "float32",
    "float16",
    "float64",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "int64",
)


class OnnxRuntime:
    """An ONNX model; channels first or last, in batches of the size that the model has, or any."""

    format = "onnx"

    def __init__(self, path: Path, threads: int = 1) -> None:
        read_onnx_file(path)
        try:
            import onnxruntime as ort
        except ImportError:
            raise BackendError("ONNX models need ONNX Runtime", "install poseline[onnx]") from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        # Without VNNI, x86 adds two products of uint8 and int8 in int16, which saturates.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has one class for each of its status codes
            raise ModelError(
                f"{path} cannot be loaded: {first_line(error)}", "export the model again"
            ) from None
        (entry,) = self._session.get_inputs()
        self._name, shape = entry.name, entry.shape
        self._first = len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)
        sides = (*shape[2:], shape[1]) if self._first else tuple(shape[1:])
        self.input_shape = checked_input(path, sides)
        self._batch = shape[0] if isinstance(shape[0], int) else None
        self.input_dtype = _dtype(path, entry.type)
        self.takes_pixels = takes_pixels(path, self.input_dtype, 0.0)
        outputs = self._session.get_outputs()
        self.output_dtype = _dtype(path, outputs[0].type)
        self.output_shapes = self._output_shapes(path, [output.shape for output in outputs])
        self.metadata = own_metadata(path, self.input_shape, self.output_shapes)

    def predict(self, images: Array) -> list[Array]:
        """See `Runtime.predict`."""
        step = self._batch or max(len(images), 1)
        laid = images.transpose(0, 3, 1, 2) if self._first else images
        ready = padded(np.ascontiguousarray(laid, self.input_dtype), step)
        parts = [self._run(ready[i : i + step]) for i in range(0, len(ready), step)]
        joined = [
            np.concatenate(outputs)[: len(images)].astype(np.float32)
            for outputs in zip(*parts, strict=True)
        ]
        if self._first:
            joined = [o.transpose(0, 2, 3, 1) if o.ndim == 4 else o for o in joined]
        return joined

    def _run(self, pictures: Array) -> list[Array]:
        try:
            return [np.asarray(o) for o in self._session.run(None, {self._name: pictures})]
        except Exception as error:  # as above
            raise ModelError(
                f"the model cannot be run: {first_line(error)}", "export the model again"
            ) from None

    def _output_shapes(self, path: Path, declared: list[Any]) -> list[tuple[int, ...]]:
        """Return the outputs' shapes without the batch; where they are open, by running once."""
        batch = self._batch or 1
        if not all(isinstance(side, int) for shape in declared for side in shape[1:]):
            height, width, channels = self.input_shape
            sides = (channels, height, width) if self._first else self.input_shape
            declared = [o.shape for o in self._run(np.zeros((batch, *sides), self.input_dtype))]
        for shape in declared:
            if not shape or (isinstance(shape[0], int) and shape[0] != batch):
                raise ModelError(
                    f"{path} puts out {tuple(shape)} for {batch} pictures",
                    "expected an entry a picture; export the model without a fixed batch",
                )
        return [self._last(tuple(shape[1:])) for shape in declared]

    def _last(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[1:], shape[0]) if self._first and len(shape) == 3 else shape


def _dtype(path: Path, kind: str) -> str:
    """Return NumPy's name of a tensor type of ONNX Runtime."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    name = {"float": "float32", "double": "float64"}.get(name, name)
    if name not in _DTYPES:
        raise ModelError(f"{path} takes or puts out {kind}", f"expected {', '.join(_DTYPES)}")
    return name
