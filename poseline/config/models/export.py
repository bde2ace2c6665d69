"""`export`: the model as code for a firmware project."""

from __future__ import annotations

from typing import Literal

from poseline.config.models.base import Section


class Export(Section):
    """C99 around the model, for TensorFlow Lite Micro and ST Edge AI Core.

    With the section, even an empty one (`export: {}`), a chain ends with the stage `export`;
    `chain_qd` and `deployment` always have it. No board is flashed.
    """

    language: Literal["c99"] = "c99"
    """Language of the code around the model."""
