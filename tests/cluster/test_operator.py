"""The operator as a process on a real API server, beside a double of Kubeflow."""

import contextlib
import copy
import secrets
import time
from datetime import UTC, datetime

import pytest
import yaml
from kubernetes import config as connection
from mlflow import MlflowClient
from support.control_plane.operating import EXPERIMENT, SCHEDULE, Stage, until
from support.mlflow_server import Server

from poseline.api_server import ConflictError
from poseline.operator.api.rbac import OWN, SERVED
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.schedules import declared


@pytest.fixture(scope="module")
def stage(with_crds, tmp_path_factory):
    """One namespace with one operator for the tests that break nothing."""
    namespace = f"poseline-{secrets.token_hex(4)}"
    with_crds.kubectl("create", "namespace", namespace)
    made = Stage(with_crds, namespace, tmp_path_factory.mktemp("operator"))
    made.operator(datasets_folder=made.folder).ready()
    yield made
    made.close()
    with_crds.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(autouse=True)
def _heal(stage):
    yield
    stage.kubeflow.heal()


def test_an_experiment_from_apply_to_its_end(stage, say):
    begun = time.monotonic()
    stage.apply("people")
    run = stage.run("people")
    say(f"apply to a submitted run that the status knows: {time.monotonic() - begun:.2f} s")
    assert run["display_name"].endswith("-g1")
    assert run["runtime_config"]["parameters"].keys() == {"config"}
    assert (
        yaml.safe_load(run["runtime_config"]["parameters"]["config"])["training"]["epochs"]
        == EXPERIMENT["spec"]["config"]["training"]["epochs"]
    )
    stage.kubeflow.put(run["run_id"], "RUNNING", train="RUNNING")
    status = stage.phase("people", "Running")
    assert status["runURL"] == f"http://kfp.example/#/runs/details/{run['run_id']}"
    until(lambda: stage.status("people").get("stage") == "train")
    shown = stage.plane.kubectl("get", "pose", "-n", stage.namespace, "-o", "wide")
    assert shown.split()[:7] == ["NAME", "PHASE", "STAGE", "OKS", "INT8", "AGE", "RUN"]
    stage.kubeflow.put(run["run_id"], "SUCCEEDED")
    stage.plane.kubectl(
        "wait", "--for=condition=Succeeded", "pose/people", "--timeout=20s", "-n", stage.namespace
    )
    assert stage.status("people")["completionTime"]
    assert len(stage.runs("people")) == 1
    assert stage.events("people") == ["Submitted", "Stage", "RunSucceeded"]
    stage.delete("people")
    until(lambda: stage.get("people") is None)


def states(stage, name):
    return [(run["display_name"].rpartition("-")[2], run["state"]) for run in stage.runs(name)]


def test_a_change_of_the_spec_stops_the_run_and_makes_one(stage):
    stage.apply("change")
    first = stage.run("change")
    stage.patch("change", {"spec": {"ttlSecondsAfterFinished": 1000}})
    stage.patch("change", {"spec": {"config": {"training": {"epochs": 7}}}})
    second = until(lambda: (run := stage.run("change"))["run_id"] != first["run_id"] and run)
    assert states(stage, "change") == [("g1", "CANCELING"), ("g3", "PENDING")]
    config = yaml.safe_load(second["runtime_config"]["parameters"]["config"])
    assert config["training"]["epochs"] == 7
    assert config["operation_mode"] == "chain_tqeb"
    assert stage.status("change")["observedGeneration"] == 3


def test_suspend_and_resume(stage):
    stage.apply("pause")
    stage.run("pause")
    stage.patch("pause", {"spec": {"suspend": True}})
    status = stage.phase("pause", "Suspended")
    assert "runID" not in status
    assert states(stage, "pause") == [("g1", "CANCELING")]
    stage.patch("pause", {"spec": {"suspend": False}})
    stage.run("pause")
    assert states(stage, "pause") == [("g1", "CANCELING"), ("g3", "PENDING")]


def test_deletion_stops_the_run(stage):
    stage.apply("gone")
    stage.run("gone")
    stage.delete("gone")
    until(lambda: stage.get("gone") is None)
    assert states(stage, "gone") == [("g1", "CANCELING")]


def test_a_finished_experiment_is_deleted_in_time(stage):
    stage.apply("brief")
    run = stage.run("brief")
    stage.kubeflow.put(run["run_id"], "FAILED", train="FAILED")
    status = stage.phase("brief", "Failed")
    assert status["stage"] == "train"
    assert stage.conditions("brief")["Succeeded"]["status"] == "False"
    assert "train failed" in stage.conditions("brief")["Failed"]["message"]
    stage.patch("brief", {"spec": {"ttlSecondsAfterFinished": 1000}})
    until(lambda: stage.status("brief")["observedGeneration"] == 2)
    stage.patch("brief", {"spec": {"ttlSecondsAfterFinished": 1}})
    until(lambda: stage.get("brief") is None)


