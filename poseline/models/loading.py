"""Keras models from files, without running code from them."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import keras

from poseline.errors import ModelError
from poseline.models.file import MAX_ELEMENTS, first_line, model_format
from poseline.models.keras_cost import check_cost
from poseline.models.keras_file import read_model_config, write_model_config
from poseline.models.keras_layers import checked_config

_SPARE_GB = 8
"""What loading may take beyond three times the file."""


def load_keras(path: Path) -> keras.Model:
    """Load a model for inference; optimizer state is left in the file.

    What older and newer versions of Keras write into a layer and this one does not know is left
    out where it changes nothing.

    Args:
        path: A .h5 or .keras file.

    Returns:
        A model of one picture.

    Raises:
        ModelError: The file is missing, damaged, holds code, is not a model of one picture, or
            costs too much.
    """
    if model_format(path) != "keras":
        raise ModelError(f"{path} is not a Keras model", "give a .h5 or .keras file")
    config = read_model_config(path)
    known = checked_config(path, config)
    with tempfile.TemporaryDirectory() as folder:
        source = path
        if known != config:
            source = Path(folder) / path.name
            write_model_config(path, source, known)
        try:
            with _limited_memory(3 * path.stat().st_size + (_SPARE_GB << 30)):
                model = keras.saving.load_model(source, compile=False, safe_mode=True)
        except Exception as error:  # damaged files fail in h5py, zipfile and Keras in many ways
            raise ModelError(
                f"{path} cannot be loaded: {_reason(error)}",
                "save the model again as .h5 or .keras",
            ) from None
    _check_ends(path, model)
    check_cost(path, model)
    return model


def _reason(error: Exception) -> str:
    """Return what went wrong, without the whole config of the layer that Keras puts before it."""
    _, found, cause = str(error).partition("Exception encountered: ")
    return first_line(Exception(cause)) if found else first_line(error)


def _check_ends(path: Path, model: Any) -> None:
    built = not isinstance(model, keras.Sequential) or model.built
    inputs, outputs = (list(model.inputs), list(model.outputs)) if built else ([], [])
    if len(inputs) != 1 or not outputs:
        shapes = " and ".join(str(tuple(entry.shape)) for entry in inputs[:5]) or "none"
        raise ModelError(
            f"{path} has {len(inputs)} inputs ({shapes}) and {len(outputs)} outputs",
            "expected one input, the picture, and at least one output; save a built model",
        )
    for layer in model.layers:
        for made in keras.tree.flatten(layer.output):
            if prod(side for side in made.shape[1:] if side) > MAX_ELEMENTS:
                raise ModelError(
                    f"{path}: layer {layer.name} puts out {tuple(made.shape)}",
                    f"expected at most {MAX_ELEMENTS:,} values a picture",
                )


@contextmanager
def _limited_memory(more: int) -> Iterator[None]:
    """Let allocations fail that would take a process beyond what it has by so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    if soft == resource.RLIM_INFINITY or limit < soft:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
