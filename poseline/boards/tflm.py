"""Memory and operators of a model as TensorFlow Lite Micro's own interpreter finds them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from poseline.boards.base import Finding
from poseline.boards.graph import read_graph
from poseline.boards.tflm_operators import missing, used
from poseline.config.models.config import Config
from poseline.errors import BackendError, ModelError
from poseline.log import get_logger
from poseline.names import TFLM_ARENA_KB
from poseline.runtime.tflm import Arena, measure_arena

_log = get_logger(__name__)


class Tflm:
    """TFLM's interpreter with its reference kernels, run here.

    That a model does not run there is a finding, not a fault: other tools may take it.
    """

    takes: tuple[str, ...] = (".tflite", ".onnx")

    def measure(self, model: Path, config: Config) -> Finding:  # noqa: ARG002
        """See `Backend.measure`."""
        found = inspect(model)
        if isinstance(found, str):
            _log.warning("no figures of TFLM", reason=found)
            return Finding({}, {"tflm": found})
        metrics = {
            TFLM_ARENA_KB: found.total / 1024,
            "tflm_arena_head_kb": found.head / 1024,
            "tflm_arena_tail_kb": found.tail / 1024,
            "tflm_flash_kb": model.stat().st_size / 1024,
        }
        operators = used(read_graph(model.read_bytes()))
        return Finding(metrics, {"tflm": "supports the model", "tflm_operators": operators})


def inspect(model: Path) -> Arena | str:
    """Return the arena of a model in TFLM, or why there is none.

    Raises:
        ModelError: The file is not a .tflite that can be read.
    """
    stat = model.stat()
    return _inspect(model, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=8)
def _inspect(model: Path, _version: tuple[int, int]) -> Arena | str:
    if model.suffix.lower() == ".onnx":
        return "TFLM runs .tflite files; this is an .onnx"
    if lacking := missing(read_graph(model.read_bytes())):
        plural = "s" if len(lacking) > 1 else ""
        return f"TFLM does not have the operator{plural} {', '.join(lacking)}"
    try:
        return measure_arena(model)
    except (BackendError, ModelError) as error:
        return error.message
