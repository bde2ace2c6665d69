"""A wait survives what a server does for a while, and tells how a run ended."""

import pytest
from support.kfp_double.package import PACKAGE
from support.kfp_double.server import serving

from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import DeniedError, NotFoundError, UnreachableError
from poseline.kubeflow.watch import watch


@pytest.fixture
def run(kubeflow):
    version = kubeflow.pipeline_version("poseline-chain-tqe", PACKAGE)
    return kubeflow.submit("run", version, {}, "poses")


def quick(kubeflow, run, **settings):
    return watch(kubeflow, run.id, interval=0.01, **settings)


def test_states_come_one_after_the_other():
    seen = []
    with serving(pace=100) as server, Kubeflow(server.url) as kubeflow:
        version = kubeflow.pipeline_version("poseline-chain-tqe", PACKAGE)
        run = kubeflow.submit("run", version, {}, "poses")
        for one in quick(kubeflow, run):
            seen.append(one)
            server.objects.age(run.id, 1)
    states = list(dict.fromkeys(one.state for one in seen))
    assert states == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert [task.state for task in seen[-1].tasks] == ["SUCCEEDED"] * 2 and seen[-1].finished


@pytest.mark.parametrize("kind", ["cut_before", "status", "plain"])
def test_an_outage_is_survived(server, run, kind, capfd):
    with Kubeflow(server.url, patience=0) as kubeflow:
        watching = quick(kubeflow, run)
        next(watching)
        server.fail(kind, path="/runs/", count=5)
        server.objects.settle(run.id, {"state": "SUCCEEDED"})
        assert [one.state for one in watching] == ["SUCCEEDED"]
    told = "".join(capfd.readouterr())
    assert told.count("the server is away") == 1 == told.count("the server is back")


def test_an_outage_ends_the_wait_after_a_while(server, run):
    server.fail("cut_before", path="/runs/", count=1000)
    with Kubeflow(server.url, patience=0) as kubeflow, pytest.raises(UnreachableError):
        list(quick(kubeflow, run, outage=0.2))


def test_a_terminated_run_is_told_from_a_failed_one(server, kubeflow, run):
    watching = quick(kubeflow, run)
    assert not next(watching).canceled
    kubeflow.terminate(run.id)
    assert next(watching).canceled
    server.objects.settle(run.id, {"state": "FAILED"})
    last = list(watching)[-1]
    assert (last.state, last.canceled) == ("FAILED", True)
    assert not kubeflow.run(run.id).canceled  # KFP itself has forgotten


def test_a_run_that_is_deleted_or_forbidden_ends_the_wait(server, kubeflow, run):
    server.tokens = {"another"}
    with pytest.raises(DeniedError):
        list(quick(kubeflow, run))
    server.tokens = set()
    kubeflow.api.send("DELETE", f"/runs/{run.id}")
    with pytest.raises(NotFoundError):
        list(quick(kubeflow, run))
