import pytest

from poseline.errors import BackendError
from poseline.trainer.messages import Failure
from poseline.trainer.status import NodePod, TrainJob, failure_of


def job(*conditions, active=0):
    return TrainJob.model_validate(
        {
            "metadata": {"name": "job", "uid": "1", "deletionTimestamp": None},
            "status": {
                "conditions": [
                    {"type": kind, "status": status, "reason": "Why", "message": "words"}
                    for kind, status in conditions
                ],
                "jobsStatus": [{"name": "node", "active": active, "ready": 0, "failed": 0}],
            },
        }
    )


def pod(index=0, attempt=0, phase="Running", **state):
    return NodePod.model_validate(
        {
            "metadata": {
                "name": f"job-node-0-{index}-{attempt}",
                "uid": f"{index}-{attempt}",
                "labels": {
                    "batch.kubernetes.io/job-completion-index": str(index),
                    "jobset.sigs.k8s.io/restart-attempt": str(attempt),
                },
            },
            "status": {
                "phase": phase,
                "containerStatuses": [{"name": "node", "state": state}] if state else None,
            },
        }
    )


def ended(index, code, message="", reason="Error", attempt=0):
    terminated = {"exitCode": code, "message": message, "reason": reason}
    return pod(index, attempt, phase="Failed", terminated=terminated)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (TrainJob.model_validate({"metadata": {"name": "job"}}), "Pending"),
        (TrainJob.model_validate({"metadata": {}, "status": {"conditions": None}}), "Pending"),
        (job(active=1), "Running"),
        (job(("Suspended", "True")), "Suspended"),
        (job(("Suspended", "False"), active=1), "Running"),
        (job(("Suspended", "False"), ("Complete", "True")), "Complete"),
        (job(("Failed", "True"), active=1), "Failed"),
        (job(("LaterKind", "True")), "Pending"),
    ],
)
def test_where_a_job_is(found, state):
    assert found.state == state


def test_a_node_that_says_why_is_heard_before_those_that_miss_it():
    told = Failure(error="no pictures", remedy="check the path", code=3).model_dump_json()
    error = failure_of(job(("Failed", "True")), [ended(0, 75), ended(1, 3, told), ended(2, 75)])
    assert (error.message, error.remedy, error.exit_code) == (
        "node 1: no pictures",
        "check the path",
        3,
    )


def test_a_node_without_memory_is_told_how_to_get_more():
    error = failure_of(job(("Failed", "True")), [ended(1, 137, reason="OOMKilled"), pod(0)])
    assert "node 1" in error.message and "OOMKilled" in error.message
    assert "memory" in error.remedy and error.exit_code == 6


def test_a_node_that_crashed_shows_the_end_of_its_log():
    error = failure_of(job(("Failed", "True")), [ended(0, 1, "…\nValueError: shapes")])
    assert "exit code 1" in error.message and "ValueError: shapes" in error.message


def test_a_node_that_was_evicted_is_lost():
    gone = NodePod.model_validate(
        {
            "metadata": {"name": "job-node-0-1-x"},
            "status": {"phase": "Failed", "reason": "Evicted", "message": "disk pressure"},
        }
    )
    assert "Evicted: disk pressure" in failure_of(job(("Failed", "True")), [gone]).message


def test_without_pods_it_is_what_trainer_says():
    error = failure_of(job(("Failed", "True")), [])
    assert isinstance(error, BackendError)
    assert "Why: words" in error.message and "describe trainjob job" in error.remedy


def test_the_last_attempt_is_heard_first():
    first, last = ended(0, 1, "first", attempt=0), ended(1, 1, "last", attempt=2)
    assert "last" in failure_of(job(("Failed", "True")), [first, last]).message


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ({"phase": "Pending"}, ""),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ]
            },
            "Unschedulable: 0/3 nodes are available",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "node",
                        "state": {
                            "waiting": {"reason": "ImagePullBackOff", "message": "no such image"}
                        },
                    }
                ]
            },
            "ImagePullBackOff: no such image",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "node", "state": {"waiting": {"reason": "ContainerCreating"}}}
                ]
            },
            "",
        ),
    ],
)
def test_what_a_node_waits_for(status, waits):
    assert NodePod.model_validate({"metadata": {"name": "p"}, "status": status}).waits == waits


@pytest.mark.parametrize("label", ["", "x", "-1", "²", "9" * 20])
def test_an_odd_label_is_the_first_node(label):
    labels = {"batch.kubernetes.io/job-completion-index": label}
    assert NodePod.model_validate({"metadata": {"labels": labels}}).index == 0
