import pytest
from support.api_server import NAMESPACE
from support.samples import ROOT

from poseline.errors import BackendError, ConfigError
from poseline.operator import smoke_test, timestamps
from poseline.operator.experiments import status
from poseline.operator.runtime.cluster import Cluster

KIND = "poseexperiments"
MANIFEST = ROOT / "examples/kubernetes/experiment.yaml"
LOST = "http://kfp does not answer"


@pytest.fixture
def attempt(api, tmp_path, monkeypatch):
    """Return a trial in which each wait brings the next of these statuses; the last stays."""
    (manifest := tmp_path / "experiment.yaml").write_text(
        MANIFEST.read_text().replace("metadata:", f"metadata:\n  namespace: {NAMESPACE}", 1)
    )

    def run(*statuses, seconds=60, **settings):
        ahead, clock = list(statuses), [0.0]

        def sleep(waited):
            clock[0] += waited
            for made in ahead[:1]:
                (name,) = api.names(KIND)
                api.put_status(KIND, name, **made) if made else api.delete(KIND, name)
            del ahead[:1]

        monkeypatch.setattr(smoke_test.time, "sleep", sleep)
        monkeypatch.setattr(smoke_test.time, "monotonic", lambda: clock[0])
        return smoke_test.run(Cluster(), manifest, seconds, **settings)

    return run


def reported(phase, message="", **more):
    now = timestamps.now()
    return status.with_phase(more, phase, "Because", message, None, 1, now)


def figures(state="FINISHED"):
    found = status.Result("m", state, {"oks_float": 0.8})
    return status.with_figures(reported("Succeeded"), found, 1, timestamps.now())


def test_it_ends_with_the_experiment(attempt, api):
    found = attempt(reported("Running", stage="train"), reported("Succeeded"))
    assert found["phase"] == "Succeeded"
    (name,) = api.names(KIND)
    assert name.startswith("people-")


def test_a_failure_says_why(attempt):
    with pytest.raises(BackendError, match="failed: train: out of memory") as error:
        attempt(reported("Failed", "train: out of memory"))
    assert "kubectl describe poseexperiment people-" in str(error.value)


def test_figures_are_waited_for(attempt):
    found = attempt(reported("Succeeded"), figures("RUNNING"), figures(), measured=True)
    assert found["oks"] == {"float": 0.8}


def test_without_figures_it_fails_soon_and_says_why(attempt):
    lost = status.with_missing_figures(
        reported("Succeeded"), "MLflow does not answer", 1, timestamps.now()
    )
    with pytest.raises(BackendError, match="no figures in MLflow: Succeeded; MLflow does not"):
        attempt(lost, seconds=1e9, measured=True)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ((), "no operator has reconciled it yet"),
        ((reported("Running", stage="train"),), "Running train"),
        ((status.with_reachability({}, LOST, 1, timestamps.now()),), f"New; {LOST}"),
    ],
)
def test_what_does_not_end_says_what_it_waits_for(attempt, made, why):
    with pytest.raises(BackendError, match=f"has not ended after 60 s: {why}\n"):
        attempt(*made)


def test_an_experiment_may_be_deleted(attempt):
    with pytest.raises(BackendError, match="was deleted"):
        attempt(None)


@pytest.mark.parametrize("text", ["kind: Pod", "- 1", "{", "kind: PoseExperiment"])
def test_another_file_is_refused(api, tmp_path, text):
    (file := tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"a PoseExperiment"):
        smoke_test.run(Cluster(), file, 1)
