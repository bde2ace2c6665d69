"""What the pods of tasks get of a platform: in a pipeline, and in a training on several nodes."""

from __future__ import annotations

from poseline.kubeflow.platform import Platform, Toleration

S3_SECRET, CA, CACHE = "/etc/poseline/s3", "/etc/poseline/ca", "/var/cache/poseline"
STEDGEAI_SECRET = "/etc/poseline/stedgeai"  # noqa: S105  a path
SCRATCH, SHARED_MEMORY = "/tmp", "/dev/shm"  # noqa: S108  where volumes are mounted


def environment(task: str, platform: Platform) -> dict[str, str]:
    """Return what a task gets from its environment; the images say what is the same for all."""
    s3 = platform.s3
    found = {
        "POSELINE_CACHE": CACHE if platform.cache_claim else "",
        "AWS_ENDPOINT_URL_S3": s3.endpoint,
        "AWS_REGION": s3.region,
        "POSELINE_S3_SECRET": S3_SECRET if s3.secret_name else "",
        "AWS_CA_BUNDLE": f"{CA}/ca.crt" if s3.ca_config_map else "",
        "MLFLOW_TRACKING_URI": platform.mlflow.tracking_uri,
        "POSELINE_STEDGEAI_SECRET": STEDGEAI_SECRET if in_cloud(task, platform) else "",
    }
    return {name: value for name, value in found.items() if value} | platform.env


def in_cloud(task: str, platform: Platform) -> bool:
    """Return whether a task signs in to ST's developer cloud."""
    return task == "benchmark" and bool(platform.stedgeai.secret_name)


def placement(task: str, platform: Platform) -> tuple[dict[str, str], list[Toleration]]:
    """Return the labels that a task's node must have, and the taints that it tolerates."""
    selector, tolerations = dict(platform.node_selector), list(platform.tolerations)
    if task == "train" and platform.gpu.count:
        selector |= platform.gpu.node_selector
        tolerations += platform.gpu.tolerations
    return selector, tolerations


def pod_labels(task: str, platform: Platform) -> dict[str, str]:
    """Return the labels of a task's pods.

    The chart's network policies go by the first two of them (poseline.peers in _helpers.tpl).
    """
    labels = {"app.kubernetes.io/part-of": "poseline", "app.kubernetes.io/component": task}
    return labels | platform.labels
