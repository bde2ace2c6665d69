"""The protocol over every kind of model file, and what each kind does alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseline.errors import ModelError
from poseline.log import get_logger
from poseline.models.metadata import ModelMetadata, read_metadata, sidecar_path

Array = np.ndarray[Any, Any]
_log = get_logger(__name__)


class Runtime(Protocol):
    """A loaded model.

    Attributes:
        format: `keras`, `tflite` or `onnx`.
        input_shape: Height, width and channels.
        input_dtype: Type of the input tensor, such as float32 or uint8.
        output_dtype: Type of the first output tensor.
        output_shapes: Shapes of the outputs without the batch.
        metadata: The sidecar; None where the file has none.
        takes_pixels: The input is whole numbers without a scale: pixels of 0 to 255, as they are.
    """

    format: str
    input_shape: tuple[int, int, int]
    input_dtype: str
    output_dtype: str
    output_shapes: list[tuple[int, ...]]
    metadata: ModelMetadata | None
    takes_pixels: bool

    def predict(self, images: Array) -> list[Array]:
        """Run the model.

        Args:
            images: (N, H, W, C) float32, N ≥ 1, rescaled as the model was trained; an integer
                input is quantized here. Where the model `takes_pixels`, not rescaled.

        Returns:
            Each output (N, …) float32, dequantized.
        """


def takes_pixels(path: Path, dtype: str, scale: float) -> bool:
    """Return whether a model's input is whole numbers without a scale: pixels as they are.

    Raises:
        ModelError: The type does not hold pixels of 0 to 255.
    """
    if scale or np.dtype(dtype).kind not in "iu":
        return False
    if np.iinfo(dtype).max < 255:
        raise ModelError(
            f"{path} takes {dtype} pictures without a scale",
            "expected uint8 or wider, float, or a quantized input with its scale",
        )
    return True


def padded(images: Array, step: int) -> Array:
    """Return pictures with zeros after them, so that their number is a multiple of a batch's."""
    rest = -len(images) % step
    return np.concatenate([images, np.zeros((rest, *images.shape[1:]), images.dtype)])


def checked_input(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a model's (H, W, C).

    Raises:
        ModelError: The input is not a picture of a fixed size.
    """
    if len(shape) != 3 or any(not isinstance(v, int) or v < 1 for v in shape):
        raise ModelError(
            f"{path} takes an input of shape {tuple(shape)}",
            "expected one picture: height, width and 1, 3 or 4 channels, all fixed",
        )
    return shape[0], shape[1], shape[2]


def own_metadata(
    path: Path, input_shape: tuple[int, ...], output_shapes: list[tuple[int, ...]]
) -> ModelMetadata | None:
    """Return what a model's sidecar says; None where it has none.

    Args:
        path: The model.
        input_shape: What the model takes.
        output_shapes: What it puts out, without the batch; a side that is open is None.

    Raises:
        ModelError: The sidecar is damaged, or that of another model.
    """
    told = read_metadata(path)
    if not told:
        return None
    for field, said, there in (
        ("input_shape", told.input_shape, [input_shape]),
        ("output_shape", told.output_shape, output_shapes),
    ):
        if not any(_fits(said, shape) for shape in there):
            found = " and ".join(map(str, there))
            raise ModelError(
                f"{sidecar_path(path)}: {field} is {said}; that of the model is {found}",
                "it is another model's: bring the right one, or remove it",
            )
    return told


def _fits(said: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(said) == len(shape) and all(
        side in (None, own) for own, side in zip(said, shape, strict=True)
    )
