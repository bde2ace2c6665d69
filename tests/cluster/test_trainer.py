"""A training on several nodes under Kubeflow Trainer's own controllers, and JobSet's.

Pods stay Pending; a test writes how each node ended, as its kubelet would.
"""

import json

import kubernetes
import pytest
from support.control_plane.operating import until
from support.train_job import finish_node, following, nodes_of, runtime_of, wanted

from poseline.api_server import ApiServer
from poseline.errors import BackendError
from poseline.operator.api.rbac import NODES
from poseline.trainer.follow import train_job
from poseline.trainer.messages import Failure

RESTARTS = 2
KINDS = "trainjobs,jobsets,jobs"


@pytest.fixture
def server(trainer, namespace):
    account = trainer.plane.service_account(namespace, "pipeline-runner", rules=NODES)
    kubernetes.config.load_kube_config(str(account))
    return ApiServer("poseline-train", "pod")


@pytest.fixture
def runtime(trainer, namespace):
    """The chart's runtime."""
    trainer.plane.apply(runtime_of(namespace, maxRestarts=RESTARTS))


def gone(trainer, namespace):
    """Wait until nothing of a training is left."""
    until(
        lambda: not trainer.plane.get(KINDS, "-n", namespace)["items"],
        60,
        lambda: json.dumps(trainer.plane.get(KINDS, "-n", namespace))[:3000],
    )


def nodes(trainer, namespace, attempt=0):
    """Wait for the two nodes of an attempt."""
    return until(lambda: nodes_of(trainer.plane, namespace, attempt), 60, trainer.log)


def test_a_runtime_that_is_not_there_is_named(trainer, server, namespace):
    with pytest.raises(BackendError, match="not found"), train_job(server, wanted(namespace)):
        pass


@pytest.mark.usefixtures("runtime")
def test_a_lost_node_brings_all_of_them_back(trainer, server, namespace):
    with following(server, namespace) as ended:
        first = nodes(trainer, namespace)
        pod = first[1]["spec"]
        container = pod["containers"][0]
        told = {each["name"]: each.get("value") for each in container["env"]}
        assert (told["NUM_NODES"], container["image"]) == ("2", "team/ml:1")
        assert "JOB_COMPLETION_INDEX" in told
        assert f"{pod['hostname']}.{pod['subdomain']}" in [
            f"{told['POSELINE_TRAIN_JOB']}-node-0-1.{told['POSELINE_TRAIN_JOB']}"
        ]
        assert pod["serviceAccountName"] == "pipeline-runner"
        assert pod["nodeSelector"] == {"gpu": "yes"}
        finish_node(trainer.plane, first[1], 137)
        for pod in nodes(trainer, namespace, 1):
            finish_node(trainer.plane, pod, 0)
    assert ended == [None]
    gone(trainer, namespace)


@pytest.mark.usefixtures("runtime")
def test_what_another_attempt_cannot_mend_ends_it_at_once(trainer, server, namespace):
    told = Failure(error="no pictures", remedy="check the path", code=3)
    with following(server, namespace) as ended:
        finish_node(trainer.plane, nodes(trainer, namespace)[1], 3, told.model_dump_json())
    (error,) = ended
    assert (error.message, error.exit_code) == ("node 1: no pictures", 3)
    gone(trainer, namespace)


@pytest.mark.usefixtures("runtime")
def test_nodes_that_are_lost_again_and_again(trainer, server, namespace):
    with following(server, namespace) as ended:
        for attempt in range(RESTARTS + 1):
            finish_node(trainer.plane, nodes(trainer, namespace, attempt)[0], 75)
    (error,) = ended
    assert isinstance(error, BackendError)
    gone(trainer, namespace)
