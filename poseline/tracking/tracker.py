"""Runs in MLflow: one parent a chain, one nested run a stage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poseline.log import get_logger

_log = get_logger(__name__)
_CHAIN, _STAGE, _PARENT = "poseline.chain_id", "poseline.stage", "mlflow.parentRunId"
_MOST_PARAMS = 100


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


@dataclass
class StageRun:
    """An open run of MLflow; a fault of the tracking is logged and never raised."""

    client: Any
    run_id: str

    def params(self, params: Mapping[str, Any]) -> None:
        """Log settings; those of an attempt before keep their value."""
        from mlflow.entities import Param

        with _forgiving("params"):
            known = self.client.get_run(self.run_id).data.params
            new = [Param(k, str(v)[:500]) for k, v in flatten(params).items() if k not in known]
            for start in range(0, len(new), _MOST_PARAMS):
                self.client.log_batch(self.run_id, params=new[start : start + _MOST_PARAMS])

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log figures at a step."""
        import time

        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        with _forgiving("metrics"):
            entries = [Metric(k, float(v), now, step) for k, v in metrics.items() if v == v]
            self.client.log_batch(self.run_id, metrics=entries)

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        with _forgiving("tag"):
            self.client.set_tag(self.run_id, key, value)

    def artifacts(self, files: Mapping[str, Path]) -> None:
        """Log files and folders under their role's name."""
        with _forgiving("artifacts"):
            for role, path in files.items():
                if path.is_dir():
                    self.client.log_artifacts(self.run_id, str(path), role)
                elif path.is_file():
                    self.client.log_artifact(self.run_id, str(path))


class Tracker:
    """The runs of one chain.

    Args:
        uri: `mlflow.uri` of the config; `MLFLOW_TRACKING_URI` wins.
        experiment: Name of the MLflow experiment.
        chain_id: What ties the chain's runs together, across pods and retries.
    """

    def __init__(self, uri: str, experiment: str, chain_id: str) -> None:
        from mlflow.tracking import MlflowClient

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        uri = os.environ.get("MLFLOW_TRACKING_URI", uri)
        self._client = MlflowClient(tracking_uri(uri))
        self._chain_id = chain_id
        found = self._client.get_experiment_by_name(experiment)
        self._experiment = (
            found.experiment_id
            if found
            else self._client.create_experiment(experiment, artifact_location(uri))
        )
        self.parent = StageRun(self._client, self._run("chain", None))

    @contextmanager
    def stage(self, name: str) -> Iterator[StageRun]:
        """Give the nested run of a stage; taken up again where an attempt before left it."""
        run_id = self._run(name, self.parent.run_id)
        try:
            yield StageRun(self._client, run_id)
        except BaseException:
            self._end(run_id, "FAILED")
            raise
        self._end(run_id, "FINISHED")

    def end(self, status: str = "FINISHED") -> None:
        """End the chain's run."""
        self._end(self.parent.run_id, status)

    def _run(self, stage: str, parent: str | None) -> str:
        """Find the run of a stage by its tags, or create it."""
        query = f"tags.`{_CHAIN}` = '{self._chain_id}' and tags.`{_STAGE}` = '{stage}'"
        found = self._client.search_runs([self._experiment], query, max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self._client.update_run(run_id, "RUNNING")
            return run_id
        tags = {_CHAIN: self._chain_id, _STAGE: stage}
        if parent:
            tags[_PARENT] = parent
        name = stage if parent else self._chain_id
        return str(self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id)

    def _end(self, run_id: str, status: str) -> None:
        with _forgiving("end"):
            self._client.set_terminated(run_id, status)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted path; empty ones are left out."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{path}.")
        elif value not in (None, [], {}):
            flat[path] = value
    return flat


@contextmanager
def _forgiving(what: str) -> Iterator[None]:
    """Log a fault of the tracking instead of raising it: no training fails for its records."""
    try:
        yield
    except Exception as error:  # MLflow raises its own, requests', urllib3's and SQLAlchemy's
        _log.warning("not tracked", what=what, reason=str(error).splitlines()[0][:200])
