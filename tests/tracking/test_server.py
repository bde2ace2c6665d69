import threading
import time

import pytest

from poseline.errors import BackendError
from poseline.tracking import open_tracker, sync
from poseline.tracking.client import client
from poseline.tracking.outbox import CHAIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(r"ignore:The ``noload`` loader strategy is deprecated"),
]


def test_a_server_that_is_killed_and_restarted_loses_nothing(server, tmp_path, chain_runs):
    plot = tmp_path / "curves.png"
    plot.write_bytes(b"png")
    server.start()
    with open_tracker(server.uri, "killed", tmp_path / "box") as tracker:
        with tracker.stage("train") as run:
            for epoch in range(30):
                before = time.monotonic()
                run.metrics({"loss": 1 / (epoch + 1), "val_oks": epoch / 30}, epoch)
                assert time.monotonic() - before < 0.5, "logging waited for the server"
                if epoch == 9:
                    server.kill()
                if epoch == 19:
                    server.start()
                time.sleep(0.05)
            run.artifacts({"curves": plot})
        tracker.parent.metrics({"oks_float": 0.7})
    runs = chain_runs(server.uri, "killed")
    assert {name: len(found) for name, found in runs.items()} == {CHAIN: 1, "train": 1}
    (train,) = runs["train"]
    for key in ("loss", "val_oks"):
        history = client(server.uri).get_metric_history(train.info.run_id, key)
        assert [p.step for p in history] == list(range(30))
    assert [f.path for f in client(server.uri).list_artifacts(train.info.run_id)] == ["curves.png"]
    assert train.info.status == runs[CHAIN][0].info.status == "FINISHED"


def test_a_server_that_is_never_there_fails_nothing_and_is_told_later(
    server, tmp_path, chain_runs, capfd
):
    server.kill()
    before = time.monotonic()
    tracker = open_tracker(server.uri, "late", tmp_path / "box", patience=2)
    with tracker, tracker.stage("train") as run:
        run.metrics({"loss": 0.5}, 0)
    assert time.monotonic() - before < 15
    assert "delivers it later" in "".join(capfd.readouterr())
    with pytest.raises(BackendError, match="entries wait in"):
        sync(tmp_path / "box")
    server.start()
    assert sync(tmp_path / "box") == 5
    assert sync(tmp_path / "box") == 0
    (train,) = chain_runs(server.uri, "late")["train"]
    assert train.data.metrics == {"loss": 0.5}
    assert train.info.status == "FINISHED"


def test_pods_that_begin_together_share_one_parent(server, tmp_path, chain_runs):
    server.start()
    trackers = {}

    def pod(name: str) -> None:
        trackers[name] = open_tracker(server.uri, "together", tmp_path / name, chain_id="kfp-1")
        with trackers[name] as tracker, tracker.stage(name) as run:
            run.metrics({"oks": 0.5})

    threads = [threading.Thread(target=pod, args=(f"evaluate-{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = chain_runs(server.uri, "together")
    (chain,) = runs.pop(CHAIN)
    assert len(runs) == 3
    for (run,) in runs.values():
        assert run.data.tags["mlflow.parentRunId"] == chain.info.run_id
        assert run.data.metrics == {"oks": 0.5}
