"""The custom resource definitions, made from the config models and the platform's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from poseline.config.strict import Schema
from poseline.operator.kinds import EXPERIMENT, GROUP, SCHEDULE, VERSION, Kind
from poseline.operator.schemas import (
    experiment_spec,
    experiment_status,
    schedule_spec,
    schedule_status,
)

_LONGEST_NAME = 52  # of a schedule: what names its experiments still fits a label
_COLUMNS: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    EXPERIMENT.name: (
        ("Phase", "string", ".status.phase", 0),
        ("Stage", "string", ".status.stage", 0),
        ("OKS", "number", ".status.oks.float", 0),
        ("Int8", "number", ".status.oks.int8", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Run", "string", ".status.runID", 1),
        ("Model", "string", ".status.model.uri", 1),
    ),
    SCHEDULE.name: (
        ("Schedule", "string", ".spec.schedule", 0),
        ("Time zone", "string", ".spec.timeZone", 0),
        ("Suspend", "boolean", ".spec.suspend", 0),
        ("Active", "integer", ".status.activeCount", 0),
        ("Last", "date", ".status.lastScheduleTime", 0),
        ("Next", "string", ".status.nextScheduleTime", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
    ),
}


def crd(kind: Kind) -> dict[str, Any]:
    """Return the definition of a kind."""
    spec, status = {
        EXPERIMENT.name: (experiment_spec(), experiment_status()),
        SCHEDULE.name: (schedule_spec(), schedule_status()),
    }[kind.name]
    schema: Schema = {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    if kind is SCHEDULE:
        schema["x-kubernetes-validations"] = [
            {
                "rule": f"size(self.metadata.name) <= {_LONGEST_NAME}",
                "message": f"metadata.name: at most {_LONGEST_NAME} characters",
            }
        ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["poseline"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": type_, "jsonPath": path, "priority": priority}
                        for name, type_, path, priority in _COLUMNS[kind.name]
                    ],
                }
            ],
        },
    }


def crds() -> list[dict[str, Any]]:
    """Return every definition."""
    return [crd(EXPERIMENT), crd(SCHEDULE)]


def to_yaml(definition: Mapping[str, Any]) -> str:
    """Return a definition as a file has it."""
    return yaml.dump(dict(definition), Dumper=_Plain, sort_keys=False, width=100)


class _Plain(yaml.SafeDumper):
    """Writes no anchors: what is shared in memory is written out."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _file(kind: Kind) -> str:
    return to_yaml(crd(kind))


OUTPUTS: Mapping[str, Callable[[], str]] = {
    f"charts/poseline/files/crds/{kind.plural}.yaml": partial(_file, kind)
    for kind in (EXPERIMENT, SCHEDULE)
}
"""Path in the project to what makes it."""
