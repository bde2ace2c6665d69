"""The one protocol over every kind of model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseline.config.models.preprocessing import ColorMode
from poseline.data.image_reading import CHANNELS
from poseline.errors import ModelError
from poseline.models.metadata import ModelMetadata

Array = np.ndarray[Any, Any]
FORMATS = {".h5": "keras", ".keras": "keras", ".tflite": "tflite", ".onnx": "onnx"}


class Runtime(Protocol):
    """A loaded model.

    Attributes:
        format: `keras`, `tflite` or `onnx`.
        input_shape: Height, width and channels.
        input_dtype: Type of the input tensor, such as float32 or uint8.
        output_dtype: Type of the first output tensor.
        output_shapes: Shapes of the outputs without the batch.
        metadata: The sidecar; None where the file has none.
    """

    format: str
    input_shape: tuple[int, int, int]
    input_dtype: str
    output_dtype: str
    output_shapes: list[tuple[int, ...]]
    metadata: ModelMetadata | None

    def predict(self, images: Array) -> list[Array]:
        """Run the model.

        Args:
            images: (N, H, W, C) float32, N ≥ 1, rescaled as the model was trained; an integer
                input is quantized here.

        Returns:
            Each output (N, …) float32, dequantized.
        """


def open_model(path: Path, threads: int = 1) -> Runtime:
    """Load a model file with the runtime of its kind.

    Args:
        path: A .h5, .keras, .tflite or .onnx file.
        threads: CPU threads of LiteRT and ONNX Runtime.

    Raises:
        ModelError: The file is missing, damaged or of another kind.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ModelError(f"{path} is no model file", f"give one of {', '.join(FORMATS)}")
    if not path.is_file():
        raise ModelError(f"{path} does not exist", "check the path of the model")
    if kind == "keras":
        from poseline.runtime.keras import KerasRuntime

        return KerasRuntime(path)
    if kind == "tflite":
        from poseline.runtime.litert import LiteRTRuntime

        return LiteRTRuntime(path, threads)
    from poseline.runtime.onnx import OnnxRuntime

    return OnnxRuntime(path, threads)


def checked_input(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a model's (H, W, C).

    Raises:
        ModelError: The input is no picture of a fixed size.
    """
    if len(shape) != 3 or any(not isinstance(v, int) or v < 1 for v in shape):
        raise ModelError(
            f"{path} takes an input of shape {tuple(shape)}",
            "expected one picture: height, width and 1, 3 or 4 channels, all fixed",
        )
    return shape[0], shape[1], shape[2]


def check_channels(runtime: Runtime, color_mode: ColorMode) -> None:
    """Make sure that pictures of a colour mode fit into a model.

    Raises:
        ModelError: The model takes another number of channels.
    """
    taken, given = runtime.input_shape[2], CHANNELS[color_mode]
    if taken != given:
        fitting = " or ".join(mode for mode, count in CHANNELS.items() if count == taken)
        raise ModelError(
            f"the model takes {taken} channel{'s' if taken > 1 else ''}; "
            f"preprocessing.color_mode {color_mode} gives {given}",
            f"set preprocessing.color_mode to {fitting}" if fitting else "",
        )
