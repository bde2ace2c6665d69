"""Whole chains on a whole Kubeflow backend: our images as pods that Argo starts."""

import json
import os
import secrets
import subprocess
import sys

import boto3
import pytest
import yaml
from support.control_plane.kubeflow_backend import BUCKET
from support.control_plane.operating import ROOT, Stage, until
from support.samples import TINY
from support.seaweed import ADMIN

from poseline.kubeflow import schedules, submission
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.workflow_size import LIMIT
from poseline.tracking.results import result

pytestmark = [pytest.mark.kubeflow, pytest.mark.timeout(3600)]

POSELINE = [sys.executable, "-c", "from poseline.cli import main; main()"]
SMALL = {"requests": {"cpu": "50m", "memory": "128Mi"}}  # a node of two cores takes several
TASKS = ("resolve", "convert", "train", "quantize", "evaluate", "predict", "benchmark", "gate")
MINUTES = 60  # s


@pytest.fixture(scope="module")
def storage(kubeflow_backend, weed):
    """The object storage."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{weed}",
        region_name="us-east-1",
        aws_access_key_id=ADMIN["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ADMIN["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def chains(kubeflow_backend, storage, server, tmp_path_factory):
    """Starts chains on a small data set and a small model, and tells how they end."""
    folder = tmp_path_factory.mktemp("chains")
    server.start()
    mlflow = kubeflow_backend.node.expose({5000: server.port})
    with Kubeflow(kubeflow_backend.url) as kubeflow:
        made = Chains(kubeflow_backend, kubeflow, storage, server.uri, folder)
        made.platform = {
            "mlflow": {"trackingUri": f"http://{mlflow}:5000"},
            "resources": dict.fromkeys((*TASKS, "export", "compare", "finish"), SMALL),
            "retries": {"backoffSeconds": 1},
            "sharedMemory": "",
        }
        made.write()
        yield made


class Chains:
    """What the tests do with chains.

    Attributes:
        platform: How their tasks run.
        made: Chain to the first run of it that succeeded.
    """

    def __init__(self, backend, kubeflow, storage, mlflow, folder):
        self.backend, self.kubeflow, self.storage = backend, kubeflow, storage
        self.mlflow, self.folder = mlflow, folder
        self.platform, self.made = {}, {}

    def write(self):
        """Write config and platform, and bring the data set into the storage."""
        (self.folder / "config.yaml").write_text(TINY)
        (self.folder / "platform.yaml").write_text(yaml.safe_dump(self.platform))
        coco = self.folder / "coco"
        size = ["--train=32", "--val=8", "--size", "96", "96"]
        self.poseline("dataset", "synthesize", str(coco), *size)
        for path in coco.rglob("*"):
            if path.is_file():
                key = f"coco/{path.relative_to(coco)}"
                self.storage.upload_file(str(path), BUCKET, key)

    def poseline(self, *arguments, code=0):
        """Run a command as a user does; give what it says."""
        done = subprocess.run(
            [*POSELINE, *arguments],
            capture_output=True,
            text=True,
            timeout=30 * MINUTES,
            env={
                **os.environ,
                **ADMIN,
                "AWS_ENDPOINT_URL_S3": self.storage.meta.endpoint_url,
                "COLUMNS": "200",
                "KF_PIPELINES_ENDPOINT": self.backend.url,
                "MLFLOW_TRACKING_URI": self.mlflow,
            },
        )
        assert done.returncode == code, done.stdout + done.stderr + self.told()
        return done.stdout + done.stderr

    def start(self, pipeline, *settings):
        """Start a chain, and give its run."""
        package = (ROOT / "pipelines/compiled" / f"{pipeline}.yaml").read_text()
        data = [] if pipeline == "prediction" else [f"dataset=s3://{BUCKET}/coco"]
        order = submission.run_request(
            package,
            None if pipeline == "sweep" else pipeline,
            config=self.folder / "config.yaml",
            settings=[*data, *settings],
            platform=self.folder / "platform.yaml",
        )
        return submission.submit(self.kubeflow, order)

    def ended(self, run, state="SUCCEEDED", minutes=25):
        """Wait until a run is over, and its tasks are shown as they ended."""

        def over():
            now = self.kubeflow.run(run.id)
            return now.over and now.settled and now

        now = until(over, minutes * MINUTES, self.told, pause=5)
        assert now.state == state, self.told()
        assert {task.state for task in now.tasks} <= {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"}
        return now

    def until_running(self, run, task):
        """Wait until a task's pod runs, and Argo has seen it; give its name.

        A pod that is deleted before is made again under its name, and no attempt is counted.
        """

        def running():
            nodes = self.backend.workflow(run.id)["status"].get("nodes", {}).values()
            seen = {node["id"].rpartition("-")[2] for node in nodes if node["phase"] == "Running"}
            names = [pod["metadata"]["name"] for pod in self.backend.pods(run.id, task)]
            return [name for name in names if name.rpartition("-")[2] in seen]

        return until(running, 10 * MINUTES, self.told, pause=2)[0]

    def tracked(self, run, status):
        """What MLflow has of a chain, once that has ended there."""
        found = result(run.id, self.mlflow)
        assert found.status == status, (found, self.told())
        return found

    def model(self):
        """URI of the model that the first chain trained."""
        run = self.made["chain_tqeb"]
        listed = self.storage.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [each["Key"] for page in listed for each in page.get("Contents", ())]
        (found,) = [key for key in keys if run.id in key and key.endswith("/best_model.h5")]
        return f"s3://{BUCKET}/{found}"

    def told(self):
        """What the cluster says of what went wrong."""
        pods = self.backend.plane.get("pods", "-n", "kubeflow")["items"]
        failed = [pod for pod in pods if pod["status"].get("phase") in ("Failed", "Pending")]
        logs = [self.backend.logs(pod["metadata"]["name"]) for pod in failed[-4:]]
        return "\n".join([*logs, self.backend.log("workflow-controller")])


def states(run):
    return {task.name: task.state for task in run.tasks}


def test_a_chain_from_a_data_set_to_figures(chains, say):
    run = chains.ended(chains.start("chain_tqeb"))
    chains.made["chain_tqeb"] = run
    assert set(states(run).values()) == {"SUCCEEDED"}
    assert len(run.tasks) == len(states(run)) == 10
    found = chains.tracked(run, "FINISHED")
    assert {"oks_float", "oks_int8"} <= found.metrics.keys()
    words = chains.poseline("pipelines", "status", run.id)
    assert "SUCCEEDED" in words and "oks_int8" in words
    assert "epoch" in chains.poseline("pipelines", "logs", run.id, "--task", "train").lower()
    size, packed = chains.backend.size(run.id)
    say(f"chain_tqeb took {(run.finished - run.created).total_seconds():.0f} s, {size:,} bytes")
    assert size < LIMIT and not packed


def test_the_same_again_comes_from_the_cache(chains, say):
    first = chains.made["chain_tqeb"]
    run = chains.ended(chains.start("chain_tqeb"))
    cached = {task.name for task in run.tasks if task.cached}
    fresh = {"resolve", "gate", "finish"}
    assert cached == states(first).keys() - fresh
    found = chains.tracked(run, "FINISHED")
    assert found.metrics["oks_int8"] == chains.tracked(first, "FINISHED").metrics["oks_int8"]
    say(f"from the cache it took {(run.finished - run.created).total_seconds():.0f} s")


@pytest.mark.parametrize("pipeline", ["chain_eqeb", "chain_qb", "prediction"])
def test_a_chain_that_begins_with_a_model(chains, pipeline):
    settings = [f"model={chains.model()}"]
    if pipeline == "prediction":
        settings += [f"images=s3://{BUCKET}/coco/val"]
    run = chains.ended(chains.start(pipeline, *settings))
    assert set(states(run).values()) <= {"SUCCEEDED", "SKIPPED"}
    chains.tracked(run, "FINISHED")


def test_a_sweep_compares_its_models(chains, say):
    """Of one model: the workflow of two is above what Kubeflow keeps sight of."""
    variants = json.dumps([{"alpha": 0.5, "epochs": 1}])
    run = chains.ended(chains.start("sweep", f"variants={variants}"), minutes=40)
    assert states(run)["train"] == states(run)["compare"] == "SUCCEEDED"
    chains.tracked(run, "FINISHED")
    size, packed = chains.backend.size(run.id)
    say(f"a sweep of a model: {size:,} bytes")
    assert size < LIMIT and not packed


def test_a_sweep_that_kubeflow_loses_sight_of_is_shown_as_it_ended(chains, say):
    variants = json.dumps([{"alpha": alpha, "epochs": 1} for alpha in (0.35, 0.5, 0.75)])
    run = chains.start("sweep", f"variants={variants}")

    def over():
        now = chains.kubeflow.run(run.id)
        return now.over and now

    found = until(over, 40 * MINUTES, chains.told, pause=5)
    assert found.state == "SUCCEEDED"
    assert {task.state for task in found.tasks} <= {"SUCCEEDED", "SKIPPED"}
    chains.tracked(found, "FINISHED")
    size, packed = chains.backend.size(run.id)
    say(f"a sweep of three models: {size:,} bytes, compressed")
    assert packed


def test_a_schedule_makes_runs(chains):
    name = f"minutely-{secrets.token_hex(2)}"
    where = ["--config", str(chains.folder / "config.yaml"), "--set", f"dataset=s3://{BUCKET}/coco"]
    where += ["--platform", str(chains.folder / "platform.yaml")]
    pipeline = str(ROOT / "pipelines/compiled/chain_tqeb.yaml")
    chains.poseline("pipelines", "schedule", pipeline, "* * * * *", "--name", name, *where)
    (recurring,) = [one.id for one in schedules.schedules(chains.kubeflow) if one.name == name]
    made = until(
        lambda: [run for run in chains.kubeflow.runs() if run.recurring_id == recurring],
        3 * MINUTES,
        chains.backend.log,
        pause=2,
    )
    chains.ended(made[0])
    chains.poseline("pipelines", "unschedule", pipeline, "--name", name)


def test_a_training_whose_pod_is_lost_goes_on_in_another(chains):
    run = chains.start("chain_tqeb", "general.global_seed=2")
    pod = chains.until_running(run, "train")
    # At once, as with its node: within a grace period this short training comes to its end.
    gone = ("--grace-period=0", "--force", "--wait=false")
    chains.backend.plane.kubectl("delete", "pod", pod, "-n", "kubeflow", *gone)
    run = chains.ended(run)
    train = next(task for task in run.tasks if task.name == "train")
    assert (train.state, train.attempts) == ("SUCCEEDED", 2), (pod, train)
    chains.tracked(run, "FINISHED")


def test_a_run_that_is_canceled_stops_and_is_told_as_canceled(chains):
    run = chains.start("chain_tqeb", "general.global_seed=3", "epochs=500")
    chains.until_running(run, "train")
    chains.poseline("pipelines", "cancel", run.id)
    run = chains.ended(run, "FAILED")
    assert run.canceled and states(run)["train"] in ("FAILED", "CANCELED")
    chains.tracked(run, "KILLED")


def test_why_a_task_failed_is_told(chains):
    chains.storage.put_object(Bucket=BUCKET, Key="broken.h5", Body=b"not a model")
    run = chains.ended(chains.start("chain_qb", f"model=s3://{BUCKET}/broken.h5"), "FAILED")
    assert states(run)["quantize"] == "FAILED"
    found = chains.tracked(run, "FAILED")
    assert "quantize" in found.failure.task
    words = chains.poseline("pipelines", "status", run.id, "--wait", code=1)
    assert found.failure.message.split("\n")[0][:40] in " ".join(words.split())


@pytest.fixture
def stage(chains, kubeflow_backend, tmp_path):
    from poseline.operator.api.crd import crds

    plane, namespace = kubeflow_backend.plane, f"poseline-{secrets.token_hex(4)}"
    plane.apply(*crds(), server_side=True)
    plane.kubectl("create", "namespace", namespace)
    made = Stage(plane, namespace, tmp_path, kubeflow=kubeflow_backend)
    yield made
    made.close()


def test_an_experiment_comes_to_figures_and_a_model(chains, stage, tmp_path):
    """Through the operator, with a gate; most of it from the cache."""
    config = yaml.safe_load(TINY) | {"gate": {"min_oks": 0.0, "registered_model_name": "people"}}
    config["general"]["project_name"] = "gated"
    config["conversion"] = {"path": f"s3://{BUCKET}/coco"}
    del config["operation_mode"], config["data_augmentation"]  # a resource has a list there
    config["preprocessing"]["rescaling"] = {"scale": 1 / 127.5, "offset": -1}
    (platform := tmp_path / "platform.yaml").write_text(yaml.safe_dump(chains.platform))
    stage.operator(
        platform_file=platform, mlflow_url=chains.mlflow, kubeflow_timeout=5, settle_seconds=30
    ).ready()
    stage.apply("gated", config=config, chain="tqeb", platform=None)
    status = stage.phase("gated", "Succeeded", 25 * MINUTES)
    until(lambda: stage.conditions("gated")["Measured"]["status"] == "True", 60, stage.log)
    status = stage.status("gated")
    assert status["gate"] == "passed" and 0 <= status["oks"]["int8"] <= 1
    assert (status["model"]["name"], status["model"]["version"]) == ("people", "1")
