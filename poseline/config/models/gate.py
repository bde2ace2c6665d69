"""`gate`: what a model must reach to be registered."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from poseline.config.models.base import Number, Section
from poseline.config.models.constraints import Rule, unit

_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$"
_UNFIT = re.compile(r"[^A-Za-z0-9 ._-]+")


class Gate(Section):
    """What a model must reach to be registered in MLflow.

    Each limit that is set is checked. A model that passes becomes the registered model's
    `challenger`, and its `champion` where it beats the present one on the same test set.
    """

    rules = (
        Rule(
            "`registered_model_name`: up to 100 letters, digits, spaces, `.`, `_` and `-`, the "
            "first a letter or a digit",
            lambda gate: (
                gate.registered_model_name is None
                or re.fullmatch(_NAME, gate.registered_model_name) is not None
            ),
            f"!has(self.registered_model_name) || self.registered_model_name.matches('{_NAME}')",
        ),
    )

    min_oks: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Least OKS on the test set: of the int8 model, or of the only one that is evaluated."""
    max_oks_drop: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Most OKS that quantization may cost: float minus int8."""
    board_fit: bool = False
    """Whether the model must fit on `benchmarking.board`, external memory included; an estimate."""
    max_latency_ms: Annotated[Number, Field(gt=0), unit("ms")] | None = None
    """Longest inference on `benchmarking.board`; an estimate."""
    registered_model_name: str | None = None
    """Name in MLflow's registry; not set: made of `general.project_name`."""


def model_name(gate: Gate, project: str) -> str:
    """Return the name that a model is registered under.

    Args:
        gate: The section.
        project: `general.project_name`; what a name may not have becomes a dash.
    """
    return gate.registered_model_name or _UNFIT.sub("-", project).strip(" ._-")[:100] or "model"
