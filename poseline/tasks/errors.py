"""What a task does about faults: it retries transient ones, and reports what ended it."""

from __future__ import annotations

import errno
import functools
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import yaml
from pydantic import ValidationError

from poseline import log
from poseline.errors import PoselineError, StoreAwayError, StoreError, storage_error
from poseline.retry import retrying
from poseline.tasks.artifacts import Artifact, leave_note, left_note
from poseline.tasks.parameters import RunReference
from poseline.tasks.tracking import chain_tracker
from poseline.tracking.failures import Failure

P = ParamSpec("P")
R = TypeVar("R")
_PATIENCE_S = 60.0
_STOPPED = 143
_LEFT = "failure.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NAMES = {"convert": "dataset-convert", "import_model": "import-model"}
_log = log.get_logger(__name__)

retry_storage = retrying(StoreAwayError, seconds=600)
"""Transient faults of the storage are retried here: Argo, as KFP sets it up, starts
a new pod only where one was lost, and not where a task failed."""


def exit_with_error_code(function: Callable[P, R]) -> Callable[P, R]:
    """Let a task end with the exit code of its error, and with its remedy instead of a trace.

    The error goes to the chain's run in MLflow as well, where `poseline pipelines status`, the
    operator and the task `finish` find it: Kubeflow's API has neither message nor exit code.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        log.configure()
        given = (*args, *kwargs.values())
        name = next((a for a in args if isinstance(a, str) and a.startswith("evaluate-")), "")
        name = name or _NAMES.get(function.__name__, function.__name__)
        try:
            return function(*args, **kwargs)
        except (PoselineError, OSError) as fault:
            error = fault if isinstance(fault, PoselineError) else _of_storage(fault)
            _log.error(error.message, remedy=error.remedy)
            if error.exit_code != _STOPPED:  # a pod that was asked to end is started again
                _record(Failure.of(name, error), given)
            sys.exit(error.exit_code)
        except Exception as fault:
            _record(Failure.of(name, fault), given)
            raise

    return call


def _of_storage(error: OSError) -> StoreError:
    refused = storage_error(error)
    if error.errno in _FULL:
        refused.remedy = "give the task more room: `scratch` of the platform"
    return refused


def _record(failure: Failure, arguments: Iterable[Any]) -> None:
    """Keep a failure for people to find; whatever that costs, the task ends as it would.

    It goes to the chain's run in MLflow. Tasks that do not know the run, since their place in
    KFP's cache would depend on its name, leave it among the run's artifacts to `finish`. What
    `resolve` refuses, `finish` finds again when it reads the same config.
    """
    artifact = next((one for one in arguments if hasattr(one, "uri")), None)
    if artifact is None:
        return
    run = next(filter(None, map(_run_in, arguments)), None)
    try:
        if run is None:
            leave_note(artifact, _LEFT, json.dumps(failure.tags))
        else:
            _track(failure, run, artifact)
    except Exception as error:  # MLflow's own, OSError of a full disk, an answer of S3
        _log.warning("why the task failed is in this log alone", reason=str(error))


def _track(failure: Failure, run: RunReference, artifact: Artifact) -> None:
    with chain_tracker(run, artifact, patience=_PATIENCE_S) as tracker:
        tracker.parent.tags(failure.tags)


def left_failure(artifact: Artifact) -> Failure | None:
    """Return the failure that a task left among the artifacts of the run that one is of."""
    try:
        return Failure.read(json.loads(left_note(artifact, _LEFT) or ""))
    except ValueError:  # there is none, or none that can be read
        return None


def _run_in(argument: Any) -> RunReference | None:
    """Return what names the chain's run in MLflow: `run` of `resolve`."""
    if isinstance(argument, str) and argument.startswith("{"):
        with suppress(ValidationError, yaml.YAMLError):
            return RunReference.read(argument)
    return None
