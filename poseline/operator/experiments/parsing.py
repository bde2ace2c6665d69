"""From the object in Kubernetes to what the plan depends on, and to what Kubeflow gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from poseline.config.loading import load
from poseline.config.loading.validation_errors import problems_of
from poseline.errors import ConfigError, Problem
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.package import configure
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.submission import RunRequest
from poseline.operator.api.kinds import FINALIZER
from poseline.operator.experiments.state import Experiment, FaultReason, Submission
from poseline.operator.experiments.status import MEASURED
from poseline.operator.permission import NotAllowedError, Permission
from poseline.operator.timestamps import parse_time

_WHAT_RUNS = ("chain", "config", "platform")


def parse_experiment(
    body: Mapping[str, Any], fault: str = "", reason: FaultReason = "Invalid"
) -> Experiment:
    """Return what the plan depends on of a PoseExperiment.

    Args:
        body: The object.
        fault: Why its spec cannot be run; empty: it can.
        reason: Of what kind that is.
    """
    metadata, spec, status = body["metadata"], body["spec"], body.get("status", {})
    asked = status.get("submission")
    return Experiment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        hash=_hash({key: spec.get(key) for key in _WHAT_RUNS}),
        fault=fault,
        fault_reason=reason,
        suspended=bool(spec.get("suspend")),
        ttl=spec.get("ttlSecondsAfterFinished"),
        deleted=parse_time(metadata.get("deletionTimestamp")),
        finalizer=FINALIZER in metadata.get("finalizers", []),
        phase=status.get("phase"),
        submission=_submission(asked) if asked else None,
        run_id=status.get("runID", ""),
        completed=parse_time(status.get("completionTime")),
        measured=any(
            each["type"] == MEASURED and each["status"] == "True"
            for each in status.get("conditions", [])
        ),
    )


def run_request(
    spec: Mapping[str, Any],
    platform: Platform,
    pipelines: Path | None,
    allow: AllowList = AllowList(),  # noqa: B008  frozen
    experiment: str = "Default",
) -> RunRequest:
    """Check everything that a run needs, and return what Kubeflow gets.

    Args:
        spec: Of a PoseExperiment.
        platform: The operator's own settings of the platform.
        pipelines: Folder of the compiled pipelines; None: there are none.
        allow: What a spec may name besides.
        experiment: KFP experiment that the run is put into.

    Raises:
        NotAllowedError: It names something else.
        ConfigError: The config or the platform is wrong, or the pipeline does not exist.
    """
    mode = f"chain_{spec['chain']}"
    config = {**spec["config"], "operation_mode": mode}
    permission = Permission(platform, allow)
    if refused := permission.problems(spec):
        raise NotAllowedError(refused, "spec")
    load.check(config)
    settled = _merged(permission.merged(spec.get("platform") or {}))
    path = pipelines / f"{mode}.yaml" if pipelines else None
    if path is None or not path.is_file():
        raise ConfigError([Problem("chain", f"no {mode}.yaml", "a pipeline that is installed")])
    package = configure(path.read_text(encoding="utf-8"), settled)
    parameters = {"config": json.dumps(config)}
    return RunRequest(package, parameters, experiment, settled.service_account)


def _merged(data: dict[str, Any]) -> Platform:
    try:
        return Platform.model_validate(data)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Platform, data), "spec.platform") from None


def _submission(asked: Mapping[str, Any]) -> Submission:
    moment = parse_time(asked["time"])
    if moment is None:
        raise ValueError("status.submission.time is empty")
    return Submission(
        asked["name"], asked["generation"], asked["hash"], moment, asked.get("attempts", 1)
    )


def _hash(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
