"""Our images as pods on a real node, under the strictest level of Pod Security."""

import time
from urllib.parse import urlsplit

import helm_python as helm
import pytest
from operating import EXPERIMENT, ROOT, Kubeflow, until

from poseline import __version__
from poseline.operator.crd import crds

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

IMAGE = f"poseline-ml:{__version__}"
OPERATOR = f"poseline-operator:{__version__}"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
CONFIG = """
general: {project_name: tiny, global_seed: 1}
dataset:
  name: tiny
  keypoints: 17
  training_path: /tmp/sets/single/17kpts/train
  validation_path: /tmp/sets/single/17kpts/val
  quantization_split: 0.5
preprocessing:
  rescaling: {scale: 1/127.5, offset: -1}
  resizing: {interpolation: bilinear, aspect_ratio: fit}
  color_mode: rgb
data_augmentation:
  random_flip: {mode: horizontal}
training:
  model: {alpha: 0.35, input_shape: [64, 64, 3], pretrained_weights: None}
  batch_size: 8
  epochs: 1
  optimizer: {Adam: {learning_rate: 0.002}}
quantization: {quantizer: TFlite_converter}
benchmarking: {board: STM32H747I-DISCO, runs: 3}
mlflow: {uri: /tmp/mlruns}
hydra: {run: {dir: /tmp/run}}
"""
SCRIPT = """
poseline dataset synthesize /tmp/coco --train=16 --val=8 --size 96 96
poseline dataset convert --path=/tmp/coco --outputdir=/tmp/sets
poseline chain tqeb /config/config.yaml
test -s /tmp/run/report.html
"""


def test_a_chain_runs_in_a_pod(control_plane, node, namespace):
    node.load(IMAGE)
    control_plane.kubectl("label", "namespace", namespace, RESTRICTED)
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-euc", SCRIPT],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "3Gi"}},
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "config", "mountPath": "/config"},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "dnsPolicy": "Default",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "config", "configMap": {"name": "config"}},
        ],
    }
    metadata = {"name": "chain", "namespace": namespace}
    control_plane.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "name": "config"},
         "data": {"config.yaml": CONFIG}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
         "spec": {"backoffLimit": 0, "template": {"spec": pod}}},
    )  # fmt: skip
    status = _finished(control_plane, namespace)
    log = control_plane.kubectl("logs", "job/chain", "-n", namespace)
    assert status.get("succeeded") == 1, log
    assert "OKS" in log


def test_the_operator_runs_as_the_chart_installs_it(control_plane, node, namespace):
    """Two replicas with the chart's own role; all their pods die once on the way."""
    kubeflow = Kubeflow()
    node.load(OPERATOR)
    node.expose("10.96.0.2", 8888, urlsplit(kubeflow.url).port)
    control_plane.kubectl("label", "namespace", namespace, RESTRICTED)
    control_plane.apply(*crds(), server_side=True)
    values = {
        "crds": {"install": False},
        "kubeflow": {"host": "http://10.96.0.2:8888"},
        "operator": {"image": {"pullPolicy": "Never"}},
    }

    def submitted(name):
        place = {"metadata": {"name": name, "namespace": namespace}}
        control_plane.apply({**EXPERIMENT, **place})

        def known():
            found = control_plane.get("pose", name, "-n", namespace)
            return found.get("status", {}).get("runID")

        run_id = until(known, 120, lambda: _told(control_plane, namespace))
        assert [run["run_id"] for run in kubeflow.runs(f"{namespace}-{name}-")] == [run_id]

    admin = str(control_plane.kubeconfig)
    with helm.Config(kubeconfig_path=admin, namespace=namespace) as config:
        config.install(str(ROOT / "charts" / "poseline"), "pose", values, namespace=namespace)
        try:
            _available(control_plane, namespace)
            submitted("before")
            control_plane.kubectl("delete", "pods", "--all", "--grace-period=0", "--force",
                                  "-n", namespace)  # fmt: skip
            submitted("after")
            _available(control_plane, namespace)
            control_plane.kubectl("delete", "pose", "--all", "-n", namespace, timeout=120)
        finally:
            config.uninstall("pose")
            kubeflow.stop()


def _available(control_plane, namespace):
    try:
        control_plane.kubectl("wait", "--for=condition=Available", "deployment", "--all",
                              "-n", namespace, "--timeout=150s", timeout=160)  # fmt: skip
    except AssertionError as reason:
        raise AssertionError(f"{reason}\n{_told(control_plane, namespace)}") from None


def _told(control_plane, namespace):
    return control_plane.kubectl("describe", "pods", "-n", namespace)[-6000:]


def _finished(control_plane, namespace):
    for _ in range(280):
        status = control_plane.get("job", "chain", "-n", namespace)["status"]
        if status.get("succeeded") or status.get("failed"):
            return status
        time.sleep(2)
    raise AssertionError(_told(control_plane, namespace))
