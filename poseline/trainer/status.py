"""TrainJobs and pods as the API server describes them, read into what a follower wants to know."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from poseline.errors import BackendError, PoselineError
from poseline.trainer.messages import Failure

State = Literal["Pending", "Running", "Suspended", "Complete", "Failed"]
_REASON = 400  # characters
_KILLED = 137
_MEMORY = "raise `resources.train.limits.memory` of the platform, or lower training.batch_size"
_WAITS = ("ImagePull", "ErrImage", "CreateContainer", "InvalidImage", "RunContainer")


class _Read(BaseModel):
    """Part of an object; what else is in it is left alone."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _read_nothing(cls, value: Any, info: Any) -> Any:
        """Read null as the default, as Kubernetes does."""
        if value is None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value


class Owner(_Read):
    """A reference to the owner of an object."""

    api_version: str
    kind: str
    name: str
    uid: str


class _Metadata(_Read):
    name: str = ""
    uid: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    deletion_timestamp: str = ""
    owner_references: tuple[Owner, ...] = ()


class _Condition(_Read):
    type: str
    status: str
    reason: str = ""
    message: str = ""

    @property
    def holds(self) -> bool:
        return self.status == "True"

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"[:_REASON] if self.message else self.reason


class _JobStatus(_Read):
    name: str
    active: int = 0


class _TrainJobStatus(_Read):
    conditions: tuple[_Condition, ...] = ()
    jobs_status: tuple[_JobStatus, ...] = ()


class TrainJob(_Read):
    """A TrainJob, as far as it is followed."""

    metadata: _Metadata
    status: _TrainJobStatus = _TrainJobStatus()

    @property
    def state(self) -> State:
        """Where it is."""
        for state in ("Failed", "Complete", "Suspended"):
            if self._condition(state):
                return state
        active = any(job.active for job in self.status.jobs_status)
        return "Running" if active else "Pending"

    @property
    def reason(self) -> str:
        """Why it has failed, in Trainer's words."""
        return str(self._condition("Failed") or "")

    def _condition(self, kind: str) -> _Condition | None:
        found = (each for each in self.status.conditions if each.type == kind and each.holds)
        return next(found, None)


class _PodSpec(_Read):
    service_account_name: str = ""


class OwnPod(_Read):
    """The pod of a task."""

    metadata: _Metadata = _Metadata()
    spec: _PodSpec = _PodSpec()

    @property
    def service_account(self) -> str:
        """Its service account."""
        return self.spec.service_account_name

    @property
    def owners(self) -> tuple[Owner, ...]:
        """What it goes with: the workflow."""
        return self.metadata.owner_references


class _Waiting(_Read):
    reason: str = ""
    message: str = ""


class _Terminated(_Read):
    exit_code: int
    reason: str = ""
    message: str = ""


class _ContainerState(_Read):
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _Container(_Read):
    name: str
    state: _ContainerState = _ContainerState()


class _PodStatus(_Read):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Container, ...] = ()


class NodePod(_Read):
    """The pod of a node of a training."""

    metadata: _Metadata
    status: _PodStatus = _PodStatus()

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name

    @property
    def index(self) -> int:
        """Which node it is; 0 is the one that writes."""
        return _number(self.metadata.labels.get("batch.kubernetes.io/job-completion-index", ""))

    @property
    def attempt(self) -> int:
        """How often the training was started again before this pod."""
        return _number(self.metadata.labels.get("jobset.sigs.k8s.io/restart-attempt", ""))

    @property
    def waits(self) -> str:
        """Why it has not begun, where that takes somebody's help; empty: it needs none."""
        for condition in self.status.conditions:
            if condition.type == "PodScheduled" and not condition.holds and condition.message:
                return str(condition)
        for container in self.status.container_statuses:
            waiting = container.state.waiting
            if waiting and waiting.reason.startswith(_WAITS):
                return f"{waiting.reason}: {waiting.message}"[:_REASON]
        return ""

    @property
    def error(self) -> PoselineError | None:
        """Why it has failed; None: it has not."""
        for container in self.status.container_statuses:
            ended = container.state.terminated
            if ended and ended.exit_code:
                return _error(self.index, ended)
        if self.status.phase == "Failed":
            why = ": ".join(filter(None, (self.status.reason, self.status.message)))
            return BackendError(f"node {self.index} of the training is lost: {why or self.name}")
        return None

    @property
    def told(self) -> bool:
        """Whether the node said itself why it has failed."""
        ended = (each.state.terminated for each in self.status.container_statuses)
        return any(each and Failure.read(each.message) for each in ended)


def failure_of(job: TrainJob, pods: list[NodePod]) -> PoselineError:
    """Return why a TrainJob has failed: the node's own words, or those of Kubernetes or Trainer."""
    failed = sorted(
        (pod for pod in pods if pod.error),
        key=lambda pod: (not pod.told, -pod.attempt, pod.index),
    )
    for pod in failed:
        if error := pod.error:
            return error
    remedy = f"`kubectl describe trainjob {job.metadata.name}` says more"
    return BackendError(f"the TrainJob {job.metadata.name} failed: {job.reason}", remedy)


def _error(index: int, ended: _Terminated) -> PoselineError:
    if found := Failure.read(ended.message):
        error = PoselineError(f"node {index}: {found.error}", found.remedy)
        error.exit_code = found.code
        return error
    killed = ended.reason == "OOMKilled" or ended.exit_code == _KILLED
    tail = ended.message.strip()[-_REASON:]
    text = f"node {index} of the training ended with exit code {ended.exit_code}"
    if ended.reason not in ("", "Error"):
        text += f" ({ended.reason})"
    return BackendError(f"{text}: {tail}" if tail else text, _MEMORY if killed else "")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
