import contextlib
import copy
import http.server
import threading
from types import SimpleNamespace

import httpx
import pytest
import yaml
from kubernetes.client.rest import ApiException
from support.api_server import NAMESPACE
from support.kfp_double.server import serving
from support.samples import ROOT

from poseline.api_server import ConflictError
from poseline.errors import BackendError
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.errors import UnreachableError
from poseline.kubeflow.platform import Platform
from poseline.operator.api.kinds import FINALIZER
from poseline.operator.experiments.context import Context
from poseline.operator.experiments.reconciler import ExperimentReconciler
from poseline.operator.runtime.cluster import Cluster
from poseline.operator.settings import Settings
from poseline.tracking import results

KIND = "poseexperiments"
EXAMPLE = yaml.safe_load((ROOT / "examples/kubernetes/experiment.yaml").read_text())
SPEC = EXAMPLE["spec"] | {"ttlSecondsAfterFinished": None}
SETTLE, DELETION = 60, 600


@pytest.fixture
def kubeflow():
    with serving() as found:
        yield found


@pytest.fixture
def world(api, clock, kubeflow, monkeypatch):
    """The experiment `people`, an operator, and a Kubeflow whose runs end when a test says so."""
    for name in ("KF_PIPELINES_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    settings = Settings(
        kubeflow_host=kubeflow.url,
        kubeflow_timeout=5,
        settle_seconds=SETTLE,
        deletion_seconds=DELETION,
        pipelines=ROOT / "pipelines/compiled",
    )
    leads = [True]
    operator = ExperimentReconciler(Context(Cluster(), settings, Platform(), lambda: leads[0]))
    api.apply(EXAMPLE | {"metadata": {"name": "people"}, "spec": SPEC})

    def states():
        runs = kubeflow.objects.runs.values()
        return [(run["display_name"].rpartition("-")[2], run["state"]) for run in runs]

    def put(state):
        run_id = api.get(KIND, "people")["status"]["runID"]
        with kubeflow.lock:
            kubeflow.objects.settle(run_id, {"state": state})

    yield SimpleNamespace(
        reconcile=lambda: operator.reconcile(NAMESPACE, "people"),
        status=lambda: api.get(KIND, "people")["status"],
        condition=lambda name: api.conditions(KIND, "people")[name],
        events=lambda: [reason for _, reason in api.events_of("people")],
        edit=lambda **spec: api.edit(KIND, "people", **spec),
        states=states,
        put=put,
        leads=leads,
    )
    operator._context.runs(NAMESPACE)._kubeflow.close()


def test_from_nothing_to_a_run_to_its_end(world):
    assert world.reconcile() == Settings.poll_seconds
    assert world.states() == [("g1", "PENDING")]
    assert world.status()["phase"] == "Pending"
    world.put("RUNNING")
    assert world.reconcile() == Settings.poll_seconds
    assert world.status()["phase"] == "Running"
    world.put("SUCCEEDED")
    world.reconcile()
    assert world.condition("Succeeded")["status"] == "True"
    assert world.events() == ["Submitted", "RunSucceeded"]


# Somebody else, in between


def test_nothing_is_asked_for_a_spec_that_changed_before_it_was_written_down(world, api):
    changed = copy.deepcopy(SPEC["config"])
    changed["training"]["epochs"] = 7
    api.before("replace_status", lambda: world.edit(config=changed))
    with pytest.raises(ConflictError):
        world.reconcile()
    assert world.states() == []
    world.reconcile()
    assert world.states() == [("g2", "PENDING")]


def test_of_two_operators_one_asks(world, api, kubeflow):
    """The other one has read the same experiment, and comes first."""
    api.before("replace_status", world.reconcile)
    with pytest.raises(ConflictError):
        world.reconcile()
    assert world.states() == [("g1", "PENDING")]
    assert kubeflow.count("POST", r".*/runs") == 1


@pytest.mark.parametrize("call", ["replace", "replace_status"])
def test_an_experiment_that_goes_meanwhile_makes_no_run(world, api, call):
    api.before(call, lambda: api.objects.clear())
    with pytest.raises(BackendError, match="404"):
        world.reconcile()
    assert world.reconcile() is None
    assert world.states() == []


def test_who_no_longer_leads_does_nothing(world, api, kubeflow):
    before = api.get(KIND, "people")
    world.leads[0] = False
    with pytest.raises(BackendError, match="no longer leads"):
        world.reconcile()
    assert api.get(KIND, "people") == before
    assert world.states() == []


def test_a_lost_event_stops_nothing(world, api):
    def refuse():
        raise ApiException(500)

    api.before("event", refuse)
    world.reconcile()
    world.put("SUCCEEDED")
    world.reconcile()
    assert world.events() == ["RunSucceeded"]


# Kubeflow