def test_what_the_api_server_could_not_see_is_told_in_the_status(stage):
    stage.apply(
        "placeholder",
        config={
            "general": {"project_name": "<name>", "model_path": "a.h5"},
            "dataset": {"keypoints": 17, "test_path": "x"},
            "quantization": {},
            "benchmarking": {"board": "STM32H747I-DISCO"},
        },
        chain="qb",
    )
    stage.phase("placeholder", "Failed")
    accepted = stage.conditions("placeholder")["Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", "Invalid")
    assert "general.project_name" in accepted["message"]
    assert stage.runs("placeholder") == []


def test_what_kubeflow_refuses_is_not_asked_again(stage):
    stage.kubeflow.fail("status", method="POST", path="/runs$", status=400)
    stage.apply("refused")
    stage.phase("refused", "Failed")
    assert stage.conditions("refused")["Failed"]["reason"] == "Refused"
    time.sleep(2)
    assert stage.runs("refused") == []


def test_kubeflow_away_is_told_and_waited_for(stage):
    stage.kubeflow.fail("status", status=503, count=10_000)
    stage.apply("patient")
    reachable = until(lambda: stage.conditions("patient").get("Reachable"))
    assert (reachable["status"], reachable["reason"]) == ("False", "NoAnswer")
    assert "503" in reachable["message"]
    stage.kubeflow.heal()
    stage.run("patient")
    assert stage.conditions("patient")["Reachable"]["status"] == "True"
    until(
        lambda: stage.events("patient") == ["KubeflowUnreachable", "KubeflowAnswers", "Submitted"]
    )


def test_a_deletion_does_not_wait_for_ever(stage):
    stage.apply("stuck")
    stage.run("stuck")
    stage.kubeflow.fail("cut_before", count=10_000)
    stage.delete("stuck")
    time.sleep(3)
    assert stage.get("stuck")["metadata"]["finalizers"] == ["poseline.dev/run"]
    until(lambda: stage.get("stuck") is None, 60, stage.log)
    assert "RunNotStopped" in stage.events("stuck")


def test_a_run_that_is_gone_is_told(stage):
    stage.apply("lost")
    run = stage.run("lost")
    stage.kubeflow.call(f"/apis/v2beta1/runs/{run['run_id']}", method="DELETE")
    stage.phase("lost", "Failed")
    assert stage.conditions("lost")["Failed"]["reason"] == "RunLost"
    assert stage.runs("lost") == []


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("cut_before", {}),
        ("cut_after", {}),
        ("late", {"delay": 2.5}),
        ("slow", {"delay": 2.5}),
        ("status", {"status": 502}),
        ("status", {"status": 429}),
        ("html", {}),
    ],
)
def test_a_lost_answer_never_makes_two_runs(stage, say, kind, settings):
    """The first answers to CreateRun of five experiments at once."""
    times = 5
    name = f"fault-{kind}-{settings.get('status', '')}".replace("_", "-").rstrip("-")
    stage.kubeflow.fail(kind, method="POST", path="/runs$", count=times, **settings)
    for index in range(times):
        stage.apply(f"{name}-{index}")
    for index in range(times):
        stage.run(f"{name}-{index}", 90)
    time.sleep(3)
    for index in range(times):
        assert states(stage, f"{name}-{index}") == [("g1", "PENDING")]
    say(f"CreateRun {kind} {settings or ''} x {times}: double runs 0, lost 0")
    for index in range(times):
        stage.delete(f"{name}-{index}")


def test_a_second_run_that_comes_even_later_is_stopped(stage):
    """What no client can rule out: a request takes effect after all that it was waited for."""
    stage.kubeflow.fail("late", method="POST", path="/runs$", delay=12)
    stage.apply("late")
    kept = stage.run("late", 60)
    until(lambda: len(stage.runs("late")) == 2, 60)
    until(lambda: "SecondRun" in stage.events("late"), 60, stage.log)
    found = {run["run_id"]: run["state"] for run in stage.runs("late")}
    assert found.pop(kept["run_id"]) == "PENDING"
    assert list(found.values()) == ["CANCELING"]
    assert stage.status("late")["runID"] == kept["run_id"]


def test_health_and_metrics(stage):
    (operator,) = stage.operators
    assert operator.get("/healthz") == (200, "ok\n")
    assert operator.get("/nothing")[0] == 404
    status, text = operator.get("/metrics")
    assert status == 200
    assert "poseline_operator_runs_submitted_total" in text
    assert 'poseline_operator_reconciliations_total{kind="PoseExperiment",outcome="done"}' in text


def test_a_schedule_makes_an_experiment_at_its_slot(stage):
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    stage.schedule("minutely", schedule="* * * * *", successfulExperimentsHistoryLimit=1)
    child = until(lambda: next(iter(stage.children("minutely")), None), 75, stage.log)
    slot = datetime.fromisoformat(child["metadata"]["annotations"]["poseline.dev/scheduled-at"])
    assert before < slot <= datetime.now(UTC)
    assert child["metadata"]["name"] == f"minutely-{int(slot.timestamp()) // 60}"
    assert child["metadata"]["labels"]["team"] == "vision"
    stage.run(child["metadata"]["name"])
    status = until(
        lambda: (found := stage.status("minutely", "poseschedule")).get("active") and found
    )
    assert status["active"] == [child["metadata"]["name"]]
    assert datetime.fromisoformat(status["lastScheduleTime"]) == slot
    stage.patch("minutely", {"spec": {"suspend": True}}, "poseschedule")
    stage.delete("minutely", "poseschedule")
    until(lambda: not stage.children("minutely"), 60, stage.log)
    (run,) = stage.runs(child["metadata"]["name"])
    assert run["state"] == "CANCELING"


