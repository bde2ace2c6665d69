"""A .tflite model is evaluated, shown and benchmarked without TensorFlow, which takes seconds."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["evaluate", "predict", "benchmark"])
def test_tensorflow_is_not_imported(stage):
    code = (
        f"import sys, poseline.stages.{stage}, poseline.runtime.litert\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
