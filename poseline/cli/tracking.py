"""What waits for MLflow."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from poseline.errors import StoreError
from poseline.terminal import Console

app = App(name="mlflow", help="Deliver what MLflow has not received yet.", help_format="markdown")


@app.command
def sync(folder: Path) -> None:
    """Deliver what a run could not, because its MLflow server could not be reached.

    `MLFLOW_TRACKING_URI` overrides the address that the run used.

    Example: `poseline mlflow sync experiments_outputs/2026_01_31_12_00_00`

    Args:
        folder: The experiment directory, or the outbox itself.
    """
    from poseline.tracking import outboxes
    from poseline.tracking import sync as deliver

    found = outboxes(folder)
    if not found:
        raise StoreError(f"{folder} holds nothing for MLflow", "name an experiment directory")
    for outbox in found:
        Console().print(f"{outbox}: delivered {deliver(outbox)}", soft_wrap=True, highlight=False)
