"""Stages as tasks of a pipeline, without KFP; what they do with hostile input."""

import json
import os
import resource
import subprocess
import sys
import threading
import types
from dataclasses import asdict
from pathlib import Path

import pytest
from support.samples import ROOT, TINY
from support.seaweed import READER, free_ports

from poseline import store
from poseline.config.loading.load import load
from poseline.config.loading.slices import from_slice
from poseline.config.models.config import CHAINS, config_hash
from poseline.errors import StoreAwayError
from poseline.store.manifest import Manifest
from poseline.tasks import entrypoints
from poseline.tasks.artifacts import chain_of, show
from poseline.tasks.parameters import (
    DataSources,
    Figures,
    RunReference,
    StageInputs,
    read_slice,
    written,
)
from poseline.tasks.resolve import STAGES
from poseline.tracking.failures import Failure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
RUN = RunReference(mlflow="mlruns", project="tiny").text()
NOTHING = StageInputs().text()


def artifact(folder, name="artifact"):
    return types.SimpleNamespace(path=str(folder / name), uri=str(folder / name), metadata={})


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    monkeypatch.setattr("poseline.tasks.tracking._PATIENCE_S", 120.0)


def ends(code, capfd):
    """Return a context for a task that ends with a code and without a trace."""

    class Ended:
        text = ""

        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            assert kind is SystemExit, error
            assert error.code == code
            Ended.text = capfd.readouterr().err
            assert "Traceback" not in Ended.text
            return True

    return Ended()


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=str)
def test_a_slice_means_the_same_after_kfp_handed_it_on(example):
    config = load(example)
    for stage in CHAINS[config.operation_mode]:
        cut = config.slice(stage)
        handed = from_slice(read_slice(written(cut))).slice(stage)
        assert handed == cut
        assert config_hash(handed) == config_hash(cut)


def test_a_seed_that_is_set_to_nothing_stays_so():
    (*slices, _, _) = entrypoints.resolve(
        "chain_tqeb",
        TINY.replace("global_seed: 1", "global_seed: None"),
        {"dataset": str(ROOT / "examples")},
        {},
    )
    handed = from_slice(read_slice(slices[STAGES.index("train")]))
    assert handed.general.global_seed is None


@pytest.mark.parametrize(
    ("uri", "chain_id"),
    [
        (
            "s3://b/v2/poseline/0a1b2c3d-0000-4111-8222-333344445555/train/9/model",
            "0a1b2c3d-0000-4111-8222-333344445555",
        ),
        (
            "/root/poseline-chain-tqeb-2026-11-25-17-24-11-077915/finish/summary",
            "poseline-chain-tqeb-2026-11-25-17-24-11-077915",
        ),
    ],
)
def test_a_chain_is_known_by_its_artifacts(uri, chain_id, monkeypatch):
    monkeypatch.delenv("POSELINE_CHAIN_ID", raising=False)
    made = types.SimpleNamespace(uri=uri)
    assert chain_of(made) == chain_id
    monkeypatch.setenv("POSELINE_CHAIN_ID", "from-the-pod")
    assert chain_of(made) == "from-the-pod"


def test_a_set_of_ones_own_is_passed_on(yolo, tmp_path):
    (_, *_, data, _) = entrypoints.resolve("chain_tqeb", TINY, {"dataset": str(yolo)}, {})
    assert DataSources.read(data).source == ""
    train, quantize, evaluate, _ = map(
        StageInputs.read, entrypoints.convert("{}", data, artifact(tmp_path))
    )
    assert train.inputs == {"training": f"{yolo}/train", "validation": f"{yolo}/val"}
    assert quantize.inputs == {"calibration": f"{yolo}/train"}
    assert evaluate.inputs == {"test": f"{yolo}/val"}
    assert set(train.content) == {"training", "validation"}


def test_a_coco_set_on_s3_becomes_shards_on_s3_once(people, storage, tmp_path, capfd):
    store.publish(people, f"s3://{storage}/coco")
    text = f"{TINY}\nconversion: {{path: x, outputdir: 's3://{storage}/packed'}}"
    asked = entrypoints.resolve("chain_tqeb", text, {"dataset": f"s3://{storage}/coco"}, {})
    config, data = asked[0], asked[-2]
    made = artifact(tmp_path, "first")
    train, *_ = entrypoints.convert(config, data, made)
    training = StageInputs.read(train)
    assert training.inputs["training"].startswith(f"s3://{storage}/packed/single/17kpts/")
    assert made.metadata["train_pictures"] == 24
    assert not list((tmp_path / "first").rglob("*.tar"))
    capfd.readouterr()
    again, *_ = entrypoints.convert(config, data, artifact(tmp_path, "second"))
    assert again == train
    assert "unchanged" in capfd.readouterr().err
    (people_index,) = (tmp_path / "second").glob("train/shards.json")
    assert people_index.read_text() == (tmp_path / "first/train/shards.json").read_text()


