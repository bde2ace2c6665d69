"""Whole chains by KFP's own runner: from S3 to S3, tracked by a real MLflow server."""

import contextlib
import json
from importlib import import_module

import optuna
import pytest
import yaml
from support.samples import TINY

from poseline import store
from poseline.config.loading.slices import from_slice
from poseline.data.pack import pack, put
from poseline.data.shards import ShardedSamples
from poseline.errors import BackendError
from poseline.stages import convert
from poseline.store.s3_client import client
from poseline.tracking.registry import by_alias
from poseline_kfp.pipelines import builder, local

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture
def run(tmp_path, storage, server, monkeypatch):
    """Run a pipeline; returns the chain's id."""
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.chdir(tmp_path)

    def call(name, config="", **arguments):
        package = builder.package(import_module(f"pipelines.{name}").pipeline)
        root = tmp_path / "root"
        text = yaml.safe_dump(yaml.safe_load(TINY) | yaml.safe_load(config or "{}"))
        return local.run(package, {"config": text, **arguments}, root)

    return call


@pytest.fixture
def coco(people, storage):
    """The URI of a small COCO set on S3."""
    uri = f"s3://{storage}/sets/coco"
    store.publish(people, uri)
    return uri


@pytest.fixture
def model(storage, tmp_path):
    """The URI of an untrained model on S3."""
    from poseline.config.models.training import Model
    from poseline.models import movenet

    wanted = {"alpha": 0.35, "input_shape": [64, 64, 3], "pretrained_weights": None}
    prepared = Model.model_validate(wanted)
    movenet.build(prepared, 17, None).save(tmp_path / "mine.h5")
    store.publish(tmp_path / "mine.h5", f"s3://{storage}/mine.h5")
    return f"s3://{storage}/mine.h5"


def outputs(root, task, name):
    """Return what the newest run left of a task's artifact."""
    return sorted(root.glob(f"*/{task}/{name}"))[-1]


def samples(place):
    """Return the name, picture and label of every sample, in order."""
    found = ShardedSamples(str(place))
    with contextlib.closing(found):
        return [(s.image.name, s.image.read_bytes(), s.label.read_bytes()) for s in found]


def times(root, task):
    """Return in how many runs a task was really run."""
    return len(list(root.glob(f"*/{task}")))


def test_chain_tqeb_from_s3_to_s3(run, coco, storage, server, chain_runs, tmp_path):
    packed = f"s3://{storage}/packed"
    config = f"""
conversion: {{path: none, outputdir: {packed}}}
gate: {{min_oks: 0, board_fit: true, registered_model_name: tiny-pose}}
"""
    first = run("chain_tqeb", config, dataset=coco)
    root = tmp_path / "root"
    runs = chain_runs(server.uri, "tiny")
    assert {name: len(found) for name, found in runs.items()} == dict.fromkeys(
        ("chain", "train", "quantize", "evaluate-float", "evaluate-int8", "benchmark", "gate"), 1
    )
    (chain,) = runs["chain"]
    assert chain.info.status == "FINISHED"
    assert chain.data.tags["poseline.chain_id"] == first
    assert chain.data.tags["poseline.gate"] == "passed"
    assert chain.data.tags["poseline.model_name"] == "tiny-pose"
    assert {"oks_float", "oks_int8", "fits", "latency_ms_estimate"} <= set(chain.data.metrics)
    assert by_alias(server.uri, "tiny-pose").version == "1"
    assert len(runs["train"][0].data.metrics) > 3
    assert "# Gate: passed" in outputs(root, "gate", "verdict").read_text()
    assert "<html" in outputs(root, "benchmark", "page").read_text()
    assert any(name.endswith("/train/shards.json") for name in store.listing(packed))
    assert not list(outputs(root, "dataset-convert", "dataset").rglob("*.tar"))

    run("chain_tqeb", config, dataset=coco)  # nothing changed: the cache has the set
    kept = ("dataset-convert", "train", "quantize", "evaluate-float", "evaluate-int8", "benchmark")
    asked_again = ("resolve", "gate", "finish")
    assert {task: times(root, task) for task in kept} == dict.fromkeys(kept, 1)
    assert {task: times(root, task) for task in asked_again} == dict.fromkeys(asked_again, 2)


