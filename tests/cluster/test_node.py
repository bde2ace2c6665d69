"""Our images as pods on a real node, under the strictest level of Pod Security."""

import time

import pytest

from poseline import __version__

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

IMAGE = f"poseline-ml:{__version__}"
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
    level = "pod-security.kubernetes.io/enforce=restricted"
    control_plane.kubectl("label", "namespace", namespace, level)
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


def _finished(control_plane, namespace):
    for _ in range(280):
        status = control_plane.get("job", "chain", "-n", namespace)["status"]
        if status.get("succeeded") or status.get("failed"):
            return status
        time.sleep(2)
    raise AssertionError(control_plane.kubectl("describe", "pods", "-n", namespace))
