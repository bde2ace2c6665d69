"""The MLflow runs of the chain that a task belongs to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from poseline.tasks.artifacts import Artifact, chain_of
from poseline.tasks.parameters import RunReference

if TYPE_CHECKING:
    from poseline.tracking import Tracker

_PATIENCE_S = 300.0  # for MLflow: what is not delivered goes with the pod


@contextmanager
def chain_tracker(
    run: RunReference,
    artifact: Artifact,
    leave: Path | None = None,
    patience: float | None = None,
) -> Iterator[Tracker]:
    """Track the chain that an artifact is of.

    Args:
        run: Where the run is tracked.
        artifact: An artifact of the task, which names the chain.
        leave: Where what MLflow did not take is left.
        patience: Most seconds that the end waits for a server that takes nothing; None: 300.
    """
    from poseline.tracking import open_tracker

    with (
        tempfile.TemporaryDirectory() as folder,
        open_tracker(
            run.mlflow,
            run.project,
            Path(folder),
            chain_id=chain_of(artifact),
            patience=_PATIENCE_S if patience is None else patience,
            leave=leave,
        ) as tracker,
    ):
        yield tracker
