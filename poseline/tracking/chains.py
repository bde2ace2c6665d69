"""The chains that an MLflow knows, with the figures that they are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from poseline.errors import BackendError
from poseline.names import TAG_RUN_DIRECTORY, TAG_STAGE
from poseline.tracking.client import tracking_uri

_MOST = 200


@dataclass(frozen=True)
class Chain:
    """The MLflow run of a chain.

    Attributes:
        run_id: Its id in MLflow.
        name: Its name in MLflow.
        project: Name of its experiment.
        status: RUNNING, FINISHED, FAILED or KILLED.
        started_ms: When it began, in ms since 1970.
        directory: Its run directory, as its tag says; empty where it has none.
        board: The board that it was benchmarked for.
        metrics: Name to value.
    """

    run_id: str
    name: str
    project: str
    status: str
    started_ms: int
    directory: str = ""
    board: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


def chains(uri: str, limit: int = _MOST) -> list[Chain]:
    """Return the chains of all experiments, the latest first.

    Args:
        uri: The tracking server, or the directory of a store.
        limit: Most chains to return.

    Raises:
        BackendError: MLflow does not answer, or refuses.
    """
    from poseline.tracking.client import client
    from poseline.tracking.outbox import CHAIN

    try:
        mlflow = client(uri)
        names = {one.experiment_id: one.name for one in mlflow.search_experiments()}
        found = (
            mlflow.search_runs(list(names), f"tags.`{TAG_STAGE}` = '{CHAIN}'", max_results=limit)
            if names
            else []
        )
    except Exception as error:  # MLflow's client raises in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        place = tracking_uri(uri)
        raise BackendError(f"MLflow at {place} cannot be read: {reason}") from None
    return [
        Chain(
            run_id=run.info.run_id,
            name=run.info.run_name or run.info.run_id,
            project=names.get(run.info.experiment_id, ""),
            status=run.info.status,
            started_ms=run.info.start_time or 0,
            directory=run.data.tags.get(TAG_RUN_DIRECTORY, ""),
            board=run.data.params.get("benchmarking.board", ""),
            metrics=dict(run.data.metrics),
        )
        for run in found
    ]
