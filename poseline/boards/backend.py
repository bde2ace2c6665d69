"""The protocol of what tells a model's cost, and the backend that a config names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from poseline.config.models.config import Config
from poseline.config.models.deployment import NO_CLOUD
from poseline.config.models.deployment import Backend as BackendName
from poseline.errors import BackendError


@dataclass(frozen=True)
class Finding:
    """What a backend found: figures, and JSON values worth showing."""

    metrics: dict[str, float]
    summary: dict[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """Measures or estimates a model."""

    takes: tuple[str, ...]
    """Suffixes of the files that it reads; a Keras model is converted to .tflite where it is not
    among them."""

    def measure(self, model: Path, config: Config) -> Finding:
        """Return what the model costs on `benchmarking.board`.

        Raises:
            BackendError: The tool is missing or failed.
            ModelError: The model cannot be read.
        """


class Cloud:
    """ST's developer cloud, which poseline does not reach."""

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:  # noqa: ARG002
        """Say that there is no way, and what there is instead.

        Raises:
            BackendError: Always.
        """
        raise BackendError(
            f"benchmarking.backends: {NO_CLOUD}",
            f"upload {model.name} there by hand, or use the backends stedgeai, estimate and host",
        )


def backend_for(name: BackendName) -> Backend:
    """Return a backend by its name in the config."""
    from poseline.boards.estimate import Estimate
    from poseline.boards.host import Host
    from poseline.boards.stedgeai import StEdgeAi

    known: dict[BackendName, Callable[[], Backend]] = {
        "host": Host,
        "estimate": Estimate,
        "stedgeai": StEdgeAi,
        "cloud": Cloud,
    }
    return known[name]()
