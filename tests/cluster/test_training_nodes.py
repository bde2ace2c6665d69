"""A training on several nodes as a TrainJob, on a real API server with Kubeflow Trainer's kinds.

Trainer's controllers are not there: a test writes what they would, with their kinds as they ship.
test_trainer.py has them.
"""

import os
import signal
import subprocess
import sys

import kubernetes
import pytest
import yaml
from support.control_plane import programs
from support.control_plane.operating import until
from support.control_plane.trainer import define
from support.train_job import NAME, PLACE, PLATFORM, following, runtime_of, wanted

from poseline.api_server import ApiServer
from poseline.operator.api.rbac import NODES
from poseline.trainer.messages import Failure

TASK = """
import sys
from pathlib import Path
from poseline.config.models.config import Config
from poseline.errors import PoselineError
from poseline.tasks.training_nodes import work

config = Config.model_validate({
    "operation_mode": "training",
    "dataset": {"keypoints": 17, "training_path": "-"},
    "training": {"batch_size": 8, "epochs": 2, "optimizer": "Adam"},
})
try:
    work(sys.argv[1])(None, config, {}, Path("out"), checkpoint="s3://poses/c", on_epoch=print)
except PoselineError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def defined(control_plane):
    """The cluster with Trainer's definitions."""
    try:
        folder = programs.source_of("trainer-controller-manager")
    except programs.UnavailableError as reason:
        pytest.skip(str(reason))
    define(control_plane, sorted(folder.glob("manifests/base/crds/trainer*.yaml")))
    return control_plane


@pytest.fixture
def account(defined, namespace):
    """A kubeconfig that may do what the chart lets the train task do, and nothing else."""
    return defined.service_account(namespace, "pipeline-runner", rules=NODES)


@pytest.fixture
def server(account):
    kubernetes.config.load_kube_config(str(account))
    return ApiServer("poseline-train", "pod")


def strict(plane, body):
    """Create an object unless it has a field that its definition does not know."""
    text = yaml.safe_dump(body)
    flags = ("create", "--validate=strict", "--dry-run=server", "-o", "yaml", "-f", "-")
    return yaml.safe_load(plane.kubectl(*flags, stdin=text))


def put(plane, namespace, *, conditions=(), **status):
    """Write the status of the TrainJob as Trainer does."""
    made = [
        {
            "type": kind,
            "status": "True",
            "reason": "JobsFailed",
            "message": "of its JobSet",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in conditions
    ]
    patch = yaml.safe_dump({"status": {"conditions": made} | status})
    plane.kubectl(
        "patch",
        "trainjob",
        NAME,
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        f"--patch={patch}",
    )


def add_pod(plane, namespace, index, **state):
    """Make the pod of a node that has ended."""
    name = f"{NAME}-node-0-{index}-abcde"
    labels = {
        "jobset.sigs.k8s.io/jobset-name": NAME,
        "jobset.sigs.k8s.io/restart-attempt": "0",
        "batch.kubernetes.io/job-completion-index": str(index),
    }
    container = {"name": "node", "image": "none:1"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [container]},
        }
    )
    status = {"name": "node", "image": "none:1", "imageID": "", "ready": False, "restartCount": 0}
    patch = {"status": {"phase": "Failed", "containerStatuses": [status | {"state": state}]}}
    plane.kubectl(
        "patch",
        "pod",
        name,
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        f"--patch={yaml.safe_dump(patch)}",
    )


def jobs(plane, namespace):
    return plane.get("trainjobs", "-n", namespace)["items"]


def test_trainer_takes_a_train_job_as_it_is_meant(defined, namespace):
    body = wanted(namespace)
    taken = strict(defined, body)
    assert taken["spec"]["trainer"] == body["spec"]["trainer"]
    assert taken["spec"]["runtimePatches"] == body["spec"]["runtimePatches"]
    strict(defined, wanted(namespace, {"train": {"nodes": 64}, "s3": {"secretName": ""}}))


@pytest.mark.parametrize("kind", ["TrainingRuntime", "ClusterTrainingRuntime"])
def test_trainer_takes_the_charts_runtime(defined, namespace, kind):
    runtime = runtime_of(namespace, kind=kind)
    taken, meant = (
        each["spec"]["template"]["spec"] for each in (strict(defined, runtime), runtime)
    )
    assert taken["failurePolicy"] == meant["failurePolicy"]
    taken, meant = (each["replicatedJobs"][0]["template"]["spec"] for each in (taken, meant))
    assert taken["podFailurePolicy"] == meant["podFailurePolicy"]


def test_a_training_that_is_finished(defined, server, namespace):
    with following(server, namespace) as ended:
        until(lambda: jobs(defined, namespace))
        status = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
        put(defined, namespace, jobsStatus=[{"name": "node"} | status | {"active": 1}])
        put(defined, namespace, conditions=["Complete"])
    assert ended == [None]
    until(lambda: not jobs(defined, namespace))


def test_a_training_that_fails_says_why(defined, server, namespace):
    told = Failure(error="no pictures", remedy="check the path", code=3).model_dump_json()
    with following(server, namespace) as ended:
        until(lambda: jobs(defined, namespace))
        add_pod(defined, namespace, 0, terminated={"exitCode": 75, "reason": "Error"})
        add_pod(defined, namespace, 1, terminated={"exitCode": 3, "message": told})
        put(defined, namespace, conditions=["Failed"])
    (error,) = ended
    assert (error.message, error.exit_code) == ("node 1: no pictures", 3)
    until(lambda: not jobs(defined, namespace))
    events = defined.get("events.events.k8s.io", "-n", namespace)["items"]
    mine = [each for each in events if each["regarding"]["kind"] == "TrainJob"]
    assert [each["reason"] for each in mine] == ["TrainingFailed"]


def test_a_task_takes_its_job_up_again_and_ends_it(defined, account, namespace, tmp_path):
    """Killed without a word, started again, told to end: one TrainJob, and none in the end."""
    place = {"namespace": namespace}
    defined.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place | {"name": "workflow"}}
    )
    owner = defined.get("configmap", "workflow", "-n", namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "workflow"}
    reference["uid"] = owner["metadata"]["uid"]
    defined.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": place | {"name": "task", "ownerReferences": [reference]},
            "spec": {
                "serviceAccountName": "pipeline-runner",
                "containers": [{"name": "main", "image": "none:1"}],
            },
        }
    )

    def start():
        with (tmp_path / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", TASK, PLACE],
                env=os.environ
                | {
                    "KUBECONFIG": str(account),
                    "NO_PROXY": "127.0.0.1",
                    "POSELINE_POD_NAME": "task",
                    "POSELINE_POD_NAMESPACE": namespace,
                    "POSELINE_TRAIN_PLATFORM": yaml.safe_dump(PLATFORM),
                },
                stdout=log,
                stderr=log,
                cwd=tmp_path,
            )

    def log():
        return (tmp_path / "log").read_text()

    task = start()
    until(lambda: "made a TrainJob" in log(), 120, log)
    task.kill()
    task.wait(20)
    (job,) = jobs(defined, namespace)
    assert job["metadata"]["ownerReferences"] == [reference]
    task = start()
    until(lambda: "takes up" in log(), 120, log)
    (same,) = jobs(defined, namespace)
    assert same["metadata"]["uid"] == job["metadata"]["uid"]
    task.send_signal(signal.SIGTERM)
    assert task.wait(60) == 143, log()
    until(lambda: not jobs(defined, namespace))
    assert "Traceback" not in log()
