"""Compiled packages: the settings of a cluster put into them, and their names.

A package is what KFP's compiler writes: the pipeline, and the Kubernetes part of it. The compiler
sets nothing of what `configure` does, so that configuring twice is configuring once.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from poseline.errors import ConfigError, Problem
from poseline.kubeflow.platform import Platform, Resources, Tasks, Toleration
from poseline.kubeflow.task_settings import (
    CA,
    CACHE,
    S3_SECRET,
    SCRATCH,
    SHARED_MEMORY,
    STEDGEAI_SECRET,
    environment,
    in_cloud,
    placement,
    pod_labels,
)
from poseline.names import (
    EVALUATE_FLOAT,
    EVALUATE_INT8,
    POD_NAME,
    POD_NAMESPACE,
    SEARCH_STORAGE,
    TRAIN_PLATFORM,
)

CHAIN_ID = "POSELINE_CHAIN_ID"
_TASKS = {
    "dataset-convert": "convert",
    "dataset-split": "resolve",
    "dataset-convert-part": "convert",
    "dataset-join": "convert",
    "import-model": "convert",
    "search-plan": "resolve",
    "search-orders": "resolve",
    "search-worker": "train",
    "search-result": "evaluate",
    EVALUATE_FLOAT: "evaluate",
    EVALUATE_INT8: "evaluate",
}
"""Task to what it is in `Platform.resources`, where that is another name."""
_LIGHT = ("resolve",)
_ONCE = ("resolve", "gate", "finish")
_RUN_ID = "metadata.labels['pipeline/runid']"
_MLFLOW = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_SEARCHING = ("search-worker", "search-result")
_UNTOLD = {"mlflow", "stedgeai", "search", "retries"}
"""Parts of a platform that the nodes of a training have no use for."""
_SOURCE = "the compiled pipeline"


def configure(package: str, platform: Platform) -> str:
    """Return a package that runs as a platform says.

    Images, resources, attempts and environment go into the pipeline; everything that KFP hands to
    the pod as it is goes into its Kubernetes part. The root file system of the pods may be
    read-only: /tmp is theirs, and their home.

    Args:
        package: Text of a compiled pipeline.
        platform: How its tasks run.

    Raises:
        ConfigError: The text is not a compiled pipeline, or has a task that the platform does not
            know.
    """
    spec = read_package(package)
    kubernetes: dict[str, Any] = {}
    names: dict[str, str] = {}
    for label, executor in spec["deploymentSpec"]["executors"].items():
        if container := executor.get("container"):
            names[label] = task = task_of(label)
            if follows := _name(label) == "train" and platform.train.nodes > 1:
                task = "follow"
            container["image"] = _image(task, platform)
            variables = environment(task, platform)
            container["env"] = [{"name": k, "value": v} for k, v in variables.items()]
            container["resources"] = _resources(task, platform)
            kubernetes[label] = _pod(task, platform)
            if follows:
                _follow(container, kubernetes[label], platform)
            if _name(label) in _SEARCHING and platform.search.secret_name:
                kubernetes[label].setdefault("secretAsEnv", []).append(_storage(platform))
    for entry, component in _tasks(spec):
        entry.pop("retryPolicy", None)
        name = names.get(component.get("executorLabel", ""))
        if name and name not in _ONCE and platform.retries.limit:
            entry["retryPolicy"] = _retries(platform)
    lines = package.splitlines(keepends=True)
    comment = "".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    second = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": kubernetes}}}}
    return comment + yaml.safe_dump(spec) + "---\n" + yaml.safe_dump(second)


def version_name(package: str) -> str:
    """Return the name of a package's version: 12 hex digits of its sha256."""
    return hashlib.sha256(package.encode()).hexdigest()[:12]


def pipeline_name(package: str) -> str:
    """Return the name of a package's pipeline.

    Raises:
        ConfigError: The text is not a compiled pipeline.
    """
    return str(read_package(package)["pipelineInfo"]["name"])


def task_of(executor: str) -> str:
    """Return what an executor of KFP is in `Platform.resources`: `exec-train-2` is `train`.

    Raises:
        ConfigError: The task does not exist.
    """
    name = _name(executor)
    task = _TASKS.get(name, name)
    known = Tasks.model_fields
    if task not in known:
        raise ConfigError([Problem(f"task {name}", "unknown", ", ".join(known))], _SOURCE)
    return task


def _name(executor: str) -> str:
    return re.sub(r"^exec-|-\d+$", "", executor)


def _follow(container: dict[str, Any], pod: dict[str, Any], platform: Platform) -> None:
    """Let a task have its training done on several nodes: what they get goes to the task as text.

    So the pods of the nodes have the images, resources, volumes and so on that the task would have.
    """
    told = platform.model_dump(mode="json", by_alias=True, exclude=_UNTOLD)
    told["resources"] = {"train": told["resources"]["train"]}
    text = yaml.safe_dump(told, default_flow_style=True, width=math.inf).strip()
    container["env"].append({"name": TRAIN_PLATFORM, "value": text})
    pod["fieldPathAsEnv"] += [
        {"name": POD_NAME, "fieldPath": "metadata.name"},
        {"name": POD_NAMESPACE, "fieldPath": "metadata.namespace"},
    ]


