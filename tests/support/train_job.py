"""A TrainJob as the train task makes it, followed in a thread, and how its nodes end."""

import contextlib
import threading

import helm_python as helm
import yaml

from poseline.errors import PoselineError
from poseline.kubeflow.platform import Platform
from poseline.trainer.follow import follow, train_job
from poseline.trainer.manifest import job_name
from poseline.trainer.manifest import train_job as manifest
from poseline.trainer.messages import Request
from poseline.trainer.status import OwnPod
from support.samples import ROOT

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


def wanted(namespace, settings=PLATFORM):
    """The TrainJob that a task asks for."""
    request = Request(config="{}", inputs={"training": "s3://b/$(X)"}, checkpoint="c", result="r")
    pod = OwnPod.model_validate({"spec": {"serviceAccountName": "pipeline-runner"}})
    return manifest(NAME, namespace, Platform.model_validate(settings), request, pod, "chain")


def runtime_of(namespace, platform=None, kind="TrainingRuntime", **settings):
    """The training runtime that the chart installs with `trainer.enabled`.

    Args:
        namespace: The runs' namespace.
        platform: The chart's `platform`.
        kind: Which of the two kinds of runtime.
        settings: More of the chart's `trainer`.
    """
    values = {
        "trainer": {"enabled": True} | settings,
        "kubeflow": {"namespace": namespace},
        "platform": {"train": {"runtimeKind": kind}} | (platform or {}),
    }
    files = helm.Chart.load(str(ROOT / "charts" / "poseline")).render(values, namespace=namespace)
    text = next(text for name, text in files.items() if name.endswith("trainer.yaml"))
    (runtime,) = [each for each in yaml.safe_load_all(text) if each and each["kind"] == kind]
    return runtime


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


def nodes_of(plane, namespace, attempt):
    """The pods of an attempt of a training, in the order of their nodes; None until both are."""
    selector = f"jobset.sigs.k8s.io/restart-attempt={attempt}"
    found = [
        pod
        for pod in plane.get("pods", "-n", namespace, "-l", selector)["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]
    index = "batch.kubernetes.io/job-completion-index"
    found.sort(key=lambda pod: pod["metadata"]["labels"][index])
    return found if len(found) == 2 else None


def finish_node(plane, pod, code, message=""):
    """Write the status of a pod whose container has ended, as its kubelet does."""
    state = {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}
    container = {"name": "node", "image": "none:1", "imageID": "", "ready": False}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [container | {"restartCount": 0, "state": state}],
    }
    where = [pod["metadata"]["name"], "-n", pod["metadata"]["namespace"]]
    patch = f"--patch={yaml.safe_dump({'status': status})}"
    plane.kubectl("patch", "pod", *where, "--subresource=status", "--type=merge", patch)
