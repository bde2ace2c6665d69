"""What a plan consists of: the steps that bring an experiment further."""

from __future__ import annotations

from dataclasses import dataclass

from poseline.operator.api.kinds import Phase
from poseline.operator.experiments.state import ObservedRun, Submission


@dataclass(frozen=True)
class AddFinalizer:
    """Put our finalizer on the experiment."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let the experiment go."""


@dataclass(frozen=True)
class RecordSubmission:
    """Write down what will be asked for; fails where the experiment has changed meanwhile."""

    submission: Submission


@dataclass(frozen=True)
class Submit:
    """Ask Kubeflow for the run that was written down."""

    name: str


@dataclass(frozen=True)
class Adopt:
    """Write down the id of the run that was asked for."""

    run: ObservedRun


@dataclass(frozen=True)
class Drop:
    """Forget what was asked for: from here on, its run is one to be stopped."""


@dataclass(frozen=True)
class Stop:
    """Terminate a run.

    Attributes:
        run: The run.
        last: Nobody will try again: where it fails, an Event says so and the rest goes on.
    """

    run: ObservedRun
    last: bool = False


@dataclass(frozen=True)
class Report:
    """Write phase and conditions.

    Attributes:
        phase: The phase.
        reason: The reason of the conditions that it changes, one word.
        message: The same for people.
        run: The run that it is about.
        figures: Whether to look for figures.
    """

    phase: Phase
    reason: str
    message: str = ""
    run: ObservedRun | None = None
    figures: bool = False


@dataclass(frozen=True)
class RecordEvent:
    """Post an Event."""

    reason: str
    message: str


@dataclass(frozen=True)
class Delete:
    """Delete the experiment."""


@dataclass(frozen=True)
class Requeue:
    """Look again after some seconds."""

    seconds: float


Action = (
    AddFinalizer
    | RemoveFinalizer
    | RecordSubmission
    | Submit
    | Adopt
    | Drop
    | Stop
    | Report
    | RecordEvent
    | Delete
    | Requeue
)
