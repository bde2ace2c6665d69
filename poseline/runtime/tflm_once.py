"""One inference in TFLM's interpreter, as a program that imports nothing else.

`python tflm_once.py MODEL` prints what the arena was used for to stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

NOT_INSTALLED = 6
"""Exit code where there is no TFLM."""
ARENA = 512 << 20
"""Bytes that the interpreter may use here; pages that it does not touch are never taken."""


def interpreter(model: Path) -> Any:
    """Return an interpreter of a .tflite file."""
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    return Interpreter.from_bytes(model.read_bytes(), arena_size=ARENA)


def _main(model: Path) -> None:
    import numpy as np

    made = interpreter(model)
    details = made.get_input_details(0)
    made.set_input(np.zeros(details["shape"], details["dtype"]), 0)
    made.invoke()
    made.print_allocations()


if __name__ == "__main__":
    try:
        _main(Path(sys.argv[1]))
    except ImportError:
        sys.exit(NOT_INSTALLED)
