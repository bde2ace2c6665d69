import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.samples import ROOT
from support.tiny_models import convolutional, save

from poseline.config.models.config import Config
from poseline.errors import DataError
from poseline.runner.chain import run_chain
from poseline.runner.preflight import named_inputs
from poseline.runtime import open_model
from poseline.stages import evaluate, predict, train
from poseline.store.manifest import Manifest

SHARED = ROOT.parent / "shared" / "data" / "coco-mini"
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)


def test_pictures_that_are_not_there_are_told_before_anything_is_done(tiny, tmp_path):
    changed = tiny.model_dump(mode="json")
    changed["dataset"]["training_path"] = str(tmp_path / "none")
    with pytest.raises(DataError, match=r"dataset\.training_path: .*none does not exist"):
        run_chain(Config.model_validate(changed))
    assert not Path(tiny.hydra.run.dir).exists()


def test_chain_tqeb_from_pictures_to_a_report(tiny, tmp_path, capfd):
    tiny = Config.model_validate(tiny.model_dump(mode="json") | {"gate": {"max_oks_drop": 1}})
    experiment = run_chain(tiny)
    folder = experiment.folder
    for name in (
        "config.yaml",
        "report.html",
        "logs",
        "saved_models/best_model.h5",
        "saved_models/last_trained_model.h5",
        "saved_models/quantized_models/quantized_model.tflite",
        "evaluation/float/metrics.json",
        "evaluation/int8/predictions.json",
        "benchmark/benchmark.json",
        "gate/gate.md",
    ):
        assert (folder / name).exists(), name
    for result in experiment.results.values():
        Manifest.read(result.out).verify(result.out)
    int8 = open_model(experiment.models["quantize"])
    assert (int8.input_dtype, int8.output_dtype) == ("uint8", "float32")
    float_, quantized = (experiment.results[f"evaluate-{n}"].metrics for n in ("float", "int8"))
    assert 0 <= quantized["oks"] <= 1
    assert abs(float_["oks"] - experiment.results["train"].metrics["val_oks"]) < 1e-4
    benchmark = experiment.results["benchmark"].metrics
    assert benchmark["macc"] > 1e6
    assert benchmark["host_ms_median"] > 0
    page = (folder / "report.html").read_text()
    assert not re.search(r'src="(?!data:)|href="(?:[a-z]+:|/)', page)
    capfd.readouterr()
    run_chain(tiny)
    assert "".join(capfd.readouterr()).count("unchanged") == 6
    assert experiment.passed
    _check_tracking(tiny, tmp_path)


def _check_tracking(config: Config, tmp_path):
    import mlflow.pyfunc
    from mlflow.tracking import MlflowClient

    from poseline.tracking.client import tracking_uri

    client = MlflowClient(tracking_uri(config.mlflow.uri))
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.tags["poseline.stage"] for run in runs) == [
        "benchmark",
        "chain",
        "evaluate-float",
        "evaluate-int8",
        "gate",
        "quantize",
        "train",
    ]
    by_stage = {run.data.tags["poseline.stage"]: run for run in runs}
    steps = client.get_metric_history(by_stage["train"].info.run_id, "val_oks")
    assert [entry.step for entry in steps] == [0, 1]
    chain = by_stage["chain"].data
    assert {"oks_float", "oks_int8", "fits", "latency_ms_estimate"} <= set(chain.metrics)
    names = ("model_uri", "model_name", "model_version", "gate")
    assert [chain.tags[f"poseline.{name}"] for name in names] == [
        f"runs:/{by_stage['quantize'].info.run_id}/mlflow_model",
        "tiny",
        "1",
        "passed",
    ]
    (version,) = client.search_model_versions("name='tiny'")
    assert client.get_model_version_by_alias("tiny", "champion").version == version.version
    target = tmp_path / "downloaded"
    target.mkdir()
    quantized = by_stage["quantize"].info.run_id
    model = client.download_artifacts(quantized, "mlflow_model", str(target))
    keypoints = mlflow.pyfunc.load_model(model).predict(np.zeros((2, 64, 64, 3), np.uint8))
    assert np.asarray(keypoints).shape == (2, 17, 3)


