"""Tasks among the nodes of a workflow, as Argo names them and KFP lists them."""

import pytest
from support.kfp_double.nodes import Nodes, fnv, stamp

from poseline.kubeflow.runs import KubeflowRun
from poseline.operator.experiments.runs import observed_run

FLOW = "poseline-chain-tqeb-x7k2p"
ROOT = f"{FLOW}(0).root(0).exit-handler-1(0)"


def workflow(state="RUNNING"):
    nodes = Nodes(FLOW, born=1.7e9, pace=10)
    for full in (FLOW, f"{FLOW}(0).root", f"{FLOW}(0).root(0).exit-handler-1"):
        nodes.add(full, state)
    for full in (f"{FLOW}(0).root-driver", f"{FLOW}(0).root(0).exit-handler-1-driver"):
        nodes.add(full, "SUCCEEDED")
    return nodes


def task(nodes, full, state, index=0, attempts=1):
    nodes.add(f"{full}-driver", "SUCCEEDED", index)
    nodes.add(full, state, index)
    nodes.add(f"{full}(0).executor", state, index, attempts)


def read(nodes, state, **fields):
    details = nodes.details()
    return KubeflowRun.read(
        {"run_id": "r", "state": state, "run_details": {"task_details": details}} | fields
    )


def states(run):
    return {task.label: task.state for task in run.tasks}


def test_a_hash_is_that_of_argo():
    assert fnv("") == 2166136261 and fnv("a") == 0xE40C292C and fnv("foobar") == 0xBF9CF968


def test_a_task_is_shown_once_with_its_attempts():
    nodes = workflow()
    task(nodes, f"{ROOT}.resolve", "SUCCEEDED", 1)
    task(nodes, f"{ROOT}.train", "RUNNING", 2, attempts=3)
    run = read(nodes, "RUNNING")
    assert [(t.label, t.state, t.attempts) for t in run.tasks] == [
        ("resolve", "SUCCEEDED", 1),
        ("train", "RUNNING", 3),
    ]
    executor = f"{ROOT}.train(0).executor"
    assert run.tasks[1].pods == tuple(nodes.id(f"{executor}({i})") for i in range(3))
    assert observed_run(run).stage == "train" and not run.settled


def test_a_task_from_the_cache_is_told():
    """Its graph ends the second that it begins, and the pod below it is left out."""
    nodes, moment = workflow(), {"end_time": stamp(1.7e9 + 20)}
    task(nodes, f"{ROOT}.resolve", "SUCCEEDED", 2)
    nodes.add(f"{ROOT}.train-driver", "SUCCEEDED", 1)
    nodes.add(f"{ROOT}.train", "SUCCEEDED", 1, **moment)
    nodes.alone(f"{ROOT}.train(0).executor", "SKIPPED", 1, **moment)
    run = read(nodes, "RUNNING")
    assert {t.name: (t.state, t.cached) for t in run.tasks} == {
        "resolve": ("SUCCEEDED", False),
        "train": ("SUCCEEDED", True),
    }


def test_without_attempts_it_is_the_same():
    nodes = workflow()
    for full in (f"{FLOW}.root", f"{FLOW}.root.train", f"{FLOW}.root.train.executor", FLOW):
        nodes.alone(full, "RUNNING")
    run = read(nodes, "RUNNING")
    assert states(run) == {"train": "RUNNING"}


def test_a_loop_is_a_line():
    nodes = workflow()
    loop = f"{ROOT}.for-loop-2"
    nodes.add(loop, "RUNNING")
    nodes.add(f"{loop}(0).iteration-driver", "SUCCEEDED")
    for index, state in enumerate(("SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "RUNNING")):
        at = f"{loop}(0).iteration-iterations({index}:{index})"
        nodes.add(at, state)
        nodes.add(f"{at}(0).iteration-item-driver", "SUCCEEDED")
        nodes.add(f"{at}(0).iteration-item", state)
        task(nodes, f"{at}(0).iteration-item(0).train", state, 3 + index)
    run = read(nodes, "RUNNING")
    assert states(run) == {"train 3/4": "RUNNING"}
    assert len(run.tasks[0].pods) == 4 and observed_run(run).stage == "train 3/4"


def test_the_exit_task_is_a_task_and_its_hook_is_none():
    nodes = workflow("SUCCEEDED")
    hook = f"{FLOW}(0).root(0).exit-handler-1.onExit"
    nodes.add(hook, "SUCCEEDED")
    task(nodes, f"{hook}(0).finish", "SUCCEEDED", 9)
    assert states(read(nodes, "SUCCEEDED")) == {"finish": "SUCCEEDED"}


def test_what_never_ran_is_skipped():
    nodes = workflow("FAILED")
    task(nodes, f"{ROOT}.train", "FAILED", 1)
    nodes.alone(f"{ROOT}.quantize-driver", None, 2)
    nodes.alone(f"{ROOT}.quantize", None, 2)
    run = read(nodes, "FAILED")
    assert states(run) == {"train": "FAILED", "quantize": "SKIPPED"}
    assert run.tasks[-1].name == "quantize" and run.tasks[-1].started is None
    assert observed_run(run).stage == "train" and run.settled


@pytest.mark.parametrize("shown", [True, False])
def test_a_failed_driver_is_its_tasks_failure(shown):
    nodes = workflow("FAILED")
    nodes.add(f"{ROOT}.train-driver", "FAILED", 1)
    if shown:
        nodes.alone(f"{ROOT}.train", None, 1)
    run = read(nodes, "FAILED")
    assert states(run) == {"train": "FAILED"}
    assert "train-driver failed" in run.tasks[0].error and "train" in observed_run(run).error


def test_a_failed_driver_of_a_loop_is_shown_by_its_own_name():
    nodes = workflow("FAILED")
    nodes.add(f"{ROOT}.for-loop-2", "FAILED", 1)
    nodes.add(f"{ROOT}.for-loop-2(0).iteration-driver", "FAILED", 1)
    assert states(read(nodes, "FAILED")) == {"iteration-driver": "FAILED"}


@pytest.mark.parametrize(
    ("end", "history", "train", "gate"),
    [
        ("SUCCEEDED", [], "SUCCEEDED", "SUCCEEDED"),
        ("FAILED", [], "UNKNOWN", "SKIPPED"),
        ("FAILED", [{"state": "CANCELING"}], "CANCELED", "SKIPPED"),
        ("CANCELED", [], "CANCELED", "SKIPPED"),
    ],
)
def test_nothing_runs_in_a_run_that_is_over(end, history, train, gate):
    nodes = workflow("RUNNING")
    task(nodes, f"{ROOT}.train", "RUNNING", 1)
    task(nodes, f"{ROOT}.gate", "PENDING", 2)
    run = read(nodes, end, state_history=history)
    assert states(run) == {"train": train, "gate": gate} and not run.settled
    assert all(task.over for task in run.tasks)


def test_many_nodes_take_little_time():
    nodes = Nodes(FLOW)
    for index in range(300):
        at = f"{FLOW}.iteration-iterations({index}:{index})"
        nodes.alone(f"{at}.train", "RUNNING")
        nodes.alone(f"{at}.train.executor", "RUNNING")
        nodes.alone(at, "RUNNING")
    (one,) = read(nodes, "RUNNING").tasks
    assert one.count == 300
