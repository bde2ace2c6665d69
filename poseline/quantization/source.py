"""A float model on its way to int8: loaded once, and converted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from poseline.errors import ModelError
from poseline.models.file import is_saved_model

SAVED_MODEL = "SavedModel"
"""What stands for a suffix where the model is the folder of a SavedModel."""
KERAS = (".h5", ".keras")
"""Suffixes of Keras models."""


@dataclass(frozen=True)
class Source:
    """A float model that is quantized.

    Attributes:
        path: Its file, or the folder of a SavedModel.
        loaded: The Keras model of the file, where it is loaded already.
    """

    path: Path
    loaded: Any = None

    @property
    def suffix(self) -> str:
        """Suffix of the file in lower case, or `SavedModel`."""
        return SAVED_MODEL if is_saved_model(self.path) else self.path.suffix.lower()

    @cached_property
    def keras(self) -> Any:
        """The Keras model of the file, loaded once."""
        from poseline.models.loading import load_keras

        return self.loaded or load_keras(self.path)

    @cached_property
    def float_tflite(self) -> bytes:
        """The model as a float .tflite, converted once."""
        from poseline.models.saved_model import saved_model_tflite
        from poseline.quantization.keras_conversion import float_tflite

        if self.suffix == SAVED_MODEL:
            return saved_model_tflite(self.path)
        return self.path.read_bytes() if self.suffix == ".tflite" else float_tflite(self.keras)

    def equalized(self) -> Source:
        """Return the model with the weights of consecutive layers equalized.

        Raises:
            ModelError: It is not a Keras model.
        """
        if self.suffix not in KERAS:
            raise ModelError(
                f"the weights of {self.path.name} cannot be equalized: it is not a Keras model",
                "give the Keras model, or set quantization.optimize to False",
            )
        from poseline.quantization.equalization import equalize

        return Source(self.path, equalize(self.keras))
