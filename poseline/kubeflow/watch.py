"""Waiting for a run to end, whatever the server does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import UnreachableError
from poseline.kubeflow.runs import KubeflowRun
from poseline.log import get_logger

_log = get_logger(__name__)


def watch(
    kubeflow: Kubeflow, run_id: str, *, interval: float = 5, outage: float = 1800
) -> Iterator[KubeflowRun]:
    """Yield a run each time that it is polled, until it is over.

    KFP ends a run that was terminated as FAILED, and may leave no trace of it in its history: a
    run that was seen CANCELING is reported as canceled to the end.

    Args:
        kubeflow: The server.
        run_id: The run.
        interval: Pause between looks, s.
        outage: How long the server may be away, s.

    Raises:
        UnreachableError: The server was away for longer than that.
        NotFoundError: The run was deleted.
        DeniedError: The token is not accepted any more.
    """
    canceled, away = False, None
    while True:
        try:
            run = kubeflow.run(run_id)
        except UnreachableError as error:
            if away is None:
                away = time.monotonic()
                _log.warning("the server is away; the run goes on", why=error.message)
            elif time.monotonic() - away > outage:
                raise
        else:
            if away is not None:
                _log.info("the server is back", away_s=round(time.monotonic() - away))
                away = None
            canceled |= run.canceled
            yield replace(run, canceled=canceled)
            if run.over:
                return
        time.sleep(interval)
