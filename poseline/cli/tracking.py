"""What waits for MLflow."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from poseline.errors import StoreError
from poseline.terminal import Console

app = App(name="mlflow", help="Deliver what waits for MLflow.", help_format="markdown")


@app.command
def sync(folder: Path) -> None:
    """Deliver what a run could not, since its MLflow server was away.

    `MLFLOW_TRACKING_URI` takes the place of the address that the run had.

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
