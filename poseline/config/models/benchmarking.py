"""`benchmarking` and `tools`: the board, what measures a model for it, and the vendor's tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from poseline.config.models.base import Integer, Section
from poseline.config.models.constraints import unit

Board = Literal[
    "STM32N6570-DK",
    "STM32H747I-DISCO",
    "STM32H7B3I-DK",
    "STM32F469I-DISCO",
    "B-U585I-IOT02A",
    "STM32L4R9I-DISCO",
    "NUCLEO-H743ZI2",
    "STM32H735G-DK",
    "STM32F769I-DISCO",
    "NUCLEO-G474RE",
    "NUCLEO-F401RE",
    "STM32F746G-DISCO",
    "STM32MP257F-EV1",
    "STM32MP157F-DK2",
    "STM32MP135F-DK",
]
Backend = Literal["host", "estimate", "tflm", "stedgeai", "cloud"]


class StEdgeAi(Section):
    """ST Edge AI Core, which generates and measures the C model."""

    version: str = "10.0.0"
    """Version of the tool; in the cloud its latest where that one is not there."""
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    """What the generated code is optimized for."""
    on_cloud: bool = True
    """Read for compatibility: `benchmarking.backends` names `cloud`, `stedgeai` or both."""
    path_to_stedgeai: str | None = None
    """The local `stedgeai` executable."""


class Tools(Section):
    """Vendor tools."""

    stedgeai: StEdgeAi = StEdgeAi()
    """ST Edge AI Core."""
    path_to_cubeIDE: str | None = None  # noqa: N815
    """Read for compatibility: deployment is not done by poseline."""

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, data: Any) -> Any:
        """Read `stm32ai`, the name of stedgeai in older files."""
        if isinstance(data, dict) and isinstance(old := data.get("stm32ai"), dict):
            renamed = {k.replace("stm32ai", "stedgeai"): v for k, v in old.items()}
            rest = {k: v for k, v in data.items() if k != "stm32ai"}
            return {"stedgeai": renamed} | rest
        return data


class Benchmarking(Section):
    """What is measured, and for which board."""

    board: Board
    """The board that the model is meant for."""
    backends: Annotated[tuple[Backend, ...], Field(max_length=5)] = ("host", "estimate", "tflm")
    """`host` runs the model here, `estimate` computes flash, RAM and latency for every board,
    `tflm` runs it in TensorFlow Lite Micro's interpreter and measures the arena,
    `stedgeai` asks ST's local tool, and `cloud` uploads the model to ST's developer cloud, which
    measures it on a real board."""
    runs: Annotated[Integer, Field(ge=1, le=100_000), unit("inferences")] = 50
    """Timed inferences on the host."""
