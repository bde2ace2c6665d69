"""One experiment from a file to its end: what `helm test` runs."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import yaml

from poseline.errors import BackendError, ConfigError, Problem
from poseline.log import get_logger
from poseline.operator.cluster import Cluster
from poseline.operator.kinds import EXPERIMENT

_POLL_S = 2.0
_log = get_logger(__name__)


def run(cluster: Cluster, manifest: Path, timeout: float) -> dict[str, Any]:
    """Create an experiment under a new name, and wait until it has ended.

    Args:
        cluster: The API server.
        manifest: YAML of a PoseExperiment; its name gets a suffix.
        timeout: Most seconds to wait.

    Returns:
        Its last status.

    Raises:
        ConfigError: The file is no PoseExperiment.
        BackendError: It failed, or took too long; it is left to be looked at.
    """
    body = _read(manifest)
    body["metadata"]["name"] += f"-{secrets.token_hex(3)}"
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    cluster.create(EXPERIMENT, body)
    deadline, seen = time.monotonic() + timeout, ""
    while time.monotonic() < deadline:
        found = cluster.get(EXPERIMENT, namespace, name)
        if found is None:
            raise BackendError(f"{namespace}/{name} was deleted", "run it again")
        status: dict[str, Any] = found.get("status", {})
        now = f"{status.get('phase', 'new')} {status.get('stage', '')}".strip()
        if now != seen:
            _log.info("experiment", name=name, phase=now)
            seen = now
        if status.get("phase") == "Succeeded":
            return status
        if status.get("phase") == "Failed":
            raise BackendError(
                f"{namespace}/{name} failed: {_message(status)}",
                f"kubectl describe poseexperiment {name} --namespace {namespace}",
            )
        time.sleep(_POLL_S)
    raise BackendError(
        f"{namespace}/{name} is {seen or 'new'} after {timeout:g} s",
        f"kubectl describe poseexperiment {name} --namespace {namespace}",
    )


def _message(status: dict[str, Any]) -> str:
    found = [c.get("message", "") for c in status.get("conditions", []) if c["type"] == "Succeeded"]
    return found[0] if found else "without a reason"


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
