"""One experiment from a file to its end: what `helm test` runs."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import yaml

from poseline.errors import BackendError, ConfigError, Problem
from poseline.log import get_logger
from poseline.operator.api.kinds import EXPERIMENT
from poseline.operator.experiments.status import MEASURED, NO_ANSWER, conditions_of
from poseline.operator.runtime.cluster import Cluster

_POLL_S = 2.0
# The last task of a run writes to MLflow; the operator only has to read that.
_FIGURES_S = 90.0
_log = get_logger(__name__)


def run(
    cluster: Cluster, manifest: Path, timeout: float, *, measured: bool = False
) -> dict[str, Any]:
    """Create an experiment under a new name, and wait until it has ended.

    Args:
        cluster: The API server.
        manifest: YAML of a PoseExperiment; its name gets a suffix.
        timeout: Most seconds to wait.
        measured: Whether its figures must come from MLflow, too.

    Returns:
        Its last status.

    Raises:
        ConfigError: The file is not a PoseExperiment.
        BackendError: It failed, or took too long; it is kept for inspection.
    """
    body = _read(manifest)
    body["metadata"]["name"] += f"-{secrets.token_hex(3)}"
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    hint = f"kubectl describe poseexperiment {name} --namespace {namespace}"
    cluster.create(EXPERIMENT, body)
    deadline, seen, phase = time.monotonic() + timeout, "", ""
    while time.monotonic() < deadline:
        found = cluster.get(EXPERIMENT, namespace, name)
        if found is None:
            raise BackendError(f"{namespace}/{name} was deleted", "run it again")
        status: dict[str, Any] = found.get("status", {})
        before, phase = phase, status.get("phase", "")
        if (now := _progress(status)) != seen:
            _log.info("experiment", name=name, phase=now)
            seen = now
        if phase == "Failed":
            raise BackendError(f"{namespace}/{name} failed: {_message(status)}", hint)
        if phase == "Succeeded":
            if not measured or conditions_of(status).get(MEASURED, {}).get("status") == "True":
                return status
            if before != phase:
                deadline = min(deadline, time.monotonic() + _FIGURES_S)
        time.sleep(_POLL_S)
    if phase == "Succeeded":
        raise BackendError(f"{namespace}/{name} has no figures in MLflow: {seen}", hint)
    raise BackendError(f"{namespace}/{name} has not ended after {timeout:g} s: {seen}", hint)


def _progress(status: dict[str, Any]) -> str:
    """Return where an experiment is, and which server does not answer."""
    if not status:
        return "no operator has reconciled it yet"
    lost = [c["message"] for c in status.get("conditions", []) if c["reason"] == NO_ANSWER]
    place = f"{status.get('phase', 'New')} {status.get('stage', '')}".strip()
    return "; ".join(dict.fromkeys([place, *lost]))


def _message(status: dict[str, Any]) -> str:
    return str(conditions_of(status).get("Succeeded", {}).get("message", "without a reason"))


def _read(manifest: Path) -> dict[str, Any]:
    try:
        body = yaml.safe_load(manifest.read_text(encoding="utf-8"))
        if body["kind"] != EXPERIMENT.name:
            raise ValueError(f"a {body['kind']}")
        body["metadata"] = {
            "namespace": "default",
            "name": EXPERIMENT.name.lower(),
            **body["metadata"],
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        problem = Problem(str(manifest), str(error), f"a {EXPERIMENT.name} with a name")
        raise ConfigError([problem], "the command line") from None
    return dict(body)
