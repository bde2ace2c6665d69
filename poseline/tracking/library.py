"""MLflow itself: imported late, since it takes seconds, and made quiet."""

from __future__ import annotations

import logging
import os
import warnings

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
    with warnings.catch_warnings():
        # MLflow 3 warns of a type hint of its own when its pyfunc is imported.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        import mlflow.pyfunc
        import mlflow.tracking  # noqa: F401
    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)
