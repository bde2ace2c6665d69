"""Keras models from files, without running code from them."""

from __future__ import annotations

from pathlib import Path

import keras

from poseline.errors import ModelError

SUFFIXES = (".h5", ".keras")


def load_keras(path: Path) -> keras.Model:
    """Load a model for inference; optimizer state is left in the file.

    Args:
        path: A .h5 or .keras file.

    Raises:
        ModelError: The file is missing, damaged, or holds code (a Lambda layer).
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{path} is not a Keras model", f"give a {' or '.join(SUFFIXES)} file")
    if not path.is_file():
        raise ModelError(f"{path} does not exist", "check the path of the model")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged files fail in h5py, zipfile and Keras in many ways
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        unsafe = "Lambda" in str(error)
        raise ModelError(
            f"{path} cannot be loaded: {reason}",
            "layers that carry code are refused; replace them by built-in layers"
            if unsafe
            else "save the model again as .h5 or .keras",
        ) from None
