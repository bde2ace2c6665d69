"""The custom resource definitions, made from the config models and the platform's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from poseline.config.schema.json_schema import Schema
from poseline.operator.api.kinds import EXPERIMENT, GROUP, SCHEDULE, VERSION, Kind
from poseline.operator.api.schemas import (
    experiment_spec,
    experiment_status,
    schedule_spec,
    schedule_status,
)

_LONGEST_NAME = 52  # of a schedule: what names its experiments still fits a label
_COLUMNS: dict[str, tuple[tuple[str, str, str], ...]] = {
    EXPERIMENT.name: (
        ("Phase", "string", ".status.phase"),
        ("Stage", "string", ".status.stage"),
        ("OKS", "number", ".status.oks.float"),
        ("Int8", "number", ".status.oks.int8"),
        ("Age", "date", ".metadata.creationTimestamp"),
        ("Run", "string", ".status.runID"),
        ("Model", "string", ".status.model.uri"),
    ),
    SCHEDULE.name: (
        ("Schedule", "string", ".spec.schedule"),
        ("Time zone", "string", ".spec.timeZone"),
        ("Suspend", "boolean", ".spec.suspend"),
        ("Active", "integer", ".status.activeCount"),
        ("Last", "date", ".status.lastScheduleTime"),
        ("Looked", "date", ".status.dataset.lastLookTime"),
        ("Next", "string", ".status.nextScheduleTime"),
        ("Age", "date", ".metadata.creationTimestamp"),
        ("Dataset", "string", ".status.dataset.hash"),
    ),
}
# The API server leaves out a priority of 0; one that is given would clash with another client's.
_WIDE: dict[str, dict[str, int]] = {name: {"priority": 1} for name in ("Run", "Model", "Dataset")}


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
                        {"name": name, "type": type_, "jsonPath": path, **_WIDE.get(name, {})}
                        for name, type_, path in _COLUMNS[kind.name]
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
