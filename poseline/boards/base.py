"""The protocol of what measures or estimates the cost of a model on a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from poseline.config.models.config import Config


@dataclass(frozen=True)
class Finding:
    """What a backend found: figures, JSON values worth showing, and files worth keeping by name."""

    metrics: dict[str, float]
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


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
