"""A training on several nodes as a TrainJob, on a real API server with Kubeflow Trainer's kinds.

Trainer's controllers are not there: a test writes what they would, with their kinds as they ship.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import helm_python as helm
import kubernetes
import pytest
import yaml
from support.control_plane import programs
from support.control_plane.operating import ROOT, until

from poseline.api_server import ApiServer
from poseline.errors import PoselineError
from poseline.kubeflow.platform import Platform
from poseline.operator.api.rbac import NODES
from poseline.trainer.follow import follow, train_job
from poseline.trainer.manifest import job_name
from poseline.trainer.manifest import train_job as manifest
from poseline.trainer.messages import Failure, Request
from poseline.trainer.status import OwnPod

PLACE = "s3://poses/v2/artifacts/chain/0a1b/train/9/model"
NAME = job_name(PLACE)
PLATFORM = {
    "train": {"nodes": 2},
    "images": {"ml": "team/ml:1", "pullSecrets": ["pull"]},
    "gpu": {"count": 1, "nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu"}]},
    "tolerations": [{"key": "k", "effect": "NoExecute", "tolerationSeconds": 60}],
    "securityContext": {"runAsUser": 1000},
    "cacheClaim": "cache",
    "s3": {"caConfigMap": "ca"},
    "annotations": {"sidecar.istio.io/inject": "false"},
}
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
def trainer(control_plane):
    """The cluster with Trainer's definitions."""
    try:
        folder = programs.trainer_definitions()
    except programs.UnavailableError as reason:
        pytest.skip(str(reason))
    files = [path.read_text() for path in sorted(folder.glob("trainer.kubeflow.org_*.yaml"))]
    control_plane.apply(*files, server_side=True)
    names = [f"crd/{yaml.safe_load(text)['metadata']['name']}" for text in files]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    return control_plane


@pytest.fixture
def account(trainer, namespace):
    """A kubeconfig that may do what the chart lets the train task do, and nothing else."""
    return trainer.service_account(namespace, "pipeline-runner", rules=NODES)


@pytest.fixture
def server(account):
    kubernetes.config.load_kube_config(str(account))
    return ApiServer("poseline-train", "pod")


def wanted(namespace, settings=PLATFORM):
    request = Request(config="{}", inputs={"training": "s3://b/$(X)"}, checkpoint="c", result="r")
    pod = OwnPod.model_validate({"spec": {"serviceAccountName": "pipeline-runner"}})
    return manifest(NAME, namespace, Platform.model_validate(settings), request, pod, "chain")


def strict(plane, body):
    """Create an object unless it has a field that its definition does not know."""
    text = yaml.safe_dump(body)
    flags = ("create", "--validate=strict", "--dry-run=server", "-o", "yaml", "-f", "-")
    return yaml.safe_load(plane.kubectl(*flags, stdin=text))


def put(plane, namespace, *, conditions=(), **status):
    """Write the status of the TrainJob as Trainer does."""
    made = [
        {"type": kind, "status": "True", "reason": "JobsFailed", "message": "of its JobSet",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for kind in conditions
    ]  # fmt: skip
    patch = yaml.safe_dump({"status": {"conditions": made} | status})
    plane.kubectl("patch", "trainjob", NAME, "-n", namespace, "--subresource=status",
                  "--type=merge", f"--patch={patch}")  # fmt: skip


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
    plane.kubectl("patch", "pod", name, "-n", namespace, "--subresource=status",
                  "--type=merge", f"--patch={yaml.safe_dump(patch)}")  # fmt: skip


def jobs(plane, namespace):
    return plane.get("trainjobs", "-n", namespace)["items"]


@contextlib.contextmanager
def following(server, namespace):
    """Follow a TrainJob in a thread; what it ended with is in the list that is given."""
    ended = []

    def run():
        try:
            with train_job(server, wanted(namespace), poll=0.3) as job:
                follow(server, job, lambda *_: None, poll=0.3)
            ended.append(None)
        except PoselineError as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield ended
    thread.join(60)
    assert ended


def test_trainer_takes_a_train_job_as_it_is_meant(trainer, namespace):
    body = wanted(namespace)
    taken = strict(trainer, body)
    assert taken["spec"]["trainer"] == body["spec"]["trainer"]
    assert taken["spec"]["runtimePatches"] == body["spec"]["runtimePatches"]
    strict(trainer, wanted(namespace, {"train": {"nodes": 64}, "s3": {"secretName": ""}}))


@pytest.mark.parametrize("kind", ["TrainingRuntime", "ClusterTrainingRuntime"])
def test_trainer_takes_the_charts_runtime(trainer, namespace, kind):
    values = {
        "trainer": {"enabled": True},
        "kubeflow": {"namespace": namespace},
        "platform": {"train": {"runtimeKind": kind}},
    }
    files = helm.Chart.load(str(ROOT / "charts" / "poseline")).render(values, namespace=namespace)
    text = next(text for name, text in files.items() if name.endswith("trainer.yaml"))
    (runtime,) = [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]
    taken, meant = (
        each["spec"]["template"]["spec"] for each in (strict(trainer, runtime), runtime)
    )
    assert taken["failurePolicy"] == meant["failurePolicy"]
    taken, meant = (each["replicatedJobs"][0]["template"]["spec"] for each in (taken, meant))
    assert taken["podFailurePolicy"] == meant["podFailurePolicy"]


def test_a_training_that_is_finished(trainer, server, namespace):
    with following(server, namespace) as ended:
        until(lambda: jobs(trainer, namespace))
        status = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
        put(trainer, namespace, jobsStatus=[{"name": "node"} | status | {"active": 1}])
        put(trainer, namespace, conditions=["Complete"])
    assert ended == [None]
    until(lambda: not jobs(trainer, namespace))


def test_a_training_that_fails_says_why(trainer, server, namespace):
    told = Failure(error="no pictures", remedy="check the path", code=3).model_dump_json()
    with following(server, namespace) as ended:
        until(lambda: jobs(trainer, namespace))
        add_pod(trainer, namespace, 0, terminated={"exitCode": 75, "reason": "Error"})
        add_pod(trainer, namespace, 1, terminated={"exitCode": 3, "message": told})
        put(trainer, namespace, conditions=["Failed"])
    (error,) = ended
    assert (error.message, error.exit_code) == ("node 1: no pictures", 3)
    until(lambda: not jobs(trainer, namespace))
    events = trainer.get("events.events.k8s.io", "-n", namespace)["items"]
    mine = [each for each in events if each["regarding"]["kind"] == "TrainJob"]
    assert [each["reason"] for each in mine] == ["TrainingFailed"]


def test_a_task_takes_its_job_up_again_and_ends_it(trainer, account, namespace, tmp_path):
    """Killed without a word, started again, told to end: one TrainJob, and none in the end."""
    place = {"namespace": namespace}
    trainer.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place | {"name": "workflow"}}
    )
    owner = trainer.get("configmap", "workflow", "-n", namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "workflow"}
    reference["uid"] = owner["metadata"]["uid"]
    trainer.apply(
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
    (job,) = jobs(trainer, namespace)
    assert job["metadata"]["ownerReferences"] == [reference]
    task = start()
    until(lambda: "takes up" in log(), 120, log)
    (same,) = jobs(trainer, namespace)
    assert same["metadata"]["uid"] == job["metadata"]["uid"]
    task.send_signal(signal.SIGTERM)
    assert task.wait(60) == 143, log()
    until(lambda: not jobs(trainer, namespace))
    assert "Traceback" not in log()
