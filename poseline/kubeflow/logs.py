"""Logs of a run's pods, as far as the API hands them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import RefusedError
from poseline.kubeflow.runs import Run, Task

_TEMPLATE = "system-container-impl"
"""What KFP calls the template of the pods that do the work."""


@dataclass(frozen=True)
class Log:
    """The log of one pod."""

    task: str
    pod: str
    text: str


def logs(kubeflow: Kubeflow, run: Run, task: str | None = None) -> Iterator[Log]:
    """Yield the logs that the server still has: of pods that exist, or of its archive.

    Args:
        kubeflow: The server.
        run: The run, with its tasks.
        task: Name of one task; None: all.

    Raises:
        RefusedError: The run has no such task.
        BackendError: The server cannot be reached.
    """
    tasks = [one for one in run.tasks if task in (None, one.name)]
    if task and not tasks:
        known = ", ".join(dict.fromkeys(one.name for one in run.tasks)) or "none yet"
        raise RefusedError(f"run {run.id} has no task {task}", f"its tasks: {known}")
    for one in tasks:
        for pod in _pods(one):
            text = _read(kubeflow, run.id, pod)
            if text is not None:
                yield Log(one.name, pod, text)


def command(run: Run, namespace: str | None) -> str:
    """Return the kubectl command that shows all logs of a run whose pods exist."""
    where = namespace or "kubeflow"
    return f"kubectl -n {where} logs -l pipeline/runid={run.id} -c main --prefix --tail=-1"


def _pods(task: Task) -> Iterator[str]:
    """Yield what a task's pod may be called.

    The server notes ids of nodes; since 3.4 Argo puts the template between workflow and hash.
    """
    for node in task.pods:
        flow, _, digest = node.rpartition("-")
        yield f"{flow}-{_TEMPLATE}-{digest}"
        yield node


def _read(kubeflow: Kubeflow, run_id: str, pod: str) -> str | None:
    """Read a log; the server answers 200 to everything, with the error as JSON instead."""
    path = f"/apis/v1alpha1/runs/{quote(run_id, safe='')}/nodes/{quote(pod, safe='')}/log"
    try:
        text = kubeflow.api.text(path)
    except RefusedError:
        return None
    if text.startswith("{"):
        try:
            return None if "error_message" in json.loads(text) else text
        except ValueError:
            pass
    return text
