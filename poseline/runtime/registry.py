"""The runtime of each kind of model file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from poseline.errors import StoreError
from poseline.models.file import model_format
from poseline.models.probe import check_first_inference
from poseline.runtime.base import Runtime
from poseline.store.manifest import MANIFEST, Manifest, sha256_of


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
