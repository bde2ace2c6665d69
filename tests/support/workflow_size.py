"""How large the Argo workflow of a compiled pipeline becomes, by what KFP 2.17 writes into it.

Each task has a driver and a launcher. With the settings that KFP ships, a driver is two nodes
(retry and pod) that hold its inputs and the patch of the pod that it makes; a launcher is four
(retry and graph, then retry and pod) that hold the patch. The patch has the task's inputs and its
component in it, as JSON within JSON: each quote costs more, the deeper it is.
"""

import json
import re

import yaml

LIMIT = 2**20
"""Bytes above which Argo compresses the nodes, and KFP loses sight of them."""
_FRAME = 60_000  # what Argo and KFP write of any pipeline: templates, labels, conditions
_NODE = 700  # names, ids, times, template and messages of a node
_URI = "minio://mlpipeline/v2/artifacts/poseline-chain-tqeb/{0}/{0}/{0}/artifact".format("0" * 36)


def workflow_size(package, values, passes=1):
    """The bytes of a workflow at its end.

    Args:
        package: Text of the compiled pipeline.
        values: Name of a task's input to the text that it is given there; `task.input` wins.
        passes: How often a loop's tasks run.
    """
    spec, platform = yaml.safe_load_all(package)
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    size, said = _FRAME, set()
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
        size += nodes * times
        for one in inputs:  # what the arguments of the workflow say once
            size += 0 if (text := json.dumps(one)) in said else len(json.dumps(text))
            said.add(text)
    return size


def _tasks(spec):
    graphs = {"root": spec["root"], **spec["components"]}
    for graph, content in graphs.items():
        for name, task in content.get("dag", {}).get("tasks", {}).items():
            yield graph, name, task


def _length(value):
    """The bytes of a value as JSON text within the JSON of the workflow."""
    return len(json.dumps(json.dumps(value, separators=(",", ":"))))


def _patch(name, component, container, pod, values):
    taken = component.get("inputDefinitions", {})
    made = component.get("outputDefinitions", {})
    name = re.sub(r"-\d+$", "", name)  # the second task of a component
    given = {
        key: values.get(f"{name}.{key}", values.get(key, "")) for key in taken.get("parameters", {})
    }
    artifact = {
        "artifacts": [
            {
                "name": "0" * 19,
                "uri": _URI,
                "metadata": {"display_name": "model"},
                "type": {"schemaTitle": "system.Model"},
            }
        ]
    }
    executor_input = {
        "inputs": {
            "parameterValues": given,
            "artifacts": dict.fromkeys(taken.get("artifacts", {}), artifact),
        },
        "outputs": {
            "parameters": {
                key: {"outputFile": f"/tmp/kfp/outputs/{key}"} for key in made.get("parameters", {})
            },
            "artifacts": dict.fromkeys((*made.get("artifacts", {}), "logs"), artifact),
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
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
        json.dumps(executor_input),
        "--component_spec",
        json.dumps(component),
        "--pod_name",
        "$(KFP_POD_NAME)",
        "--pod_uid",
        "$(KFP_POD_UID)",
        "--mlmd_server_address",
        "metadata-grpc-service.kubeflow.svc.cluster.local",
        "--mlmd_server_port",
        "8080",
        "--publish_logs",
        "true",
        "--",
    ]
    return {
        "containers": [
            {
                "name": "main",
                "image": container["image"],
                "command": launcher,
                "args": [*container["command"], *container["args"]],
                "env": container.get("env", []),
                "resources": container.get("resources", {}),
                "volumeMounts": pod.get("emptyDirMounts", []) + pod.get("secretAsVolume", []),
            }
        ],
        "volumes": pod.get("emptyDirMounts", []) + pod.get("secretAsVolume", []),
    }
