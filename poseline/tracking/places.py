"""Where runs are tracked."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from poseline.errors import BackendError
from poseline.masking import without_user


def tracking_uri(uri: str) -> str:
    """Return what MLflow takes for the config's `mlflow.uri`.

    MLflow no longer takes a plain directory, as existing files have it: such a one, by its path or
    by a file URI, gets a SQLite store, `mlflow.db`, inside. Where user information was hidden,
    MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD take its place, as MLflow itself has it.

    Raises:
        BackendError: The directory cannot be made.
    """
    folder = _folder(uri)
    if folder is None:
        return without_user(uri)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BackendError(f"{folder} cannot hold runs: {reason}", "see mlflow.uri") from None
    return f"sqlite:///{folder / 'mlflow.db'}"


def artifact_location(uri: str) -> str | None:
    """Return where artifacts of a directory's store go: beside it; else what the server says."""
    folder = _folder(uri)
    return None if folder is None else (folder / "artifacts").as_uri()


def _folder(uri: str) -> Path | None:
    """Return the directory that a URI means; None where it means a server or a database."""
    if uri.startswith("file:"):
        place = urlsplit(uri)
        if place.netloc not in ("", "localhost"):
            raise BackendError(f"{uri} is a directory of another host", "see mlflow.uri")
        return Path(unquote(place.path)).resolve()
    return None if "://" in uri else Path(uri).resolve()
