"""A training on two pods of a real node, under Kubeflow Trainer's controllers and JobSet's."""

import json

import kubernetes
import numpy as np
import pytest
import yaml
from support.control_plane.node import IMAGE, RESTRICTED
from support.control_plane.operating import until
from support.seaweed import ADMIN
from support.train_job import PLACE, nodes_of, runtime_of

from poseline import store
from poseline.config.models.config import Config
from poseline.operator.api.rbac import NODES
from poseline.tasks import training_nodes

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning"),  # Keras'
]
SECRET = "storage"
EPOCHS = 20
CONFIG = Config.model_validate(
    {
        "general": {"global_seed": 7, "model_path": "-"},
        "operation_mode": "training",
        "dataset": {"keypoints": 17, "training_path": "-"},
        "training": {"batch_size": 8, "epochs": EPOCHS, "optimizer": "Adam"},
    }
)


@pytest.fixture
def platform(trainer, node, namespace, weed):
    """The namespace as a platform of two nodes: storage, secret, runtime, and the train task."""
    plane = trainer.plane
    node.load(IMAGE)
    node.expose({9000: weed}, f"storage.{namespace}")
    plane.kubectl("label", "namespace", namespace, RESTRICTED)
    secret = {"name": SECRET, "namespace": namespace}
    images = {"ml": IMAGE, "pullPolicy": "Never"}
    plane.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": ADMIN},
        runtime_of(namespace, {"images": images}, maxRestarts=2),
    )
    return {
        "train": {"nodes": 2},
        "images": images,
        "resources": {"train": {"requests": {"cpu": "100m", "memory": "500Mi"}, "limits": {}}},
        "s3": {"endpoint": f"http://storage.{namespace}:9000", "secretName": SECRET},
    }


@pytest.fixture
def task(trainer, namespace, platform, monkeypatch):
    """The train task: what its pod is and may do, though its process is this one."""
    account = trainer.plane.service_account(namespace, "pipeline-runner", rules=NODES)
    container = {"name": "main", "image": IMAGE, "imagePullPolicy": "Never"}
    safe = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "serviceAccountName": "pipeline-runner",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container | {"command": ["sleep", "3600"], "securityContext": safe}],
    }
    about = {"name": "task", "namespace": namespace}
    trainer.plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": pod})
    kubernetes.config.load_kube_config(str(account))
    monkeypatch.setattr(training_nodes, "connect", lambda: None)  # it is this account's
    monkeypatch.setenv("POSELINE_POD_NAME", "task")
    monkeypatch.setenv("POSELINE_POD_NAMESPACE", namespace)
    monkeypatch.setenv("POSELINE_TRAIN_PLATFORM", yaml.safe_dump(platform))
    return training_nodes.work(PLACE)


def test_two_pods_learn_what_one_process_does(
    trainer, node, namespace, storage, task, tmp_path, monkeypatch, say
):
    """The second pod is killed after the first epoch."""
    import keras  # here: TensorFlow takes seconds of every collection
    from support.small import markers, network

    from poseline.models.loading import load_keras
    from poseline.stages import train
    from poseline.training.checkpoint import save_model

    keras.utils.set_random_seed(5)
    save_model(network(dropout=0.1), tmp_path / "small.h5")
    inputs = {"training": markers(tmp_path / "train", 24), "model": tmp_path / "small.h5"}
    inputs["validation"] = markers(tmp_path / "val", 8, seed=1)
    uris = {name: f"s3://{storage}/nodes/{path.name}" for name, path in inputs.items()}
    for name, path in inputs.items():
        store.publish(path, uris[name])

    epochs, attempts = [], []

    def on_epoch(epoch, *_):
        if not epochs:
            lost = nodes_of(trainer.plane, namespace, 0)[1]["metadata"]["name"]
            now = ("--grace-period=0", "--force")
            trainer.plane.kubectl("delete", "pod", lost, "-n", namespace, *now)
        epochs.append(epoch)
        attempts.append(bool(nodes_of(trainer.plane, namespace, 1)))

    monkeypatch.chdir(tmp_path)
    out = tmp_path / "together"
    together = task(None, CONFIG, uris, out, checkpoint=f"{PLACE}.checkpoint", on_epoch=on_epoch)
    alone = train.run(CONFIG, inputs, tmp_path / "alone")
    one, two = (
        load_keras(result.files["last_model"]).get_weights() for result in (alone, together)
    )
    apart = max(float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True))
    say(f"weights of two pods, one killed, against one process: at most {apart:.1e} apart")
    assert apart < 1e-3, "sixty steps of Adam make more of rounding than twenty do"
    assert (attempts[0], attempts[-1]) == (False, True), "both pods were made again"
    assert epochs[-1] == EPOCHS - 1
    kinds = "trainjobs,jobsets,jobs"
    until(
        lambda: not trainer.plane.get(kinds, "-n", namespace)["items"],
        60,
        lambda: json.dumps(trainer.plane.get(kinds, "-n", namespace))[:3000],
    )
