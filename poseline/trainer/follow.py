"""A TrainJob from its creation to its end; what its nodes report is passed on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from poseline.api_server import ApiServer, AwayError, Body, NotServedError
from poseline.errors import BackendError
from poseline.log import get_logger
from poseline.number_format import significant
from poseline.retry import retrying
from poseline.trainer.manifest import GROUP, VERSION
from poseline.trainer.messages import Epoch
from poseline.trainer.node_log import NodeLog
from poseline.trainer.status import NodePod, State, TrainJob, failure_of

OnEpoch = Callable[[int, Mapping[str, float]], None]
_Model = TypeVar("_Model", bound=BaseModel)

POLL_S = 5.0
_EVENT_S = 30.0  # between two Events of epochs
_NO_PODS_S = 120.0
_NODE = "node"
_log = get_logger(__name__)
_patiently = retrying(AwayError, seconds=600)
"""An API server that is started again, or a webhook of Trainer's, ends no training."""


@dataclass(frozen=True)
class _TrainJobs:
    group: str = GROUP
    version: str = VERSION
    plural: str = "trainjobs"


TRAIN_JOBS = _TrainJobs()


@contextmanager
def train_job(server: ApiServer, wanted: Body, poll: float = POLL_S) -> Iterator[Body]:
    """Make a TrainJob, or take up the one that an earlier attempt of the task has made.

    It is deleted at the end of the block, however that ends.

    Args:
        server: The API server.
        wanted: The TrainJob.
        poll: Seconds between two looks at one that is being deleted.

    Raises:
        BackendError: It cannot be made, or the API server does not answer.
    """
    body = _taken_up(server, wanted, poll)
    try:
        yield body
    finally:
        try:
            server.delete(TRAIN_JOBS, body, propagation="Foreground")
        except BackendError as error:
            name = body["metadata"]["name"]
            _log.warning("the TrainJob cannot be deleted", name=name, reason=error.message)


def follow(server: ApiServer, body: Body, on_epoch: OnEpoch, poll: float = POLL_S) -> None:
    """Follow a TrainJob to its end; the log of its first node becomes that of this process.

    Args:
        server: The API server.
        body: The TrainJob.
        on_epoch: Called with each epoch from 0, and its figures.
        poll: Seconds between two looks.

    Raises:
        BackendError: It was deleted, or the API server does not answer for ten minutes.
        PoselineError: It has failed; the message is the node's own where it has one.
    """
    follower = _Follower(server, body, on_epoch)
    look = _patiently(follower.look)
    while not look():
        time.sleep(poll)


def _taken_up(server: ApiServer, wanted: Body, poll: float) -> Body:
    namespace, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
    get = _patiently(server.get)
    while True:
        found = get(TRAIN_JOBS, namespace, name)
        if found and not _read(TrainJob, found).metadata.deletion_timestamp:
            _log.info("takes up the TrainJob that is there", name=name)
            return found
        if not found and _make(server, wanted) and (made := get(TRAIN_JOBS, namespace, name)):
            nodes = wanted["spec"]["trainer"]["numNodes"]
            _log.info("made a TrainJob", name=name, nodes=nodes)
            return made
        time.sleep(poll)


def _make(server: ApiServer, wanted: Body) -> bool:
    runtime = wanted["spec"]["runtimeRef"]
    try:
        return _patiently(server.create)(TRAIN_JOBS, wanted)
    except NotServedError as error:
        raise BackendError(
            error.message,
            "a training on several nodes needs Kubeflow Trainer 2.2 or later, and the chart with "
            "`trainer.enabled`; or set platform.train.nodes to 1",
        ) from None
    except AwayError:
        raise
    except BackendError as error:
        raise BackendError(
            f"the TrainJob is refused: {error.message}",
            error.remedy
            or f"is the {runtime['kind']} {runtime['name']} there? "
            "The chart makes it with `trainer.enabled`",
        ) from None


def _read(kind: type[_Model], body: Body) -> _Model:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        name = body.get("metadata", {}).get("name")
        raise BackendError(
            f"{kind.__name__} {name} cannot be read: {error.errors()[0]['msg']}",
            "Kubeflow Trainer 2.2 to 2.3 are known to work",
        ) from None


class _Follower:
    def __init__(self, server: ApiServer, body: Body, on_epoch: OnEpoch) -> None:
        self._server, self._body, self._on_epoch = server, body, on_epoch
        self._namespace, self._name = body["metadata"]["namespace"], body["metadata"]["name"]
        self._log = NodeLog(server, self._namespace, _NODE)
        self._state: State | None = None
        self._epoch, self._event_due = -1, 0.0
        self._told: set[str] = set()
        self._began = time.monotonic()

    def look(self) -> bool:
        """Tell what is new; return whether the training is finished.

        Raises:
            PoselineError: It has failed.
        """
        found = self._server.get(TRAIN_JOBS, self._namespace, self._name)
        if found is None:
            raise BackendError(
                f"the TrainJob {self._name} was deleted",
                "run the task again; it goes on from its last epoch",
            )
        job, selector = _read(TrainJob, found), f"jobset.sigs.k8s.io/jobset-name={self._name}"
        pods = [_read(NodePod, pod) for pod in self._server.pods(self._namespace, selector)]
        self._tell_state(job, pods)
        self._tell_on(pods)
        if job.state == "Failed":
            error = failure_of(job, pods)
            self._record("Warning", "TrainingFailed", error.message)
            raise error
        return job.state == "Complete"

    def _tell_state(self, job: TrainJob, pods: list[NodePod]) -> None:
        if job.state != self._state:
            self._state = job.state
            _log.info("the TrainJob", name=self._name, state=job.state.lower())
        if not pods and job.state == "Pending" and time.monotonic() - self._began > _NO_PODS_S:
            self._warn_once(
                "pods",
                "no pod is made for the TrainJob",
                remedy=f"does Kubeflow Trainer run? `kubectl describe trainjob {self._name}`",
            )
        for pod in pods:
            if pod.waits:
                self._warn_once(f"{pod.name} {pod.waits}", "a node waits", reason=pod.waits)
            if (error := pod.error) and job.state != "Failed":
                self._warn_once(pod.metadata.uid, "a node is lost", reason=error.message)

    def _tell_on(self, pods: list[NodePod]) -> None:
        """Tell on what the first node has written since the last look."""
        chiefs = sorted((pod for pod in pods if pod.index == 0), key=lambda pod: pod.attempt)
        for line in self._log.new_lines(chiefs[-1].name) if chiefs else ():
            if told := Epoch.read(line):
                self._epoch_ended(told)
            else:
                sys.stderr.write(f"{line}\n")

    def _epoch_ended(self, told: Epoch) -> None:
        if told.finished_epoch <= self._epoch:
            return
        self._epoch = told.finished_epoch
        self._on_epoch(told.finished_epoch, told.figures)
        if time.monotonic() >= self._event_due:
            self._event_due = time.monotonic() + _EVENT_S
            figures = (f"{name} {significant(value)}" for name, value in told.figures.items())
            text = ", ".join((f"epoch {told.finished_epoch + 1}", *figures))
            self._record("Normal", "Epoch", text)

    def _warn_once(self, key: str, text: str, **figures: str) -> None:
        if key not in self._told:
            self._told.add(key)
            _log.warning(text, **figures)

    def _record(self, type_: str, reason: str, text: str) -> None:
        """Post an Event; one that is not taken is missed by nobody but people who look for it."""
        try:
            self._server.record_event(self._body, type_, reason, text)
        except BackendError as error:
            self._warn_once("events", "no Event is taken", reason=error.message)