def _storage(platform: Platform) -> dict[str, Any]:
    """Return what gives a task the URL of the database that searches share."""
    key = {"secretKey": "uri", "envVar": SEARCH_STORAGE}
    return _named("secretName", platform.search.secret_name) | {"keyToEnv": [key]}


def read_package(package: str) -> dict[str, Any]:
    """Return the pipeline of a package, without its Kubernetes part.

    Raises:
        ConfigError: The text is not a compiled pipeline.
    """
    try:
        spec = next(yaml.safe_load_all(package), None)
    except yaml.YAMLError as error:
        raise ConfigError([Problem("package", str(error), "YAML")], _SOURCE) from None
    needed = ("pipelineInfo", "deploymentSpec", "root")
    if not isinstance(spec, dict) or any(key not in spec for key in needed):
        raise ConfigError([Problem("package", "something else", "what KFP compiles")], _SOURCE)
    return cast(dict[str, Any], spec)


def _tasks(spec: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every task of every graph of a pipeline, with its component."""
    components: dict[str, Any] = spec.get("components", {})
    for graph in (spec["root"], *components.values()):
        for task in graph.get("dag", {}).get("tasks", {}).values():
            yield task, components[task["componentRef"]["name"]]


def _image(task: str, platform: Platform) -> str:
    return platform.images.pipelines if task in _LIGHT else platform.images.ml


def _resources(task: str, platform: Platform) -> dict[str, Any]:
    wanted: Resources = getattr(platform.resources, task)
    found: dict[str, Any] = {
        "resourceCpuRequest": wanted.requests.cpu,
        "resourceMemoryRequest": wanted.requests.memory,
        "resourceCpuLimit": wanted.limits.cpu,
        "resourceMemoryLimit": wanted.limits.memory,
    }
    if task == "train" and (gpu := platform.gpu).count:
        found["accelerator"] = {"resourceType": gpu.resource, "resourceCount": str(gpu.count)}
    return {name: value for name, value in found.items() if value}


def _retries(platform: Platform) -> dict[str, Any]:
    return {
        "maxRetryCount": platform.retries.limit,
        "backoffDuration": f"{platform.retries.backoff_seconds}s",
        "backoffFactor": platform.retries.backoff_factor,
        "backoffMaxDuration": "600s",
    }


def _pod(task: str, platform: Platform) -> dict[str, Any]:
    """Return the Kubernetes part of a task, in the terms of kfp-kubernetes."""
    selector, tolerations = placement(task, platform)
    s3, mlflow, images = platform.s3, platform.mlflow, platform.images
    found: dict[str, Any] = {
        "podMetadata": {
            "labels": pod_labels(task, platform),
            "annotations": dict(platform.annotations),
        },
        "imagePullPolicy": images.pull_policy,
        "imagePullSecret": [_named("secretName", name) for name in images.pull_secrets],
        "fieldPathAsEnv": [{"name": CHAIN_ID, "fieldPath": _RUN_ID}],
        "nodeSelector": {"labels": selector} if selector else {},
        "tolerations": [_toleration(toleration) for toleration in tolerations],
        "securityContext": platform.security_context.model_dump(by_alias=True, exclude_none=True),
        "emptyDirMounts": _volumes(platform),
    }
    secrets = {S3_SECRET: s3.secret_name}
    if in_cloud(task, platform):
        secrets[STEDGEAI_SECRET] = platform.stedgeai.secret_name
    if any(secrets.values()):
        found["secretAsVolume"] = [
            _named("secretName", name) | {"mountPath": path}
            for path, name in secrets.items()
            if name
        ]
    if s3.ca_config_map:
        found["configMapAsVolume"] = [_named("configMapName", s3.ca_config_map) | {"mountPath": CA}]
    if mlflow.secret_name and mlflow.tracking_uri:  # else a config would say where they go
        keys = [{"secretKey": name, "envVar": name} for name in _MLFLOW]
        found["secretAsEnv"] = [
            _named("secretName", mlflow.secret_name) | {"keyToEnv": keys, "optional": True}
        ]
    if platform.cache_claim and task != "follow":
        claim = {"runtimeValue": {"constant": platform.cache_claim}}
        found["pvcMount"] = [
            {"pvcNameParameter": claim, "constant": platform.cache_claim, "mountPath": CACHE}
        ]
    return {name: value for name, value in found.items() if value}


def _named(key: str, name: str) -> dict[str, Any]:
    """Return a name both ways: as text for KFP before 2.5, and as the parameter that it is now."""
    return {key: name, f"{key}Parameter": {"runtimeValue": {"constant": name}}}


def _toleration(toleration: Toleration) -> dict[str, Any]:
    return {k: v for k, v in toleration.model_dump(by_alias=True).items() if v not in ("", None)}


def _volumes(platform: Platform) -> list[dict[str, str]]:
    scratch = {"volumeName": "tmp", "mountPath": SCRATCH}
    if platform.scratch:
        scratch["sizeLimit"] = platform.scratch
    found = [scratch]
    if platform.shared_memory:
        found.append(
            {
                "volumeName": "shm",
                "mountPath": SHARED_MEMORY,
                "medium": "Memory",
                "sizeLimit": platform.shared_memory,
            }
        )
    return found
