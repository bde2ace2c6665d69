"""Start of `poseline --help` against a bare interpreter's, by CPU; and of .tflite's stages.

Byte code counts: where none is written (PYTHONDONTWRITEBYTECODE, and packages that were installed
without), each start compiles what it imports, in twice the time. `make setup` writes it.

usage: python benchmarks/start.py [MODEL.tflite]; a small model is made where none is given
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time

STAGES = ("evaluate", "predict", "benchmark")
CODE = """
import sys
from importlib import import_module
from pathlib import Path
if sys.argv[1] in ("with TensorFlow", "as imported here"):
    if sys.argv[1] == "as imported here":
        from poseline.tensorflow_import import import_tensorflow_lean
        import_tensorflow_lean()
    import tensorflow
else:
    import_module("poseline.stages." + sys.argv[1])
from poseline.runtime import open_model
open_model(Path(sys.argv[2]))
print("tensorflow" in sys.modules)
"""
MAKE = """
import sys
from pathlib import Path
import keras
import tensorflow
model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(17, 3)])
Path(sys.argv[1]).write_bytes(tensorflow.lite.TFLiteConverter.from_keras_model(model).convert())
"""


def main(model: str, repeats: int = 3) -> None:
    print(f"{'start of':<18}{'s':>7}  TensorFlow")
    for name in (*STAGES, "with TensorFlow", "as imported here"):
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            command = [sys.executable, "-c", CODE, name, model]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times.append(time.perf_counter() - began)
        loaded = "imported" if done.stdout.strip() == "True" else "not imported"
        print(f"{name:<18}{min(times):7.2f}  {loaded}")


def command_line(repeats: int = 9) -> None:
    """Print the CPU of a bare interpreter, of the library of the command line, and of --help."""
    codes = {
        "bare interpreter": ["pass"],
        "import cyclopts": ["import cyclopts"],
        "poseline --help": ["from poseline.cli import main; main()", "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(repeats + 1):
        for name, code in codes.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", *code], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds[name].append(used)
    bare = statistics.median(seconds["bare interpreter"][1:])
    print(f"{'start of':<18}{'CPU s':>7} (spread)        ratio")
    for name, all_seconds in seconds.items():
        counted = all_seconds[1:]
        middle = statistics.median(counted)
        spread = f"({min(counted):.3f} to {max(counted):.3f})"
        print(f"{name:<18}{middle:7.3f} {spread}{middle / bare:7.1f}")


def made(folder: str) -> str:
    """Return a small model, made in a process of its own."""
    path = f"{folder}/model.tflite"
    subprocess.run([sys.executable, "-c", MAKE, path], capture_output=True, check=True)
    return path


if __name__ == "__main__":
    command_line()
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else made(folder))
