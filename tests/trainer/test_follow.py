"""Following a TrainJob, on an API server that a test moves on; tests/cluster has a real one."""

import copy

import pytest

from poseline.api_server import AwayError, NotServedError
from poseline.errors import BackendError
from poseline.trainer.follow import follow, train_job
from poseline.trainer.messages import Epoch, Failure

WANTED = {
    "apiVersion": "trainer.kubeflow.org/v1alpha1",
    "kind": "TrainJob",
    "metadata": {"name": "job", "namespace": "team"},
    "spec": {
        "runtimeRef": {"kind": "TrainingRuntime", "name": "poseline"},
        "trainer": {"numNodes": 2},
    },
}


class Server:
    """Holds one TrainJob and its pods; at each look at it the next of `steps` happens."""

    def __init__(self, *steps):
        self.job, self.listed, self.events, self.written = None, [], [], []
        self.made = self.deleted = 0
        self._steps = list(steps)

    def get(self, kind, namespace, name):
        if self.job and self._steps:
            self._steps.pop(0)(self)
        return copy.deepcopy(self.job)

    def create(self, kind, body):
        if self.job:
            return False
        self.made += 1
        self.job = copy.deepcopy(body)
        self.job["metadata"]["uid"] = str(self.made)
        return True

    def delete(self, kind, body, propagation):
        assert propagation == "Foreground"
        self.deleted += 1
        self.job = None

    def pods(self, namespace, selector):
        assert selector == "jobset.sigs.k8s.io/jobset-name=job"
        return self.listed

    def log(self, namespace, pod, container, seconds):
        return self.written

    def record_event(self, body, type_, reason, text):
        self.events.append((type_, reason, text))


def nothing(_):
    pass


def status(*conditions):
    def step(server):
        server.job["status"] = {
            "conditions": [
                {"type": kind, "status": "True", "reason": "R", "message": "m"}
                for kind in conditions
            ]
        }

    return step


def pod(index=0, attempt=0, **state):
    labels = {
        "batch.kubernetes.io/job-completion-index": str(index),
        "jobset.sigs.k8s.io/restart-attempt": str(attempt),
    }
    metadata = {"name": f"node-{index}-{attempt}", "uid": f"{index}-{attempt}", "labels": labels}
    containers = [{"name": "node", "state": state}]
    return {"metadata": metadata, "status": {"containerStatuses": containers}}


def writes(*lines, attempt=0):
    def step(server):
        server.listed = [pod(0, attempt), pod(1, attempt)]
        first = len(server.written)
        server.written = [
            *server.written,
            *(f"2026-01-01T00:00:00.{first + at:09d}Z {line}" for at, line in enumerate(lines)),
        ]

    return step


def epoch(number):
    return Epoch(finished_epoch=number, figures={"loss": 1 / (number + 1)}).model_dump_json()


def followed(server):
    told = []
    with train_job(server, WANTED, poll=0) as job:
        follow(server, job, lambda number, figures: told.append((number, figures["loss"])), poll=0)
    return told


def test_a_training_is_told_on_and_cleared_away(capfd):
    server = Server(
        nothing, writes("loading", epoch(0)), writes(epoch(1), "busy"), status("Complete")
    )
    assert followed(server) == [(0, 1.0), (1, 0.5)]
    text = "".join(capfd.readouterr())
    assert text.count("loading") == text.count("busy") == 1
    assert server.made == server.deleted == 1
    assert server.events == [("Normal", "Epoch", "epoch 1, loss 1")]


def test_a_failure_is_the_nodes_own_and_ends_the_job():
    told = Failure(error="no pictures", remedy="check the path", code=3).model_dump_json()

    def fail(server):
        status("Failed")(server)
        server.listed = [pod(1, terminated={"exitCode": 3, "message": told})]

    server = Server(nothing, fail)
    with pytest.raises(Exception, match="node 1: no pictures") as error:
        followed(server)
    assert error.value.exit_code == 3
    assert server.deleted == 1
    assert server.events[-1][:2] == ("Warning", "TrainingFailed")


def test_what_an_earlier_attempt_made_is_taken_up():
    server = Server(status("Complete"))
    server.job = copy.deepcopy(WANTED)
    followed(server)
    assert server.made == 0 and server.deleted == 1


def test_a_job_that_is_being_deleted_is_waited_for():
    def going(server):
        server.job["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def gone(server):
        server.job = None

    server = Server(going, gone, nothing, status("Complete"))
    server.job = copy.deepcopy(WANTED)
    followed(server)
    assert server.made == 1


def test_a_lost_node_starts_all_again_and_no_epoch_is_told_twice(capfd):
    def lose(server):
        server.listed = [pod(0), pod(1, terminated={"exitCode": 137, "reason": "OOMKilled"})]

    server = Server(
        nothing,
        writes(epoch(0), epoch(1)),
        lose,
        writes(epoch(1), epoch(2), attempt=1),
        status("Complete"),
    )
    assert [number for number, _ in followed(server)] == [0, 1, 2]
    assert "a node is lost" in "".join(capfd.readouterr())


def test_a_job_that_somebody_deletes_is_told():
    def gone(server):
        server.job = None

    with pytest.raises(BackendError, match="was deleted"):
        followed(Server(nothing, gone))


def test_an_api_server_that_is_away_for_a_moment(monkeypatch):
    def away(server):
        raise AwayError("the API server does not answer")

    monkeypatch.setattr("time.sleep", lambda _: None)
    followed(Server(nothing, away, away, status("Complete")))


def test_the_job_is_deleted_when_the_task_is_told_to_end():
    class EndError(Exception):
        pass

    def end(server):
        raise EndError

    server = Server(nothing, writes(epoch(0)), end)
    with pytest.raises(EndError):
        followed(server)
    assert server.deleted == 1


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NotServedError("the API server knows no trainjobs"), "Kubeflow Trainer 2.2"),
        (BackendError("the API server answers 400: not found"), "TrainingRuntime poseline"),
    ],
)
def test_what_is_missing_is_named(error, remedy):
    server = Server()

    def create(kind, body):
        raise error

    server.create = create
    with pytest.raises(BackendError) as told:
        followed(server)
    assert remedy in told.value.remedy


def test_what_cannot_be_read_is_told():
    def odd(server):
        server.job["status"] = {"conditions": "many"}

    with pytest.raises(BackendError, match="TrainJob job cannot be read"):
        followed(Server(nothing, odd))


def test_a_node_that_waits_is_told_once(capfd):
    def waiting(server):
        server.listed = [pod(0, waiting={"reason": "ErrImagePull", "message": "no such image"})]

    followed(Server(nothing, waiting, waiting, status("Complete")))
    assert "".join(capfd.readouterr()).count("no such image") == 1
