"""Several processes that train together, against one."""

import os
import signal

import keras
import numpy as np
import psutil
import pytest
from support.small import markers, network

from poseline.config.models.config import Config
from poseline.errors import ConfigError
from poseline.models.loading import load_keras
from poseline.stages import train, train_workers
from poseline.training.checkpoint import save_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'
EPOCHS = 7  # of 3 steps


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    root = tmp_path_factory.mktemp("workers")
    keras.utils.set_random_seed(5)
    save_model(network(dropout=0.1), root / "small.h5")
    training, validation = markers(root / "train", 24), markers(root / "val", 8, seed=1)
    return {"training": training, "validation": validation, "model": root / "small.h5"}


def settings(**training):
    return Config.model_validate(
        {
            "general": {"global_seed": 7, "model_path": "-"},
            "operation_mode": "training",
            "dataset": {"keypoints": 17, "training_path": "-"},
            "data_augmentation": {"random_flip": {}},
            "training": {"batch_size": 8, "epochs": EPOCHS, "optimizer": "Adam"} | training,
        }
    )


@pytest.mark.parametrize("workers", [0, -1, 9])
def test_each_worker_needs_a_part_of_every_batch(workers, tmp_path):
    with pytest.raises(ConfigError, match="1 to 8"):
        train_workers.run(settings(), {}, tmp_path / "out", workers=workers)


def kill_the_chief(told):
    """Return what ends the chief after the third epoch, once."""

    def on_epoch(epoch, figures):
        told.append(epoch)
        if told.count(2) == 1 and epoch == 2:
            workers = [p for p in psutil.Process().children() if "train_worker" in str(p.cmdline())]
            os.kill(min(p.pid for p in workers), signal.SIGKILL)

    return on_epoch


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_learn_what_one_process_learns_and_outlive_a_loss(inputs, tmp_path):
    told = []
    on_epoch = kill_the_chief(told)
    two = train_workers.run(settings(), inputs, tmp_path / "2", workers=2, on_epoch=on_epoch)
    assert told == list(range(EPOCHS))
    one = train.run(settings(), inputs, tmp_path / "1")
    for alone, together in zip(one.summary["history"], two.summary["history"], strict=True):
        assert together == pytest.approx(alone, rel=1e-5)
    assert not [p for p in psutil.Process().children() if "train_worker" in str(p.cmdline())]
    models = [load_keras(result.files["last_model"]).get_weights() for result in (one, two)]
    for alone, together in zip(*models, strict=True):
        np.testing.assert_allclose(together, alone, atol=1e-5)