def test_another_content_is_another_key(storage, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(name)
        store.publish(tmp_path / name, f"s3://{storage}/keys")
        (tmp_path / name / "key").write_text(store.listing_hash(f"s3://{storage}/keys"))
    assert (tmp_path / "a" / "key").read_text() != (tmp_path / "b" / "key").read_text()


def test_a_slice_with_unknown_keys_is_told(tmp_path, capfd):
    made = [artifact(tmp_path, name) for name in ("model", "metrics", "page")]
    with ends(2, capfd) as ended:
        entrypoints.train(written({"training": {"epohs": 3}}), NOTHING, RUN, *made)
    assert "did you mean `epochs`" in ended.text
    assert not list(tmp_path.glob("model*"))


def test_what_checks_a_config_needs_nothing_heavy(people):
    script = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'numpy', 'cv2', 'mlflow', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "from poseline.tasks import entrypoints\n"
        "print(entrypoints.resolve('chain_tqeb', sys.argv[1], {'dataset': sys.argv[2]}, {})[-2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, TINY, str(people)], capture_output=True, text=True
    )
    assert str(people) in done.stdout, done.stderr


def test_what_kfp_refuses_is_not_shown_to_it(tmp_path):
    shown = artifact(tmp_path)
    show(shown, types.SimpleNamespace(metrics={"loss": float("nan"), "epochs": 2}))
    assert shown.metadata == json.loads(Path(shown.path).read_text()) == {"epochs": 2.0}


def test_a_config_that_is_no_yaml_is_told(capfd):
    with ends(2, capfd):
        entrypoints.resolve("chain_tqeb", "{", {}, {})


@pytest.mark.parametrize("uri", ["s3://poses/../etc", "s3://poses/a//b", "gs://poses/a"])
def test_a_uri_that_leaves_its_prefix_is_refused(uri, storage, capfd):
    with ends(5, capfd):
        entrypoints.resolve("chain_tqeb", TINY, {"dataset": uri}, {})


def test_a_bucket_that_denies(people, storage, tmp_path, monkeypatch, capfd):
    store.publish(people, f"s3://{storage}/denied")
    text = f"{TINY}\nconversion: {{path: x, outputdir: 's3://{storage}/forbidden'}}"
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    *_, data, _ = asked = entrypoints.resolve(
        "chain_tqeb", text, {"dataset": f"s3://{storage}/denied"}, {}
    )
    with ends(5, capfd) as ended:
        entrypoints.convert(asked[0], data, artifact(tmp_path))
    assert "access is denied" in ended.text
    assert "reader-secret" not in ended.text
    with ends(5, capfd):
        entrypoints.resolve("chain_tqeb", TINY, {"dataset": "s3://other/coco"}, {})


def test_a_storage_that_is_away_for_a_moment(people, storage, weed, monkeypatch):
    store.publish(people, f"s3://{storage}/away")
    here = f"http://127.0.0.1:{weed}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(StoreAwayError):
        store.listing(f"s3://{storage}/away")
    back = threading.Timer(4, os.environ.__setitem__, ("AWS_ENDPOINT_URL_S3", here))
    back.start()
    *_, data, _ = entrypoints.resolve("chain_tqeb", TINY, {"dataset": f"s3://{storage}/away"}, {})
    assert DataSources.read(data).content["source"]
    back.join()


