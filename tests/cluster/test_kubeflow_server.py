"""The client, the commands and the operator on a real Kubeflow Pipelines server."""

import json
import os
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from support.control_plane.operating import ROOT, Stage, until
from support.kfp_double.package import PACKAGE
from support.kfp_double.questions import interview
from support.kfp_double.server import serving

from poseline.kubeflow import schedules
from poseline.kubeflow.client import Kubeflow
from poseline.kubeflow.errors import RefusedError, UnreachableError
from poseline.kubeflow.package import configure
from poseline.kubeflow.platform import Platform
from poseline.kubeflow.watch import watch

COMPILED = sorted((ROOT / "pipelines/compiled").glob("*.yaml"))
FULL = Platform.model_validate(
    {
        "images": {"pull_secrets": ["registry"]},
        "gpu": {"count": 1, "tolerations": [{"key": "gpu", "operator": "Exists"}]},
        "s3": {"ca_config_map": "authority"},
        "mlflow": {"tracking_uri": "http://mlflow:5000", "secret_name": "mlflow"},
        "security_context": {"run_as_user": 1000},
        "node_selector": {"disk": "fast"},
        "cache_claim": "cache",
        "shared_memory": "1Gi",
        "labels": {"team": "poses"},
        "annotations": {"note": "x"},
    }
)


@pytest.fixture
def name():
    return f"poses-{secrets.token_hex(3)}"


@pytest.fixture
def kubeflow(kubeflow_server):
    with Kubeflow(kubeflow_server.url) as made:
        yield made


@pytest.fixture
def version(kubeflow, name):
    return kubeflow.pipeline_version(name, PACKAGE)


def test_the_double_answers_as_the_server(kubeflow_server):
    tag = f"t{secrets.token_hex(4)}"
    true = interview(kubeflow_server.url, tag)
    with serving() as double:
        said = interview(double.url, tag)
    assert said == true


def test_what_the_server_refuses_is_told(kubeflow, version, name):
    with pytest.raises(RefusedError, match="not required by pipeline: colour"):
        kubeflow.submit("one", version, {"colour": "red"}, name)
    with pytest.raises(RefusedError, match="unknown template format"):
        kubeflow.pipeline_version(name, "no: pipeline")
    body = {"display_name": "one", "pipeline_version_reference": {"pipeline_version_id": "gone"}}
    with pytest.raises(UnreachableError, match="PipelineVersion gone not found"):
        kubeflow.api.send("POST", "/runs", body=body)


@pytest.mark.parametrize("package", COMPILED, ids=lambda path: path.stem)
@pytest.mark.parametrize("platform", [Platform(), FULL], ids=["plain", "full"])
def test_every_pipeline_becomes_a_workflow(kubeflow_server, kubeflow, name, package, platform):
    configured = configure(package.read_text(), platform)
    made = kubeflow.submit("one", kubeflow.pipeline_version(name, configured), {}, name)
    assert made.state == "PENDING"
    arguments = kubeflow_server.workflow(made.id)["spec"]["arguments"]["parameters"]
    kubernetes = [
        json.loads(each["value"]) for each in arguments if each["name"].startswith("kubernetes-")
    ]
    assert kubernetes
    for pod in kubernetes:
        assert pod["fieldPathAsEnv"][0]["name"] == "POSELINE_CHAIN_ID"
        assert ("pvcMount" in pod) == bool(platform.cache_claim)


def test_runs_of_every_name_are_made_once(kubeflow, version, name):
    names = ["RUN-1", "run-1", "100% a+b", 'quo"ted\\', "Ünï 日本", "run-1 ", "a" * 255]
    made = {each: kubeflow.submit(each, version, {}, name) for each in names}
    assert {each: run.name for each, run in made.items()} == {each: each for each in names}
    again = {each: kubeflow.submit(each, version, {}, name).id for each in names}
    assert again == {each: run.id for each, run in made.items()}
    assert len(kubeflow.runs(name)) == len(names)


@pytest.mark.parametrize("what", [{"display_name": "a" * 256}, {"parameters": "\N{RUNNER}"}])
def test_what_is_refused_here_leaves_a_workflow_there(
    kubeflow_server, kubeflow, version, name, what
):
    parameters = {"config": what["parameters"]} if "parameters" in what else {}
    body = {
        "display_name": what.get("display_name", "one"),
        "experiment_id": kubeflow.experiment(name),
        "pipeline_version_reference": version.reference,
        "runtime_config": {"parameters": parameters},
    }
    before = kubeflow_server.workflows()
    with pytest.raises(RefusedError):
        kubeflow.submit(body["display_name"], version, parameters, name)
    assert kubeflow_server.workflows() == before
    with pytest.raises(UnreachableError, match="Failed to store run"):
        kubeflow.api.send("POST", "/runs", body=body)
    assert len(kubeflow_server.workflows() - before) == 1
    assert not kubeflow.runs(name)


