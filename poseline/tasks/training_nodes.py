"""train on several nodes: a TrainJob does the work of the task, which follows it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from pydantic import ValidationError

from poseline import store
from poseline.api_server import ApiServer, Body, connect
from poseline.config.loading.validation_errors import problems_of
from poseline.config.models.config import Config
from poseline.config.models.steps import Step
from poseline.errors import ConfigError, PoselineError, Problem, StoreError
from poseline.kubeflow.package import CHAIN_ID
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.names import POD_NAME, POD_NAMESPACE, TRAIN_PLATFORM
from poseline.stages.result import StageResult
from poseline.store.removal import remove
from poseline.tasks.errors import retry_storage
from poseline.tasks.parameters import written
from poseline.trainer.follow import OnEpoch, follow, train_job
from poseline.trainer.manifest import job_name
from poseline.trainer.manifest import train_job as manifest
from poseline.trainer.messages import Request
from poseline.trainer.status import OwnPod

_SOURCE = "the platform"
_log = get_logger(__name__)


class StoppedError(PoselineError):
    """The task was asked to end."""

    exit_code = 143


def work(place: str) -> Callable[..., StageResult]:
    """Return what runs the step train on several nodes, with the arguments of `run_task`.

    Args:
        place: URI that KFP keeps the model at.

    Raises:
        ConfigError: What the pipeline says of the nodes cannot be read.
    """
    platform = _platform(os.environ[TRAIN_PLATFORM])

    def run(
        _: Step,
        config: Config,
        inputs: Mapping[str, str | Path],
        out: Path,
        *,
        checkpoint: str,
        on_epoch: OnEpoch,
    ) -> StageResult:
        _check(config, platform)
        request = Request(
            config=written(config.slice("train")),
            inputs={name: str(uri) for name, uri in inputs.items()},
            checkpoint=checkpoint,
            result=f"{place}.nodes",
        )
        connect()
        server = ApiServer("poseline-train", os.environ[POD_NAME])
        wanted = _manifest(server, platform, request, place)
        with _ended_by_sigterm(), train_job(server, wanted) as job:
            follow(server, job, on_epoch)
            return retry_storage(_taken)(request.result, out)

    return run


def _platform(text: str) -> Platform:
    data = None
    try:
        data = yaml.safe_load(text)
        return Platform.model_validate(data)
    except yaml.YAMLError as error:
        problems = [Problem(TRAIN_PLATFORM, str(error), "YAML")]
    except ValidationError as error:
        problems = problems_of(error, Platform, data)
    remedy = "the image is of another version of poseline: submit the pipeline with this one"
    raise ConfigError(problems, _SOURCE, remedy)


def _manifest(server: ApiServer, platform: Platform, request: Request, place: str) -> Body:
    namespace = os.environ[POD_NAMESPACE]
    pod = OwnPod.model_validate(server.pod(namespace, os.environ[POD_NAME]) or {})
    chain = os.environ.get(CHAIN_ID, "")
    return manifest(job_name(place), namespace, platform, request, pod, chain)


def _check(config: Config, platform: Platform) -> None:
    nodes, most = platform.train.nodes, config.training.batch_size if config.training else 1
    if nodes > most:
        hint = "each takes a part of every batch: training.batch_size"
        problem = Problem("train.nodes", str(nodes), f"1 to {most}", hint)
        raise ConfigError([problem], _SOURCE)


def _taken(result: str, out: Path) -> StageResult:
    """Bring what the nodes have left to `out`; it goes on from there as the task's artifact."""
    shutil.copytree(store.fetch(result), out, dirs_exist_ok=True)
    found = StageResult.load(out)
    try:
        for name in store.listing(result):
            remove(f"{result}/{name}")
    except StoreError as error:
        _log.warning("what the nodes left stays", uri=result, reason=error.message)
    return found


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block, once: what cleans up has the rest of the grace period."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise StoppedError(
            "stopped by SIGTERM", "a training that starts again goes on from its checkpoint"
        )

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
