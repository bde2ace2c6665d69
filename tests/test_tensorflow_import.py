"""TensorFlow comes silently, and in poseline's own processes without what Keras only may use."""

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("library", ["tensorflow", "keras"])
def test_tensorflow_is_imported_without_a_line(library):
    assert run(f"import poseline, {library}, sys; assert 'tensorflow' in sys.modules") == b""


@pytest.mark.slow
@pytest.mark.parametrize("library", ["tensorflow", "keras"])
def test_keras_does_not_see_what_is_not_used_and_others_do(library):
    code = f"""
import sys, threading
import poseline
from poseline.tensorflow_import import import_tensorflow_lean
import_tensorflow_lean()
seen = threading.Thread(target=lambda: __import__("pandas"))
class Start:
    def find_spec(name, *_):
        if name == "keras.src.layers":  # in the midst of TensorFlow's import
            sys.meta_path.remove(Start)
            seen.start()
sys.meta_path.insert(0, Start)
import {library}
seen.join()
assert "sklearn" not in sys.modules and "pandas" in sys.modules
import sklearn, matplotlib
import keras
assert keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).count_params() == 3
print("done")
"""
    assert run(code) == b"done\n"


@pytest.mark.slow
def test_a_users_own_process_is_left_as_it_is():
    code = "import poseline, tensorflow, sys; print('sklearn' in sys.modules)"
    assert run(code) == b"True\n"
