"""What the plan depends on: an experiment, its runs, and times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from poseline.operator.api.kinds import Phase

FaultReason = Literal["Invalid", "NotAllowed"]
"""Reason of the conditions of an experiment whose spec cannot be run."""
_READABLE = 100  # characters of namespace and name in a run's name: KFP takes 128


@dataclass(frozen=True)
class ObservedRun:
    """A run in Kubeflow Pipelines.

    Attributes:
        id: Its id.
        name: Its display name.
        state: As KFP has it: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELING, …
        created: When it was made.
        finished: When it ended.
        error: Why it failed, where that is known.
        stage: The task that runs, or that failed.
    """

    id: str
    name: str
    state: str
    created: datetime
    finished: datetime | None = None
    error: str = ""
    stage: str = ""

    @property
    def active(self) -> bool:
        """Whether it goes on and nobody has stopped it."""
        return self.state not in ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED", "CANCELING")

    @property
    def phase(self) -> Phase:
        """The experiment's phase that this is."""
        match self.state:
            case "SUCCEEDED" | "SKIPPED":
                return "Succeeded"
            case "FAILED" | "CANCELED":
                return "Failed"
            case "PENDING":
                return "Pending"
        return "Running"


@dataclass(frozen=True)
class Submission:
    """What was asked of Kubeflow; in the status before it is asked.

    Attributes:
        name: Display name of the run.
        generation: Generation of the spec that it is of.
        hash: Hash of the part of the spec that makes a run.
        time: When it was asked last.
        attempts: How often.
    """

    name: str
    generation: int
    hash: str
    time: datetime
    attempts: int = 1


@dataclass(frozen=True)
class Experiment:
    """A PoseExperiment, as far as the plan depends on it.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        uid: Its uid.
        generation: Generation of its spec.
        hash: Hash of chain, config and platform.
        fault: Why the spec cannot be run; empty: it can.
        fault_reason: Of what kind that is.
        suspended: Whether it is to stop.
        ttl: Seconds after its end that it is deleted; None: never.
        deleted: When its deletion was asked for.
        finalizer: Whether our finalizer is on it.
        phase: Of its status; None: new.
        submission: Of its status.
        run_id: Of its status; empty: not known.
        completed: When it ended.
        measured: Whether all its figures are in the status.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    hash: str
    fault: str = ""
    fault_reason: FaultReason = "Invalid"
    suspended: bool = False
    ttl: int | None = None
    deleted: datetime | None = None
    finalizer: bool = False
    phase: Phase | None = None
    submission: Submission | None = None
    run_id: str = ""
    completed: datetime | None = None
    measured: bool = False

    @property
    def prefix(self) -> str:
        """What the names of all its runs begin with."""
        return f"{self.namespace}-{self.name}"[:_READABLE] + f"-{self.uid[:8]}-g"

    @property
    def run_name(self) -> str:
        """Name of the run of its generation."""
        return f"{self.prefix}{self.generation}"

    @property
    def ended(self) -> bool:
        """Whether it has come to an end, whatever the end is."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def pending(self) -> Submission | None:
        """What was asked for and has not been seen yet."""
        return self.submission if not self.run_id and not self.ended else None


@dataclass(frozen=True)
class Limits:
    """Times of the plan, in seconds.

    Attributes:
        poll: Between two checks of a run.
        settle: That a request whose answer was lost may still take effect.
        deletion: That a deleted experiment waits for its run to be stopped.
        figures: That figures may come after the run has ended.
    """

    poll: float = 10.0
    settle: float = 60.0
    deletion: float = 600.0
    figures: float = 300.0
