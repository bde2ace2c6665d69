"""`evaluation` and `prediction`: what a model sees, measured and drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Section


class Evaluation(Section):
    """Settings of an evaluation."""

    target: Literal["host", "tflm"] = "host"
    """What runs the model: `host`, the runtime of its kind; `tflm`, TensorFlow Lite Micro's
    reference kernels, for a .tflite model, beside LiteRT. A connected board is not used."""


class Prediction(Section):
    """Pictures to annotate."""

    target: Literal["host"] = "host"
    """What runs the model."""
    test_files_path: str
    """A picture, a folder of pictures, or a URI of either."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] | None = None
    """Read for compatibility."""
