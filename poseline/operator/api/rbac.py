"""What the service accounts of the operator and of tasks may do: exactly what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from poseline.operator.api.kinds import EXPERIMENT, GROUP, LEASE, SCHEDULE

Rule = dict[str, list[str]]


def _rule(group: str, resource: str, *verbs: str, names: tuple[str, ...] = ()) -> Rule:
    made = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**made, "resourceNames": list(names)} if names else made


SERVED: tuple[Rule, ...] = (
    _rule(GROUP, EXPERIMENT.plural, "get", "list", "watch", "create", "update", "delete"),
    _rule(GROUP, f"{EXPERIMENT.plural}/status", "update"),
    _rule(GROUP, SCHEDULE.plural, "get", "list", "watch"),
    _rule(GROUP, f"{SCHEDULE.plural}/status", "update"),
    # An experiment names its schedule as owner and blocks its deletion.
    _rule(GROUP, f"{SCHEDULE.plural}/finalizers", "update"),
    _rule("events.k8s.io", "events", "create"),
)
"""In each namespace that is served."""

OWN: tuple[Rule, ...] = (
    _rule("coordination.k8s.io", "leases", "create"),
    _rule("coordination.k8s.io", "leases", "get", "update", names=(LEASE,)),
    # The schedules that the installation declares.
    _rule(GROUP, SCHEDULE.plural, "list", "create", "update", "delete"),
)
"""In the operator's own namespace, besides."""

NODES: tuple[Rule, ...] = (
    _rule("trainer.kubeflow.org", "trainjobs", "get", "create", "delete"),
    _rule("", "pods", "get", "list"),
    _rule("", "pods/log", "get"),
    _rule("events.k8s.io", "events", "create"),
)
"""Of the train task's service account, for a training on several nodes."""


def _file() -> str:
    head = "# Made from poseline/operator/api/rbac.py by `poseline schema`.\n"
    rules: dict[str, Any] = {"served": list(SERVED), "own": list(OWN), "nodes": list(NODES)}
    return head + yaml.safe_dump(rules, sort_keys=False)


OUTPUTS: Mapping[str, Callable[[], str]] = {"charts/poseline/files/rbac.yaml": _file}
"""Path in the project to what makes it."""
