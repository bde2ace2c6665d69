"""MLflow's client: imported late, since that takes seconds, quiet, and for the URI of a config."""

from __future__ import annotations

import logging
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from poseline.errors import BackendError
from poseline.garbage import lasting
from poseline.masking import without_user

_DEFAULTS = {
    # An outbox has retries of its own; MLflow's would block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def prepare() -> None:
    """Import MLflow's client, with its chatter off; what the environment says wins."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    _import()
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)


@cache
def _import() -> None:
    with warnings.catch_warnings(), lasting():
        # MLflow 3 warns of a type hint of its own when its pyfunc is imported.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        import mlflow.pyfunc
        import mlflow.tracking  # noqa: F401


def client(uri: str) -> Any:
    """Return a client of `mlflow.uri`, or of `MLFLOW_TRACKING_URI` where that is set."""
    prepare()
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri(effective(uri)))


def effective(uri: str) -> str:
    """Return the URI that is used: `MLFLOW_TRACKING_URI` wins over the config's."""
    return os.environ.get("MLFLOW_TRACKING_URI", uri)


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
