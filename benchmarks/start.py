"""Start of a .tflite evaluation, benchmark and prediction: seconds, and whether TensorFlow came.

usage: python benchmarks/start.py [MODEL.tflite]; a small model is made where none is given
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

STAGES = ("evaluate", "predict", "benchmark")
CODE = """
import sys
from importlib import import_module
from pathlib import Path
if sys.argv[1] == "with TensorFlow":
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
    for name in (*STAGES, "with TensorFlow"):
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            command = [sys.executable, "-c", CODE, name, model]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times.append(time.perf_counter() - began)
        loaded = "imported" if done.stdout.strip() == "True" else "not imported"
        print(f"{name:<18}{min(times):7.2f}  {loaded}")


def made(folder: str) -> str:
    """Return a small model, made in a process of its own."""
    path = f"{folder}/model.tflite"
    subprocess.run([sys.executable, "-c", MAKE, path], capture_output=True, check=True)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else made(folder))