@pytest.mark.parametrize(("kind", "runs_at_once"), [("cut_before", 0), ("cut_after", 1)])
def test_a_lost_answer_makes_one_run(world, clock, kubeflow, kind, runs_at_once):
    kubeflow.fail(kind, method="POST", path="/runs$")
    with pytest.raises(BackendError):
        world.reconcile()
    assert world.condition("Submitted")["reason"] == "NoAnswer"
    assert len(world.states()) == runs_at_once
    world.reconcile()
    assert len(world.states()) == runs_at_once, "it may still be on its way"
    clock.tick(SETTLE + 1)
    world.reconcile()
    assert world.states() == [("g1", "PENDING")]
    assert world.status()["submission"]["attempts"] == 2 - runs_at_once
    assert world.condition("Submitted")["status"] == "True"


def test_a_request_that_took_effect_too_late_is_stopped(world, clock, kubeflow):
    kubeflow.fail("held", method="POST", path="/runs$")
    with pytest.raises(BackendError):
        world.reconcile()
    clock.tick(SETTLE + 1)
    world.reconcile()
    kept = world.status()["runID"]
    kubeflow.release()
    world.reconcile()
    states = {run["run_id"]: run["state"] for run in kubeflow.objects.runs.values()}
    assert states.pop(kept) == "PENDING"
    assert list(states.values()) == ["CANCELING"]
    assert world.events() == ["Submitted", "SecondRun"]


def test_what_was_held_up_is_not_asked_for(world, api, clock):
    """Half of the time to settle is left to the call: others rely on it."""
    api.before("event", lambda: clock.tick(SETTLE))
    api.before("replace_status", lambda: clock.tick(SETTLE / 2 + 1))
    with pytest.raises(BackendError, match="held up"):
        world.reconcile()
    assert world.states() == []


def test_what_is_refused_is_not_asked_again(world, kubeflow):
    kubeflow.fail("status", method="POST", path="/runs$", status=400)
    world.reconcile()
    assert world.condition("Failed")["reason"] == "Refused"
    world.reconcile()
    assert kubeflow.count("POST", r".*/runs") == 1
    assert world.states() == []


def test_kubeflow_away_is_told_once_and_waited_for(world, kubeflow):
    kubeflow.fail("status", count=1000)
    for _ in range(3):
        with pytest.raises(BackendError):
            world.reconcile()
    assert world.condition("Reachable")["status"] == "False"
    kubeflow.faults.clear()
    world.reconcile()
    assert world.condition("Reachable")["status"] == "True"
    assert world.events() == ["KubeflowUnreachable", "KubeflowAnswers", "Submitted"]


def test_a_run_that_is_gone_is_told(world, kubeflow):
    world.reconcile()
    kubeflow.objects.runs.clear()
    world.reconcile()
    assert world.condition("Failed")["reason"] == "RunLost"
    assert world.states() == []


# Deletion


def test_a_deletion_stops_the_run_first(world, api):
    world.reconcile()
    api.delete(KIND, "people")
    assert world.reconcile() == pytest.approx(1)
    assert world.states() == [("g1", "CANCELING")]
    assert api.get(KIND, "people")["metadata"]["finalizers"] == [FINALIZER]
    world.reconcile()
    assert api.get(KIND, "people") is None
    assert world.events() == ["Submitted", "Deleted"]


@pytest.mark.parametrize("path", ["", ":terminate$"], ids=["away", "does not stop it"])
def test_a_deletion_waits_for_kubeflow_and_not_for_ever(world, api, clock, kubeflow, path):
    world.reconcile()
    kubeflow.fail("status", path=path, count=1000)
    api.delete(KIND, "people")
    clock.tick(DELETION - 1)
    with pytest.raises(BackendError):
        world.reconcile()
    assert api.get(KIND, "people") is not None
    assert "RunNotStopped" not in world.events()
    clock.tick(1)
    try:
        world.reconcile()
    except BackendError:
        assert not path, "Kubeflow is away"
    assert api.get(KIND, "people") is None
    assert world.events()[-1] == "RunNotStopped"
    assert world.states() == [("g1", "PENDING")]


# Changes of the spec


def test_a_changed_spec_stops_the_run_and_makes_one(world):
    world.reconcile()
    world.edit(chain="tqe")
    world.reconcile()
    world.reconcile()
    assert world.states() == [("g1", "CANCELING"), ("g2", "PENDING")]
    assert world.status()["submission"]["generation"] == 2


def test_what_does_not_run_changes_no_run(world):
    world.reconcile()
    world.edit(ttlSecondsAfterFinished=5)
    world.reconcile()
    assert world.states() == [("g1", "PENDING")]
    assert world.status()["observedGeneration"] == 2


def test_suspend_and_resume(world):
    world.reconcile()
    world.edit(suspend=True)
    world.reconcile()
    assert world.reconcile() is None
    assert world.states() == [("g1", "CANCELING")]
    assert world.status()["phase"] == "Suspended"
    assert "runID" not in world.status()
    world.edit(suspend=False)
    world.reconcile()
    assert world.states() == [("g1", "CANCELING"), ("g3", "PENDING")]


