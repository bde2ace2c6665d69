"""The benchmark backend that a config names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from poseline.boards.base import Backend, Finding
from poseline.config.models.benchmarking import NO_CLOUD
from poseline.config.models.benchmarking import Backend as BackendName
from poseline.config.models.config import Config
from poseline.errors import BackendError


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
    from poseline.boards.tflm import Tflm

    known: dict[BackendName, Callable[[], Backend]] = {
        "host": Host,
        "estimate": Estimate,
        "tflm": Tflm,
        "stedgeai": StEdgeAi,
        "cloud": Cloud,
    }
    return known[name]()
