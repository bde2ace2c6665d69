"""What may be a model file at all: an ordinary file, not empty, of a known kind and size."""

from __future__ import annotations

import stat
from pathlib import Path

from poseline.errors import ModelError

FORMATS = {".h5": "keras", ".keras": "keras", ".tflite": "tflite", ".onnx": "onnx"}
MAX_BYTES = 2 << 30
"""Largest file: what protobuf and flatbuffers can address."""
MAX_ELEMENTS = 1 << 28
"""Most values of one tensor of a picture's inference: 1 GiB as float32."""


def model_format(path: Path) -> str:
    """Return the kind of a model file, before anything of it is read.

    Args:
        path: A .h5, .keras, .tflite or .onnx file, or the folder of a SavedModel.

    Returns:
        `keras`, `tflite`, `onnx` or `saved_model`.

    Raises:
        ModelError: It is missing, not an ordinary file, empty, too large or of another kind.
    """
    if is_saved_model(path):
        return "saved_model"
    kind = FORMATS.get(path.suffix.lower())
    accepted = f"{', '.join(FORMATS)} or the folder of a SavedModel"
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist", "check the path of the model") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"{path} cannot be read: {reason}", "check the path of the model"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise ModelError(f"{path} is a folder without saved_model.pb", f"give one of {accepted}")
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path} is not an ordinary file", f"give one of {accepted}")
    if kind is None:
        raise ModelError(f"{path} is not a model file", f"give one of {accepted}")
    if not 0 < status.st_size <= MAX_BYTES:
        raise ModelError(
            f"{path} cannot be loaded: it has {status.st_size:,} bytes",
            f"expected 1 to {MAX_BYTES:,}; copy or export the model again",
        )
    return kind


def is_saved_model(path: Path) -> bool:
    """Return whether a path is the folder of a SavedModel."""
    try:
        return (path / "saved_model.pb").is_file()
    except OSError:  # a name that is too long, for example
        return False


def size_kb(path: Path) -> float:
    """Return the size of a model's file, or of all files of a SavedModel, in KB."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1024


def first_line(error: BaseException) -> str:
    """Return what an error says in one line; its class where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