def test_predict_draws_and_lists(tiny, yolo, tmp_path):
    from poseline.models import movenet

    model = movenet.build(tiny.training.model, 17)
    model.save(tmp_path / "model.keras")
    (tmp_path / "pictures").mkdir()
    for path in sorted((yolo / "val").glob("*.jpg"))[:3]:
        (tmp_path / "pictures" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pictures" / "broken.jpg").write_bytes(b"no picture")
    inputs = {"model": tmp_path / "model.keras", "images": tmp_path / "pictures"}
    result = predict.run(tiny, inputs, tmp_path / "out")
    assert result.metrics.pop("pictures_per_s") > 0
    assert result.metrics == {"pictures": 3, "unreadable": 1}
    listed = json.loads(result.files["predictions"].read_text())
    assert {len(entry["keypoints"]) for entry in listed} == {51}
    assert result.files["contact_sheet"].stat().st_size > 1000


def test_a_model_that_does_not_fit_is_told_by_its_shapes(tiny, yolo, tmp_path):
    import keras

    from poseline.errors import ModelError

    inputs = keras.Input((64, 64, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    outputs = keras.layers.Reshape((13, 3))(keras.layers.Dense(39)(pooled))
    keras.Model(inputs, outputs).save(tmp_path / "spe.keras")
    with pytest.raises(ModelError, match=r"\(13, 3\): that is spe with 13 keypoints.*heatmaps_spe"):
        evaluate.run(
            tiny, {"model": tmp_path / "spe.keras", "test": yolo / "val"}, tmp_path / "out"
        )


@pytest.mark.slow
def test_a_resumed_training_equals_the_uninterrupted_one(tiny, yolo, tmp_path):
    data = tiny.model_dump(mode="json")
    data["general"]["deterministic_ops"] = True
    data["training"] |= {"epochs": 4, "callbacks": {"ReduceLROnPlateau": {"patience": 1}}}
    config = Config.model_validate(data)
    inputs = {"training": yolo / "train", "validation": yolo / "val"}
    whole = train.run(config, inputs, tmp_path / "whole")

    class StopError(Exception):
        pass

    def stop(epoch, figures):
        if epoch == 1:
            raise StopError

    with pytest.raises(StopError):
        train.run(config, inputs, tmp_path / "parts", on_epoch=stop)
    parts = train.run(config, inputs, tmp_path / "parts")
    for one, other in zip(*map(_weights, (whole, parts)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.summary["history"] == parts.summary["history"]


def _weights(result):
    from poseline.models.loading import load_keras

    return load_keras(result.files["last_model"]).get_weights()


@pytest.mark.slow
def test_resume_training_from_keeps_the_original_settings(tiny, yolo, tmp_path, capfd):
    inputs = {"training": yolo / "train", "validation": yolo / "val"}
    data = tiny.model_dump(mode="json")
    data["training"]["epochs"] = 1
    train.run(Config.model_validate(data), inputs, tmp_path / "first" / "saved_models")
    data["training"] |= {
        "epochs": 2,
        "model": None,
        "resume_training_from": "-",
        "optimizer": {"SGD": {"learning_rate": 1.0}},
    }
    again = inputs | {"resume": tmp_path / "first"}
    result = train.run(Config.model_validate(data), again, tmp_path / "second")
    history = result.summary["history"]
    assert [round(f["learning_rate"], 6) for f in history] == [0.002, 0.002]
    assert "keeps its setting" in "".join(capfd.readouterr())


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real pictures are not beside the project")
def test_real_pictures_need_no_special_case(tiny, tmp_path):
    data = tiny.model_dump(mode="json")
    data["dataset"] |= {"training_path": None, "validation_path": None, "validation_split": 0.25}
    data["conversion"] = {
        "path": str(SHARED),
        "pose": "multi",
        "outputdir": str(tmp_path / "sets"),
    }
    data["preprocessing"]["resizing"]["aspect_ratio"] = "padding"
    data["training"] |= {"batch_size": 2}
    experiment = run_chain(Config.model_validate(data))
    assert experiment.results["convert"].metrics["train_kept"] == 4
    assert experiment.results["evaluate-int8"].summary["pictures"] == 1
    assert (experiment.folder / "report.html").is_file()


@pytest.mark.parametrize(
    ("mode", "named", "converts"),
    [
        ("benchmarking", [], False),
        ("prediction", [], False),
        ("evaluation", [], True),
        ("evaluation", ["test"], False),
        ("evaluation", ["training", "validation"], True),
        ("quantization", [], True),
        ("quantization", ["training"], False),
        ("quantization", ["quantization"], False),
        ("training", ["training"], True),
        ("training", ["training", "validation"], False),
        ("chain_tqe", ["training", "validation"], True),
        ("chain_tqe", ["training", "validation", "test"], False),
        ("chain_qb", ["test"], True),
    ],
)
def test_a_set_is_converted_only_where_a_step_reads_it(tiny, mode, named, converts):
    data = tiny.model_dump(mode="json") | {"operation_mode": mode}
    paths = ("training", "validation", "test", "quantization")
    data["dataset"] |= {f"{name}_path": "sets" if name in named else None for name in paths}
    data["conversion"] = {"path": "coco"}
    config = Config.model_validate(data)
    assert config.converts is converts
    assert ("convert" in config.stages) is converts
    read = {key for key, *_ in named_inputs(config)}
    assert ("conversion.path" in read) is converts
    assert not Config.model_validate(data | {"conversion": None}).converts


def test_a_set_that_no_step_reads_need_not_be_there(tiny, tmp_path):
    model, data = tmp_path / "model.tflite", tiny.model_dump(mode="json")
    save(convolutional(), model)
    data |= {"operation_mode": "benchmarking", "conversion": {"path": str(tmp_path / "gone")}}
    data["general"]["model_path"] = str(model)
    experiment = run_chain(Config.model_validate(data))
    assert list(experiment.results) == ["benchmark"]