def test_a_full_disk_leaves_nothing_half(people, tmp_path):
    asked = entrypoints.resolve("chain_tqeb", TINY, {"dataset": str(people)}, {})
    (tmp_path / "asked.json").write_text(json.dumps([asked[0], asked[-2]]))
    script = (
        "import json, sys, types; from poseline.tasks import entrypoints\n"
        "config, data = json.load(open(sys.argv[1]))\n"
        "place = types.SimpleNamespace(path=sys.argv[2], uri='', metadata={})\n"
        "entrypoints.convert(config, data, place)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "asked.json", tmp_path / "dataset"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
        # What measures coverage writes a file of its own.
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5, done.stderr
    assert "no room on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("shards.json"))
    assert not list(tmp_path.rglob("*.tar"))


def test_a_gate_that_nobody_asked_for_says_so(tmp_path):
    verdict = artifact(tmp_path, "verdict")
    entrypoints.gate("{}", NOTHING, RUN, {}, artifact(tmp_path), verdict)
    assert "no `gate` section" in (tmp_path / "verdict").read_text()


def test_a_run_whose_config_cannot_be_read_ends_as_failed(tmp_path, chain_runs, monkeypatch):
    monkeypatch.setenv("POSELINE_CHAIN_ID", "abc")
    text = "general: {project_name: broken}\ntraning: {}"
    entrypoints.finish(
        "chain_tqeb", text, {}, "FAILED", "task train failed", artifact(tmp_path, "summary")
    )
    (chain,) = chain_runs(str(tmp_path / "mlruns"), "broken")["chain"]
    assert chain.info.status == "FAILED"
    assert "task train failed" in chain.data.tags["poseline.message"]
    assert "chain_tqeb: failed" in (tmp_path / "summary").read_text()


def test_why_a_task_failed_is_at_the_chains_run(people, tmp_path, chain_runs, monkeypatch):
    monkeypatch.setenv("POSELINE_CHAIN_ID", "abc")
    data = DataSources(sources={"model": "/nowhere/m.h5"}, content={}).text()
    with pytest.raises(SystemExit) as end:
        entrypoints.import_model(data, artifact(tmp_path, "model"))
    form, summary = {"dataset": str(people)}, artifact(tmp_path, "summary")
    entrypoints.finish("chain_tqeb", TINY, form, "FAILED", "", summary)
    (chain,) = chain_runs(str(tmp_path / "mlruns"), "tiny")["chain"]
    failure = Failure.read(chain.data.tags)
    assert chain.info.status == "FAILED"
    assert failure.task == "import-model" and "/nowhere/m.h5" in failure.message
    assert failure.exit_code == end.value.code == 5
    assert "/nowhere/m.h5" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize(("state", "ends"), [("COMPLETE", "FINISHED"), ("RUNNING", "KILLED")])
def test_the_end_of_a_run_is_that_in_mlflow(tmp_path, chain_runs, monkeypatch, state, ends):
    monkeypatch.setenv("POSELINE_CHAIN_ID", "abc")
    entrypoints.finish(
        "chain_tqeb",
        "general: {project_name: ended}\ntraning: {}",
        {},
        state,
        "",
        artifact(tmp_path, "summary"),
    )
    (chain,) = chain_runs(str(tmp_path / "mlruns"), "ended")["chain"]
    assert chain.info.status == ends
    assert ends.lower() in (tmp_path / "summary").read_text()


def test_a_sweep_that_kubeflow_lost_sight_of_ends_as_it_did(tmp_path, chain_runs, monkeypatch):
    """Above Argo's limit the driver hands over RUNNING, as it does for a run that was cancelled."""
    monkeypatch.setenv("POSELINE_CHAIN_ID", "abc")
    made = Manifest("evaluate", "c", {"model": "a", "test": "t"}, metrics={"oks": 0.5})
    judged = {"evaluate-int8": [Figures(variant="alpha 0.5", manifest=asdict(made)).text()]}
    entrypoints.compare(judged, artifact(tmp_path, "table"), artifact(tmp_path, "page"))
    text = "general: {project_name: swept}\ntraning: {}"
    entrypoints.finish("chain_tqeb", text, {}, "RUNNING", "", artifact(tmp_path, "summary"))
    (chain,) = chain_runs(str(tmp_path / "mlruns"), "swept")["chain"]
    assert chain.info.status == "FINISHED"


def test_a_sweep_that_kubeflow_lost_sight_of_failed(people, tmp_path, chain_runs, monkeypatch):
    monkeypatch.setenv("POSELINE_CHAIN_ID", "abc")
    data = DataSources(sources={"model": "/nowhere/m.h5"}, content={}).text()
    with pytest.raises(SystemExit):
        entrypoints.import_model(data, artifact(tmp_path, "model"))
    form = {"dataset": str(people)}
    entrypoints.finish("chain_tqeb", TINY, form, "RUNNING", "", artifact(tmp_path, "summary"))
    (chain,) = chain_runs(str(tmp_path / "mlruns"), "tiny")["chain"]
    assert chain.info.status == "FAILED"
