"""The pod of a node: what it is told, what it says when it fails, and two of them that train."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.samples import ROOT
from support.seaweed import free_ports

from poseline import store
from poseline.config.models.config import Config
from poseline.errors import ConfigError
from poseline.tasks import train_node
from poseline.tasks.parameters import written
from poseline.trainer.messages import Epoch, Failure, Request

REQUEST = Request(config="{}", inputs={}, checkpoint="s3://b/c", result="s3://b/r")
TOLD = {
    "POSELINE_TRAIN_JOB": "poseline-train-ab",
    "NUM_NODES": "2",
    "JOB_COMPLETION_INDEX": "1",
    "POSELINE_TRAIN_REQUEST": REQUEST.model_dump_json(),
}
EPOCHS = 3


def settings():
    return Config.model_validate(
        {
            "general": {"global_seed": 7, "model_path": "-"},
            "operation_mode": "training",
            "dataset": {"keypoints": 17, "training_path": "-"},
            "data_augmentation": {"random_flip": {}},
            "training": {"batch_size": 8, "epochs": EPOCHS, "optimizer": "Adam"},
        }
    )


def test_a_node_knows_the_others_by_trainers_names():
    node, request = train_node.Node.read(os.environ | TOLD)
    assert request == REQUEST
    assert (node.cluster.share.index, node.cluster.share.of) == (1, 2)
    assert node.cluster.cluster.worker == [
        "poseline-train-ab-node-0-0.poseline-train-ab:29500",
        "poseline-train-ab-node-0-1.poseline-train-ab:29500",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"NUM_NODES": "two"},
        {"NUM_NODES": "1"},
        {"JOB_COMPLETION_INDEX": "2"},
        {"JOB_COMPLETION_INDEX": ""},
        {"POSELINE_TRAIN_REQUEST": "{"},
        {"POSELINE_TRAIN_JOB": ""},
    ],
)
def test_an_environment_that_is_not_a_nodes_is_told(wrong):
    with pytest.raises(ConfigError, match="what the train task sets"):
        train_node.Node.read(TOLD | wrong)


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        ({"config": "training: {epohs: 3}"}, 2, "did you mean `epochs`"),
        ({"inputs": {"training": "gs://nowhere/a"}}, 5, "gs://nowhere"),
    ],
)
def test_a_node_that_fails_leaves_why(request_, code, says, tmp_path, monkeypatch, capfd):
    asked = {"config": written(settings().slice("train"))} | request_
    request = REQUEST.model_copy(update=asked)
    told = TOLD | {"POSELINE_TRAIN_REQUEST": request.model_dump_json()}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POSELINE_TERMINATION_MESSAGE", str(tmp_path / "message"))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end:
            train_node.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    failure = Failure.read((tmp_path / "message").read_text())
    assert end.value.code == failure.code == code
    assert says in failure.error and says in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")  # Keras'
def test_two_nodes_learn_what_one_does(tmp_path, storage):
    import keras
    from support.small import markers, network

    from poseline.models.loading import load_keras
    from poseline.stages import train
    from poseline.training.checkpoint import save_model

    keras.utils.set_random_seed(5)
    save_model(network(dropout=0.1), tmp_path / "small.h5")
    inputs = {"training": markers(tmp_path / "train", 24), "model": tmp_path / "small.h5"}
    inputs["validation"] = markers(tmp_path / "val", 8, seed=1)
    request = Request(
        config=written(settings().slice("train")),
        inputs={name: str(path) for name, path in inputs.items()},
        checkpoint=f"s3://{storage}/nodes.checkpoint",
        result=f"s3://{storage}/nodes",
    )
    ports = free_ports(2)
    told = TOLD | {
        "POSELINE_TRAIN_REQUEST": request.model_dump_json(),
        "POSELINE_TRAIN_ADDRESSES": ",".join(f"127.0.0.1:{port}" for port in ports),
    }
    nodes = []
    for index in range(2):
        own = {"JOB_COMPLETION_INDEX": str(index)}
        own["POSELINE_TERMINATION_MESSAGE"] = str(tmp_path / f"message-{index}")
        with (tmp_path / f"log-{index}").open("wb") as log:
            command = [sys.executable, "-m", "poseline.tasks.train_node"]
            environment = os.environ | told | own
            nodes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
            )
    logs = [tmp_path / f"log-{index}" for index in range(2)]
    codes = [node.wait(800) for node in nodes]
    assert codes == [0, 0], [log.read_text() for log in logs]
    epochs = [Epoch.read(line) for line in logs[0].read_text().splitlines()]
    assert [one.finished_epoch for one in epochs if one] == list(range(EPOCHS))
    assert not list(tmp_path.glob("message-*"))
    together = train.StageResult.load(store.fetch(request.result))
    alone = train.run(settings(), inputs, tmp_path / "alone")
    models = [load_keras(result.files["last_model"]).get_weights() for result in (alone, together)]
    for one, two in zip(*models, strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)
