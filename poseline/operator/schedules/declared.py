"""Schedules that the installation declares in a file, made so in the cluster.

Helm cannot make a resource whose definition comes with the same release, and a rollback would
delete what an earlier revision did not have. So the chart hands its schedules to the operator: what
is declared is made or changed, what no longer is declared is deleted, and what people made is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from poseline.errors import ConfigError, Problem
from poseline.log import get_logger
from poseline.operator.api.kinds import API_VERSION, DECLARED_LABEL, SCHEDULE
from poseline.operator.runtime.cluster import Cluster

Body = dict[str, Any]
_log = get_logger(__name__)


@dataclass(frozen=True)
class Change:
    """What is to be done to a schedule.

    Attributes:
        verb: What.
        body: The schedule, as it is to be or, to `delete` or `leave` it, as it is.
    """

    verb: Literal["create", "replace", "delete", "leave"]
    body: Body

    @property
    def name(self) -> str:
        """Name of the schedule."""
        return str(self.body["metadata"]["name"])


def read(path: Path) -> dict[str, Body]:
    """Read declared schedules: a list of `name` and `spec`; name to spec.

    Raises:
        ConfigError: The file is missing or holds something else.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        return {str(entry["name"]): dict(entry["spec"]) for entry in found}
    except (OSError, yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        accepted = "a list of schedules, each with `name` and `spec`"
        raise ConfigError([Problem(str(path), str(error), accepted)], "the schedules") from None


def changes(declared: Mapping[str, Body], present: Sequence[Body], namespace: str) -> list[Change]:
    """Return what makes the present schedules the declared ones.

    Args:
        declared: Name to spec.
        present: Every schedule of the namespace.
        namespace: Theirs.
    """
    there = {body["metadata"]["name"]: body for body in present}
    found = []
    for name, spec in declared.items():
        metadata = {"name": name, "namespace": namespace, "labels": {DECLARED_LABEL: "true"}}
        wanted = {"apiVersion": API_VERSION, "kind": SCHEDULE.name, "metadata": metadata}
        if name not in there:
            found.append(Change("create", {**wanted, "spec": spec}))
        elif not _ours(there[name]):
            found.append(Change("leave", there[name]))
        elif not _within(spec, there[name]["spec"]):
            found.append(Change("replace", {**there[name], "spec": spec}))
    gone = [body for name, body in there.items() if _ours(body) and name not in declared]
    return found + [Change("delete", body) for body in gone]


def apply(cluster: Cluster, declared: Mapping[str, Body], namespace: str) -> None:
    """Make the declared schedules in a namespace.

    Raises:
        BackendError: The API server does not answer, or refuses one of them; names it.
    """
    present = cluster.list(SCHEDULE, namespace, "")
    for change in changes(declared, present, namespace):
        _log.info("declared schedule", schedule=change.name, verb=change.verb)
        match change.verb:
            case "create":
                cluster.create(SCHEDULE, change.body)
            case "replace":
                cluster.replace(SCHEDULE, change.body)
            case "delete":
                cluster.delete(SCHEDULE, change.body)
            case "leave":
                _log.warning(
                    "a schedule of this name was made by somebody else; it is left",
                    schedule=change.name,
                )


def _ours(body: Body) -> bool:
    return bool(body["metadata"].get("labels", {}).get(DECLARED_LABEL) == "true")


def _within(wanted: Any, found: Any) -> bool:
    """Return whether all that is wanted is there; the API server adds defaults."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and _within(value, found[key]) for key, value in wanted.items())
    return bool(wanted == found)