def test_a_spec_that_cannot_run_is_told_and_can_be_mended(world, kubeflow):
    world.edit(chain="qb")
    assert world.reconcile() is None
    accepted = world.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "Invalid")
    assert "general.model_path" in accepted["message"]
    assert world.states() == []
    world.edit(chain="tqeb")
    world.reconcile()
    assert world.condition("Accepted")["status"] == "True"
    assert world.states() == [("g3", "PENDING")]


# The end


def test_a_finished_experiment_is_deleted_in_time(world, api, clock):
    world.edit(ttlSecondsAfterFinished=900)
    world.reconcile()
    world.put("FAILED")
    assert world.reconcile() == pytest.approx(900, abs=60)
    clock.tick(800)
    world.reconcile()
    assert api.get(KIND, "people") is not None
    clock.tick(200)
    assert world.reconcile() is None
    assert api.get(KIND, "people") is None


def test_an_ended_run_answers_for_a_later_generation(world):
    world.reconcile()
    world.put("FAILED")
    world.reconcile()
    world.edit(suspend=True)
    world.reconcile()
    assert world.status()["phase"] == "Failed"
    assert world.status()["observedGeneration"] == 2


def test_figures_may_come_after_the_end(world, monkeypatch):
    asked, up = [], []

    def result(run_id, uri, **_):
        asked.append(run_id)
        if not up:
            raise UnreachableError("MLflow does not answer")
        return results.Result("m", "FINISHED", {"oks_float": 0.81})

    monkeypatch.setattr(results, "result", result)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    world.reconcile()
    world.put("SUCCEEDED")
    assert world.reconcile() == Settings.poll_seconds
    assert world.status()["phase"] == "Succeeded"
    assert "oks" not in world.status()
    assert world.condition("Measured")["message"] == "MLflow does not answer"
    up.append(True)
    world.reconcile()
    assert world.status()["oks"] == {"float": 0.81}
    assert world.condition("Measured")["status"] == "True"
    assert set(asked) == {world.status()["runID"]}
    asked.clear()
    assert world.reconcile() is None
    assert not asked, "all figures are there"


@pytest.mark.parametrize(
    ("own", "settings", "allowed", "expected"),
    [
        ("http://own", "http://set", ["http://own"], [("http://own", "http://set")]),
        ("http://own", "http://set", [], []),
        (None, "http://set", [], [("http://set", "http://set")]),
        (None, "", ["http://config"], [("http://config", "")]),
        (None, "", [], []),
    ],
)
def test_figures_are_read_where_the_run_wrote_them(own, settings, allowed, expected, monkeypatch):
    seen = []

    def result(_run, uri, trusted, timeout):
        seen.append((uri, trusted))

    monkeypatch.setattr(results, "result", result)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    context = Context(
        Cluster(),
        Settings(mlflow_url=settings),
        Platform(),
        lambda: True,
        AllowList(endpoints=allowed),
    )
    spec = {"config": {"mlflow": {"uri": "http://config"}}}
    spec["platform"] = {"mlflow": {"trackingUri": own}} if own else None
    context.figures({"metadata": {}, "spec": spec}, "r")
    assert seen == expected


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ("{url}", True),
        ("{url}/prefix", True),
        ("http://LOCALHOST:{port}", True),
        ("http://127.0.0.1:{port}", False),
        ("http://localhost.:{port}", False),
        ("http://localhost%00:{port}", False),
    ],
)
def test_the_token_goes_to_the_server_that_it_was_configured_for(where, sent, monkeypatch):
    """Also where a spec's URL leads to the very same machine by another name."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token-of-mlflow")
    monkeypatch.setenv("NO_PROXY", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as fake:
        threading.Thread(target=fake.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://localhost:{fake.server_port}"
        uri = where.format(url=url, port=fake.server_port)
        with contextlib.suppress(BackendError, httpx.InvalidURL, UnicodeError, OSError):
            results.result("r", uri, trusted=url, timeout=5)
        fake.shutdown()
    assert [header for header in seen if header] == (["Bearer a-token-of-mlflow"] if sent else [])


def test_a_spec_that_names_what_is_not_allowed_makes_no_run(world, api):
    platform = {"images": {"ml": "evil:1"}, "serviceAccount": "admin", "nodeSelector": {"a": "b"}}
    world.edit(platform=platform)
    world.reconcile()
    assert world.states() == []
    assert world.status()["phase"] == "Failed"
    accepted = world.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "NotAllowed")
    for found in ("images.ml", "serviceAccount", "nodeSelector.a"):
        assert found in accepted["message"]
    assert world.events() == ["NotAllowed"]
    assert FINALIZER not in api.get(KIND, "people")["metadata"].get("finalizers", [])
    world.edit(platform=None)
    world.reconcile()
    assert world.states() == [("g3", "PENDING")]


def test_an_ended_experiment_keeps_no_finalizer_and_a_running_one_does(world, api):
    world.reconcile()
    assert api.get(KIND, "people")["metadata"]["finalizers"] == [FINALIZER]
    world.put("SUCCEEDED")
    world.reconcile()
    assert world.status()["phase"] == "Succeeded"
    assert not api.get(KIND, "people")["metadata"].get("finalizers")
