import math

import pytest

from poseline.errors import PoselineError
from poseline.tracking import open_tracker
from poseline.tracking.client import client
from poseline.tracking.outbox import CHAIN, Entry, Outbox

pytestmark = pytest.mark.filterwarnings(r"ignore:The ``noload`` loader strategy is deprecated")


class StoppedError(PoselineError):
    exit_code = 143


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "mlruns")


def test_a_chain_and_its_stages(uri, tmp_path, chain_runs):
    report = tmp_path / "report.html"
    report.write_text("<p>")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "a.png").write_bytes(b"png")
    with open_tracker(uri, "people", tmp_path / "box") as tracker:
        tracker.parent.params({"training": {"epochs": 3}, "note": "x" * 9000})
        with tracker.stage("train") as run:
            for epoch in range(3):
                run.metrics({"loss": 1 / (epoch + 1), "bad": math.nan, "far": math.inf}, epoch)
            run.tags({"kind": "float"})
            run.artifacts({"report": report, "plots": tmp_path / "plots"})
    runs = chain_runs(uri, "people")
    (chain,), (train,) = runs[CHAIN], runs["train"]
    assert train.data.tags["mlflow.parentRunId"] == chain.info.run_id
    assert train.data.tags["kind"] == "float"
    assert (chain.info.status, train.info.status) == ("FINISHED", "FINISHED")
    assert chain.data.params["training.epochs"] == "3"
    assert len(chain.data.params["note"]) == 6000
    mlflow = client(uri)
    history = mlflow.get_metric_history(train.info.run_id, "loss")
    assert [(p.step, p.value) for p in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert len(mlflow.get_metric_history(train.info.run_id, "bad")) == 3
    assert {f.path for f in mlflow.list_artifacts(train.info.run_id)} == {"report.html", "plots"}
    assert (tmp_path / "mlruns" / "mlflow.db").is_file()
    assert train.info.artifact_uri.startswith((tmp_path / "mlruns" / "artifacts").as_uri())


def test_a_retry_elsewhere_finds_its_runs_and_doubles_nothing(uri, tmp_path, chain_runs):
    for attempt in range(2):  # two pods: each with a disk of its own
        with (
            open_tracker(uri, "people", tmp_path / f"box{attempt}", chain_id="it's 1/2") as tracker,
            tracker.stage("train") as run,
        ):
            run.params({"seed": attempt})
            for epoch in range(2 + attempt):
                run.metrics({"loss": 0.1 * epoch, "bad": math.nan, "far": math.inf}, epoch)
    runs = chain_runs(uri, "people")
    assert {name: len(found) for name, found in runs.items()} == {CHAIN: 1, "train": 1}
    (train,) = runs["train"]
    assert train.data.params == {"seed": "0"}
    for key in ("loss", "bad", "far"):
        history = client(uri).get_metric_history(train.info.run_id, key)
        assert [p.step for p in history] == [0, 1, 2], key


def test_a_delivery_that_was_not_marked_is_repeated_without_doubles(uri, tmp_path, chain_runs):
    box = tmp_path / "box"
    for _ in range(2):
        with open_tracker(uri, "people", box) as tracker, tracker.stage("train") as run:
            run.metrics({"loss": 0.5}, 0)
        (box / "delivered").unlink()
    (train,) = chain_runs(uri, "people")["train"]
    assert len(client(uri).get_metric_history(train.info.run_id, "loss")) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError(), "FAILED"),
        (StoppedError("stop"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),
        (SystemExit(129), "KILLED"),
        (SystemExit(1), "FAILED"),
    ],
)
def test_the_status_says_how_it_ended(uri, tmp_path, chain_runs, monkeypatch, error, status):
    monkeypatch.setattr("poseline.tracking.tracker._HURRY_S", 120)  # a new database takes its time
    with (
        pytest.raises(type(error)),
        open_tracker(uri, "people", tmp_path / "box") as tracker,
        tracker.stage("train"),
    ):
        raise error
    runs = chain_runs(uri, "people")
    assert {run.info.status for found in runs.values() for run in found} == {status}


def test_what_is_refused_is_set_aside_and_the_rest_goes_on(uri, tmp_path, chain_runs, capfd):
    gone = tmp_path / "gone.png"
    with open_tracker(uri, "people", tmp_path / "box") as tracker:
        tracker.parent.artifacts({"plot": gone})
        tracker.parent.metrics({"a name that MLflow refuses: %$!": 1.0})
        tracker.parent.tags({"after": "yes"})
        tracker.parent.metrics({"oks": 0.5})
    (chain,) = chain_runs(uri, "people")[CHAIN]
    assert (chain.data.tags["after"], chain.data.metrics) == ("yes", {"oks": 0.5})
    rejected = (tmp_path / "box" / "rejected.jsonl").read_text()
    assert "gone.png was removed" in rejected
    assert "refuses" in rejected
    assert "not tracked" in "".join(capfd.readouterr())


def test_a_full_disk_fails_no_training(uri, tmp_path, monkeypatch, capfd):
    def full(self, entry: Entry) -> None:
        raise OSError(28, "No space left on device")

    with open_tracker(uri, "people", tmp_path / "box") as tracker:
        monkeypatch.setattr(Outbox, "add", full)
        tracker.parent.metrics({"oks": 0.5})
    assert "No space left" in "".join(capfd.readouterr())
