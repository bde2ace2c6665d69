"""How large the Argo workflow of a compiled pipeline becomes, by what KFP 2.17 writes into it.

Each task has a driver and a launcher. With the settings that KFP ships, a driver is two nodes
(retry and pod) that hold its inputs and the patch of the pod that it makes; a launcher is four
(retry and graph, then retry and pod) that hold the patch. The patch has the task's inputs and its
component in it, as JSON within JSON: each quote costs more, the deeper it is.

On KFP 2.17 with Argo 4.0.5, a chain and a sweep of two models were 3 to 5 % smaller than estimated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from poseline.config.models.config import Config, Stage

LIMIT = 2**20
"""Bytes above which Argo compresses the nodes, and KFP loses sight of them; the environment
variable MAX_WORKFLOW_SIZE of Argo's controller raises it."""
_FRAME = 60_000  # what Argo and KFP write of any pipeline: templates, labels, conditions
_NODE = 1_300  # names, ids, times, template, labels and retries of a node of a task
_GRAPH_NODES = 4 * 700  # those of a graph, or of a pass of a loop, beside its driver
_OUT = "/tmp/kfp"  # noqa: S108  where KFP's launcher has outputs written
_URI = "minio://mlpipeline/v2/artifacts/poseline-chain-tqeb/{0}/{1}/{0}/{1}".format(
    "0" * 36, "0" * 12
)
_SESSION = json.dumps(
    {
        "Provider": "minio",
        "Params": dict.fromkeys(("accessKeyKey", "secretKeyKey"), "0" * 9)
        | dict.fromkeys(("disableSSL", "fromEnv", "maxRetries", "region"), "false")
        | dict.fromkeys(("endpoint", "secretName"), "0" * 25),
    }
)
_METADATA = {
    "architecture": "st_movenet_lightning_heatmaps",
    "display_name": "quantized",
    "file": "quantized_model.tflite",
    "framework": "LiteRT",
    "granularity": "per_channel",
    "input_shape": "192x192x3",
    "keypoints": 17,
    "quantization": "int8, input uint8, output float32",
    "quantizer": "TFlite_converter",
    "size_kb": 740.3,
    "store_session_info": _SESSION,
}
"""What is said of a model, and where KFP says that it lies."""
_PROXY = "127.0.0.1,localhost"
_ENVIRONMENT = [
    *({"name": name, "value": _PROXY} for name in ("no_proxy", "NO_PROXY")),
    {
        "name": "POSELINE_CHAIN_ID",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['pipeline/runid']"}},
    },
]
"""What KFP adds to a pod's."""

_STAGES: Mapping[str, Stage] = {
    "dataset-convert": "convert",
    "train": "train",
    "quantize": "quantize",
    "evaluate-float": "evaluate",
    "evaluate-int8": "evaluate",
    "predict": "predict",
    "benchmark": "benchmark",
    "export": "export",
    "gate": "gate",
}


def values_of(config: Config, text: str) -> dict[str, str]:
    """Return what each task is given, as long as it becomes in a run of a config.

    Args:
        config: The config.
        text: It as it is sent.
    """
    reference, figures = "0" * 330, "0" * 900  # places of sets; figures of every kind
    slices = {
        f"{task}.config": yaml.safe_dump(
            config.slice(stage), default_flow_style=True, width=float("inf")
        )
        for task, stage in _STAGES.items()
    }
    return {
        "config": text,
        "run": "0" * 110,
        **dict.fromkeys(("data", "inputs"), reference),
        **dict.fromkeys(("evaluate_float", "evaluate_int8", "benchmark"), figures),
        **slices,
    }


