"""One chain in several processes, as in pods: each with an outbox of its own."""

import subprocess
import sys
import threading
import time

import pytest
from support.samples import ROOT

from poseline.tracking import sync
from poseline.tracking.client import client
from poseline.tracking.outbox import CHAIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings(r"ignore:The ``noload`` loader strategy is deprecated"),
]

POD = """
import sys, time
from pathlib import Path
from poseline.tracking import open_tracker

uri, folder, stage, epochs, pause, patience, go = sys.argv[1:]
import mlflow.tracking  # what takes long, before all begin together
Path(folder).mkdir()
(Path(folder) / "ready").touch()
while not Path(go).exists():
    time.sleep(0.01)
box = Path(folder) / "box"
leave = Path(folder) / "left"
with open_tracker(uri, "pods", box, chain_id="kfp-1", patience=float(patience), leave=leave) as t:
    t.parent.params({"general": {"project_name": "pods"}})
    with t.stage(stage) as run:
        for epoch in range(int(epochs)):
            before = time.monotonic()
            run.metrics({"loss": 1 / (epoch + 1)}, epoch)
            assert time.monotonic() - before < 1, "the training waited for MLflow"
            time.sleep(float(pause))
    t.parent.metrics({f"oks_{stage}": 0.5})
print("done", flush=True)
"""


class Pods:
    def __init__(self, uri, folder):
        self.uri, self.folder, self.go = uri, folder, folder / "go"
        self.processes, self.finished = [], []

    def start(self, stage, epochs=20, pause=0.02, patience=120):
        place = self.folder / f"pod{len(self.processes) + len(self.finished)}"
        command = [sys.executable, "-c", POD, self.uri, str(place), stage, str(epochs)]
        command += [str(pause), str(patience), str(self.go)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.processes.append((process, place))
        return process, place

    def begin(self):
        """Let all go on at the same moment, once the last is there."""
        while not all((place / "ready").exists() for _, place in self.processes):
            assert all(process.poll() is None for process, _ in self.processes)
            time.sleep(0.05)
        self.go.touch()

    def finish(self):
        for process, _ in self.processes:
            out, _ = process.communicate(timeout=500)
            assert process.returncode == 0, out
        self.finished += self.processes
        self.processes = []


@pytest.fixture
def pods(tmp_path):
    made = []

    def make(uri):
        made.append(Pods(uri, tmp_path))
        return made[-1]

    yield make
    for group in made:
        for process, _ in group.processes:
            process.kill()
            process.communicate()


@pytest.fixture(params=["server", "sqlite", "directory"])
def uri(request, tmp_path):
    if request.param == "server":
        server = request.getfixturevalue("server")
        server.start()
        return server.uri
    return {"sqlite": f"sqlite:///{tmp_path}/runs.db", "directory": str(tmp_path / "mlruns")}[
        request.param
    ]


def check(uri, runs, stages, epochs=20):
    """Each stage has one run in the one parent, and each figure is there once."""
    (chain,) = runs.pop(CHAIN)
    assert {name: len(found) for name, found in runs.items()} == dict.fromkeys(stages, 1)
    for (run,) in runs.values():
        assert run.data.tags["mlflow.parentRunId"] == chain.info.run_id
        history = client(uri).get_metric_history(run.info.run_id, "loss")
        assert sorted(point.step for point in history) == list(range(epochs))
        assert run.info.status == "FINISHED"
    assert {f"oks_{stage}" for stage in stages} <= set(chain.data.metrics)
    return chain


def fresh(uri, experiment="pods"):
    """Remove what an earlier test left on the server that all share."""
    mlflow = client(uri)
    if found := mlflow.get_experiment_by_name(experiment):
        for run in mlflow.search_runs([found.experiment_id]):
            mlflow.delete_run(run.info.run_id)


def test_stages_at_the_same_moment_and_a_retry(uri, pods, chain_runs):
    fresh(uri)
    stages = ["train", "evaluate-float", "evaluate-int8", "benchmark"]
    group = pods(uri)
    for stage in stages:
        group.start(stage)
    group.begin()
    group.finish()
    chain = check(uri, chain_runs(uri, "pods"), stages)
    group.start("train")  # a pod that takes the place of one that was lost
    group.finish()
    assert check(uri, chain_runs(uri, "pods"), stages).info.run_id == chain.info.run_id


def test_a_server_that_is_down_for_a_minute_loses_nothing_of_a_pod(server, pods, chain_runs):
    """It goes down in the middle, and the pod is done long before it is back."""
    server.start()
    fresh(server.uri)
    group = pods(server.uri)
    _, place = group.start("train", epochs=30, pause=0.2)
    group.begin()
    time.sleep(3)
    server.kill()
    back = threading.Timer(60, server.start)
    back.start()
    group.finish()
    back.join()
    check(server.uri, chain_runs(server.uri, "pods"), ["train"], 30)
    assert not (place / "left").exists()


def test_what_a_lost_pod_could_not_deliver_is_left_beside_its_results(server, pods, chain_runs):
    server.start()
    fresh(server.uri)
    server.kill()
    group = pods(server.uri)
    before = time.monotonic()
    _, place = group.start("train", patience=2)
    group.begin()
    group.finish()
    assert time.monotonic() - before < 120
    server.start()
    assert sync(place / "left") > 20
    check(server.uri, chain_runs(server.uri, "pods"), ["train"])