def test_two_at_once_leave_one_run(kubeflow_server, kubeflow, version, name):
    def one(_):
        with Kubeflow(kubeflow_server.url) as other:
            return other.submit("one", version, {}, name).id

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    kept = kubeflow.submit("one", version, {}, name)
    alive = [run.id for run in kubeflow.runs(name) if run.state != "CANCELING"]
    assert alive == [kept.id]


def test_lists_are_read_to_their_end(kubeflow, version, name):
    made = [kubeflow.submit(f"run-{number}", version, {}, name).id for number in range(5)]
    query = {"experiment_id": kubeflow.experiment(name), "page_size": 2}
    read = [run["run_id"] for run in kubeflow.api.pages("/runs", "runs", query)]
    assert sorted(read) == sorted(made)
    assert len(kubeflow.runs(name, limit=3)) == 3


def test_a_run_from_start_to_success(kubeflow_server, kubeflow, version, name):
    run = kubeflow.submit("one", version, {"epochs": 2}, name)
    assert (run.state, run.parameters, run.version_id) == ("PENDING", {"epochs": 2}, version.id)
    kubeflow_server.report(run.id, "Running", train="Running")
    run = until(lambda: (now := kubeflow.run(run.id)).state == "RUNNING" and now)
    (task,) = run.tasks
    assert (task.name, task.state, task.ended) == ("train", "RUNNING", None) and task.started
    assert run.finished is None
    kubeflow_server.report(run.id, "Succeeded", train="Succeeded", quantize="Succeeded")
    *_, last = watch(kubeflow, run.id, interval=0.2)
    assert last.state == "SUCCEEDED" and last.finished and not last.canceled
    assert {task.name for task in last.tasks if task.ended} == {"train", "quantize"}
    assert not kubeflow.terminate(run.id)


def test_a_terminated_run_fails_as_canceled(kubeflow_server, kubeflow, version, name):
    run = kubeflow.submit("one", version, {}, name)
    kubeflow_server.report(run.id, "Running", train="Running")
    until(lambda: kubeflow.run(run.id).state == "RUNNING")
    assert kubeflow.terminate(run.id) and not kubeflow.terminate(run.id)
    assert kubeflow_server.workflow(run.id)["spec"]["activeDeadlineSeconds"] == 0
    seen = watch(kubeflow, run.id, interval=0.2)
    assert next(seen).canceled
    kubeflow_server.report(run.id, "Failed", "Stopped with strategy 'Terminate'", train="Failed")
    *_, last = seen
    assert last.state == "FAILED" and last.canceled


def test_a_run_whose_workflow_is_gone_is_terminated(kubeflow_server, kubeflow, version, name):
    run = kubeflow.submit("one", version, {}, name)
    kubeflow_server.delete_workflow(run.id)
    assert kubeflow.terminate(run.id)
    assert kubeflow.run(run.id).state == "CANCELING" and not kubeflow.terminate(run.id)


def test_schedules(kubeflow_server, kubeflow, version, name):
    nightly = schedules.Schedule("nightly", "0 3 * * *", version, {"epochs": 2}, name)
    assert schedules.apply(kubeflow, nightly) == "made"
    assert schedules.apply(kubeflow, nightly) == "unchanged"
    for change in ({"cron": "0 4 * * *"}, {"parameters": {}}, {"service_account": "trainer"}):
        nightly = replace(nightly, **change)
        assert schedules.apply(kubeflow, nightly) == "changed"
        assert schedules.apply(kubeflow, nightly) == "unchanged"
    assert [(each.cron, each.enabled) for each in _of(kubeflow, version)] == [("0 0 4 * * *", True)]
    assert schedules.remove(kubeflow, "nightly", version.pipeline_id) == (1, 0)
    assert not _of(kubeflow, version)


def test_a_run_that_goes_on_outlives_its_schedule(kubeflow_server, kubeflow, version, name):
    often = {
        "display_name": "often",
        "experiment_id": kubeflow.experiment(name),
        "mode": "ENABLE",
        "pipeline_version_reference": version.reference,
        "no_catchup": True,
        "trigger": {"cron_schedule": {"cron": "*/2 * * * * *"}},
        "max_concurrency": "1",
    }
    made = kubeflow.api.send("POST", "/recurringruns", body=often)["recurring_run_id"]
    run = until(lambda: next(iter(kubeflow.runs(name)), None), 60, kubeflow_server.log)
    assert run.recurring_id == made and run.state == "PENDING"
    assert schedules.remove(kubeflow, "often", version.pipeline_id) == (0, 1)
    assert [each.enabled for each in _of(kubeflow, version)] == [False]
    time.sleep(3)  # for the garbage collector to take what should not be there for it
    kubeflow_server.report(run.id, "Running", train="Running")
    until(lambda: kubeflow.run(run.id).state == "RUNNING")
    assert schedules.remove(kubeflow, "often", version.pipeline_id) == (0, 1)
    kubeflow_server.report(run.id, "Succeeded", train="Succeeded")
    until(lambda: kubeflow.run(run.id).over)
    assert schedules.remove(kubeflow, "often", version.pipeline_id) == (1, 0)


