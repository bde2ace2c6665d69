"""The results of a run, from MLflow's REST API; MLflow itself is not needed for that."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from poseline.answers import Answer, BoundedClient, read_as, read_json
from poseline.kubeflow.api import certificates
from poseline.kubeflow.errors import DeniedError, RefusedError, UnreachableError
from poseline.origin import same_server
from poseline.tracking.failures import Failure

_ROOT = "/api/2.0/mlflow"
_EXPERIMENTS, _SHOWN = 1000, 300
_ADDRESS = "see MLFLOW_TRACKING_URI"
_CA, _USER = "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_USERNAME"
_PASSWORD, _TOKEN = "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"


@dataclass(frozen=True)
class Result:
    """The MLflow run of a chain.

    Attributes:
        run_id: Its id in MLflow.
        status: RUNNING, FINISHED, FAILED or KILLED.
        metrics: Name to value; only finite numbers.
        tags: Name to value; those of poseline begin with `poseline.`.
    """

    run_id: str
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def failure(self) -> Failure | None:
        """Why a task of the chain failed; None: nothing is known of that."""
        return Failure.read(self.tags)


def result(
    chain_id: str, uri: str | None = None, *, trusted: str | None = None, timeout: float = 15
) -> Result | None:
    """Return the MLflow run of a chain; None where there is none, or no server.

    Credentials are those of MLflow's own client: `MLFLOW_TRACKING_TOKEN`, or
    `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.

    Args:
        chain_id: Id of the run in Kubeflow.
        uri: The tracking server; None: `MLFLOW_TRACKING_URI`.
        trusted: The server that the credentials are for, where somebody else says what `uri` is;
            any other gets none. None: `uri` itself.
        timeout: The longest wait for an answer, s.

    Raises:
        BackendError: The server does not answer, or refuses.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri.startswith(("http://", "https://")):
        return None
    query = f"tags.`poseline.chain_id` = {_quoted(chain_id)} and tags.`poseline.stage` = 'chain'"
    known = trusted is None or same_server(uri, trusted)
    with _connection(uri, timeout, credentials=known) as http:
        listed = _post(http, "/experiments/search", {"max_results": _EXPERIMENTS}, _Experiments)
        ids = [one.experiment_id for one in listed.experiments]
        if not ids:
            return None
        found = _post(http, "/runs/search", {"experiment_ids": ids, "filter": query}, _Runs)
    return _read(found.runs[0]) if found.runs else None


class _Experiment(BaseModel):
    experiment_id: str


class _Experiments(BaseModel):
    experiments: list[_Experiment] = []


class _Metric(BaseModel):
    key: str
    value: float  # "NaN" and "Infinity" are text in protobuf's JSON


class _Tag(BaseModel):
    key: str
    value: str = ""


class _Data(BaseModel):
    metrics: list[_Metric] = []
    tags: list[_Tag] = []


class _Info(BaseModel):
    run_id: str
    status: str = ""


class _Run(BaseModel):
    info: _Info
    data: _Data = _Data()


class _Runs(BaseModel):
    runs: list[_Run] = []


def _connection(uri: str, timeout: float, *, credentials: bool) -> BoundedClient:
    env = os.environ.get
    token, name = (env(_TOKEN), env(_USER)) if credentials else (None, None)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    user = (name, env(_PASSWORD, "")) if name and not token else None
    verify: Any = True
    if env(_CA):
        verify = certificates(Path(env(_CA, "")))
    try:
        return BoundedClient(
            most_s=4 * timeout,
            base_url=uri.rstrip("/"),
            headers=headers,
            auth=user,
            verify=verify,
            timeout=timeout,
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedError(f"the address of MLflow is not a URL: {error}", _ADDRESS) from None


def _post(http: BoundedClient, path: str, body: dict[str, Any], kind: type[Answer]) -> Answer:
    try:
        answer = http.request("POST", _ROOT + path, json=body)
    except httpx.InvalidURL as error:
        raise RefusedError(f"the address of MLflow is not a URL: {error}", _ADDRESS) from None
    except httpx.RequestError as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(f"MLflow at {http.base_url} does not answer: {why}") from None
    if answer.status_code in (401, 403):
        raise DeniedError(
            f"MLflow at {http.base_url} answers {answer.status_code}",
            f"set {_TOKEN}, or {_USER} and {_PASSWORD}",
        )
    if not answer.is_success:
        error_kind = UnreachableError if answer.status_code >= 500 else RefusedError
        raise error_kind(f"MLflow at {http.base_url} answers {answer.status_code}")
    try:
        return read_as(kind, read_json(answer.content))
    except ValueError as error:
        why = f"{http.base_url} is not an MLflow server: {str(error)[:_SHOWN]}"
        raise RefusedError(why, _ADDRESS) from None


def _read(run: _Run) -> Result:
    return Result(
        run_id=run.info.run_id,
        status=run.info.status,
        metrics={one.key: one.value for one in run.data.metrics if math.isfinite(one.value)},
        tags={one.key: one.value for one in run.data.tags},
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "") + "'"