def test_a_changed_data_set_makes_an_experiment(stage):
    pictures = stage.folder / "people"
    pictures.mkdir()
    (pictures / "a.jpg").write_text("a")
    template = copy.deepcopy(SCHEDULE["spec"]["experimentTemplate"])
    template["spec"]["config"]["dataset"]["training_path"] = str(pictures)
    stage.schedule(
        "watching",
        schedule=None,
        trigger={"every": "10s"},
        experimentTemplate=template,
    )

    def known():
        return stage.status("watching", "poseschedule").get("dataset", {})

    first = until(known, 30, stage.log)
    (pictures / "b.jpg").write_text("b")
    child = until(lambda: next(iter(stage.children("watching")), None), 60, stage.log)
    now = until(lambda: (found := known())["hash"] != first["hash"] and found)
    assert child["metadata"]["annotations"]["poseline.dev/dataset-hash"] == now["hash"]
    stage.run(child["metadata"]["name"])
    watching = stage.conditions("watching", "poseschedule")["Watching"]
    assert (watching["status"], watching["reason"]) == ("True", "Unchanged")
    (pictures / "c.jpg").write_text("c")
    until(
        lambda: stage.conditions("watching", "poseschedule")["Watching"]["reason"] == "Waiting",
        60,
        stage.log,
    )
    assert len(stage.children("watching")) == 1
    stage.delete("watching", "poseschedule")


def test_a_schedule_that_cannot_be_read_says_so(stage):
    stage.schedule("wrong", timeZone="Mars/Olympus")
    accepted = until(lambda: stage.conditions("wrong", "poseschedule").get("Accepted"))
    assert accepted["status"] == "False"
    assert "timeZone" in accepted["message"]


def test_figures_come_from_mlflow(stage, tmp_path):
    server = Server(tmp_path)
    try:
        server.start()
        stage.apply("figures", platform={"mlflow": {"trackingUri": server.uri}})
        run = stage.run("figures")
        chain = {"poseline.chain_id": run["run_id"], "poseline.stage": "chain"}
        mlflow = MlflowClient(server.uri)
        logged = mlflow.create_run(mlflow.create_experiment("people"), tags=chain).info.run_id
        for name, value in {"oks_float": 0.81234, "oks_int8": 0.79, "fits": 1.0}.items():
            mlflow.log_metric(logged, name, value)
        for name, value in {"model_uri": "models:/people/3", "gate": "passed"}.items():
            mlflow.set_tag(logged, f"poseline.{name}", value)
        mlflow.set_terminated(logged)
        stage.kubeflow.put(run["run_id"], "SUCCEEDED")
        stage.plane.kubectl(
            "wait",
            "--for=condition=Measured",
            "pose/figures",
            "--timeout=50s",
            "-n",
            stage.namespace,
        )
        stage.phase("figures", "Succeeded")
        status = stage.status("figures")
        assert status["oks"] == {"float": 0.8123, "int8": 0.79}
        assert (status["fit"], status["gate"]) == (True, "passed")
        assert status["model"] == {"uri": "models:/people/3"}
        shown = stage.plane.kubectl("get", "pose", "figures", "-n", stage.namespace).split()
        assert {"Succeeded", "0.8123", "0.79"} <= set(shown)
    finally:
        server.kill()


def applied(cluster, wanted, namespace):
    """Again where the operator has written the status meanwhile."""
    with contextlib.suppress(ConflictError):
        declared.apply(cluster, wanted, namespace)
        return True


def test_the_role_has_what_is_called_and_no_more(stage, own_control_plane):
    """By the API server's audit log of all the tests before, and of declared schedules."""
    connection.load_kube_config(str(stage.kubeconfig))
    cluster, spec = Cluster(), SCHEDULE["spec"] | {"suspend": True}
    for wanted in ({"x": spec}, {"x": spec | {"schedule": "1 1 1 1 *"}}, {}):
        until(lambda wanted=wanted: applied(cluster, wanted, stage.namespace))
    events = own_control_plane.audit(f"system:serviceaccount:{stage.namespace}:operator")
    asked = [each for each in events if "objectRef" in each]
    refused = [each["requestURI"] for each in asked if each["responseStatus"]["code"] == 403]
    assert refused == []
    called = {
        (
            place.get("apiGroup", ""),
            "/".join(filter(None, (place["resource"], place.get("subresource")))),
            each["verb"],
        )
        for each in asked
        for place in [each["objectRef"]]
    }
    allowed = {
        (group, resource, verb)
        for rule in (*SERVED, *OWN)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    # Checked by admission, where an owner's deletion is to wait; nobody calls it.
    implied = {("poseline.dev", "poseschedules/finalizers", "update")}
    assert called - allowed == set()
    assert allowed - called == implied