def test_chain_eqe_of_a_model_on_s3_with_a_packed_set(
    run, yolo, model, storage, chain_runs, server, tmp_path
):
    for part in ("train", "val"):
        pack(yolo / part, tmp_path / "packed" / part)
        put(tmp_path / "packed" / part, f"s3://{storage}/packed/{part}")
    output = f"s3://{storage}/models"
    config = f"general: {{project_name: eqe, output: '{output}'}}"
    chain = run("chain_eqe", config, dataset=f"s3://{storage}/packed", model=model)
    found = chain_runs(server.uri, "eqe")
    assert set(found) == {"chain", "quantize", "evaluate-float", "evaluate-int8"}
    assert found["chain"][0].data.tags["poseline.chain_id"] == chain
    assert found["chain"][0].data.params["general.model_path"] == model
    assert f"{chain}/quantize/quantized_model.tflite" in store.listing(output)

    again = run("chain_eqe", config, dataset=f"s3://{storage}/packed", model=model)
    assert times(tmp_path / "root", "evaluate-int8") == 1  # the cache has all stages
    figures = {
        each.data.tags["poseline.chain_id"]: each.data.metrics
        for each in chain_runs(server.uri, "eqe")["chain"]
    }
    assert figures[again]["oks_int8"] == figures[chain]["oks_int8"]


def test_pictures_on_s3_are_annotated(run, people, model, storage, tmp_path):
    pictures = sorted(people.rglob("*.jpg"))[:3]
    for picture in pictures:
        store.publish(picture, f"s3://{storage}/pictures/{picture.name}")
    run("prediction", images=f"s3://{storage}/pictures", model=model)
    poses = outputs(tmp_path / "root", "predict", "poses")
    assert {path.name for path in (poses / "pictures").iterdir()} >= {p.name for p in pictures}
    assert {each["file_name"] for each in json.loads((poses / "predictions.json").read_text())} <= {
        p.name for p in pictures
    }
    assert "<html" in outputs(tmp_path / "root", "predict", "page").read_text()


def test_chain_qb_of_a_model_without_a_data_set(run, model, tmp_path):
    run("chain_qb", model=model)
    figures = outputs(tmp_path / "root", "benchmark", "figures")
    assert json.loads((figures / "benchmark.json").read_text())["flash_kb"] > 100


def test_chain_qd_leaves_the_code_for_the_board_in_kubeflow_and_in_mlflow(
    run, model, chain_runs, server, tmp_path
):
    config = "general: {project_name: onboard}\nexport: {}"
    run("chain_qd", config, model=model)
    root = tmp_path / "root"
    folder = outputs(root, "export", "exported") / "poseline_export"
    assert (folder / "include/poseline_model.h").is_file()
    assert (folder.parent / "poseline_export.zip").is_file()
    assert "arena in TFLM" in outputs(root, "export", "page").read_text()
    runs = chain_runs(server.uri, "onboard")
    (exported,) = runs["export"]
    assert exported.info.status == "FINISHED"
    assert exported.data.metrics["tflm_arena_kb"] > 10
    from mlflow import MlflowClient

    names = {file.path for file in MlflowClient(server.uri).list_artifacts(exported.info.run_id)}
    assert {"poseline_export.zip", "README.md"} <= names


def test_a_sweep_of_two(run, coco, chain_runs, server, tmp_path):
    variants = [
        {"input_size": 64, "granularity": "per_channel"},
        {"input_size": 96, "granularity": "per_tensor"},
    ]
    run("sweep", "general: {project_name: sweep}", dataset=coco, epochs=1, variants=variants)
    table = outputs(tmp_path / "root", "compare", "table").read_text()
    for variant in (
        "granularity per_channel, input_size 64",
        "granularity per_tensor, input_size 96",
    ):
        assert variant in table
    runs = chain_runs(server.uri, "sweep")
    assert len(runs["chain"]) == 1
    assert len([name for name in runs if name.startswith("train (")]) == 2
    assert len(list((tmp_path / "root").rglob("dataset-convert*/"))) == 1


