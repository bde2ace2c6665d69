"""Each mode as steps: which stage runs on which model. The one plan of every runner."""

from __future__ import annotations

from dataclasses import dataclass

from poseline.config.models.config import CHAINS, Config, Stage
from poseline.config.models.general import OperationMode
from poseline.names import EVALUATE_FLOAT, EVALUATE_INT8


@dataclass(frozen=True)
class Step:
    """One node of a chain's graph.

    Attributes:
        name: Unique in the chain: the stage's name, for an evaluation with what it evaluates.
        stage: The stage to run.
        model: The step whose model it takes; None: `general.model_path`.
    """

    name: str
    stage: Stage
    model: str | None = None


def steps(mode: OperationMode, *, exported: bool = False, gated: bool = False) -> tuple[Step, ...]:
    """Return the steps of a mode in an order that respects their inputs.

    A chain that trains and evaluates measures the float model beside the quantized one: without
    it, the loss of quantization is unknown.

    Args:
        mode: The mode.
        exported: Whether the last model that was made is exported, `Config.exported`.
        gated: Whether the gate follows, `Config.gated`; it judges the last model that was made.
    """
    stages = CHAINS[mode]
    chained = len(stages) > 1
    found: list[Step] = []
    model: str | None = None
    for stage in stages:
        if stage == "evaluate" and chained:
            quantized = any(step.stage == "quantize" for step in found)
            name = EVALUATE_INT8 if quantized else EVALUATE_FLOAT
        else:
            name = stage
        found.append(Step(name, stage, model))
        if stage in ("train", "quantize"):
            model = name
        if stage == "train" and "evaluate" in stages:
            found.append(Step(EVALUATE_FLOAT, "evaluate", "train"))
    if exported and "export" not in stages:
        found.append(Step("export", "export", model))
    if gated:
        found.append(Step("gate", "gate", model))
    return tuple(found)


def planned(config: Config) -> tuple[Step, ...]:
    """Return the steps of a config."""
    return steps(config.operation_mode, exported=config.exported, gated=config.gated)