def workflow_size(package: str, values: Mapping[str, str], passes: int = 1) -> int:
    """Return the bytes of a workflow at its end.

    Args:
        package: Text of the compiled pipeline, with the settings of its platform.
        values: Name of a task's input to the text that it is given there; `task.input` wins.
        passes: How often a loop's tasks run.
    """
    spec, platform = yaml.safe_load_all(package)
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    size = _FRAME
    said: set[str] = set()
    for graph, name, task in _tasks(spec):
        component = spec["components"][task["componentRef"]["name"]]
        label = component.get("executorLabel")
        times = passes if "for-loop" in graph or "parameterIterator" in task else 1
        container = spec["deploymentSpec"]["executors"][label]["container"] if label else {}
        inputs = [component, task, container, pods.get(label, {})]
        nodes = 2 * (sum(map(_length, inputs)) + _NODE)
        if label:
            patch = _length(_patch(name, component, container, pods[label], values))
            nodes += 2 * patch + 4 * (patch + _NODE)
        else:
            nodes += _GRAPH_NODES * (passes + 1 if "parameterIterator" in task else 1)
        size += nodes * times
        for one in inputs:  # what the arguments of the workflow say once
            size += 0 if (text := json.dumps(one)) in said else len(json.dumps(text))
            said.add(text)
    return size


def _tasks(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    graphs = {"root": spec["root"], **spec["components"]}
    for graph, content in graphs.items():
        for name, task in content.get("dag", {}).get("tasks", {}).items():
            yield graph, name, task


def _length(value: Any) -> int:
    """Return the bytes of a value as JSON text within the JSON of the workflow."""
    return len(json.dumps(_dumped(value)))


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _patch(
    name: str,
    component: dict[str, Any],
    container: dict[str, Any],
    pod: dict[str, Any],
    values: Mapping[str, str],
) -> dict[str, Any]:
    """Return what a driver makes of a task: how its pod differs from the template."""
    taken = component.get("inputDefinitions", {})
    made = component.get("outputDefinitions", {})
    name = re.sub(r"-\d+$", "", name)  # the second task of a component
    given = {
        key: values.get(f"{name}.{key}", values.get(key, "")) for key in taken.get("parameters", {})
    }
    kind = {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}
    artifact = {"name": "0" * 19, "uri": _URI, "type": kind}
    model = {"artifacts": [{**artifact, "metadata": _METADATA}]}
    executor_input = {
        "inputs": {
            "parameterValues": given,
            "artifacts": dict.fromkeys(taken.get("artifacts", {}), model),
        },
        "outputs": {
            "parameters": {
                key: {"outputFile": f"{_OUT}/outputs/{key}"} for key in made.get("parameters", {})
            },
            "artifacts": {
                key: {"artifacts": [artifact]}
                for key in (*made.get("artifacts", {}), "executor-logs")
            },
            "outputFile": f"{_URI}/output_metadata.json",
        },
    }
    launcher = [
        "/kfp-launcher/launch",
        "--pipeline_name",
        "poseline-chain-tqeb",
        "--run_id",
        "0" * 36,
        "--execution_id",
        "100",
        "--executor_input",
        _dumped(executor_input),
        "--component_spec",
        _dumped(component),
        "--pod_name",
        "$(KFP_POD_NAME)",
        "--pod_uid",
        "$(KFP_POD_UID)",
        "--ml_pipeline_server_address",
        "ml-pipeline.kubeflow.svc.cluster.local",
        "--ml_pipeline_server_port",
        "8887",
        "--mlmd_server_address",
        "metadata-grpc-service.kubeflow.svc.cluster.local",
        "--mlmd_server_port",
        "8080",
        *("--publish_logs", "true") * 2,
        "--",
    ]
    return {
        "containers": [
            {
                "name": "main",
                "image": container["image"],
                "command": launcher,
                "args": [*container["command"], *container["args"]],
                "env": container.get("env", []) + _ENVIRONMENT,
                "resources": container.get("resources", {}),
                "volumeMounts": pod.get("emptyDirMounts", []) + pod.get("secretAsVolume", []),
                "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True},
            }
        ],
        "volumes": pod.get("emptyDirMounts", []) + pod.get("secretAsVolume", []),
    }