def test_a_set_converted_in_parts_is_the_set_converted_at_once(
    coco, people, storage, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    package = builder.package(import_module("pipelines.conversion").pipeline)
    place = f"s3://{storage}/{tmp_path.name}/people"
    arguments = {"dataset": coco, "output": f"{place}/", "parts": 2, "keypoints": 17}
    local.run(package, arguments, tmp_path / "root")
    config = from_slice({"dataset": {"keypoints": 17}, "conversion": {"path": str(people)}})
    convert.run(config, {"source": people}, tmp_path / "whole")
    for split in ("train", "val"):
        pack(tmp_path / "whole" / split, tmp_path / "packed" / split)
        assert samples(f"{place}/{split}") == samples(tmp_path / "packed" / split)
    assert len([n for n in store.listing(place) if n.endswith(".tar")]) >= 2

    client().delete_object(  # a part that died is made again alone
        Bucket=storage, Key=f"{tmp_path.name}/people/train/part-2-of-2.json"
    )
    local.run(package, arguments, tmp_path / "root", cache=False)
    assert samples(f"{place}/train") == samples(tmp_path / "packed/train")


def test_workers_of_a_search_share_a_storage_and_register_the_best(
    run, coco, chain_runs, server, tmp_path, monkeypatch
):
    monkeypatch.setenv("POSELINE_SEARCH_STORAGE", f"sqlite:///{tmp_path}/search.db")
    config = """
general: {project_name: wanted}
benchmarking: {board: STM32H747I-DISCO, backends: [estimate]}
search:
  space: {training.model.alpha: {choices: [0.35, 0.5]}}
  limits: {flash_kb: 700}
  trials: 2
  seed: 1
"""
    run("search", config, dataset=coco, epochs=1, workers=2)
    trials = optuna.load_study(
        study_name="wanted", storage=f"sqlite:///{tmp_path}/search.db"
    ).trials
    done = [one for one in trials if one.state.name == "COMPLETE"]
    refused = [one for one in trials if "refused" in one.user_attrs]
    assert len(done) == 2
    assert all(one.params["training.model.alpha"] == "0.35" for one in done)
    assert all("flash_kb" in one.user_attrs["refused"] for one in refused)
    root = tmp_path / "root"
    assert "alpha 0.35" in outputs(root, "search-result", "table").read_text()
    assert "<html" in outputs(root, "search-result", "page").read_text()
    assert (outputs(root, "search-result", "model") / "quantized_model.tflite").is_file()
    assert by_alias(server.uri, "wanted").version == "1"
    runs = chain_runs(server.uri, "wanted")
    assert len(runs["chain"]) == len(runs["train"]) == 2, "each trial is trained once"
    assert len(runs["gate"]) == 1


def test_a_config_that_is_wrong_ends_as_failed_before_anything_is_run(
    run, coco, chain_runs, server, tmp_path, capfd
):
    with pytest.raises(BackendError, match="resolve"):
        run("chain_tqeb", "general: {project_name: wrong}\ntraning: {}", dataset=coco)
    assert "did you mean `training`" in capfd.readouterr().out
    runs = chain_runs(server.uri, "wrong")
    assert [run.info.status for run in runs["chain"]] == ["FAILED"]
    assert set(runs) == {"chain"}
    assert not list((tmp_path / "root").glob("*/train"))


def test_a_shard_that_is_cut_off_fails_the_training_and_the_run(
    run, yolo, chain_runs, server, tmp_path, storage, capfd
):
    pack(yolo / "train", tmp_path / "packed")
    shard = tmp_path / "packed" / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes()[:-600])
    put(tmp_path / "packed", f"s3://{storage}/cut")
    with pytest.raises(BackendError, match="train"):
        run("chain_tqeb", "general: {project_name: cut}", dataset=f"s3://{storage}/cut")
    assert "shard-00000.tar" in capfd.readouterr().out
    runs = chain_runs(server.uri, "cut")
    assert [run.info.status for run in runs["chain"]] == ["FAILED"]
    assert [run.info.status for run in runs["train"]] == ["FAILED"]
    assert "quantize" not in runs
