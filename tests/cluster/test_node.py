"""Our images as pods on a real node, under the strictest level of Pod Security."""

import time
from urllib.parse import urlsplit

import helm_python as helm
import pytest
from support.control_plane.node import IMAGE, OPERATOR, RESTRICTED
from support.control_plane.operating import EXPERIMENT, ROOT, Kubeflow, until
from support.samples import TINY

from poseline.operator.api.crd import crds

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

SCRIPT = r"""
poseline dataset synthesize /tmp/coco --train=16 --val=8 --size 96 96
poseline dataset convert --path=/tmp/coco --outputdir=/tmp/sets
poseline chain tqeb /config/config.yaml training.epochs=1 \
    dataset.training_path=/tmp/sets/single/17kpts/train \
    dataset.validation_path=/tmp/sets/single/17kpts/val \
    mlflow.uri=/tmp/mlruns hydra.run.dir=/tmp/run
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
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**metadata, "name": "config"},
            "data": {"config.yaml": TINY},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        },
    )
    status = _finished(control_plane, node, namespace)
    log = control_plane.kubectl("logs", "job/chain", "-n", namespace)
    assert status.get("succeeded") == 1, log
    assert "OKS" in log


def test_the_operator_runs_as_the_chart_installs_it(control_plane, node, namespace):
    """Two replicas with the chart's own role; all their pods die once on the way."""
    kubeflow = Kubeflow()
    node.load(OPERATOR)
    address = node.expose({8888: urlsplit(kubeflow.url).port})
    control_plane.kubectl("label", "namespace", namespace, RESTRICTED)
    control_plane.apply(*crds(), server_side=True)
    values = {
        "crds": {"install": False},
        "kubeflow": {"host": f"http://{address}:8888"},
        "operator": {"image": {"pullPolicy": "Never"}},
    }

    def submitted(name):
        place = {"metadata": {"name": name, "namespace": namespace}}
        control_plane.apply({**EXPERIMENT, **place})

        def known():
            found = control_plane.get("pose", name, "-n", namespace)
            return found.get("status", {}).get("runID")

        run_id = until(known, 120, lambda: node.description(namespace))
        assert [run["run_id"] for run in kubeflow.runs(f"{namespace}-{name}-")] == [run_id]

    admin = str(control_plane.kubeconfig)
    with helm.Config(kubeconfig_path=admin, namespace=namespace) as config:
        config.install(str(ROOT / "charts" / "poseline"), "pose", values, namespace=namespace)
        try:
            node.available(namespace)
            submitted("before")
            control_plane.kubectl(
                "delete", "pods", "--all", "--grace-period=0", "--force", "-n", namespace
            )
            submitted("after")
            node.available(namespace)
            control_plane.kubectl("delete", "pose", "--all", "-n", namespace, timeout=120)
        finally:
            config.uninstall("pose")
            kubeflow.stop()


def _finished(control_plane, node, namespace):
    for _ in range(280):
        status = control_plane.get("job", "chain", "-n", namespace)["status"]
        if status.get("succeeded") or status.get("failed"):
            return status
        time.sleep(2)
    raise AssertionError(node.description(namespace))
