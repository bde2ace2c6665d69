"""Events and conditions: each that the operator writes, with what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from poseline.operator.api.kinds import EXPERIMENT, SCHEDULE, Condition, Kind


@dataclass(frozen=True)
class Event:
    """What an Event of a reason says.

    Attributes:
        kind: What it is about.
        type: Warning where somebody should look into it.
        meaning: What has happened.
    """

    kind: Kind
    type: Literal["Normal", "Warning"]
    meaning: str


EVENTS: Mapping[str, Event] = {
    "Submitted": Event(EXPERIMENT, "Normal", "Kubeflow has a run; its id and its page."),
    "Stage": Event(EXPERIMENT, "Normal", "Another task of the run has begun."),
    "Measured": Event(EXPERIMENT, "Normal", "MLflow has the OKS."),
    "RunSucceeded": Event(EXPERIMENT, "Normal", "The run ended well."),
    "RunFailed": Event(EXPERIMENT, "Warning", "The run ended otherwise; the task and its error."),
    "RunLost": Event(
        EXPERIMENT, "Warning", "The run is no longer in Kubeflow; a change of the spec makes one."
    ),
    "Invalid": Event(
        EXPERIMENT, "Warning", "The spec cannot be run, by what the API server could not see."
    ),
    "NotAllowed": Event(
        EXPERIMENT,
        "Warning",
        "The spec names what the installation does not allow; see `operator.allow` of the chart.",
    ),
    "Refused": Event(EXPERIMENT, "Warning", "Kubeflow refused the run; it is not asked again."),
    "Suspended": Event(EXPERIMENT, "Normal", "The run is stopped, since `suspend` is set."),
    "Stopping": Event(
        EXPERIMENT, "Normal", "The former run is stopped, since the spec has changed."
    ),
    "Deleted": Event(EXPERIMENT, "Normal", "The run is stopped before the experiment goes."),
    "RunNotStopped": Event(
        EXPERIMENT,
        "Warning",
        "The experiment goes though its run may still go on: Kubeflow did not stop it in "
        "`deletion-seconds`.",
    ),
    "SecondRun": Event(
        EXPERIMENT, "Warning", "A late answer of Kubeflow made a second run, which is stopped."
    ),
    "KubeflowUnreachable": Event(
        EXPERIMENT, "Warning", "Kubeflow does not answer; it is asked again."
    ),
    "KubeflowAnswers": Event(EXPERIMENT, "Normal", "It does again."),
    "Created": Event(SCHEDULE, "Normal", "A slot, or a changed data set, has its experiment."),
    "DatasetChanged": Event(
        SCHEDULE,
        "Normal",
        "The data set has another content; an experiment follows once two looks find the same.",
    ),
    "DatasetNotRead": Event(SCHEDULE, "Warning", "The data set cannot be read; it is tried again."),
    "Replaced": Event(
        SCHEDULE, "Normal", "An active experiment is deleted for the next slot (`Replace`)."
    ),
    "TemplateNotAllowed": Event(
        SCHEDULE,
        "Warning",
        "Its experiments would name what the installation does not allow; none is made.",
    ),
    "MissedSlot": Event(
        SCHEDULE, "Warning", "A slot is left out, older than `startingDeadlineSeconds`."
    ),
    "NameTaken": Event(
        SCHEDULE,
        "Warning",
        "An experiment of that name is there and not of this schedule; the slot is left out.",
    ),
}
"""Reason to what it says."""

CONDITIONS: Mapping[Condition, str] = {
    "Accepted": "Whether the spec can be carried out; the message says what is wrong.",
    "Submitted": "Whether Kubeflow has the run.",
    "Succeeded": "True after a run that ended well, False after any other end; for `kubectl wait`.",
    "Failed": "The opposite, and False while nothing has ended.",
    "Reachable": "Whether Kubeflow answers; there once it mattered.",
    "Measured": "Whether the status has all figures: the chain's run in MLflow has ended.",
    "Watching": "Whether the data set can be read, where `trigger` asks for it.",
}
"""Condition to what it says."""

OF_SCHEDULES: tuple[Condition, ...] = ("Accepted", "Watching")
"""The conditions of a PoseSchedule; `Watching` is not one of a PoseExperiment."""
