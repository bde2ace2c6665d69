"""The compiled pipelines in Kubeflow's list, so that its form can start them, too."""

from __future__ import annotations

import threading
from pathlib import Path

from poseline.errors import PoselineError
from poseline.kubeflow.package import configure
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.operator.experiments.runs import Runs

_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 300.0
_log = get_logger(__name__)


def publish(runs: Runs, platform: Platform, pipelines: Path, end: threading.Event) -> None:
    """Upload each pipeline as the platform has it, where that version is missing.

    Kubeflow may come up later than the operator: it is asked until it has taken all of them.

    Args:
        runs: A profile of Kubeflow, this thread's own.
        platform: The installation's.
        pipelines: Folder of the compiled pipelines.
        end: Set where it is to stop.
    """
    waiting = sorted(pipelines.glob("*.yaml"))
    wait = _FIRST_WAIT_S
    while waiting and not end.is_set():
        path = waiting[0]
        try:
            version = runs.prepare(configure(path.read_text(encoding="utf-8"), platform))
        except PoselineError as error:
            _log.warning(
                "a pipeline is not in Kubeflow yet", pipeline=path.stem, reason=error.message
            )
            end.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)
            waiting.append(waiting.pop(0))  # one that is refused does not keep the others
            continue
        _log.info("pipeline in Kubeflow", pipeline=path.stem, version=version.name)
        waiting.pop(0)
