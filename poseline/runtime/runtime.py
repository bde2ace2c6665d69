"""The one protocol over every kind of model file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseline.config.models.preprocessing import ColorMode, Rescaling
from poseline.data.image_reading import CHANNELS
from poseline.errors import ModelError, StoreError
from poseline.log import get_logger
from poseline.models.file import model_format
from poseline.models.metadata import ModelMetadata, read_metadata, sidecar_path
from poseline.models.probe import check_first_inference
from poseline.store.manifest import MANIFEST, Manifest, sha256_of

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


def open_model(path: Path, threads: int = 1) -> Runtime:
    """Load a model with the runtime of its kind.

    A graph from elsewhere runs first in a process of its own, whose memory and time are limited.

    Args:
        path: A .h5, .keras, .tflite or .onnx file, or the folder of a SavedModel.
        threads: CPU threads of LiteRT and ONNX Runtime.

    Raises:
        ModelError: The file is missing, damaged, of another kind, or costs too much, or its
            sidecar is that of another model.
    """
    kind = check_model_file(path)
    if kind == "keras":
        from poseline.runtime.keras import KerasRuntime

        return KerasRuntime(path)
    if kind == "saved_model":
        from poseline.runtime.saved_model import SavedModelRuntime

        return SavedModelRuntime(path, threads)
    if kind == "tflite":
        from poseline.runtime.litert import LiteRTRuntime

        return LiteRTRuntime(path, threads)
    from poseline.runtime.onnx import OnnxRuntime

    return OnnxRuntime(path, threads)


def check_model_file(path: Path) -> str:
    """Check a model without loading it, and return its format; Keras is checked when it loads.

    Raises:
        ModelError: The file is missing, damaged, of another kind, or costs too much.
    """
    kind = model_format(path)
    if kind == "tflite":
        from poseline.models.tflite_file import open_tflite

        open_tflite(path)
        _check_foreign(path)
    elif kind == "onnx":
        from poseline.models.onnx_file import read_onnx_file

        read_onnx_file(path)
        _check_foreign(path)
    return kind


def _check_foreign(path: Path) -> None:
    """Run a graph once apart from this process, unless it is what a stage of poseline made."""
    with suppress(StoreError):
        if (path.parent / MANIFEST).is_file():
            entry = Manifest.read(path.parent).files.get(path.name)
            if entry and entry.sha256 == sha256_of(path):
                return
    check_first_inference(path)


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


def input_rescaling(runtime: Runtime, rescaling: Rescaling) -> Rescaling:
    """Return how pixels are rescaled for a model: as the config has it, or not at all."""
    return Rescaling(scale=1.0, offset=0.0) if runtime.takes_pixels else rescaling


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


def warn_of_other_pictures(runtime: Runtime, *, cropped: bool) -> None:
    """Log where a model gets whole pictures and was trained on crops of persons, or otherwise.

    Args:
        runtime: The model; one without metadata says nothing.
        cropped: Whether it gets crops around one person each.
    """
    if runtime.metadata is None or (runtime.metadata.crop_margin is not None) == cropped:
        return
    if cropped:
        _log.warning("the model was trained on whole pictures, and is given crops of persons")
    else:
        _log.warning(
            "the model was trained on crops of persons, and is given whole pictures: give it "
            "pictures of one person each, or set dataset.crop_persons in an evaluation",
            margin=runtime.metadata.crop_margin,
        )