def _of(kubeflow, version):
    found = schedules.schedules(kubeflow)
    return [each for each in found if each.pipeline_id == version.pipeline_id]


def test_the_commands_of_the_readme(kubeflow_server, name, tmp_path):
    config = ROOT / "examples/training.yaml"
    chain = [sys.executable, str(ROOT / "pipelines/chain_tqeb.py"), "--host", kubeflow_server.url]
    poseline = [sys.executable, "-c", "from poseline.cli import main; main()", "pipelines"]
    where = ["--host", kubeflow_server.url]

    def say(*command):
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
        )
        return done.returncode, done.stdout + done.stderr

    submit = [*chain, "--submit", "--config", str(config), "--set", "epochs=1", "--run-name", name]
    assert say(*submit)[0] == 0
    assert say(*submit)[0] == 0
    (run,) = kubeflow_server.runs(name)
    assert run["runtime_config"]["parameters"]["epochs"] == 1
    kubeflow_server.report(run["run_id"], "Running", train="Running")
    until(lambda: "RUNNING" in say(*poseline, "status", run["run_id"], *where)[1])
    assert "train" in say(*poseline, "status", run["run_id"], *where)[1]
    assert name in say(*poseline, "status", *where)[1]
    code, text = say(*poseline, "logs", run["run_id"], *where)
    assert code == 1 and f"logs -l pipeline/runid={run['run_id']}" in text  # there are no pods
    assert say(*poseline, "cancel", run["run_id"], *where)[0] == 0
    # Only what the agent saw of it stays in the history.
    until(lambda: kubeflow_server.runs(name)[0]["state_history"][-1]["state"] == "CANCELING")
    kubeflow_server.report(run["run_id"], "Failed", train="Failed")
    until(lambda: say(*poseline, "status", run["run_id"], "--wait", *where)[0] == 8)

    schedule = [*chain, "--schedule", "0 3 * * *", "--config", str(config), "--run-name", name]
    assert say(*schedule)[0] == 0
    assert name in say(*poseline, "list", "--schedule", *where)[1]
    assert "is deleted" in say(*chain, "--unschedule", "--run-name", name)[1]
    assert "was not there" in say(*chain, "--unschedule", "--run-name", name)[1]


@pytest.fixture(scope="module")
def stage(with_crds, kubeflow_server, tmp_path_factory):
    namespace = f"poseline-{secrets.token_hex(4)}"
    with_crds.kubectl("create", "namespace", namespace)
    folder = tmp_path_factory.mktemp("operator")
    made = Stage(with_crds, namespace, folder, kubeflow=kubeflow_server)
    made.operator(kubeflow_timeout=2, settle_seconds=12).ready()
    yield made
    made.close()
    with_crds.kubectl("delete", "namespace", namespace, "--wait=false")


def test_an_experiment_is_one_run_that_ends_with_it(stage, kubeflow_server, kubeflow):
    stage.apply("people")
    run = stage.run("people", 60)
    kubeflow_server.report(run["run_id"], "Running", train="Running")
    stage.phase("people", "Running")
    until(lambda: stage.status("people").get("stage") == "train", 30, stage.log)
    stage.delete("people")
    until(lambda: stage.get("people") is None, 60, stage.log)
    (only,) = stage.runs("people")
    assert only["run_id"] == run["run_id"] and only["state"] == "CANCELING"
    assert kubeflow_server.workflow(run["run_id"])["spec"]["activeDeadlineSeconds"] == 0


def test_an_experiment_fails_with_its_run(stage, kubeflow_server):
    stage.apply("fails")
    run = stage.run("fails", 60)
    kubeflow_server.report(run["run_id"], "Failed", "it failed", train="Failed")
    stage.phase("fails", "Failed")
    assert "train failed" in stage.conditions("fails")["Failed"]["message"]
    assert len(stage.runs("fails")) == 1


def test_a_deleted_version_is_uploaded_again(stage, kubeflow):
    stage.apply("before")
    run = stage.run("before", 60)
    old = run["pipeline_version_reference"]
    path = f"/pipelines/{old['pipeline_id']}/versions/{old['pipeline_version_id']}"
    kubeflow.api.send("DELETE", path)
    stage.apply("after")
    new = stage.run("after", 90)["pipeline_version_reference"]
    assert new["pipeline_version_id"] != old["pipeline_version_id"]
    assert len(stage.runs("after")) == 1
