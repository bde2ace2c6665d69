"""Names of the custom resources and of what is written into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GROUP = "poseline.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FINALIZER = f"{GROUP}/run"
"""On an experiment as long as it may have a run that goes on."""
SCHEDULE_LABEL = f"{GROUP}/schedule"
"""On an experiment: the name of the schedule that made it."""
SLOT_ANNOTATION = f"{GROUP}/scheduled-at"
"""On an experiment: the slot that it was made for."""
DATASET_ANNOTATION = f"{GROUP}/dataset-hash"
"""On an experiment: the content of the data set that it was made for."""

DECLARED_LABEL = f"{GROUP}/declared"
"""On a schedule that the installation declares."""

LEASE = "poseline-operator"
"""The lease that the one active operator of several holds."""

Chain = Literal["tqe", "tqeb", "eqe", "eqeb", "qb", "qd"]
Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Suspended", "Stopping"]
Concurrency = Literal["Allow", "Forbid", "Replace"]
Condition = Literal[
    "Accepted", "Submitted", "Succeeded", "Failed", "Reachable", "Measured", "Watching"
]


@dataclass(frozen=True)
class Kind:
    """A custom resource.

    Attributes:
        name: The kind.
        plural: Its name in URLs.
        short_names: What kubectl takes besides.
        description: What `kubectl explain` says.
        group: Its API group.
        version: The group's version.
    """

    name: str
    plural: str
    short_names: tuple[str, ...]
    description: str
    group: str = GROUP
    version: str = VERSION


EXPERIMENT = Kind(
    "PoseExperiment",
    "poseexperiments",
    ("pose", "posexp"),
    "One run of one chain in Kubeflow Pipelines.",
)
SCHEDULE = Kind(
    "PoseSchedule",
    "poseschedules",
    ("posesched",),
    "Makes a PoseExperiment at each slot, or when its data set changes.",
)
