"""`evaluation` and `prediction`: what a model sees, measured and drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Section

BoardType = Literal["int8", "uint8", "float32"]
ChannelPosition = Literal["chlast", "chfirst"]


class _Board(Section):
    profile: str | None = None
    """Read for compatibility: it is for a connected board."""
    input_type: BoardType | None = None
    """Read for compatibility: it is for a connected board."""
    output_type: BoardType | None = None
    """Read for compatibility: it is for a connected board."""
    input_chpos: ChannelPosition | None = None
    """Read for compatibility: the model's file says where its channels are."""
    output_chpos: ChannelPosition | None = None
    """Read for compatibility: the model's file says where its channels are."""


class Evaluation(_Board):
    """Settings of an evaluation."""

    target: Literal["host", "tflm"] = "host"
    """What runs the model: `host`, the runtime of its kind; `tflm`, TensorFlow Lite Micro's
    reference kernels, for a .tflite model, beside LiteRT. A connected board is not used."""
    gen_npy_input: Literal[False] | None = None
    """Read for compatibility: tensors are not dumped."""
    gen_npy_output: Literal[False] | None = None
    """Read for compatibility: tensors are not dumped."""
    npy_in_name: str | None = None
    """Read for compatibility: tensors are not dumped."""
    npy_out_name: str | None = None
    """Read for compatibility: tensors are not dumped."""


class Prediction(_Board):
    """Pictures to annotate."""

    target: Literal["host"] = "host"
    """What runs the model."""
    test_files_path: str
    """A picture, a folder of pictures, or a URI of either."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] | None = None
    """Read for compatibility."""
