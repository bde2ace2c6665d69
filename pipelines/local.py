"""A compiled pipeline in processes of this machine, by KFP's own local runner."""

import os
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kfp import components, local

from poseline.errors import BackendError
from poseline.kubeflow.package import CHAIN_ID

_MARK = "--by=kfp.dsl.executor_main"
"""KFP's runner knows components in Python by the name of its executor; ours ignore it."""


def run(package: str, arguments: Mapping[str, Any], root: Path, *, cache: bool = True) -> str:
    """Run a compiled pipeline and return once it is done.

    Args:
        package: Text of a compiled pipeline.
        arguments: Root parameters.
        root: Folder of the artifacts, a folder a run.
        cache: Take the outputs of tasks whose inputs are as they were in an earlier run.

    Returns:
        The id that ties the runs of this chain together in MLflow.

    Raises:
        BackendError: A task failed; its log says why.
    """
    chain_id = uuid.uuid4().hex[:16]
    pipeline = components.load_component_from_text(_unclustered(package))
    with _environment({CHAIN_ID: chain_id}), warnings.catch_warnings():
        # KFP opens files of its own and leaves them to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            raise_on_error=True,
            enable_caching=cache,
        )
        try:
            pipeline(**arguments)
        except RuntimeError as error:
            plain = re.sub(r"\x1b\[\d+m", "", str(error))  # KFP colours it
            raise BackendError(plain, "the log of the task above says why") from None
    return chain_id


def _unclustered(package: str) -> str:
    """Return a package without what stands for a cluster: the runner would warn of each, or obey.

    The environment that a pod needs would lead this machine's processes elsewhere.
    """
    spec = next(yaml.safe_load_all(package))
    for executor in spec["deploymentSpec"]["executors"].values():
        if container := executor.get("container"):
            container["image"] = "python"
            container.pop("env", None)
            container.pop("resources", None)
            container["args"].append(_MARK)
    for graph in (spec["root"], *spec["components"].values()):
        for name, task in graph.get("dag", {}).get("tasks", {}).items():
            task.pop("retryPolicy", None)
            task["taskInfo"] = {"name": name}
            task["componentRef"]["name"] = _first_alike(spec, task["componentRef"]["name"])
    return yaml.safe_dump(spec)


def _first_alike(spec: Mapping[str, Any], name: str) -> str:
    """Return `train` for a `train-2` that does the same: KFP's local cache goes by the name."""

    def content(name: str) -> Any:
        component = dict(spec["components"][name])
        return component, spec["deploymentSpec"]["executors"].get(
            component.pop("executorLabel", "")
        )

    first = re.sub(r"-\d+$", "", name)
    alike = first in spec["components"] and content(first) == content(name)
    return first if alike else name


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
