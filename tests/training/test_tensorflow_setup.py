import subprocess
import sys

import pytest

PREPARED = """
import os, sys
os.cpu_count = lambda: 8
import tensorflow as tf
from poseline.config.models.general import General
from poseline.training.tensorflow_setup import prepare
general = General(global_seed=1, deterministic_ops=sys.argv[1] == "True")
prepare(general, int(sys.argv[2]) or None)
print(tf.config.threading.get_intra_op_parallelism_threads())
tf.ones(3) + 1
prepare(General(global_seed=1))
"""


def _threads(monkeypatch, asked=None, deterministic=False, pixels=0):
    if asked:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", asked)
    else:
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    command = [sys.executable, "-c", PREPARED, str(deterministic), str(pixels)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_an_operation_gets_all_cores_unless_the_environment_says_otherwise(monkeypatch):
    assert _threads(monkeypatch) == 8
    assert _threads(monkeypatch, pixels=64 * 192 * 192) == 8
    assert _threads(monkeypatch, pixels=16 * 128 * 128) == 4
    assert _threads(monkeypatch, "3") == 0  # as TensorFlow reads it from there


def test_a_deterministic_sum_does_not_depend_on_the_cores(monkeypatch):
    assert _threads(monkeypatch, deterministic=True) == 1
