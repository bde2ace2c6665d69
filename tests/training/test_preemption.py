"""A training that loses its node, again and again, against one that does not."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from support.samples import ROOT

from poseline.config.loading.load import dump
from poseline.config.models.config import Config
from poseline.models.loading import load_keras

WORKER = """
import sys, time
from pathlib import Path
from poseline.config.loading.load import parse
from poseline.errors import PoselineError
from poseline.stages import train

config, data, out, checkpoint = sys.argv[1:]
inputs = {"training": Path(data) / "train", "validation": Path(data) / "val"}

def on_epoch(epoch, figures):
    print("epoch", epoch + 1, flush=True)
    time.sleep(0.2)

try:
    train.run(parse(Path(config).read_text()), inputs, Path(out), on_epoch=on_epoch,
              checkpoint=checkpoint or None)
except PoselineError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


class Worker:
    """A training in a process of its own, on a node of its own: no file of another is seen."""

    def __init__(self, config, data, node, checkpoint=""):
        node.mkdir(parents=True)
        self.out, self.log = node / "out", node / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(config), str(data), str(self.out), checkpoint],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=os.environ | {"POSELINE_CACHE": str(node / "cache")},
            )

    def epochs(self):
        """Return the epochs that this process has trained."""
        lines = self.log.read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("epoch ")]

    def wait_for_epoch(self):
        while self.process.poll() is None and not self.epochs():
            time.sleep(0.02)

    def finish(self, code=0):
        assert self.process.wait(900) == code, self.log.read_text()
        return self.out


@pytest.fixture
def config(tiny, tmp_path):
    data = tiny.model_dump(mode="json")
    data["general"]["deterministic_ops"] = True
    data["training"] |= {"epochs": 12, "callbacks": {"ReduceLROnPlateau": {"patience": 1}}}
    data["training"]["dropout"] = 0.2
    path = tmp_path / "config.yaml"
    path.write_text(dump(Config.model_validate(data)))
    return path


@pytest.fixture
def start(config, yolo, tmp_path):
    """Start a training on a new node; none outlives the test."""
    started = []

    def make(checkpoint=""):
        started.append(Worker(config, yolo, tmp_path / f"node{len(started)}", checkpoint))
        return started[-1]

    yield make
    for worker in started:
        worker.process.kill()
        worker.process.wait()


def contents(path):
    """Return every array of a checkpoint: weights, the optimizer's variables, counters."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "shape") else {})
        )
        found["state"] = json.loads(bytes(file["poseline/state"][()]))
    return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert one.pop("state") == other.pop("state")
    del one["poseline/state"], other["poseline/state"]
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_training_goes_on_from_node_to_node(kind, start, storage, tmp_path):
    generator, uri = random.Random(int(kind)), f"s3://{storage}/{tmp_path.name}/model.checkpoint"
    undisturbed = start()
    ran = []
    for _ in range(3):
        worker = start(uri)
        worker.wait_for_epoch()
        time.sleep(generator.uniform(0, 1.5))
        worker.process.send_signal(kind)
        worker.process.wait(200)
        ran.append(worker.epochs())
        if worker.process.returncode == 0:
            break
        assert worker.process.returncode == (-kind if kind == signal.SIGKILL else 143)
    worker = start(uri)
    last = worker.finish()
    ran.append(worker.epochs())
    assert sum(map(len, ran)) < 12 + 2 * len(ran), f"epochs were repeated: {ran}"
    whole = undisturbed.finish()
    assert_same(contents(whole / "last_trained_model.h5"), contents(last / "last_trained_model.h5"))
    assert (whole / "history.csv").read_text() == (last / "history.csv").read_text()
    best = [load_keras(out / "best_model.h5").get_weights() for out in (whole, last)]
    for one, other in zip(*best, strict=True):
        np.testing.assert_array_equal(one, other)
