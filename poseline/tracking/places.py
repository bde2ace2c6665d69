"""Where runs are tracked."""

from __future__ import annotations

from pathlib import Path


def tracking_uri(uri: str) -> str:
    """Return what MLflow takes for the config's `mlflow.uri`.

    MLflow no longer takes a plain directory, as existing files have it: such a one gets a SQLite
    store, `mlflow.db`, inside.
    """
    if "://" in uri:
        return uri
    folder = Path(uri).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def artifact_location(uri: str) -> str | None:
    """Return where artifacts of a directory's store go: beside it; else what the server says."""
    return None if "://" in uri else (Path(uri).resolve() / "artifacts").as_uri()
