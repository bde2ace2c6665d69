import os
import subprocess
import sys

PREPARED = """
import tensorflow as tf
from poseline.config.general import General
from poseline.training.session import prepare
prepare(General(global_seed=1, deterministic_ops=True))
print(tf.config.threading.get_intra_op_parallelism_threads())
tf.ones(3) + 1
prepare(General(global_seed=1))
"""


def _threads(monkeypatch, asked):
    if asked:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", asked)
    else:
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    done = subprocess.run([sys.executable, "-c", PREPARED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_an_operation_gets_half_of_the_cores_unless_the_environment_says_so(monkeypatch):
    assert _threads(monkeypatch, None) == max((os.cpu_count() or 1) // 2, 1)
    assert _threads(monkeypatch, "3") == 0  # as TensorFlow reads it from there
