"""Logs of a run's pods: from Kubeflow's API, or else from where its launcher stores them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from poseline import store
from poseline.errors import BackendError, StoreError
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import RefusedError
from poseline.kubeflow.pipeline_spec import TEMPLATE
from poseline.kubeflow.runs import KubeflowRun
from poseline.kubeflow.tasks import Task
from poseline.log import get_logger

_ARTIFACTS = "s3://mlpipeline/v2/artifacts"  # unless KFP is configured otherwise
_STORED = "executor-logs"
_MOST_BYTES = 64 * 2**20
_log = get_logger(__name__)


@dataclass(frozen=True)
class Log:
    """The log of one pod.

    Attributes:
        task: The task.
        place: The pod, or the URI that it was stored at.
        text: The log.
    """

    task: str
    place: str
    text: str


def logs(
    kubeflow: Kubeflow, run: KubeflowRun, task: str | None = None, artifacts: str = ""
) -> Iterator[Log]:
    """Yield the logs of a run's tasks.

    The server has those of pods that exist. KFP's launcher stores them beside the artifacts as
    well, unless the installation turns that off, and there they stay.

    Args:
        kubeflow: The server.
        run: The run, with its tasks.
        task: Name of one task; None: all.
        artifacts: URI below which KFP keeps artifacts; empty: only the server is asked.

    Raises:
        RefusedError: The run does not have this task.
        BackendError: The server cannot be reached.
    """
    tasks = [one for one in run.tasks if task in (None, one.name)]
    if task and not tasks:
        known = ", ".join(one.name for one in run.tasks) or "none yet"
        raise RefusedError(f"run {run.id} has no task {task}", f"its tasks: {known}")
    spec = _version(kubeflow, run)
    stored = f"{artifacts.rstrip('/')}/{spec.name}/{run.id}" if artifacts and spec.name else ""
    for one in tasks:
        served = list(_served(kubeflow, run, one, spec.templates.get(one.name, TEMPLATE)))
        yield from served or (_stored(one.name, f"{stored}/{one.name}") if stored else ())


def default_artifacts() -> str:
    """Return where KFP keeps artifacts by default; empty where no storage of one's own is named."""
    named = any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    return _ARTIFACTS if named else ""


def command(run: KubeflowRun, namespace: str | None) -> str:
    """Return the kubectl command that shows all logs of a run whose pods exist."""
    where = namespace or "kubeflow"
    return f"kubectl -n {where} logs -l pipeline/runid={run.id} -c main --prefix --tail=-1"


@dataclass(frozen=True)
class _Version:
    """What the names of pods depend on: the pipeline's name, and each task's template."""

    name: str
    templates: Mapping[str, str]


def _version(kubeflow: Kubeflow, run: KubeflowRun) -> _Version:
    """Return what is known of the pipeline that a run is of; nothing where it was deleted."""
    try:
        spec = kubeflow.version_spec(run)
    except BackendError as error:
        _log.debug("the pipeline of the run is not known", run=run.id, why=error.message)
        return _Version("", {})
    return _Version(spec.pipeline.info.name, spec.templates())


def _served(kubeflow: Kubeflow, run: KubeflowRun, task: Task, template: str) -> Iterator[Log]:
    """Yield what the server has: it takes the name of a pod, or in older versions a node's id."""
    for node in task.pods:
        flow, _, digest = node.rpartition("-")
        for pod in (f"{flow}-{template}-{digest}", node):
            if (text := _read(kubeflow, run.id, pod)) is not None:
                yield Log(task.name, pod, text)
                break


def _read(kubeflow: Kubeflow, run_id: str, pod: str) -> str | None:
    """Read a log; the server answers 200 to everything, with the error as JSON instead."""
    path = f"/apis/v1alpha1/runs/{quote(run_id, safe='')}/nodes/{quote(pod, safe='')}/log"
    try:
        text = kubeflow.api.text(path)
    except RefusedError:
        return None
    # What was sent before the error was found precedes it.
    with suppress(ValueError, TypeError):
        if "error_message" in json.loads(text[text.rindex("{") :]):
            return None
    return text


def _stored(task: str, place: str) -> Iterator[Log]:
    """Yield the logs that KFP's launcher stored, one for each attempt and pass of a loop."""
    try:
        names = sorted(n for n in store.listing(place) if _STORED in n.rpartition("/")[2])
        for name in names:
            path = store.fetch(f"{place}/{name}")
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES).decode(errors="replace")
            yield Log(task, f"{place}/{name}", text)
    except StoreError as error:
        _log.debug("no stored log", task=task, why=error.message)
