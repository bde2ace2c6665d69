"""The TrainJob of a training on several nodes: its runtime, completed with what a platform says."""

from __future__ import annotations

import hashlib
from typing import Any

from poseline.kubeflow.platform import Platform
from poseline.kubeflow.task_settings import (
    CA,
    CACHE,
    S3_SECRET,
    SCRATCH,
    SHARED_MEMORY,
    environment,
    placement,
    pod_labels,
)
from poseline.trainer.messages import JOB, NODES, REQUEST, Request
from poseline.trainer.status import OwnPod

Json = dict[str, Any]

GROUP, VERSION = "trainer.kubeflow.org", "v1alpha1"
COMMAND = ("python3", "-m", "poseline.tasks.train_node")
_MANAGER = "poseline.dev/train"
_NODE = "node"  # what Trainer calls the job and the container of a node
_TASK, _COMPONENT = "train", "train-node"


def job_name(place: str) -> str:
    """Return the name of the TrainJob of a task; a task that is tried again has the same.

    Args:
        place: URI of the task's model.
    """
    return f"poseline-train-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def train_job(
    name: str, namespace: str, platform: Platform, request: Request, pod: OwnPod, chain: str
) -> Json:
    """Return a TrainJob.

    It goes with the workflow that the task's pod is of.

    Args:
        name: Its name.
        namespace: The runs' namespace.
        platform: How the nodes run.
        request: What they do.
        pod: The task's own pod.
        chain: The run's id.
    """
    train, labels = platform.train, pod_labels(_COMPONENT, platform)
    variables = {
        **environment(_TASK, platform),
        JOB: name,
        NODES: str(train.nodes),
        REQUEST: request.model_dump_json(),
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainJob",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels | {"pipeline/runid": chain},
            "ownerReferences": [one.model_dump(by_alias=True) for one in pod.owners],
        },
        "spec": {
            "runtimeRef": {"apiGroup": GROUP, "kind": train.runtime_kind, "name": train.runtime},
            "trainer": {
                "image": platform.images.ml,
                "command": list(COMMAND),
                "numNodes": train.nodes,
                "env": [{"name": k, "value": _literal(v)} for k, v in variables.items()],
                "resourcesPerNode": _resources(platform),
            },
            "runtimePatches": [_patch(platform, pod, labels)],
        },
    }


def _literal(text: str) -> str:
    """Return a value that Kubernetes reads as it is: it replaces `$(NAME)`."""
    return text.replace("$", "$$")


def _resources(platform: Platform) -> Json:
    wanted = platform.resources.train
    made = {
        kind: {name: amount for name, amount in amounts if amount}
        for kind, amounts in (("requests", wanted.requests), ("limits", wanted.limits))
    }
    if platform.gpu.count:
        made["limits"][platform.gpu.resource] = str(platform.gpu.count)
    return made


def _patch(platform: Platform, pod: OwnPod, labels: dict[str, str]) -> Json:
    """Return what Trainer puts into the runtime's pods."""
    selector, tolerations = placement(_TASK, platform)
    volumes, mounts = _volumes(platform)
    user = platform.security_context.model_dump(by_alias=True, exclude_none=True)
    spec = {
        "serviceAccountName": platform.service_account or pod.service_account,
        "imagePullSecrets": [{"name": name} for name in platform.images.pull_secrets],
        "securityContext": user,
        "nodeSelector": selector,
        "tolerations": [
            {k: v for k, v in one.model_dump(by_alias=True).items() if v not in ("", None)}
            for one in tolerations
        ],
        "volumes": volumes,
        "containers": [{"name": _NODE, "volumeMounts": mounts}],
    }
    metadata = {"labels": labels, "annotations": dict(platform.annotations)}
    template: Json = {
        "metadata": {key: value for key, value in metadata.items() if value},
        "spec": {key: value for key, value in spec.items() if value},
    }
    jobs = [{"name": _NODE, "template": {"spec": {"template": template}}}]
    return {
        "manager": _MANAGER,
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}},
    }


def _volumes(platform: Platform) -> tuple[list[Json], list[Json]]:
    """Return the volumes of a node, and where they are mounted: those that the task would have."""
    scratch = {"sizeLimit": platform.scratch} if platform.scratch else {}
    memory = {"medium": "Memory", "sizeLimit": platform.shared_memory}
    s3 = platform.s3
    wanted: list[tuple[str, str, Json]] = [("tmp", SCRATCH, {"emptyDir": scratch})]
    if platform.shared_memory:
        wanted.append(("shm", SHARED_MEMORY, {"emptyDir": memory}))
    if s3.secret_name:
        wanted.append(("s3", S3_SECRET, {"secret": {"secretName": s3.secret_name}}))
    if s3.ca_config_map:
        wanted.append(("ca", CA, {"configMap": {"name": s3.ca_config_map}}))
    if platform.cache_claim:
        claim = {"claimName": platform.cache_claim}
        wanted.append(("cache", CACHE, {"persistentVolumeClaim": claim}))
    volumes = [{"name": name} | source for name, _, source in wanted]
    return volumes, [{"name": name, "mountPath": path} for name, path, _ in wanted]
