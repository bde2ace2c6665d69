"""The train task where several nodes do its work; tests/cluster has a real API server."""

import contextlib
from types import SimpleNamespace

import pytest
import yaml

from poseline import store
from poseline.config.models.config import Config
from poseline.errors import ConfigError, StoreError
from poseline.store.manifest import Manifest, entries
from poseline.tasks import training_nodes
from poseline.trainer.messages import Request

CONFIG = Config.model_validate(
    {
        "operation_mode": "training",
        "dataset": {"keypoints": 17, "training_path": "-"},
        "training": {"batch_size": 8, "epochs": 2, "optimizer": "Adam"},
    }
)


@pytest.fixture
def asked(monkeypatch):
    """Stand in for the cluster; return what it is asked for."""
    made = []

    @contextlib.contextmanager
    def train_job(server, wanted):
        made.append(wanted)
        yield wanted

    pod = {"metadata": {"name": "task"}, "spec": {"serviceAccountName": "pipeline-runner"}}
    server = SimpleNamespace(pod=lambda namespace, name: pod)
    monkeypatch.setattr(training_nodes, "connect", lambda: None)
    monkeypatch.setattr(training_nodes, "ApiServer", lambda *_: server)
    monkeypatch.setattr(training_nodes, "train_job", train_job)
    monkeypatch.setattr(training_nodes, "follow", lambda server, job, told: told(0, {"loss": 1.0}))
    monkeypatch.setenv("POSELINE_POD_NAME", "task")
    monkeypatch.setenv("POSELINE_POD_NAMESPACE", "team")
    return made


def trained(place, out, monkeypatch, nodes=2):
    told = []
    platform = yaml.safe_dump({"train": {"nodes": nodes}}, default_flow_style=True)
    monkeypatch.setenv("POSELINE_TRAIN_PLATFORM", platform)
    work = training_nodes.work(place)
    inputs = {"training": "s3://poses/people"}
    result = work(None, CONFIG, inputs, out, checkpoint="c", on_epoch=lambda *one: told.append(one))
    return result, told


def test_what_the_nodes_leave_becomes_the_tasks(asked, storage, tmp_path, monkeypatch):
    left, place = tmp_path / "left", f"s3://{storage}/model"
    left.mkdir()
    (left / "best.h5").write_bytes(b"weights")
    Manifest("train", "hash", {}, files=entries(left), roles={"model": "best.h5"}).write(left)
    store.publish(left, f"{place}.nodes")
    result, told = trained(place, tmp_path / "out", monkeypatch)
    assert result.files["model"] == tmp_path / "out" / "best.h5"
    assert result.files["model"].read_bytes() == b"weights"
    assert told == [(0, {"loss": 1.0})]
    with pytest.raises(StoreError):
        store.listing(f"{place}.nodes")
    (job,) = asked
    values = {one["name"]: one["value"] for one in job["spec"]["trainer"]["env"]}
    request = Request.model_validate_json(values["POSELINE_TRAIN_REQUEST"].replace("$$", "$"))
    assert request.inputs == {"training": "s3://poses/people"}
    assert request.result == f"{place}.nodes"
    assert job["metadata"]["namespace"] == "team"


def test_more_nodes_than_pictures_of_a_batch_are_refused(asked, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="found 9; accepted: 1 to 8"):
        trained("s3://poses/model", tmp_path / "out", monkeypatch, nodes=9)
    assert not asked


@pytest.mark.parametrize("text", ["{train: {nodes: many}}", "{train: {knots: 2}}", "{", "[1]"])
def test_a_platform_of_another_version_is_told(text, monkeypatch):
    monkeypatch.setenv("POSELINE_TRAIN_PLATFORM", text)
    with pytest.raises(ConfigError) as told:
        training_nodes.work("s3://poses/model")
    assert "submit the pipeline" in told.value.remedy
