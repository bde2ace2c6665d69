"""The operator killed at every call, at random moments, and frozen while it leads."""

import os
import random
import signal
import time

import pytest
from support.control_plane.operating import Stage, until

_EVERY = int(os.environ.get("POSELINE_KILL_EVERY", "6"))
"""1: at every call, before and after its effect; n: at each n-th of these moments."""
_LONGEST_LIFE = 60


@pytest.fixture
def stage(with_crds, namespace, tmp_path):
    made = Stage(with_crds, namespace, tmp_path)
    yield made
    made.close()


def doubles(stage):
    names = [run["display_name"] for run in stage.kubeflow.runs()]
    return sorted({name for name in names if names.count(name) > 1})


@pytest.mark.timeout(3000)
def test_killed_at_any_call_it_makes_one_run_and_stops_it(stage, say):
    """From the creation of an experiment to its deletion; each time one call is the last one."""
    operator = stage.operator(
        leader_election=False,
        poll_seconds=1000,
        workers=1,
        deletion_seconds=600,
        publish_pipelines=False,
    ).ready()
    kills, moments, name = 0, 0, ""
    for at in range(1, _LONGEST_LIFE):
        for when in ("before", "after"):
            moments += 1
            if moments % _EVERY:
                continue
            name = f"kill-{at}-{when}"
            stage.calls.reset(at, when, operator.kill)
            stage.apply(name)
            revived = live(stage, operator, name, submitted)
            stage.delete(name)
            revived += live(stage, operator, name, gone)
            kills += revived
            (run,) = stage.runs(name)
            assert run["state"] == "CANCELING", (name, stage.calls.seen)
        if name and not stage.calls.happened:
            break
    else:
        pytest.fail("a life has more calls than it should")
    assert doubles(stage) == []
    say(
        f"killed at a call: {kills} kills in {at} calls x before, after its effect; "
        "double runs 0, lost 0, left running 0"
    )


def submitted(stage, name):
    return stage.status(name).get("runID")


def gone(stage, name):
    return stage.get(name) is None


def live(stage, operator, name, done):
    """Wait until something is done, starting the operator again whenever it was killed."""
    revived, end = 0, time.monotonic() + 90
    while not done(stage, name):
        assert time.monotonic() < end, f"{name}\n{stage.calls.seen}\n{stage.log()}"
        if operator.killed():
            operator.start()
            revived += 1
        time.sleep(0.1)
    return revived


@pytest.mark.timeout(900)
def test_killed_at_random_moments_while_kubeflow_fails(stage, say):
    generator, count, kills = random.Random(7), 8, 6
    operator = stage.operator(leader_election=False).ready()
    for index in range(count):
        stage.apply(f"random-{index}")
    for _ in range(kills):
        kind = generator.choice(["cut_before", "cut_after", "status", "late", "slow"])
        stage.kubeflow.fail(
            kind, method=generator.choice(["", "POST"]), path="/runs", count=3, delay=1.5
        )
        time.sleep(generator.uniform(0, 2))
        operator.kill()
        operator.wait_killed()
        operator.start().ready()
    stage.kubeflow.heal()
    for index in range(count):
        stage.run(f"random-{index}", 120)
    time.sleep(2)
    assert doubles(stage) == []
    assert len(stage.kubeflow.runs()) == count
    say(
        f"killed at random: {kills} kills x {count} experiments, faults of Kubeflow beside; "
        "double runs 0, lost 0"
    )


@pytest.mark.timeout(600)
def test_of_two_replicas_one_leads_and_the_other_takes_over(stage, say):
    first = stage.operator(lease_seconds=8).ready()
    second = stage.operator(lease_seconds=8).ready()
    until(first.leads, 30, stage.log)
    stage.apply("one")
    stage.run("one", 60)
    assert not second.leads()
    os.kill(first.pid, signal.SIGSTOP)  # as a node that hangs
    begun = time.monotonic()
    stage.apply("two")
    stage.run("two", 90)
    say(f"a frozen leader (lease 8 s) is replaced within {time.monotonic() - begun:.1f} s")
    assert second.leads()
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait_ended() == 1  # Kubernetes starts it anew, as one who waits
    stage.apply("three")
    stage.run("three", 60)
    third = stage.operator(lease_seconds=8).ready()
    begun = time.monotonic()
    assert second.terminate() == 0
    until(third.leads, 30, stage.log)
    say(f"a leader that ends hands over in {time.monotonic() - begun:.1f} s")
    assert doubles(stage) == []
    assert len(stage.kubeflow.runs()) == 3


# The proxy before the API server leaves sockets behind when that is killed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(600)
def test_an_api_server_that_goes_away_is_waited_for(stage, own_control_plane, say):
    operator = stage.operator().ready()
    stage.apply("before")
    run = stage.run("before", 60)
    own_control_plane.stop_api_server()
    stage.kubeflow.put(run["run_id"], "SUCCEEDED")
    time.sleep(8)
    own_control_plane.start_api_server()
    until(
        lambda: operator.killed() or stage.status("before").get("phase") == "Succeeded",
        90,
        stage.log,
    )
    if operator.killed():  # its Lease was lost: Kubernetes starts it anew
        operator.start().ready()
    stage.phase("before", "Succeeded", 60)
    stage.apply("after")
    stage.run("after", 60)
    assert doubles(stage) == []
    say("the API server away for 8 s: double runs 0, lost 0")


@pytest.mark.timeout(300)
def test_every_namespace_can_be_served(with_crds, namespace, tmp_path):
    stage = Stage(with_crds, namespace, tmp_path, cluster_wide=True)
    try:
        stage.operator().ready()
        stage.apply("anywhere")
        stage.run("anywhere", 60)
    finally:
        stage.close()
        with_crds.kubectl("delete", "clusterrole,clusterrolebinding", f"{namespace}-operator")
