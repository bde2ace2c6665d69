"""From a compiled package and a config to a run, or a schedule: what every command line does."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poseline.config.loading.settings_file import read_settings
from poseline.config.models.general import OperationMode
from poseline.errors import ConfigError, Problem
from poseline.kubeflow import schedules
from poseline.kubeflow.auth import find_token
from poseline.kubeflow.client import Kubeflow, Version
from poseline.kubeflow.errors import NotFoundError
from poseline.kubeflow.package import configure, pipeline_name, read_package
from poseline.kubeflow.parameters import VARIANTS, parameters, sweep_size
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.runs import KubeflowRun
from poseline.kubeflow.workflow_size import LIMIT
from poseline.log import get_logger

ENDPOINT = "KF_PIPELINES_ENDPOINT"
"""Environment variable with the URL of the API, as KFP's own client reads it."""
_log = get_logger(__name__)
IN_CLUSTER = "http://ml-pipeline.kubeflow:8888"


@dataclass(frozen=True)
class RunRequest:
    """What is to run: a package for one cluster, with its parameters.

    Attributes:
        package: Text of the package, configured.
        parameters: Of the pipeline; checked.
        experiment: Name of the experiment.
        service_account: Account of the pods; empty: KFP's own.
    """

    package: str
    parameters: Mapping[str, Any]
    experiment: str
    service_account: str = ""

    @property
    def pipeline(self) -> str:
        """Name of the pipeline."""
        return pipeline_name(self.package)


def connect(
    host: str | None = None,
    namespace: str | None = None,
    *,
    token_file: Path | None = None,
    ca: Path | None = None,
    timeout: float = 30,
) -> Kubeflow:
    """Return a client.

    Args:
        host: URL of the API; None: `KF_PIPELINES_ENDPOINT`, or within a cluster its service.
        namespace: The profile of a multi-user installation.
        token_file: A file with a bearer token; see `auth.find_token` for the others.
        ca: File with the certificates that the server's is checked with.
        timeout: The longest wait for an answer, s.

    Raises:
        ConfigError: Nothing says where the API is, or a file cannot be read.
    """
    host = host or os.environ.get(ENDPOINT)
    if not host and "KUBERNETES_SERVICE_HOST" in os.environ:
        host = IN_CLUSTER
    if not host:
        problem = Problem("--host", "nothing", f"the URL of Kubeflow's API, or {ENDPOINT}")
        remedy = "kubectl -n kubeflow port-forward svc/ml-pipeline 8888, then --host localhost:8888"
        raise ConfigError([problem], "the command line", remedy)
    return Kubeflow(
        host, namespace, auth=find_token(path=token_file), ca=ca, timeout=timeout, patience=timeout
    )


def run_request(
    package: str,
    mode: OperationMode | None,
    *,
    config: Path | None = None,
    settings: Sequence[str] = (),
    platform: Path | None = None,
    experiment: str = "Default",
) -> RunRequest:
    """Check everything that a run needs; nothing is sent.

    Args:
        package: Text of a compiled pipeline.
        mode: The mode that the pipeline is of; None: the config says it.
        config: The config file; None: the pipeline's default.
        settings: `key=value`: of a parameter of the pipeline, or else an override of the config.
        platform: YAML file with the settings of the cluster; None: the defaults.
        experiment: Name of the experiment.

    Raises:
        ConfigError: Anything is wrong with any of it.
    """
    settled = read_settings(platform, Platform) if platform else Platform()
    checked = parameters(package, mode, config, settings)
    configured = configure(package, settled)
    if models := checked.get(VARIANTS):
        _tell_size(configured, checked, len(models))
    return RunRequest(configured, checked, experiment, settled.service_account)


def submit(kubeflow: Kubeflow, what: RunRequest, name: str | None = None) -> KubeflowRun:
    """Upload the package where it is missing, and start a run.

    Args:
        kubeflow: The server.
        what: What to run.
        name: Display name; there is one run of a name. None: a new one, with the time in it.

    Raises:
        BackendError: The server cannot be reached, or refuses.
    """
    version = _uploaded(kubeflow, what)
    run = kubeflow.submit(
        name or _new_name(what.pipeline),
        version,
        what.parameters,
        what.experiment,
        service_account=what.service_account or None,
    )
    if run.version_id != version.id or run.parameters != what.parameters:
        _log.warning("a run of this name was there, with other settings", name=name, run=run.id)
    return run


def schedule(
    kubeflow: Kubeflow, what: RunRequest, cron: str, name: str | None = None
) -> schedules.Outcome:
    """Make a pipeline recur; one schedule of a name, replaced where it differs.

    Args:
        kubeflow: The server.
        what: What to run.
        cron: Five fields, in the zone that the server reckons in.
        name: Name of the schedule; None: that of the pipeline.

    Raises:
        ConfigError: The cron line cannot be read.
        BackendError: The server cannot be reached, or refuses.
    """
    version = _uploaded(kubeflow, what)
    return schedules.apply(
        kubeflow,
        schedules.Schedule(
            name=name or what.pipeline,
            cron=cron,
            version=version,
            parameters=what.parameters,
            experiment=what.experiment,
            service_account=what.service_account,
        ),
    )


def unschedule(kubeflow: Kubeflow, pipeline: str, name: str | None = None) -> tuple[int, int]:
    """Delete a schedule, or disable it as long as a run of it goes on.

    Args:
        kubeflow: The server.
        pipeline: Name of the pipeline.
        name: Name of the schedule; None: that of the pipeline.

    Returns:
        How many recurring runs were deleted, and how many only disabled.
    """
    try:
        pipeline_id = kubeflow.pipeline(pipeline)
    except NotFoundError:
        return 0, 0
    return schedules.remove(kubeflow, name or pipeline, pipeline_id)


def _tell_size(package: str, given: Mapping[str, Any], models: int) -> None:
    """Warn of a sweep whose tasks Kubeflow would lose sight of."""
    size = sweep_size(package, given, models)
    if size > LIMIT:
        fits = next(n for n in range(models, -1, -1) if sweep_size(package, given, n) <= LIMIT)
        _log.warning(
            "a workflow this large runs, but Kubeflow shows its tasks only when it is over; "
            "sweep fewer models at a time, or raise MAX_WORKFLOW_SIZE of Argo's controller",
            models=models,
            about_bytes=size,
            most_bytes=LIMIT,
            models_that_fit=fits,
        )


def _uploaded(kubeflow: Kubeflow, what: RunRequest) -> Version:
    about = str(read_package(what.package)["pipelineInfo"].get("description", ""))
    return kubeflow.pipeline_version(what.pipeline, what.package, about)


def _new_name(pipeline: str) -> str:
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{pipeline} {moment} {secrets.token_hex(2)}"
