"""Train pose models for microcontrollers as a production line.

The names below are the Python API. They are imported when they are first used, so that
`import poseline` costs nothing; TensorFlow comes with the first model that needs it.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from poseline.tensorflow_import import import_tensorflow_quietly

if TYPE_CHECKING:
    from poseline.api import (
        benchmark,
        evaluate,
        load_config,
        predict,
        quantize,
        run_chain,
        train,
    )
    from poseline.config.models.config import Config
    from poseline.errors import PoselineError
    from poseline.runtime import open_model

# TensorFlow reads it when it is imported; its notes on oneDNN and CPU features help no user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow turns oneDNN on by itself on newer processors alone; on older ones, too, its depthwise
# convolutions and normalizations take about half the time (benchmarks/train.py).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
import_tensorflow_quietly()

__version__ = "0.1.0"

__all__ = [
    "Config",
    "PoselineError",
    "benchmark",
    "evaluate",
    "load_config",
    "open_model",
    "predict",
    "quantize",
    "run_chain",
    "train",
]

_ELSEWHERE = {
    "Config": "poseline.config.models.config",
    "PoselineError": "poseline.errors",
    "open_model": "poseline.runtime",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE.get(name, "poseline.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
