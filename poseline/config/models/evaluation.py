"""`evaluation` and `prediction`: what a model sees, measured and drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from poseline.config.models.base import Integer, Section


class _OnHost(Section):
    target: Literal["host"] = "host"
    """Where the model runs. Evaluation on a connected board is not done by poseline."""


class Evaluation(_OnHost):
    """Settings of an evaluation."""


class Prediction(_OnHost):
    """Pictures to annotate."""

    test_files_path: str
    """A picture, a folder of pictures, or a URI of either."""
    seed: Annotated[Integer, Field(ge=0, lt=2**32)] | None = None
    """Read for compatibility."""
